import { useState } from "preact/hooks";
import { Button } from "../components/button";
import { Dialog } from "../components/dialog";
import type { IconName } from "../components/icon";
import { Progress } from "../components/progress";
import { StateChip, type Tone } from "../components/state-chip";
import { type Column, Table } from "../components/table";
import { formatBytes, formatDuration, formatPersonName, formatTime } from "../lib/format";
import { t } from "../lib/i18n";
import { useMay } from "../lib/me";
import type { DeliveryState, OutboxStudy, OutboxWish } from "../lib/shapes";
import { act } from "./acts";

const LOOKS: Record<DeliveryState, { tone: Tone; icon: IconName }> = {
  waiting: { tone: "neutral", icon: "clock" },
  sending: { tone: "accent", icon: "upload" },
  sent: { tone: "accent", icon: "check" },
  committed: { tone: "ok", icon: "ok" },
  safe: { tone: "ok", icon: "shield" },
  held: { tone: "bad", icon: "pause" },
  cancelled: { tone: "neutral", icon: "cross" },
};

/** Each study on its way to each place: how far, why not further, and what can be done. */
export function StudyRows({ rows, onChange }: { rows: OutboxStudy[]; onChange: () => void }) {
  const mayRun = useMay("run_outbox");
  const [asked, setAsked] = useState<OutboxStudy | null>(null);
  const columns: Column<OutboxStudy>[] = [
    { key: "study", title: t("sync.column.study"), cell: (row) => <WhatCell row={row} /> },
    { key: "to", title: t("sync.column.to"), cell: (row) => row.destination },
    { key: "state", title: t("sync.column.state"), cell: (row) => <StateCell row={row} /> },
    { key: "progress", title: t("sync.column.progress"), cell: (row) => <ProgressCell row={row} /> },
  ];
  if (mayRun && rows.some((row) => ["waiting", "sending", "held", "cancelled"].includes(stateOf(row)))) {
    const wish = (row: OutboxStudy, what: OutboxWish): void => {
      if (what === "cancel") setAsked(row);
      else void act(what, { study_instance_uid: row.study_instance_uid, destination: row.destination }, onChange);
    };
    columns.push({ key: "acts", title: t("sync.column.acts"), cell: (row) => <Acts row={row} onWish={(what) => wish(row, what)} /> });
  }
  return (
    <>
      <div class="sync-table">
        <Table label={t("sync.studies")} columns={columns} rows={rows} rowKey={(row) => `${row.study_instance_uid} ${row.destination}`} />
      </div>
      {asked ? <CancelDialog row={asked} onClose={() => setAsked(null)} onChange={onChange} /> : null}
    </>
  );
}

function stateOf(row: OutboxStudy): DeliveryState {
  return row.state in LOOKS ? (row.state as DeliveryState) : "waiting";
}

function WhatCell({ row }: { row: OutboxStudy }) {
  return (
    <div class="sync-what">
      <a class="study-link" href={`/studies/${row.study_instance_uid}`}>{formatPersonName(row.patient_name) || t("patient.unknown")}</a>
      <span class="quiet small">{row.description}</span>
    </div>
  );
}

function StateCell({ row }: { row: OutboxStudy }) {
  const state = stateOf(row);
  const next = row.next_try_s !== null && row.next_try_s > Date.now() / 1000 ? t("sync.link.next", { when: formatTime(row.next_try_s) }) : "";
  return (
    <div class="sync-state">
      <StateChip tone={LOOKS[state].tone} icon={LOOKS[state].icon}>{t(`sync.state.${state}`)}</StateChip>
      {row.is_urgent && state === "waiting" ? <span class="small">{t("sync.first")}</span> : null}
      {row.reason ? <span class="small">{row.reason}</span> : null}
      {next ? <span class="quiet small num">{next}</span> : null}
    </div>
  );
}

function ProgressCell({ row }: { row: OutboxStudy }) {
  const name = formatPersonName(row.patient_name) || t("patient.unknown");
  return (
    <div class="sync-progress num">
      <Progress share={row.total > 0 ? row.done / row.total : null} label={t("sync.progress", { name: `${row.destination}, ${name}` })} />
      <span class="quiet small">
        {t("sync.objects", { done: row.done, total: row.total })}
        {row.bytes_left > 0 ? ` · ${t("sync.left", { bytes: formatBytes(row.bytes_left) })}` : ""}
        {row.bytes_left > 0 && row.eta_s ? ` · ${t("sync.study.time", { time: formatDuration(row.eta_s) })}` : ""}
      </span>
    </div>
  );
}

function Acts({ row, onWish }: { row: OutboxStudy; onWish: (wish: OutboxWish) => void }) {
  const state = stateOf(row);
  const isOpen = state === "waiting" || state === "sending";
  return (
    <div class="sync-acts">
      {state !== "sending" && (isOpen || state === "held" || state === "cancelled") ? (
        <Button kind="quiet" icon="refresh" isIconOnly onClick={() => onWish("retry")}>{t("sync.retry")}</Button>
      ) : null}
      {isOpen ? <Button kind="quiet" icon="first" isIconOnly onClick={() => onWish("first")}>{t("sync.first")}</Button> : null}
      {isOpen ? <Button kind="quiet" icon="pause" isIconOnly onClick={() => onWish("hold")}>{t("sync.hold")}</Button> : null}
      {state === "held" ? <Button kind="quiet" icon="play" isIconOnly onClick={() => onWish("release")}>{t("sync.release")}</Button> : null}
      {isOpen || state === "held" ? <Button kind="quiet" icon="cross" isIconOnly onClick={() => onWish("cancel")}>{t("sync.cancel")}</Button> : null}
    </div>
  );
}

function CancelDialog({ row, onClose, onChange }: { row: OutboxStudy; onClose: () => void; onChange: () => void }) {
  const cancel = (): void => {
    onClose();
    void act("cancel", { study_instance_uid: row.study_instance_uid, destination: row.destination }, onChange);
  };
  return (
    <Dialog
      title={t("sync.cancel.ask")} width="s" onClose={onClose}
      actions={<><Button onClick={onClose}>{t("sync.cancel.keep")}</Button><Button kind="danger" onClick={cancel}>{t("sync.cancel")}</Button></>}
    >
      <p>{t("sync.cancel.hint", { name: row.destination })}</p>
    </Dialog>
  );
}
