import { useMemo, useState } from "preact/hooks";
import { Button } from "../components/button";
import { EmptyState, ErrorCard, Notice, Skeleton } from "../components/empty-state";
import { Card } from "../components/page";
import { patientFacts } from "../components/patient-bar";
import { sayError } from "../components/toast";
import { api } from "../lib/api";
import { formatPersonName, formatTime, formatWhen } from "../lib/format";
import { type Remote } from "../lib/hooks";
import { t } from "../lib/i18n";
import type { Worklist, WorklistEntry } from "../lib/shapes";
import { matches } from "./worklist-search";

export interface WorklistCardProps {
  worklist: Remote<Worklist>;
  search: string;
  onStart: (wish: { worklist_id: string }) => Promise<void>;
}

/** The planned exams: large rows, one touch starts. */
export function WorklistCard({ worklist, search, onStart }: WorklistCardProps) {
  const [isAsking, setAsking] = useState(false);
  const [startingId, setStartingId] = useState<string | null>(null);
  const list = worklist.data;
  const found = useMemo(() => (list?.items ?? []).filter((entry) => matches(entry, search)), [list, search]);
  const refresh = async () => {
    setAsking(true);
    try {
      await api.refreshWorklist();
      worklist.reload();
    } catch (reason) {
      sayError(reason);
    } finally {
      setAsking(false);
    }
  };
  const start = async (id: string) => {
    setStartingId(id);
    await onStart({ worklist_id: id });
    setStartingId(null);
  };
  const actions = (
    <div class="row">
      {list?.refreshed_s ? <span class="quiet small">{t("clinic.refreshed", { when: formatWhen(list.refreshed_s) })}</span> : null}
      <Button kind="quiet" icon="refresh" isIconOnly isBusy={isAsking} onClick={() => void refresh()}>{t("clinic.refresh")}</Button>
    </div>
  );
  return (
    <Card title={t("clinic.worklist")} actions={actions} isFlush>
      {worklist.error ? <div class="card-inset"><ErrorCard error={worklist.error} onRetry={worklist.reload} /></div> : null}
      {list?.reason && list.items.length > 0 ? (
        <div class="card-inset"><Notice tone="warn" icon="warning"><p class="notice-title">{t("clinic.worklist.stale")}</p><p>{list.reason}</p></Notice></div>
      ) : null}
      {!list && worklist.isLoading ? <Skeleton rows={4} /> : null}
      {list && list.items.length === 0 ? (
        <EmptyState icon="calendar" title={t("clinic.worklist.empty")} hint={list.reason || t("clinic.worklist.empty.hint")} />
      ) : null}
      {list && list.items.length > 0 && found.length === 0 ? (
        <EmptyState icon="search" title={t("clinic.worklist.none_found", { text: search })} hint={t("clinic.worklist.none_found.hint")} />
      ) : null}
      <ul class="worklist" aria-label={t("clinic.worklist")}>
        {found.map((entry) => (
          <Row key={entry.worklist_id} entry={entry} isBusy={startingId === entry.worklist_id} onStart={() => void start(entry.worklist_id)} />
        ))}
      </ul>
    </Card>
  );
}

function Row({ entry, isBusy, onStart }: { entry: WorklistEntry; isBusy: boolean; onStart: () => void }) {
  const { order, patient } = entry;
  const procedure = order.scheduled_procedure_step_description || order.requested_procedure_description || t("clinic.procedure_unknown");
  return (
    <li class="worklist-row">
      <span class="worklist-time num">{formatTime(entry.scheduled_s)}</span>
      <div class="worklist-who">
        <p class="worklist-name">{formatPersonName(patient.name) || t("patient.unknown")}</p>
        <p class="quiet small num">{patientFacts(patient).join(" · ")}</p>
      </div>
      <p class="worklist-what">{procedure}</p>
      <Button size="l" icon="probe" isBusy={isBusy} onClick={onStart}>{t("clinic.start")}</Button>
    </li>
  );
}
