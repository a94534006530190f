import { useState } from "preact/hooks";
import { Button } from "../components/button";
import { Dialog } from "../components/dialog";
import { Field } from "../components/field";
import { requestWords } from "../components/request-words";
import { StateChip } from "../components/state-chip";
import { t } from "../lib/i18n";
import { KNOWN_REQUESTS, type RoomRequest } from "../lib/room";

const REQUEST_CHARS_MAX = 120;

/** Ask the bedside to do something with the probe or the machine, and see what became of it. */
export function AskDialog({ requests, onAsk, onClose }: { requests: readonly RoomRequest[]; onAsk: (text: string) => void; onClose: () => void }) {
  const [own, setOwn] = useState("");
  const ask = (text: string) => {
    onAsk(text);
    onClose();
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (own.trim() !== "") ask(own.trim());
  };
  return (
    <Dialog title={t("live.ask.title")} onClose={onClose}>
      <div class="stack">
        <div class="ask-grid">
          {KNOWN_REQUESTS.map((request, index) => (
            <Button key={request} class="ask-button" autofocus={index === 0} onClick={() => ask(request)}>{t(`request.${request}`)}</Button>
          ))}
        </div>
        <form class="ask-own" onSubmit={submit}>
          <Field class="grow" label={t("live.ask.own")} value={own} maxLength={REQUEST_CHARS_MAX} onValue={setOwn} />
          <Button type="submit" kind="primary" icon="send" disabled={own.trim() === ""}>{t("live.ask.send")}</Button>
        </form>
        {requests.length > 0 ? (
          <section>
            <h3 class="ask-head">{t("live.ask.mine")}</h3>
            <ul class="ask-list">
              {requests.map((request) => <li key={request.id}><span class="grow">{requestWords(request.text)}</span><AnswerChip request={request} /></li>)}
            </ul>
          </section>
        ) : null}
      </div>
    </Dialog>
  );
}

function AnswerChip({ request }: { request: RoomRequest }) {
  if (request.answer === "done") return <StateChip tone="ok" icon="check">{t("request.done")}</StateChip>;
  if (request.answer === "cannot") return <StateChip tone="warn" icon="cross">{t("request.cannot")}</StateChip>;
  return <StateChip icon="clock">{t("request.pending")}</StateChip>;
}
