import { useEffect, useRef } from "preact/hooks";
import { LinkButton } from "../components/button";
import { Notice } from "../components/empty-state";
import { Card, Page } from "../components/page";
import { PatientBar } from "../components/patient-bar";
import { Progress } from "../components/progress";
import { DeliveryChip } from "../components/state-chip";
import { useNow } from "../lib/hooks";
import { t } from "../lib/i18n";
import type { DeliverySummary, SessionView } from "../lib/shapes";
import { Strip } from "./strip";
import { useStudyDelivery } from "./use-study-delivery";

const ASK_MS = 3000;
/** So soon after the end nobody says yet that nothing was recorded. */
const FRESH_S = 20;

/** After the exam: what was kept, and what is on its way. */
export function Summary({ view, onReload }: { view: SessionView; onReload: () => void }) {
  const delivery = useStudyDelivery(view);
  const pendingCount = usePendingCount(view, onReload);
  const nowS = useNow(pendingCount > 0 || view.objects.length > 0 ? null : 1000);
  const hasAny = view.objects.length > 0 || pendingCount > 0;
  const isFresh = nowS - (view.closed_s ?? 0) < FRESH_S;
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
        ) : <p class="quiet" role="status">{isFresh ? t("app.loading") : t("exam.summary.nothing")}</p>}
      </Card>
      {hasAny && delivery ? <Way delivery={delivery} /> : null}
    </Page>
  );
}

/** How many recordings are not yet objects. What was once seen to be on its way is waited for, also when the node has
 * stopped speaking of it because the exam is over. */
function usePendingCount(view: SessionView, onReload: () => void): number {
  const known = view.objects.length + view.recording.pending.length + (view.recording.is_recording ? 1 : 0);
  const most = useRef(0);
  most.current = Math.max(most.current, known);
  const count = most.current - view.objects.length;
  const isFresh = Date.now() / 1000 - (view.closed_s ?? 0) < FRESH_S;
  const isWaiting = count > 0 || (isFresh && view.objects.length === 0);
  useEffect(() => {
    if (!isWaiting) return;
    const timer = setInterval(onReload, ASK_MS);
    return () => clearInterval(timer);
  }, [isWaiting, onReload]);
  return count;
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
