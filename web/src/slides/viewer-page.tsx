import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { PageProps } from "../app";
import { AwayPanel } from "../components/away-panel";
import { Button, LinkButton } from "../components/button";
import { EmptyState, ErrorCard, Notice, Skeleton } from "../components/empty-state";
import { say } from "../components/toast";
import { api } from "../lib/api";
import { useKeys, useRemote, useTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { navigate, usePlace } from "../lib/router";
import type { Job, SlideDetail } from "../lib/shapes";
import { askSlide } from "./ahead";
import { CompareDialog } from "./compare-dialog";
import { hasGraphicsProcessor } from "./graphics";
import { useJobs } from "./jobs";
import { JobProgress } from "./job-list";
import { linkStages } from "./link";
import { readPosition, writePosition } from "./position";
import { SlidePane } from "./slide-pane";
import type { Stage } from "./stage";
import { Toolbar } from "./toolbar";
import { useViewerKeys } from "./viewer-keys";
import "./viewer.css";

/** A slide as under a microscope; `?with=` lays a second one beside it, `?x&y&zoom` is a place on the first. */
export default function ViewerPage({ params }: PageProps) {
  const series = params.id ?? "";
  const slide = useRemote((signal) => askSlide(series, signal), [series]);
  const jobs = useJobs(slide.reload);
  const job = jobs.find((each) => each.series_instance_uid === series && each.state !== "done");
  useTitle(t("slides.title"));
  if (slide.data && slide.data.levels.length > 0 && !slide.data.away) return <Viewer slide={slide.data} job={job} />;
  return (
    <main id="content" class="viewer room-dark viewer-empty">
      <div class="viewer-wait">
        <Waiting slide={slide.data} job={job} error={slide.error} onRetry={slide.reload} />
        <LinkButton href="/slides" icon="left">{t("viewer.back")}</LinkButton>
      </div>
    </main>
  );
}

/** Find out beforehand what takes time to find out. */
export function warmUp(): void {
  hasGraphicsProcessor();
}

function Waiting(props: { slide: SlideDetail | null; job: Job | undefined; error: ReturnType<typeof useRemote>["error"]; onRetry: () => void }) {
  if (props.job) {
    return (
      <section class="stack">
        <h1>{t("viewer.not_here")}</h1>
        <JobProgress job={props.job} />
      </section>
    );
  }
  if (props.slide?.away) return <AwayPanel away={props.slide.away} onLook={props.onRetry} />;
  if (props.error) return <ErrorCard error={props.error} onRetry={props.onRetry} />;
  if (props.slide) return <EmptyState icon="slides" title={t("viewer.no_levels")} hint={t("viewer.no_levels.hint")} />;
  return <Skeleton rows={3} />;
}

export type Tool = "move" | "measure";

function Viewer({ slide, job }: { slide: SlideDetail; job: Job | undefined }) {
  const root = useRef<HTMLElement>(null);
  const { search } = usePlace();
  const otherSeries = search.get("with");
  const other = useRemote(
    (signal) => (otherSeries ? api.slide(otherSeries, signal) : Promise.resolve(null)), [otherSeries],
  );
  const second = other.data && other.data.levels.length > 0 ? other.data : null;
  const start = useMemo(() => readPosition(new URLSearchParams(location.search)), []);
  const [stages, setStages] = useState<{ first: Stage | null; second: Stage | null }>({ first: null, second: null });
  const [active, setActive] = useState<"first" | "second">("first");
  const [tool, setTool] = useState<Tool>("move");
  const [isLinked, setLinked] = useState(true);
  const [isPanelOpen, setPanelOpen] = useState(() => otherSeries === null && matchMedia("(min-width: 1000px)").matches);
  const [isChoosing, setChoosing] = useState(false);
  const [undoCount, setUndoCount] = useState(0);
  const hand = useRef(active);
  hand.current = active;
  const stage = active === "second" && second ? stages.second : stages.first;

  useEffect(() => keepPlace(stages.first), [stages.first]);
  useEffect(() => {
    if (!isLinked || !stages.first || !stages.second) return;
    const { first, second: other } = stages;
    return linkStages(first, other, () => (hand.current === "second" ? other : first));
  }, [isLinked, stages.first, stages.second]);

  const undo = (): void => setUndoCount((count) => count + 1);
  const full = (): void => toggleFullScreen(root.current);
  const panel = (): void => setPanelOpen((isOpen) => !isOpen);
  const measure = (): void => setTool((now) => (now === "measure" ? "move" : "measure"));
  useViewerKeys(stage, { undo, full, panel, measure, rest: () => setTool("move") });
  useKeys({ c: () => (second ? choose(null) : setChoosing(true)) });
  const choose = (seriesUid: string | null): void => {
    setChoosing(false);
    setActive("first");
    setStages((old) => ({ ...old, second: null }));
    const query = new URLSearchParams(location.search);
    // Two slides need the room.
    if (seriesUid) setPanelOpen(false);
    if (seriesUid) query.set("with", seriesUid);
    else query.delete("with");
    navigate(`${location.pathname}?${query.toString()}`, { replace: true });
  };

  return (
    <main id="content" class="viewer room-dark" ref={root} aria-label={t("viewer.label")}>
      <Toolbar
        slide={slide} stage={stage} tool={tool} onMeasure={measure} onUndo={undo} onFull={full}
        isPanelOpen={isPanelOpen} onPanel={panel}
        isComparing={second !== null} onCompare={() => (second ? choose(null) : setChoosing(true))}
        isLinked={isLinked} onLink={() => setLinked((now) => !now)} onShare={() => void share()}
      />
      {slide.job_id && job ? <ConversionBar job={job} /> : null}
      {other.error ? <ErrorCard error={other.error} onRetry={other.reload} /> : null}
      <div class="viewer-panes">
        <SlidePane
          key={slide.series_instance_uid} slide={slide} start={start} tool={tool} isPanelOpen={isPanelOpen}
          undoCount={active === "first" ? undoCount : 0} isActive={second !== null && active === "first"}
          onStage={(first) => setStages((old) => ({ ...old, first }))} onTouch={() => setActive("first")}
        />
        {second ? (
          <SlidePane
            key={second.series_instance_uid} slide={second} start={null} tool={tool} isPanelOpen={false}
            undoCount={active === "second" ? undoCount : 0} isActive={active === "second"} isNamed
            onStage={(stageOfSecond) => setStages((old) => ({ ...old, second: stageOfSecond }))} onTouch={() => setActive("second")}
          />
        ) : null}
      </div>
      {isChoosing ? <CompareDialog without={slide.series_instance_uid} onChoose={choose} onClose={() => setChoosing(false)} /> : null}
    </main>
  );
}

/** The picture comes from the scan meanwhile; when the files are there this bar goes, and nothing else changes. */
function ConversionBar({ job }: { job: Job }) {
  const isFailed = job.state === "failed";
  return (
    <div class="viewer-job">
      <p class="small">{t(isFailed ? "viewer.failed" : "viewer.converting")}</p>
      {isFailed ? <p class="quiet small">{[job.reason, job.next_step].filter(Boolean).join(" ")}</p> : <JobProgress job={job} />}
    </div>
  );
}

/** Keep the address true to what is on the screen, so that a reload or a copied link shows the same place. */
function keepPlace(stage: Stage | null): (() => void) | undefined {
  if (!stage) return undefined;
  const keep = (): void => {
    const query = writePosition(new URLSearchParams(location.search), stage.view());
    history.replaceState(history.state, "", `${location.pathname}?${query.toString()}`);
  };
  stage.addEventListener("settle", keep);
  return () => stage.removeEventListener("settle", keep);
}

async function share(): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.href);
    say(t("copy.done"));
  } catch {
    say(t("copy.failed"), "warn");
  }
}

function toggleFullScreen(element: HTMLElement | null): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void element?.requestFullscreen?.().catch(() => undefined);
}

/** Say that parts of the picture are missing, with a way to get them. */
export function TilesNotice({ onRetry }: { onRetry: () => void }) {
  return (
    <div class="pane-notice">
      <Notice tone="warn" icon="warning" isAlert>
        <div class="row">
          <span class="grow">{t("viewer.tiles_failed")}</span>
          <Button icon="refresh" onClick={onRetry}>{t("viewer.tiles_again")}</Button>
        </div>
      </Notice>
    </div>
  );
}
