import { useEffect, useRef, useState } from "preact/hooks";
import { begin, extend, isMeasured, withShape, type Point, type Shape } from "../lib/drawing";
import { t } from "../lib/i18n";
import type { Drawing } from "../lib/use-drawing";
import { Shapes } from "./shapes-svg";

const KEY_STEP = 0.01;

/** The frozen picture and what is drawn on it, by mouse, finger or keys: exactly over the live one. */
export function DrawLayer({ drawing }: { drawing: Drawing }) {
  const { snapshot } = drawing;
  const place = useRef<HTMLDivElement>(null);
  const [draft, setDraft] = useState<Shape | null>(null);
  const [cursor, setCursor] = useState<Point | null>(null);
  useEffect(() => {
    if (!snapshot || !place.current) return;
    place.current.prepend(snapshot.canvas);
    place.current.focus();
    return () => snapshot.canvas.remove();
  }, [snapshot]);
  if (!snapshot) return null;
  const finish = () => {
    if (draft) drawing.add(draft);
    setDraft(null);
  };
  const at = (event: PointerEvent): Point => {
    const box = place.current!.getBoundingClientRect();
    return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
  };
  const down = (event: PointerEvent) => {
    place.current!.setPointerCapture(event.pointerId);
    setCursor(null);
    setDraft(begin(drawing.shapes, drawing.tool, at(event)));
  };
  const key = (event: KeyboardEvent) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const from = cursor ?? ([0.5, 0.5] as const);
    if (event.key === "Escape" && draft) {
      event.stopPropagation();
      return setDraft(null);
    }
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      setCursor(from);
      return draft ? finish() : setDraft(begin(drawing.shapes, drawing.tool, from));
    }
    if (!step) return;
    event.preventDefault();
    const to: Point = [clamp(from[0] + step[0]! * KEY_STEP), clamp(from[1] + step[1]! * KEY_STEP)];
    setCursor(to);
    if (draft) setDraft(extend(draft, to));
  };
  const shapes = (draft ? withShape(drawing.shapes, draft) : drawing.shapes).filter((shape) => shape.tool !== "beats");
  const words = labelsOf(drawing.shapes, drawing.figures.map((figure) => figure.words || (figure.reason ? "–" : "")));
  const placed = words.filter((_, index) => drawing.shapes[index]!.tool !== "beats");
  return (
    <div
      ref={place} class="draw" tabIndex={0} role="application" aria-label={t("draw.pad")} onKeyDown={key}
      onPointerDown={down} onPointerMove={(event) => draft && event.buttons > 0 && setDraft(extend(draft, at(event)))}
      onPointerUp={finish} onPointerCancel={() => setDraft(null)}
    >
      <Shapes shapes={shapes} words={placed} aspect={snapshot.canvas.width / snapshot.canvas.height} />
      {cursor ? <span class="draw-cursor" style={{ left: `${cursor[0] * 100}%`, top: `${cursor[1] * 100}%` }} /> : null}
    </div>
  );
}

/** The words beside each shape: a measured one takes the next figure. */
function labelsOf(shapes: readonly Shape[], figures: readonly string[]): string[] {
  let next = 0;
  return shapes.map((shape) => (isMeasured(shape) ? figures[next++] ?? "…" : ""));
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
