import { useEffect, useRef, useState } from "preact/hooks";
import { isHalf, isMeasured, isSlip, SHAPE_COUNT_MAX, toGraphics, toMeasurements, withShape, type DrawTool, type Figures, type Shape } from "./drawing";
import { ShownFrame } from "./shown-frame";
import type { Call, CallMessage } from "./whep";

/** How long a new frame is waited for before the one on the screen is taken. */
const FRAME_MS_MAX = 300;
/** So many times the screen may have another frame than the one told of before the wish is given up. */
const OTHER_COUNT_MAX = 30;

export interface Snapshot {
  canvas: HTMLCanvasElement;
  rtpTimestamp: number;
}

export interface Drawing {
  /** "freezing": the next frame is taken; "saving": the node has the drawing, its answer is awaited. */
  phase: "off" | "freezing" | "on" | "saving";
  tool: DrawTool;
  shapes: readonly Shape[];
  /** One entry a measured shape, in order; shorter while the node works them out. */
  figures: readonly Figures[];
  snapshot: Snapshot | null;
  isHeld: boolean;
  /** Mark this frame as the first beat and go back to the live picture; the shapes are given up. */
  markBeat: () => void;
  forgetBeat: () => void;
  setBeatCount: (count: number) => void;
  choose: (tool: DrawTool) => void;
  add: (shape: Shape) => void;
  undo: () => void;
  save: () => void;
  stop: () => void;
  /** The page tells every frame it shows. */
  frameShown: (video: HTMLVideoElement, rtpTimestamp: number | undefined, mediaTimeS?: number) => void;
  /** The page tells every message it hears. */
  hear: (message: CallMessage) => void;
}

/** Draw on one frame that stands still for oneself alone, while the call and the record go on. */
export function useDrawing(call: () => Call, onRefused: () => void): Drawing {
  const [phase, setPhase] = useState<Drawing["phase"]>("off");
  const [tool, setTool] = useState<DrawTool>("arrow");
  const [shapes, setShapes] = useState<readonly Shape[]>([]);
  const [figures, setFigures] = useState<readonly Figures[]>([]);
  const [snapshot, setSnapshot] = useState<Snapshot | null>(null);
  const [holdId, setHoldId] = useState<string | null>(null);
  const isWanted = useRef(false);
  const rtp = useRef<number | undefined>(undefined);
  const round = useRef(0);
  const beat = useRef<string | null>(null);
  const video = useRef<HTMLVideoElement | null>(null);
  const stop = () => {
    isWanted.current = false;
    rtp.current = undefined;
    setPhase("off");
    setShapes([]);
    setFigures([]);
    setSnapshot(null);
    setHoldId(null);
  };
  const onScreen = useRef(new ShownFrame());
  const otherCount = useRef(0);
  const take = (element: HTMLVideoElement, rtpTimestamp: number | undefined, mediaTimeS: number | undefined) => {
    const copied = rtpTimestamp === undefined ? null : onScreen.current.copy(element, mediaTimeS);
    // Another frame has come to the screen meanwhile: its own callback follows.
    if (copied === "other" && (otherCount.current += 1) <= OTHER_COUNT_MAX) return;
    isWanted.current = false;
    const canvas = copied === "other" ? null : copied;
    if (!canvas || !call().send({ type: "hold", rtp_timestamp: rtpTimestamp })) {
      stop();
      return onRefused();
    }
    rtp.current = rtpTimestamp;
    setSnapshot({ canvas, rtpTimestamp: rtpTimestamp! });
    setPhase("on");
  };
  const shown = useRef<{ rtp?: number | undefined; mediaTimeS?: number | undefined }>({});
  useEffect(() => {
    if (phase !== "freezing") return;
    // A picture that stands still already gives no new frame: the one on the screen is meant.
    const timer = setInterval(() => {
      if (!isWanted.current) return;
      if (video.current) take(video.current, shown.current.rtp, shown.current.mediaTimeS);
      else stop();
    }, FRAME_MS_MAX);
    return () => clearInterval(timer);
  }, [phase]);
  useEffect(() => {
    const measurements = toMeasurements(shapes);
    setFigures([]);
    if (!holdId || measurements.length === 0) return;
    round.current += 1;
    call().send({ type: "measure", hold_id: holdId, measurements, ref: round.current });
  }, [shapes.filter(isMeasured).length, shapes.find((shape) => shape.tool === "beats")?.beatCount, holdId]);
  const held = (id: string) => {
    setHoldId(id);
    // The very same frame twice is no interval.
    if (beat.current !== null && beat.current !== id) setShapes((old) => [...old, { tool: "beats", points: [], fromHoldId: beat.current!, beatCount: 1 }]);
  };
  return {
    phase, tool, shapes, figures, snapshot, stop, isHeld: holdId !== null,
    markBeat: () => {
      beat.current = holdId;
      stop();
    },
    forgetBeat: () => {
      beat.current = null;
      setShapes(shapes.filter((shape) => shape.tool !== "beats"));
    },
    setBeatCount: (beatCount) => setShapes(shapes.map((shape) => (shape.tool === "beats" ? { ...shape, beatCount } : shape))),
    choose: (next) => {
      setTool(next);
      if (phase !== "off") return;
      isWanted.current = true;
      otherCount.current = 0;
      setPhase("freezing");
    },
    add: (shape) => {
      const next = withShape(shapes, shape);
      if (!isSlip(shape) && next.length <= SHAPE_COUNT_MAX) setShapes(next);
    },
    undo: () => setShapes(shapes.slice(0, -1)),
    save: () => {
      const whole = shapes.filter((shape) => !isHalf(shape));
      if (!holdId || whole.length === 0) return;
      const wish = { type: "annotate", hold_id: holdId, rtp_timestamp: rtp.current, graphics: toGraphics(whole), measurements: toMeasurements(whole) };
      if (call().send(wish)) setPhase("saving");
      else onRefused();
    },
    frameShown: (element, rtpTimestamp, mediaTimeS) => {
      video.current = element;
      shown.current = { rtp: rtpTimestamp, mediaTimeS };
      onScreen.current.learn(element, mediaTimeS);
      if (isWanted.current) take(element, rtpTimestamp, mediaTimeS);
    },
    hear: (message) => {
      if (message.type === "held" && message.rtp_timestamp === rtp.current) held(String(message.hold_id));
      else if (message.type === "measured" && message.ref === round.current) setFigures(readFigures(message));
      else if (message.type === "annotated" && message.rtp_timestamp === rtp.current) {
        beat.current = null;
        stop();
      } else if (message.type === "error" && message.for === "hold") stop();
      else if (message.type === "error" && message.for === "annotate") setPhase((old) => (old === "saving" ? "on" : old));
    },
  };
}

function readFigures(message: CallMessage): Figures[] {
  const rows = Array.isArray(message.measurements) ? (message.measurements as Record<string, unknown>[]) : [];
  return rows.map((row) => ({ words: String(row.words ?? ""), reason: String(row.reason ?? "") }));
}
