import { Icon } from "../components/icon";
import { Button } from "../components/button";
import { requestWords } from "../components/request-words";
import { StateChip } from "../components/state-chip";
import { t } from "../lib/i18n";
import type { RoomRequest } from "../lib/room";

const SHOWN_MAX = 3;

/** What the specialist asks, large enough to be read from the other side of the bed, answered by one touch. */
export function RequestCards({ requests, onAnswer }: { requests: readonly RoomRequest[]; onAnswer: (id: string, answer: "done" | "cannot") => void }) {
  return (
    <div class="requests" role="region" aria-label={t("exam.requests")} aria-live="assertive">
      {requests.slice(-SHOWN_MAX).map((request) => (
        <article key={request.id} class={request.answer ? "request request-answered" : "request"}>
          <p class="request-from"><Icon name="person" size={16} />{t("request.from", { name: request.from.name || t("role.specialist") })}</p>
          <p class="request-words">{requestWords(request.text)}</p>
          {request.answer ? (
            <StateChip tone={request.answer === "done" ? "ok" : "warn"} icon={request.answer === "done" ? "check" : "cross"}>{t(`request.${request.answer}`)}</StateChip>
          ) : (
            <div class="request-acts">
              <Button kind="primary" size="l" icon="check" onClick={() => onAnswer(request.id, "done")}>{t("request.done")}</Button>
              <Button size="l" icon="cross" onClick={() => onAnswer(request.id, "cannot")}>{t("request.cannot")}</Button>
            </div>
          )}
        </article>
      ))}
    </div>
  );
}
