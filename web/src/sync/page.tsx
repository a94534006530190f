import { Card, Page } from "../components/page";
import { ErrorCard, Skeleton } from "../components/empty-state";
import { Icon, type IconName } from "../components/icon";
import { api } from "../lib/api";
import { formatBytes, formatDuration } from "../lib/format";
import { useNodeEvent, useRemote } from "../lib/hooks";
import { t } from "../lib/i18n";
import type { Outbox } from "../lib/shapes";
import { useSoon } from "./use-soon";
import { DestinationCard } from "./destination-card";
import { type Glance, glanceOf } from "./glance";
import { Disk } from "./disk";
import { Returning } from "./returning";
import { StudyRows } from "./study-rows";
import "./sync.css";

/** The list of studies is asked for again at most this often. */
const STUDIES_MS = 2000;

/** One glance: is everything at the hospital; if not, what, why and until when. */
export default function SyncPage() {
  const outbox = useRemote((signal) => api.outbox(signal));
  const refresh = useSoon(outbox.reload, STUDIES_MS);
  useNodeEvent("outbox", (view) => {
    outbox.set((old) => ({ ...view, studies: view.studies ?? old?.studies ?? [], returning: view.returning ?? old?.returning ?? [] }));
    // The event is a summary without names; what it says of studies is asked for, not too often.
    if (!view.studies) refresh();
  });
  const view = outbox.data;
  return (
    <Page title={t("sync.title")}>
      {outbox.error ? <ErrorCard error={outbox.error} onRetry={outbox.reload} /> : null}
      {!view && outbox.isLoading ? <Skeleton rows={4} /> : null}
      {view ? (
        <>
          <Answer outbox={view} />
          <Disk outbox={view} />
          {view.returning?.length ? <Returning studies={view.returning} /> : null}
          {view.destinations.length > 0 ? (
            <section class="stack" aria-labelledby="sync-destinations">
              <h2 id="sync-destinations" class="section-title">{t("sync.destinations")}</h2>
              <ul class="destination-grid">
                {view.destinations.map((each) => <li key={each.name}><DestinationCard destination={each} onChange={outbox.reload} /></li>)}
              </ul>
            </section>
          ) : null}
          {view.studies.length > 0 ? (
            <Card title={t("sync.studies")} isFlush><StudyRows rows={view.studies} onChange={outbox.reload} /></Card>
          ) : null}
        </>
      ) : null}
    </Page>
  );
}

const LOOKS: Record<Glance["kind"], { tone: string; icon: IconName }> = {
  arrived: { tone: "ok", icon: "ok" },
  moving: { tone: "accent", icon: "upload" },
  unreachable: { tone: "warn", icon: "offline" },
  held: { tone: "bad", icon: "warning" },
  nowhere: { tone: "neutral", icon: "info" },
};

function Answer({ outbox }: { outbox: Outbox }) {
  const glance = glanceOf(outbox);
  const { tone, icon } = LOOKS[glance.kind];
  const left = outbox.destinations.reduce((sum, each) => sum + each.bytes_left, 0);
  const eta = Math.max(0, ...outbox.destinations.map((each) => each.eta_s ?? 0));
  const facts = [
    left > 0 ? t("sync.glance.left", { bytes: formatBytes(left) }) : "",
    glance.kind === "moving" && eta > 0 ? t("sync.glance.time", { time: formatDuration(eta) }) : "",
  ].filter(Boolean);
  return (
    <section class={`glance tone-${tone}`} aria-live="polite" aria-atomic="true">
      <span class="glance-icon"><Icon name={icon} size={32} /></span>
      <div class="grow">
        <p class="glance-words">{wordsOf(glance)}</p>
        <p class="glance-hint">{hintOf(glance)}</p>
      </div>
      {facts.length > 0 ? <p class="glance-facts num" aria-live="off">{facts.join(", ")}</p> : null}
    </section>
  );
}

function wordsOf(glance: Glance): string {
  switch (glance.kind) {
    case "arrived":
    case "nowhere":
      return t(`sync.glance.${glance.kind}`);
    case "moving":
      return glance.studies > 0 ? t("sync.glance.moving", { count: glance.studies }) : t("sync.glance.moving.none");
    case "unreachable":
    case "held":
      return t(`sync.glance.${glance.kind}`, { count: glance.studies });
  }
}

function hintOf(glance: Glance): string {
  if (glance.kind === "unreachable") return t("sync.glance.unreachable.hint", { names: glance.destinations.join(", ") });
  return t(`sync.glance.${glance.kind}.hint`);
}
