import { useState } from "preact/hooks";
import { Button } from "../components/button";
import { copyText } from "../components/copy";
import { Dialog } from "../components/dialog";
import { ErrorCard } from "../components/empty-state";
import { Segments } from "../components/field";
import { QrCode } from "../components/qr-code";
import { say, sayError } from "../components/toast";
import { api } from "../lib/api";
import { formatWhen } from "../lib/format";
import { useRemote } from "../lib/hooks";
import { t } from "../lib/i18n";
import type { ShareLasts, ShareMade, StudyDetail } from "../lib/shapes";

const LASTS: readonly ShareLasts[] = ["day", "week", "month", "year"];

/** A link to this one study for somebody without an account, and the links that work now. */
export function ShareDialog({ study, onClose }: { study: StudyDetail; onClose: () => void }) {
  const uid = study.study_instance_uid;
  const [lasts, setLasts] = useState<ShareLasts>("week");
  const [made, setMade] = useState<ShareMade | null>(null);
  const [isBusy, setBusy] = useState(false);
  const links = useRemote((signal) => api.shares(uid, signal), [uid]);
  const make = async (): Promise<void> => {
    setBusy(true);
    try {
      setMade(await api.share(uid, lasts));
      links.reload();
    } catch (reason) {
      sayError(reason);
    } finally {
      setBusy(false);
    }
  };
  const end = async (shareId: string): Promise<void> => {
    try {
      await api.endShare(uid, shareId);
      if (made?.share.share_id === shareId) setMade(null);
      say(t("study.share.ended"));
      links.reload();
    } catch (reason) {
      sayError(reason);
    }
  };
  return (
    <Dialog title={t("study.share.title")} width="l" onClose={onClose}>
      <div class="stack">
        <p class="quiet">{t("study.share.hint")}</p>
        <div class="share-new">
          <Segments label={t("study.share.lasts")} value={lasts} choices={LASTS.map((value) => ({ value, label: t(`study.share.lasts.${value}`) }))} onValue={setLasts} />
          <Button kind="primary" icon="link" isBusy={isBusy} onClick={() => void make()}>{t("study.share.make")}</Button>
        </div>
        {made ? <Made made={made} /> : null}
        {links.error ? <ErrorCard error={links.error} onRetry={links.reload} /> : null}
        {links.data && links.data.length > 0 ? (
          <section class="stack">
            <h3>{t("study.share.links")}</h3>
            <ul class="share-list">
              {links.data.map((link) => (
                <li key={link.share_id}>
                  <span>
                    {t("study.share.until", { when: formatWhen(link.expires_s) })}
                    <span class="quiet small"> · {t("study.share.by", { name: link.made_by })} · {link.used_s ? t("study.share.used", { when: formatWhen(link.used_s) }) : t("study.share.unused")}</span>
                  </span>
                  <Button kind="quiet" icon="cross" onClick={() => void end(link.share_id)}>{t("study.share.end")}</Button>
                </li>
              ))}
            </ul>
          </section>
        ) : null}
      </div>
    </Dialog>
  );
}

function Made({ made }: { made: ShareMade }) {
  return (
    <div class="share-made" role="status">
      <QrCode svg={made.qr_svg} label={t("study.share.qr")} />
      <div>
        <p>{t("study.share.once")}</p>
        <Button kind="primary" icon="copy" onClick={() => void copyText(made.url)}>{t("study.share.copy")}</Button>
        <p class="quiet small">{t("study.share.until", { when: formatWhen(made.share.expires_s) })}</p>
      </div>
    </div>
  );
}
