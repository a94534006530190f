import { LinkButton } from "../components/button";
import { EmptyState, ErrorCard, Skeleton } from "../components/empty-state";
import type { IconName } from "../components/icon";
import { Card } from "../components/page";
import { StateChip, type Tone } from "../components/state-chip";
import { type Column, Table } from "../components/table";
import { api } from "../lib/api";
import { formatNumber } from "../lib/format";
import { useNodeEvent, useRemote } from "../lib/hooks";
import { type MessageKey, t } from "../lib/i18n";
import type { LinkView, OutboxDestination } from "../lib/shapes";

const LOOKS: Record<LinkView["state"], { tone: Tone; icon: IconName }> = {
  up: { tone: "ok", icon: "ok" },
  slow: { tone: "warn", icon: "signal" },
  down: { tone: "bad", icon: "offline" },
  unknown: { tone: "neutral", icon: "clock" },
};

/** Where objects go and how each link is; what waits is on the sync page. */
export function Destinations() {
  const outbox = useRemote((signal) => api.outbox(signal));
  useNodeEvent("outbox", (view) => outbox.set(view));
  const rows = outbox.data?.destinations;
  const columns: Column<OutboxDestination>[] = [
    { key: "name", title: t("destinations.column.name"), cell: (row) => <><strong>{row.name}</strong>{row.is_required ? <><br /><span class="quiet small">{t("sync.required")}</span></> : null}</> },
    { key: "kind", title: t("destinations.column.kind"), cell: (row) => kindOf(row.kind) },
    { key: "state", title: t("destinations.column.state"), cell: (row) => <StateCell row={row} /> },
    { key: "open", title: t("sync.count.open"), isNumber: true, cell: (row) => formatNumber((row.counts.waiting ?? 0) + (row.counts.sending ?? 0)) },
    { key: "held", title: t("destinations.column.held"), isNumber: true, cell: (row) => formatNumber(row.counts.held ?? 0) },
  ];
  return (
    <>
      {outbox.error ? <ErrorCard error={outbox.error} onRetry={outbox.reload} /> : null}
      {!outbox.data && outbox.isLoading ? <Skeleton /> : null}
      {rows?.length === 0 ? <EmptyState icon="hospital" title={t("destinations.none")} hint={t("destinations.none.hint")} /> : null}
      {rows?.length ? (
        <>
          <Card isFlush><Table label={t("destinations.list")} columns={columns} rows={rows} rowKey={(row) => row.name} /></Card>
          <div><LinkButton href="/sync" icon="sync">{t("destinations.open")}</LinkButton></div>
        </>
      ) : null}
    </>
  );
}

function StateCell({ row }: { row: OutboxDestination }) {
  const look = LOOKS[row.link.state] ?? LOOKS.unknown;
  return (
    <div class="admin-cell">
      <StateChip tone={look.tone} icon={look.icon}>{t(`sync.link.${row.link.state}`)}</StateChip>
      <span class="small num">{row.sentence}</span>
      {row.link.reason ? <span class="quiet small">{row.link.reason}</span> : null}
    </div>
  );
}

function kindOf(kind: string): string {
  return ["dimse", "stow", "hub", "s3", "folder"].includes(kind) ? t(`destinations.kind.${kind}` as MessageKey) : kind;
}
