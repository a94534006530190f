import { t } from "../lib/i18n";
import type { Peer } from "../lib/shapes";
import { Icon } from "./icon";

/** Who is in the call. */
export function People({ peers, ownId }: { peers: readonly Peer[]; ownId: string | null }) {
  if (peers.length === 0) return <p class="quiet small">{t("call.nobody")}</p>;
  return (
    <ul class="people">
      {peers.map((peer) => (
        <li key={peer.peer_id} class="person">
          <span class="person-icon"><Icon name={peer.role === "bedside" ? "probe" : "person"} size={18} /></span>
          <span class="grow cut">{peer.name || roleWord(peer.role)}{peer.peer_id === ownId ? ` (${t("call.you")})` : ""}</span>
          <span class="quiet small">{roleWord(peer.role)}</span>
        </li>
      ))}
    </ul>
  );
}

function roleWord(role: string): string {
  if (role === "bedside" || role === "observer") return t(`role.${role}`);
  return t("role.specialist");
}
