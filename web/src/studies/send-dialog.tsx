import { useState } from "preact/hooks";
import { Button } from "../components/button";
import { Dialog } from "../components/dialog";
import { ErrorCard, Skeleton } from "../components/empty-state";
import { say, sayError } from "../components/toast";
import { api } from "../lib/api";
import { useRemote } from "../lib/hooks";
import { t } from "../lib/i18n";
import type { StudyDetail } from "../lib/shapes";

/** Sends a study where somebody wants it, now, before everything else. */
export function SendDialog({ study, onClose, onSent }: { study: StudyDetail; onClose: () => void; onSent: () => void }) {
  const outbox = useRemote((signal) => api.outbox(signal));
  const [busy, setBusy] = useState("");
  const send = async (name: string): Promise<void> => {
    setBusy(name);
    try {
      const { count } = await api.sendStudy(study.study_instance_uid, name);
      say(t("study.send.done", { count, name }));
      onSent();
    } catch (reason) {
      sayError(reason);
      setBusy("");
    }
  };
  const destinations = outbox.data?.destinations ?? [];
  return (
    <Dialog title={t("study.send.title")} width="m" onClose={onClose}>
      <div class="stack">
        <p class="quiet small">{t("study.send.hint")}</p>
        {outbox.error ? <ErrorCard error={outbox.error} onRetry={outbox.reload} /> : null}
        {!outbox.data && outbox.isLoading ? <Skeleton rows={2} /> : null}
        {outbox.data && destinations.length === 0 ? <p>{t("study.send.none")}</p> : null}
        <ul class="send-list">
          {destinations.map((destination) => (
            <li key={destination.name}>
              <span>
                <strong>{destination.name}</strong>
                <span class="quiet small"> · {destination.sentence}</span>
              </span>
              <Button kind="primary" icon="upload" isBusy={busy === destination.name} disabled={busy !== ""} onClick={() => void send(destination.name)}>{t("study.send.go")}</Button>
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  );
}
