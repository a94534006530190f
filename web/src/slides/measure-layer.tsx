import { useEffect, useRef, useState } from "preact/hooks";
import { formatNumber } from "../lib/format";
import { t } from "../lib/i18n";
import { type PointPx, distanceUm, lengthText } from "./scale";
import type { Stage, View } from "./stage";

/** A press and a release nearer than this is a click: the next click ends the line. */
const CLICK_PX = 5;
const MEASURES_MAX = 200;

interface Line {
  from: PointPx;
  to: PointPx;
}

/** The caliper: lines kept in slide pixels, drawn where those are on the screen now. Nothing is burned in. */
export function MeasureLayer(props: { stage: Stage; view: View; isDrawing: boolean; undoCount: number }) {
  const { stage } = props;
  const [lines, setLines] = useState<Line[]>([]);
  const [draft, setDraft] = useState<Line | null>(null);
  const undone = useRef(props.undoCount);
  useEffect(() => {
    if (props.undoCount > undone.current) {
      setDraft(null);
      setLines((old) => old.slice(0, -1));
    }
    undone.current = props.undoCount;
  }, [props.undoCount]);
  useEffect(() => {
    if (!props.isDrawing) {
      setDraft(null);
      return;
    }
    return drawOn(stage, setDraft, (line) => setLines((old) => [...old.slice(1 - MEASURES_MAX), line]));
  }, [props.isDrawing, stage]);
  const last = lines[lines.length - 1];
  return (
    <>
      <svg class="measure-layer" aria-hidden="true">
        {[...lines, ...(draft ? [draft] : [])].map((line, index) => <Caliper key={index} stage={stage} line={line} />)}
      </svg>
      <p class="only-heard" role="status">{last ? t("viewer.measure.said", { length: lengthOf(stage, last) }) : ""}</p>
    </>
  );
}

function Caliper({ stage, line }: { stage: Stage; line: Line }) {
  const from = stage.toScreen(line.from);
  const to = stage.toScreen(line.to);
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const across = { x: (-(to.y - from.y) / length) * 7, y: ((to.x - from.x) / length) * 7 };
  const path = [
    `M${from.x} ${from.y}L${to.x} ${to.y}`,
    `M${from.x - across.x} ${from.y - across.y}l${across.x * 2} ${across.y * 2}`,
    `M${to.x - across.x} ${to.y - across.y}l${across.x * 2} ${across.y * 2}`,
  ].join("");
  const text = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 - 10 };
  return (
    <g>
      <path d={path} class="caliper-halo" />
      <path d={path} class="caliper-line" />
      <text x={text.x} y={text.y} class="caliper-text num">{lengthOf(stage, line)}</text>
    </g>
  );
}

function lengthOf(stage: Stage, line: Line): string {
  const base = stage.biggest;
  const um = distanceUm(line.from, line.to, base.mpp_x ?? stage.slide.mpp, base.mpp_y ?? stage.slide.mpp);
  if (um !== null) return lengthText(um);
  return t("viewer.px", { count: formatNumber(Math.hypot(line.to.x - line.from.x, line.to.y - line.from.y)) });
}

/** Take the pointer before the stage does, except while Space is held: then it moves the slide as always. */
function drawOn(stage: Stage, onDraft: (line: Line | null) => void, onLine: (line: Line) => void): () => void {
  const element = stage.viewer.element;
  let isSpaceHeld = false;
  let draft: Line | null = null;
  let pressed: PointPx | null = null;
  const at = (event: PointerEvent): PointPx => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const set = (line: Line | null): void => onDraft((draft = line));
  const finish = (to: PointPx): void => {
    if (draft) onLine({ from: draft.from, to });
    set(null);
  };
  const down = (event: PointerEvent): void => {
    if (isSpaceHeld || event.button !== 0) return;
    event.stopPropagation();
    event.preventDefault();
    const point = stage.toSlide(at(event));
    if (draft) {
      pressed = null;
      finish(point);
      return;
    }
    pressed = at(event);
    set({ from: point, to: point });
  };
  const move = (event: PointerEvent): void => {
    if (!draft || isSpaceHeld) return;
    event.stopPropagation();
    set({ from: draft.from, to: stage.toSlide(at(event)) });
  };
  const up = (event: PointerEvent): void => {
    if (!draft || !pressed) return;
    event.stopPropagation();
    const point = at(event);
    const isClick = Math.hypot(point.x - pressed.x, point.y - pressed.y) < CLICK_PX;
    pressed = null;
    if (!isClick) finish(stage.toSlide(point));
  };
  const key = (event: KeyboardEvent): void => {
    if (event.key !== " " || (event.target as Element | null)?.closest("button, a, input, select")) return;
    event.preventDefault();
    isSpaceHeld = event.type === "keydown";
  };
  const off = new AbortController();
  const options = { capture: true, signal: off.signal };
  element.addEventListener("pointerdown", down, options);
  element.addEventListener("pointermove", move, options);
  element.addEventListener("pointerup", up, options);
  addEventListener("keydown", key, { signal: off.signal });
  addEventListener("keyup", key, { signal: off.signal });
  element.classList.add("stage-drawing");
  return () => {
    off.abort();
    element.classList.remove("stage-drawing");
  };
}
