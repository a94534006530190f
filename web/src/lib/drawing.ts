/** What somebody draws on one frozen picture: shapes in parts of the picture, an undo, a message for the node. Pure.

    The figures of a measurement come from the node, which works them out on the frame as captured. */

export const DRAW_TOOLS = ["arrow", "pen", "caliper", "trace", "area", "ellipse", "angle"] as const;
/** "beats" is drawn by freezing twice: the time between two frames, no points. */
export type DrawTool = (typeof DRAW_TOOLS)[number] | "beats";

export type Point = readonly [number, number];

export interface Shape {
  tool: DrawTool;
  /** From where the hand began to where it is; every point of a pen; of an angle an end, the corner, the other end. */
  points: readonly Point[];
  /** Of two beats: the earlier frame, and how many beats there are from it to this one. */
  fromHoldId?: string;
  beatCount?: number;
}

export interface Figures {
  words: string;
  reason: string;
}

export interface Measurement {
  kind: string;
  points: Point[];
  from_hold_id?: string;
  beat_count?: number;
}

/** Drawn by a hand that goes its own way. */
const FREE: ReadonlySet<DrawTool> = new Set(["pen", "trace", "area"]);

/** As many as the node takes. */
export const SHAPE_COUNT_MAX = 16;
const PEN_POINT_COUNT_MAX = 160;
/** Of all pens together: one message holds them. */
const SENT_POINT_COUNT_MAX = 600;
const STEP_MIN = 0.003;
const DECIMALS = 4;

/** The shape after the hand moved on. */
export function extend(shape: Shape, to: Point): Shape {
  if (shape.tool === "angle" && shape.points.length === 3) return { ...shape, points: [...shape.points.slice(0, 2), to] };
  if (!FREE.has(shape.tool)) return { ...shape, points: [shape.points[0]!, to] };
  const last = shape.points.at(-1)!;
  if (Math.hypot(to[0] - last[0], to[1] - last[1]) < STEP_MIN) return shape;
  return { ...shape, points: thin([...shape.points, to]) };
}

/** The second side of an angle begins where its first one ended; every other shape begins anew. */
export function begin(shapes: readonly Shape[], tool: DrawTool, at: Point): Shape {
  const last = shapes.at(-1);
  return last && tool === "angle" && isHalf(last) ? { ...last, points: [...last.points, at] } : { tool, points: [at] };
}

/** The shapes with one more, or with the angle that has got its second side. */
export function withShape(shapes: readonly Shape[], shape: Shape): readonly Shape[] {
  const last = shapes.at(-1);
  const isSecondSide = last !== undefined && isHalf(last) && shape.tool === "angle" && shape.points.length === 3;
  return isSecondSide ? [...shapes.slice(0, -1), shape] : [...shapes, shape];
}

/** An angle with one side. */
export function isHalf(shape: Shape): boolean {
  return shape.tool === "angle" && shape.points.length < 3;
}

/** Too small to have been meant. */
export function isSlip(shape: Shape): boolean {
  if (shape.tool === "beats") return false;
  const [first, last] = [shape.points.at(shape.points.length === 3 ? 1 : 0)!, shape.points.at(-1)!];
  if (FREE.has(shape.tool)) return shape.points.length < (shape.tool === "area" ? 3 : 2);
  if (shape.tool === "ellipse") return Math.abs(first[0] - last[0]) < STEP_MIN || Math.abs(first[1] - last[1]) < STEP_MIN;
  return Math.hypot(first[0] - last[0], first[1] - last[1]) < STEP_MIN;
}

export function isMeasured(shape: Shape): boolean {
  return !isHalf(shape) && shape.tool !== "arrow" && shape.tool !== "pen";
}

/** An ellipse in the box that was drawn: the ends of the lying axis, then those of the standing one. */
export function axisEnds(shape: Shape): Point[] {
  const [[x0, y0], [x1, y1]] = [shape.points[0]!, shape.points.at(-1)!];
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return [[Math.min(x0, x1), y], [Math.max(x0, x1), y], [x, Math.min(y0, y1)], [x, Math.max(y0, y1)]];
}

/** What the node is asked to measure, in the order of the shapes. */
export function toMeasurements(shapes: readonly Shape[]): Measurement[] {
  const fewer = thinner(shapes);
  return shapes.filter(isMeasured).map((shape) => {
    if (shape.tool === "beats") return { kind: "heart_rate", points: [], from_hold_id: shape.fromHoldId ?? "", beat_count: shape.beatCount ?? 1 };
    if (shape.tool === "ellipse") return { kind: "ellipse", points: rounded(axisEnds(shape)) };
    return { kind: shape.tool === "caliper" ? "distance" : shape.tool, points: rounded(FREE.has(shape.tool) ? fewer(shape.points) : shape.points) };
  });
}

export function toGraphics(shapes: readonly Shape[]): { kind: string; points: Point[] }[] {
  const fewer = thinner(shapes);
  return shapes.filter((shape) => !isMeasured(shape) && !isHalf(shape)).map((shape) => (
    shape.tool === "pen" ? { kind: "freehand", points: rounded(fewer(shape.points)) } : { kind: "arrow", points: rounded(shape.points) }
  ));
}

/** Fewer points of lines drawn by hand, so that all of them together fit into one message. */
function thinner(shapes: readonly Shape[]): (points: readonly Point[]) => Point[] {
  const count = shapes.filter((shape) => FREE.has(shape.tool)).reduce((sum, shape) => sum + shape.points.length, 0);
  const step = Math.max(1, Math.ceil(count / SENT_POINT_COUNT_MAX));
  return (points) => points.filter((_, index) => index % step === 0 || index === points.length - 1);
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
