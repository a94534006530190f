import { useState } from "preact/hooks";
import { Button } from "../components/button";
import { Icon } from "../components/icon";
import { sayError } from "../components/toast";
import { api } from "../lib/api";
import { t } from "../lib/i18n";
import type { SessionView } from "../lib/shapes";

/** Who stands at the door: the bedside lets in or refuses by one touch. */
export function WaitingCards({ view }: { view: SessionView }) {
  const [busyKey, setBusyKey] = useState("");
  const answer = async (key: string, isLetIn: boolean) => {
    setBusyKey(key);
    try {
      await api.answerWaiting(view.session_id, key, isLetIn);
    } catch (reason) {
      sayError(reason);
    } finally {
      setBusyKey("");
    }
  };
  const waiting = view.waiting ?? [];
  if (waiting.length === 0) return null;
  return (
    <div class="requests requests-top" role="region" aria-label={t("exam.waiting")} aria-live="assertive">
      {waiting.map((guest) => (
        <article key={guest.key} class="request">
          <p class="request-from"><Icon name="person" size={16} />{t(guest.role === "observer" ? "role.observer" : "role.specialist")} · {t("exam.waits.by_code")}</p>
          <p class="request-words">{t("exam.waits", { name: guest.name || t("exam.waits.somebody") })}</p>
          <div class="request-acts">
            <Button kind="primary" size="l" icon="check" isBusy={busyKey === guest.key} onClick={() => void answer(guest.key, true)}>{t("exam.let_in")}</Button>
            <Button size="l" icon="cross" disabled={busyKey === guest.key} onClick={() => void answer(guest.key, false)}>{t("exam.refuse")}</Button>
          </div>
        </article>
      ))}
    </div>
  );
}
