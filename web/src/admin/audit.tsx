import { useState } from "preact/hooks";
import { Button } from "../components/button";
import { EmptyState, ErrorCard, Notice, Skeleton } from "../components/empty-state";
import { Card } from "../components/page";
import { type Column, Table } from "../components/table";
import { sayError } from "../components/toast";
import { api } from "../lib/api";
import { formatNumber, formatWhen } from "../lib/format";
import { useRemote } from "../lib/hooks";
import { t } from "../lib/i18n";

const ROWS_COUNT = 50;

interface AuditRow {
  number: number;
  at_s: number;
  actor: string;
  action: string;
  object: string;
  detail: Record<string, unknown>;
}

interface AuditPage {
  total: number;
  items: AuditRow[];
}

interface Proof {
  is_intact: boolean;
  broken_at: number | null;
}

/** Who did what, newest first, a page at a time; and the proof that nobody changed it. */
export function Audit() {
  const [offset, setOffset] = useState(0);
  const [proof, setProof] = useState<Proof | null>(null);
  const [isChecking, setChecking] = useState(false);
  const page = useRemote((signal) => api.audit(ROWS_COUNT, offset, signal) as Promise<AuditPage>, [offset]);
  const check = (): void => {
    setChecking(true);
    api.request<Proof>("/api/v1/audit/verify").then(setProof, sayError).finally(() => setChecking(false));
  };
  const data = page.data;
  return (
    <>
      <div class="admin-head">
        <p class="quiet num">{data ? t("audit.total", { count: data.total }) : ""}</p>
        <Button icon="shield" isBusy={isChecking} onClick={check}>{t("audit.verify")}</Button>
      </div>
      <div aria-live="polite">{proof ? <ProofNotice proof={proof} /> : null}</div>
      {page.error ? <ErrorCard error={page.error} onRetry={page.reload} /> : null}
      {!data && page.isLoading ? <Skeleton rows={6} /> : null}
      {data?.items.length === 0 ? <EmptyState icon="shield" title={t("audit.none")} hint={t("audit.none.hint")} /> : null}
      {data?.items.length ? (
        <>
          <Card isFlush><div class="audit-table"><Table label={t("audit.list")} columns={columns()} rows={data.items} rowKey={(row) => String(row.number)} /></div></Card>
          <Pages offset={offset} page={data} onOffset={setOffset} isLoading={page.isLoading} />
        </>
      ) : null}
    </>
  );
}

function ProofNotice({ proof }: { proof: Proof }) {
  if (proof.is_intact) return <Notice tone="ok" icon="shield">{t("audit.intact")}</Notice>;
  return <Notice tone="bad" icon="error" isAlert>{t("audit.broken", { number: proof.broken_at ?? "?" })}</Notice>;
}

function columns(): Column<AuditRow>[] {
  return [
    { key: "when", title: t("audit.column.when"), cell: (row) => <span class="num audit-when">{formatWhen(row.at_s)}</span> },
    { key: "who", title: t("audit.column.who"), cell: (row) => row.actor },
    { key: "what", title: t("audit.column.what"), cell: (row) => <span class="mono">{row.action}</span> },
    { key: "object", title: t("audit.column.object"), cell: (row) => <span class="mono audit-object" title={row.object}>{row.object}</span> },
    { key: "detail", title: t("audit.column.detail"), isMinor: true, cell: (row) => <span class="small quiet">{detailText(row.detail)}</span> },
  ];
}

/** Details as they were written down: field and value, one after the other. */
export function detailText(detail: Record<string, unknown> | null | undefined): string {
  return Object.entries(detail ?? {})
    .map(([name, value]) => `${name.replaceAll("_", " ")}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(", ");
}

function Pages(props: { offset: number; page: AuditPage; onOffset: (offset: number) => void; isLoading: boolean }) {
  const { offset, page } = props;
  const last = offset + page.items.length;
  return (
    <div class="admin-head">
      <p class="quiet num" role="status">{t("audit.range", { first: formatNumber(offset + 1), last: formatNumber(last), total: formatNumber(page.total) })}</p>
      <div class="row">
        <Button icon="left" disabled={offset === 0 || props.isLoading} onClick={() => props.onOffset(Math.max(0, offset - ROWS_COUNT))}>{t("audit.newer")}</Button>
        <Button icon="right" disabled={last >= page.total || props.isLoading} onClick={() => props.onOffset(offset + ROWS_COUNT)}>{t("audit.older")}</Button>
      </div>
    </div>
  );
}
