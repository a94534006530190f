import { t } from "../lib/i18n";
import { isOf, keyOf } from "../lib/guide";
import type { Guide, Peer } from "../lib/shapes";
import { Button } from "./button";
import { Icon } from "./icon";
import { StateChip } from "./state-chip";

/** Who is in the call. */
export function People({ peers, ownId, guide, onGuide }: { peers: readonly Peer[]; ownId: string | null; guide?: Guide | null; onGuide?: (key: string) => void }) {
  if (peers.length === 0) return <p class="quiet small">{t("call.nobody")}</p>;
  return (
    <ul class="people">
      {peers.map((peer) => (
        <li key={peer.peer_id} class="person">
          <span class="person-icon"><Icon name={peer.role === "bedside" ? "probe" : "person"} size={18} /></span>
          <span class="grow cut">{peer.name || roleWord(peer.role)}{peer.peer_id === ownId ? ` (${t("call.you")})` : ""}</span>
          {isOf(guide?.key, peer.peer_id) ? <StateChip tone="ok" icon="pointer">{t("guide.role")}</StateChip> : (
            <>
              <span class="quiet small">{roleWord(peer.role)}</span>
              {onGuide && peer.role === "specialist" ? <Button kind="quiet" onClick={() => onGuide(keyOf(peer.peer_id))}>{t("guide.make")}</Button> : null}
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

function roleWord(role: string): string {
  if (role === "bedside" || role === "observer") return t(`role.${role}`);
  return t("role.specialist");
}
