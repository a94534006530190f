import { LinkButton } from "../components/button";
import { RecordingSign } from "../components/call-words";
import { Card } from "../components/page";
import { PatientBar } from "../components/patient-bar";
import { formatWhen } from "../lib/format";
import { t } from "../lib/i18n";
import type { SessionView } from "../lib/shapes";

/** Exams that were begun and not ended: nobody should start a second one by mistake. */
export function OpenExams({ sessions }: { sessions: readonly SessionView[] }) {
  return (
    <Card title={t("clinic.open")} isFlush>
      <ul class="worklist">
        {sessions.map((session) => (
          <li key={session.session_id} class="open-row">
            <div class="grow"><PatientBar patient={session.patient} /></div>
            <span class="quiet small num">{session.source} · {t("clinic.open.since", { when: formatWhen(session.opened_s) })}</span>
            {session.recording?.is_recording ? <RecordingSign recording={session.recording} /> : null}
            <LinkButton kind="primary" icon="right" href={`/?session=${encodeURIComponent(session.session_id)}`}>{t("clinic.continue")}</LinkButton>
          </li>
        ))}
      </ul>
    </Card>
  );
}
