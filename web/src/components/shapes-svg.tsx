import { axisEnds, type Point, type Shape } from "../lib/drawing";

/** Units of the drawing's own grid; lines keep their width whatever the picture's size. */
const GRID = 1000;
const HEAD = 34;
const HEAD_ANGLE = Math.PI / 7;

/** Shapes over a picture, each twice: a dark line under a bright one is seen on tissue and on black. */
export function Shapes({ shapes, words = [], aspect }: { shapes: readonly Shape[]; words?: readonly string[]; aspect: number }) {
  const height = GRID / aspect;
  const at = ([x, y]: Point): Point => [x * GRID, y * height];
  return (
    <svg class="shapes" viewBox={`0 0 ${GRID} ${height}`} aria-hidden="true">
      {shapes.map((shape, index) => {
        const path = shape.tool === "ellipse" ? ellipsePath(axisEnds(shape).map(at)) : linePath(shape, shape.points.map(at));
        const [x, y] = at(shape.points.at(-1)!);
        return (
          <g key={index}>
            <path class="shape-under" d={path} vector-effect="non-scaling-stroke" />
            <path class="shape-line" d={path} vector-effect="non-scaling-stroke" />
            {words[index] ? <text class="shape-words" x={Math.min(x + 14, GRID - 130)} y={Math.min(Math.max(y - 12, 34), height - 12)}>{words[index]}</text> : null}
          </g>
        );
      })}
    </svg>
  );
}

function linePath(shape: Shape, points: readonly Point[]): string {
  const line = points.map(([x, y], index) => `${index ? "L" : "M"}${x} ${y}`).join("");
  const [first, last] = [points[0]!, points.at(-1)!];
  if (shape.tool === "area") return `${line}Z`;
  if (shape.tool === "trace") return `${line}${cross(first)}${cross(last)}`;
  if (shape.tool === "angle") return points.length < 3 ? line : `${line}${arc(points)}`;
  if (shape.tool === "caliper") return `${line}${cross(first)}${cross(last)}`;
  if (shape.tool !== "arrow" || points.length < 2) return line;
  const back = Math.atan2(first[1] - last[1], first[0] - last[0]);
  const barb = (turn: number) => `M${last[0]} ${last[1]}l${HEAD * Math.cos(back + turn)} ${HEAD * Math.sin(back + turn)}`;
  return `${line}${barb(HEAD_ANGLE)}${barb(-HEAD_ANGLE)}`;
}

/** The bow within an angle, a third of its shorter side from the corner. */
function arc(points: readonly Point[]): string {
  const [one, corner, other] = points as [Point, Point, Point];
  const sides = [one, other].map(([x, y]) => ({ x: x - corner[0], y: y - corner[1], length: Math.hypot(x - corner[0], y - corner[1]) }));
  const radius = Math.min(...sides.map((side) => side.length)) / 3;
  if (radius === 0) return "";
  const [from, to] = sides.map((side) => `${corner[0] + (side.x / side.length) * radius} ${corner[1] + (side.y / side.length) * radius}`);
  const turn = sides[0]!.x * sides[1]!.y - sides[0]!.y * sides[1]!.x;
  return `M${from}A${radius} ${radius} 0 0 ${turn > 0 ? 1 : 0} ${to}`;
}

function cross([x, y]: Point): string {
  return `M${x - 12} ${y}h24M${x} ${y - 12}v24`;
}

function ellipsePath(ends: readonly Point[]): string {
  const [left, right, top, bottom] = ends as [Point, Point, Point, Point];
  const [rx, ry] = [(right[0] - left[0]) / 2, (bottom[1] - top[1]) / 2];
  return `M${left[0]} ${left[1]}A${rx} ${ry} 0 1 1 ${right[0]} ${right[1]}A${rx} ${ry} 0 1 1 ${left[0]} ${left[1]}`;
}
