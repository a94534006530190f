import { useState } from "preact/hooks";
import { Button } from "../components/button";
import { Notice } from "../components/empty-state";
import { sayError } from "../components/toast";
import { api } from "../lib/api";
import { t } from "../lib/i18n";
import type { SessionView } from "../lib/shapes";

/** Ask for the patient's consent as soon as somebody watches from elsewhere; the answer is in the audit. */
export function ConsentBanner({ view }: { view: SessionView }) {
  const { isBusy, run } = useAct();
  const isWatched = view.peers.some((peer) => peer.role !== "bedside") || (view.waiting ?? []).length > 0;
  if (!isWatched || view.consent_s) return null;
  return (
    <Notice tone="warn" icon="shield">
      <div class="consent">
        <p class="grow">{t("exam.consent")}</p>
        <Button icon="check" isBusy={isBusy} onClick={() => void run(() => api.noteConsent(view.session_id))}>{t("exam.consent.yes")}</Button>
      </div>
    </Notice>
  );
}

/** One touch takes the picture from every guest; the record goes on. */
export function PictureSwitch({ view }: { view: SessionView }) {
  const { isBusy, run } = useAct();
  const isStopped = view.is_picture_stopped ?? false;
  return (
    <>
      <Button kind={isStopped ? "primary" : "danger"} icon={isStopped ? "eye" : "eye_off"} isBusy={isBusy} onClick={() => void run(() => api.showPicture(view.session_id, isStopped))}>
        {t(isStopped ? "exam.picture.show" : "exam.picture.stop")}
      </Button>
      {isStopped ? <p class="small exam-trouble" role="status">{t("exam.picture.stopped")}</p> : null}
    </>
  );
}

function useAct() {
  const [isBusy, setBusy] = useState(false);
  const run = async (act: () => Promise<unknown>) => {
    setBusy(true);
    try {
      await act();
    } catch (reason) {
      sayError(reason);
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, run };
}
