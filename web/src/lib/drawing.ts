/** What somebody draws on one frozen picture: shapes in parts of the picture, an undo, a message for the node. Pure.

    The figures of a measurement come from the node, which works them out on the frame as captured. */

export type DrawTool = "arrow" | "pen" | "caliper" | "ellipse";
export const DRAW_TOOLS = ["arrow", "pen", "caliper", "ellipse"] as const;

export type Point = readonly [number, number];

export interface Shape {
  tool: DrawTool;
  /** From where the hand began to where it is; every point of a pen. */
  points: readonly Point[];
}

export interface Figures {
  words: string;
  reason: string;
}

/** As many as the node takes. */
export const SHAPE_COUNT_MAX = 16;
const PEN_POINT_COUNT_MAX = 160;
/** Of all pens together: one message holds them. */
const SENT_POINT_COUNT_MAX = 600;
const STEP_MIN = 0.003;
const DECIMALS = 4;

/** The shape after the hand moved on. */
export function extend(shape: Shape, to: Point): Shape {
  if (shape.tool !== "pen") return { ...shape, points: [shape.points[0]!, to] };
  const last = shape.points.at(-1)!;
  if (Math.hypot(to[0] - last[0], to[1] - last[1]) < STEP_MIN) return shape;
  return { ...shape, points: thin([...shape.points, to]) };
}

/** Too small to have been meant. */
export function isSlip(shape: Shape): boolean {
  const [first, last] = [shape.points[0]!, shape.points.at(-1)!];
  if (shape.tool === "pen") return shape.points.length < 2;
  if (shape.tool === "ellipse") return Math.abs(first[0] - last[0]) < STEP_MIN || Math.abs(first[1] - last[1]) < STEP_MIN;
  return Math.hypot(first[0] - last[0], first[1] - last[1]) < STEP_MIN;
}

export function isMeasured(shape: Shape): boolean {
  return shape.tool === "caliper" || shape.tool === "ellipse";
}

/** An ellipse in the box that was drawn: the ends of the lying axis, then those of the standing one. */
export function axisEnds(shape: Shape): Point[] {
  const [[x0, y0], [x1, y1]] = [shape.points[0]!, shape.points.at(-1)!];
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return [[Math.min(x0, x1), y], [Math.max(x0, x1), y], [x, Math.min(y0, y1)], [x, Math.max(y0, y1)]];
}

/** What the node is asked to measure, in the order of the shapes. */
export function toMeasurements(shapes: readonly Shape[]): { kind: string; points: Point[] }[] {
  return shapes.filter(isMeasured).map((shape) => (
    shape.tool === "caliper" ? { kind: "distance", points: rounded(shape.points) } : { kind: "ellipse", points: rounded(axisEnds(shape)) }
  ));
}

export function toGraphics(shapes: readonly Shape[]): { kind: string; points: Point[] }[] {
  const drawn = shapes.filter((shape) => !isMeasured(shape));
  const step = Math.ceil(drawn.reduce((sum, shape) => sum + shape.points.length, 0) / SENT_POINT_COUNT_MAX);
  const fewer = (points: readonly Point[]) => points.filter((_, index) => index % step === 0 || index === points.length - 1);
  return drawn.map((shape) => (
    shape.tool === "pen" ? { kind: "freehand", points: rounded(fewer(shape.points)) } : { kind: "arrow", points: rounded(shape.points) }
  ));
}

/** Every other point of a long line: the shape stays, the message stays small. */
function thin(points: Point[]): Point[] {
  if (points.length <= PEN_POINT_COUNT_MAX) return points;
  return points.filter((_, index) => index % 2 === 0 || index === points.length - 1);
}

function rounded(points: readonly Point[]): Point[] {
  const unit = 10 ** DECIMALS;
  const round = (value: number) => Math.round(Math.min(1, Math.max(0, value)) * unit) / unit;
  return points.map(([x, y]) => [round(x), round(y)] as const);
}
