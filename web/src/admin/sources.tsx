import { EmptyState, ErrorCard, Skeleton } from "../components/empty-state";
import type { IconName } from "../components/icon";
import { Card } from "../components/page";
import { StateChip, type Tone } from "../components/state-chip";
import { type Column, Table } from "../components/table";
import { api } from "../lib/api";
import { UNKNOWN, formatNumber } from "../lib/format";
import { useNodeEvent, useRemote } from "../lib/hooks";
import { type MessageKey, t } from "../lib/i18n";
import type { SourceState } from "../lib/shapes";

const LOOKS: Record<SourceState["state"], { tone: Tone; icon: IconName }> = {
  live: { tone: "ok", icon: "ok" },
  waiting: { tone: "warn", icon: "clock" },
  ended: { tone: "neutral", icon: "stop" },
};

/** The probes and cameras of this node, and what each gives. */
export function Sources() {
  const sources = useRemote((signal) => api.sources(signal));
  useNodeEvent("source", (changed) => sources.set((old) => (old ?? []).map((each) => (each.name === changed.name ? changed : each))));
  const columns: Column<SourceState>[] = [
    { key: "name", title: t("sources.column.name"), cell: (row) => <><strong>{row.name}</strong><br /><span class="quiet small">{kindOf(row.kind)}</span></> },
    { key: "state", title: t("sources.column.state"), cell: (row) => <StateCell row={row} /> },
    { key: "picture", title: t("sources.column.picture"), cell: pictureOf },
    { key: "machine", title: t("sources.column.machine"), cell: (row) => [row.manufacturer, row.model].filter(Boolean).join(" ") || UNKNOWN },
    { key: "calibration", title: t("sources.column.calibration"), isMinor: true, cell: calibrationOf },
  ];
  return (
    <>
      {sources.error ? <ErrorCard error={sources.error} onRetry={sources.reload} /> : null}
      {!sources.data && sources.isLoading ? <Skeleton /> : null}
      {sources.data?.length === 0 ? <EmptyState icon="probe" title={t("sources.none")} hint={t("sources.none.hint")} /> : null}
      {sources.data?.length ? (
        <Card isFlush><Table label={t("sources.list")} columns={columns} rows={sources.data} rowKey={(row) => row.name} /></Card>
      ) : null}
    </>
  );
}

function kindOf(kind: string): string {
  const known = ["v4l2", "stream", "file", "dicom", "whip", "synthetic"];
  return known.includes(kind) ? t(`sources.kind.${kind}` as MessageKey) : kind;
}

function StateCell({ row }: { row: SourceState }) {
  const look = LOOKS[row.state] ?? LOOKS.ended;
  return (
    <div class="admin-cell">
      <StateChip tone={look.tone} icon={look.icon}>{t(`sources.state.${row.state}`)}</StateChip>
      {row.reason ? <span class="small">{row.reason}</span> : null}
    </div>
  );
}

function pictureOf(row: SourceState) {
  if (!row.width_px || !row.height_px) return UNKNOWN;
  const size = t("sources.picture", { width: String(row.width_px), height: String(row.height_px), fps: formatNumber(row.fps, row.fps % 1 ? 1 : 0) });
  return <span class="num">{size}, {t(row.channel_count === 1 ? "sources.grey" : "sources.colour")}</span>;
}

function calibrationOf(row: SourceState): string {
  const count = row.regions?.length ?? 0;
  return count > 0 ? t("sources.calibrated", { count }) : t("sources.not_calibrated");
}
