import { useRef, useState } from "preact/hooks";
import { formatNumber } from "../lib/format";
import { t } from "../lib/i18n";
import { type Calibration, type Point, distanceMm } from "./regions";

export interface Line {
  from: Point;
  to: Point;
}

export interface CaliperProps {
  width: number;
  height: number;
  calibration: Calibration;
  lines: readonly Line[];
  isDrawing: boolean;
  onLine: (line: Line) => void;
}

const LENGTH_MIN_PX = 2;

/** Distances on a calibrated picture. They lie over it and are never part of it. */
export function Caliper({ width, height, calibration, lines, isDrawing, onLine }: CaliperProps) {
  const svg = useRef<SVGSVGElement>(null);
  const [draft, setDraft] = useState<Line | null>(null);
  const at = (event: PointerEvent): Point => {
    const matrix = svg.current!.getScreenCTM()!.inverse();
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    return { x: Math.min(width, Math.max(0, point.x)), y: Math.min(height, Math.max(0, point.y)) };
  };
  const down = (event: PointerEvent): void => {
    if (!isDrawing || event.button !== 0) return;
    svg.current!.setPointerCapture(event.pointerId);
    const point = at(event);
    setDraft({ from: point, to: point });
  };
  const move = (event: PointerEvent): void => {
    if (draft) setDraft({ from: draft.from, to: at(event) });
  };
  const up = (event: PointerEvent): void => {
    if (!draft) return;
    const line = { from: draft.from, to: at(event) };
    setDraft(null);
    if (Math.hypot(line.to.x - line.from.x, line.to.y - line.from.y) >= LENGTH_MIN_PX) onLine(line);
  };
  const last = lines[lines.length - 1];
  const unit = Math.max(width, height) / 1000;
  return (
    <>
      <svg
        ref={svg} class={isDrawing ? "caliper caliper-drawing" : "caliper"} viewBox={`0 0 ${width} ${height}`} aria-hidden="true"
        onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={() => setDraft(null)}
      >
        {[...lines, ...(draft ? [draft] : [])].map((line, index) => (
          <g key={index}>
            <line x1={line.from.x} y1={line.from.y} x2={line.to.x} y2={line.to.y} class="ruler-halo" />
            <line x1={line.from.x} y1={line.from.y} x2={line.to.x} y2={line.to.y} class="ruler-line" />
            <circle cx={line.from.x} cy={line.from.y} r={3.5 * unit} class="ruler-end" />
            <circle cx={line.to.x} cy={line.to.y} r={3.5 * unit} class="ruler-end" />
            <text x={(line.from.x + line.to.x) / 2} y={(line.from.y + line.to.y) / 2 - 10 * unit} font-size={22 * unit} stroke-width={5 * unit} class="ruler-text num">
              {lengthOf(calibration, line)}
            </text>
          </g>
        ))}
      </svg>
      <p class="only-heard" role="status">{last ? lengthOf(calibration, last) : ""}</p>
    </>
  );
}

function lengthOf(calibration: Calibration, line: Line): string {
  const mm = distanceMm(calibration, line.from, line.to);
  return mm === null ? t("player.outside") : t("player.mm", { value: formatNumber(mm, mm < 10 ? 2 : 1) });
}
