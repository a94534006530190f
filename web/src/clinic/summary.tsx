import { LinkButton } from "../components/button";
import { Notice } from "../components/empty-state";
import { Card, Page } from "../components/page";
import { PatientBar } from "../components/patient-bar";
import { Progress } from "../components/progress";
import { DeliveryChip } from "../components/state-chip";
import { t } from "../lib/i18n";
import type { DeliverySummary, SessionView } from "../lib/shapes";
import { Strip } from "./strip";
import { useStudyDelivery } from "./use-study-delivery";

/** After the exam: what was kept, and what is on its way. */
export function Summary({ view }: { view: SessionView }) {
  const delivery = useStudyDelivery(view);
  const pendingCount = view.recording.pending.length;
  const hasAny = view.objects.length > 0 || pendingCount > 0;
  const stills = view.objects.filter((object) => object.kind === "still").length;
  return (
    <Page title={t("exam.summary.title")} actions={<LinkButton kind="primary" icon="left" href="/">{t("exam.summary.done")}</LinkButton>}>
      <Card><PatientBar patient={view.patient} /></Card>
      <Card title={t("exam.summary.kept")} actions={hasAny ? <LinkButton icon="studies" href={`/studies/${encodeURIComponent(view.study_instance_uid)}`}>{t("exam.summary.look")}</LinkButton> : null}>
        {hasAny ? (
          <div class="stack">
            <p class="num">{t("live.details.stills", { count: stills })} · {t("live.details.clips", { count: view.objects.length - stills })}</p>
            {pendingCount > 0 ? <Notice icon="clock"><p>{t("exam.summary.pending", { count: pendingCount })}</p></Notice> : null}
            <Strip view={view} />
          </div>
        ) : <p class="quiet">{t("exam.summary.nothing")}</p>}
      </Card>
      {hasAny && delivery ? <Way delivery={delivery} /> : null}
    </Page>
  );
}

function Way({ delivery }: { delivery: DeliverySummary }) {
  return (
    <Card title={t("exam.summary.way")} actions={<DeliveryChip delivery={delivery} />}>
      <div class="stack" role="status">
        {delivery.total > 0 ? <Progress share={delivery.done / delivery.total} label={t("exam.summary.way")} tone={delivery.state === "arrived" ? "ok" : "accent"} /> : null}
        <p class="num">{t(`exam.summary.${delivery.state}`, { done: delivery.done, total: delivery.total })}</p>
      </div>
    </Card>
  );
}
