import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../lib/i18n";
import type { SlideDetail } from "../lib/shapes";
import { MeasureLayer } from "./measure-layer";
import { useLook } from "./look";
import { Overview } from "./overview";
import type { Position } from "./position";
import { magnificationText, scaleBar } from "./scale";
import { SidePanel } from "./side-panel";
import { slideName } from "./slide-card";
import { Stage, type View } from "./stage";
import { TilesNotice, type Tool } from "./viewer-page";

/** Failed tiles before the page speaks of them; a single one is tried again silently. */
const FAILED_TILES_SAID = 3;

export interface SlidePaneProps {
  slide: SlideDetail;
  start: Position | null;
  tool: Tool;
  isPanelOpen: boolean;
  /** Each step up takes the last measure away. */
  undoCount: number;
  isActive: boolean;
  isNamed?: boolean;
  onStage: (stage: Stage | null) => void;
  onTouch: () => void;
}

/** One slide with its overview, scale bar, measures and side panel. */
export function SlidePane(props: SlidePaneProps) {
  const { slide } = props;
  const box = useRef<HTMLDivElement>(null);
  const overview = useRef<HTMLDivElement>(null);
  const [stage, setStage] = useState<Stage | null>(null);
  const [view, setView] = useState<View | null>(null);
  const [hasPicture, setHasPicture] = useState(false);
  const [failedCount, setFailedCount] = useState(0);
  const look = useLook(slide, stage, props.isActive || !props.isNamed);
  useEffect(() => {
    const made = new Stage(box.current!, slide, props.start, look.first());
    const small = new Overview(overview.current!, made);
    const stop = followView(made, setView);
    const onSeen = (): void => setHasPicture(true);
    const onFailed = (event: Event): void => {
      onSeen();
      setFailedCount((event as CustomEvent<{ count: number }>).detail.count);
    };
    const onOpen = (): void => {
      setStage(made);
      props.onStage(made);
    };
    made.addEventListener("open", onOpen);
    made.addEventListener("first-tile", onSeen);
    made.addEventListener("tile-failed", onFailed);
    return () => {
      stop();
      small.close();
      props.onStage(null);
      made.close();
    };
  }, [slide.series_instance_uid]);
  return (
    <section
      class={props.isActive ? "pane pane-active" : "pane"} aria-label={t("viewer.picture", { name: slideName(slide) })}
      onPointerDownCapture={props.onTouch} onWheelCapture={props.onTouch}
    >
      <div class={props.isPanelOpen ? "pane-stage pane-stage-beside" : "pane-stage"} ref={box} />
      {stage && view ? <MeasureLayer stage={stage} view={view} isDrawing={props.tool === "measure"} undoCount={props.undoCount} /> : null}
      {props.isNamed ? <p class="pane-name cut">{slideName(slide)}</p> : null}
      {view ? <Scale view={view} /> : null}
      <div class={props.isPanelOpen ? "pane-overview" : "pane-overview pane-overview-low"} ref={overview} aria-hidden="true" />
      {props.isPanelOpen ? <SidePanel slide={slide} look={look} hasPictures={hasPicture} /> : null}
      {failedCount >= FAILED_TILES_SAID ? <TilesNotice onRetry={() => retry(stage, setFailedCount)} /> : null}
      {props.tool === "measure" && !props.isNamed ? <p class="pane-hint">{t("viewer.measure.hint")}</p> : null}
    </section>
  );
}

/** Follow a stage, at most once a picture. */
function followView(stage: Stage, onView: (view: View) => void): () => void {
  let request = 0;
  const update = (): void => {
    request ||= requestAnimationFrame(() => {
      request = 0;
      onView(stage.view());
    });
  };
  stage.addEventListener("move", update);
  return () => {
    cancelAnimationFrame(request);
    stage.removeEventListener("move", update);
  };
}

function retry(stage: Stage | null, setFailedCount: (count: number) => void): void {
  setFailedCount(0);
  stage?.reload();
}

function Scale({ view }: { view: View }) {
  const bar = scaleBar(view.um_per_screen_px);
  const shown = view.magnification === null ? t("viewer.zoom_percent", { percent: Math.round(view.zoom * 100) }) : magnificationText(view.magnification);
  return (
    <div class="pane-scale num">
      {bar ? (
        <div class="scale-bar" role="img" aria-label={t("viewer.scale_bar", { length: bar.label })}>
          <span class="scale-label">{bar.label}</span>
          <span class="scale-line" style={{ inlineSize: `${bar.width_px}px` }} />
        </div>
      ) : null}
      <span class="scale-magnification">{shown}</span>
    </div>
  );
}
