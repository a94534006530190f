import { useEffect, useState } from "preact/hooks";
import { Button } from "../components/button";
import { copyText } from "../components/copy";
import { Dialog } from "../components/dialog";
import { ErrorCard, Skeleton } from "../components/empty-state";
import { Segments } from "../components/field";
import { QrCode } from "../components/qr-code";
import { say, sayError } from "../components/toast";
import { api } from "../lib/api";
import { formatWhen } from "../lib/format";
import { useRemote } from "../lib/hooks";
import { t } from "../lib/i18n";
import type { Invite } from "../lib/shapes";

type GuestRole = "specialist" | "observer" | "camera";
const ROLES = ["specialist", "observer", "camera"] as const;

/** A way into this exam for somebody who is not here: a code to scan, digits to tell, a link to send. */
export function InviteDialog({ sessionId, onClose }: { sessionId: string; onClose: () => void }) {
  const [role, setRole] = useState<GuestRole>("specialist");
  const invite = useRemote(() => api.invite(sessionId, role), [sessionId, role]);
  const [isRevoked, setRevoked] = useState(false);
  useEffect(() => setRevoked(false), [role]);
  const revoke = async (tokenId: string) => {
    try {
      await api.revokeInvite(sessionId, tokenId);
      setRevoked(true);
      say(t("invite.revoked"));
      onClose();
    } catch (reason) {
      sayError(reason);
    }
  };
  return (
    <Dialog title={t("invite.title")} width="l" onClose={onClose}>
      <div class="stack">
        <div class="invite-role">
          <Segments label={t("invite.role")} value={role} choices={ROLES.map((value) => ({ value, label: t(`invite.role.${value}`) }))} onValue={setRole} />
          <p class="quiet small">{t(`invite.role.${role}.hint`)}</p>
        </div>
        {invite.error ? <ErrorCard error={invite.error} onRetry={invite.reload} /> : null}
        {!invite.data && invite.isLoading ? <Skeleton rows={3} /> : null}
        {invite.data && !invite.isLoading && !isRevoked ? <Card invite={invite.data} onRevoke={revoke} /> : null}
      </div>
    </Dialog>
  );
}

function Card({ invite, onRevoke }: { invite: Invite; onRevoke: (tokenId: string) => Promise<void> }) {
  const digits = `${invite.code.slice(0, 3)} ${invite.code.slice(3)}`;
  const address = `${new URL(invite.specialist_url, location.href).host}/sign-in`;
  return (
    <>
      <div class="invite print-card">
        <p class="print-only print-title">{t("invite.card.title")}</p>
        <div class="invite-qr">
          <QrCode svg={invite.qr_svg} label={t("invite.qr")} />
          <p class="small quiet">{t("invite.scan")}</p>
        </div>
        <div class="invite-words">
          <div>
            <p class="small quiet">{t("invite.code")}</p>
            <p class="invite-code num">{digits}</p>
            <p class="small quiet">{t("invite.code.where", { address })}</p>
          </div>
          <div class="no-print invite-link">
            <p class="small quiet">{t("invite.link")}</p>
            <Button icon="copy" kind="primary" onClick={() => void copyText(invite.specialist_url)}>{t("invite.copy")}</Button>
          </div>
          <p class="print-only">{t("invite.card.text")}</p>
          <p class="small quiet">{t("invite.expires", { when: formatWhen(invite.expires_s) })}</p>
        </div>
      </div>
      <div class="row no-print">
        <Button icon="print" onClick={() => print()}>{t("invite.print")}</Button>
        {invite.token_id ? <Button kind="quiet" icon="cross" onClick={() => void onRevoke(invite.token_id!)}>{t("invite.revoke")}</Button> : null}
      </div>
    </>
  );
}
