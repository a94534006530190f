import type { Point, Shape } from "./drawing";
import type { Peer, SessionView } from "./shapes";
import type { CallMessage } from "./whep";

/** What a page knows of the call it is in, built from the messages of the node. Pure. */
export interface RoomRequest {
  id: string;
  text: string;
  from: Sender;
  answer: "done" | "cannot" | null;
  atMs: number;
}

export interface Sender {
  peer_id: string;
  name: string;
  role: string;
}

export interface RemotePointer extends Sender {
  x: number;
  y: number;
  atMs: number;
}

export interface Room {
  view: SessionView | null;
  requests: RoomRequest[];
  pointers: RemotePointer[];
  /** What was drawn on a still, by the UID of the drawing: as far as this page has heard of it. */
  drawings: Record<string, SavedDrawing>;
  second: SecondPicture;
}

/** What the node says of the picture beside the ultrasound. */
export interface SecondPicture {
  isThere: boolean;
  /** Who sends it; empty for a camera of the node's own. */
  name: string;
  peerId: string | null;
  isStale: boolean;
}

export interface SavedDrawing {
  stillUid: string;
  shapes: Shape[];
  words: string;
}

export const NO_SECOND: SecondPicture = { isThere: false, name: "", peerId: null, isStale: false };
export const EMPTY_ROOM: Room = { view: null, requests: [], pointers: [], drawings: {}, second: NO_SECOND };
const REQUEST_COUNT_MAX = 12;
/** A pointer that rests longer than this is taken off the picture. */
export const POINTER_MS_MAX = 6000;
/** An answered request stays so long, to be read. */
export const ANSWERED_MS = 8000;

/** The requests everybody knows; others are free text. The word on the wire is English, the page translates it. */
export const KNOWN_REQUESTS = [
  "freeze", "unfreeze", "hold still", "slower", "more depth", "less depth", "more gain", "less gain", "rotate", "tilt",
] as const;
export type KnownRequest = (typeof KNOWN_REQUESTS)[number];

/** The room after a message of the ctl channel. */
export function takeMessage(room: Room, message: CallMessage, nowMs: number): Room {
  switch (message.type) {
    case "state":
      return { ...room, view: mergeView(room.view, message.session as Partial<SessionView> | undefined) };
    case "peers":
      return room.view && Array.isArray(message.peers) ? { ...room, view: { ...room.view, peers: message.peers as Peer[] } } : room;
    case "second":
      return { ...room, second: readSecond(message) };
    case "saved":
      return message.kind === "annotation" ? { ...room, drawings: { ...room.drawings, [String(message.sop_instance_uid)]: readDrawing(message) } } : room;
    case "request":
      return { ...room, requests: addRequest(room.requests, message, nowMs) };
    case "request.answer":
      return { ...room, requests: answerRequest(room.requests, message, nowMs) };
    default:
      return room;
  }
}

/** The room after somebody pointed; one pointer a person. */
export function takePointer(room: Room, message: CallMessage, nowMs: number): Room {
  const from = sender(message.from);
  const others = room.pointers.filter((pointer) => pointer.peer_id !== from.peer_id);
  const { x, y } = message;
  if (message.visible === false || typeof x !== "number" || typeof y !== "number") return { ...room, pointers: others };
  return { ...room, pointers: [...others, { ...from, x: clamp(x), y: clamp(y), atMs: nowMs }] };
}

/** The room without what has been on the screen long enough; the same object when nothing changed. */
export function tidy(room: Room, nowMs: number): Room {
  const pointers = room.pointers.filter((pointer) => nowMs - pointer.atMs < POINTER_MS_MAX);
  const requests = room.requests.filter((request) => request.answer === null || nowMs - request.atMs < ANSWERED_MS);
  const isSame = pointers.length === room.pointers.length && requests.length === room.requests.length;
  return isSame ? room : { ...room, pointers, requests };
}

/** A newer view over an older one: what the node keeps back on the data channel (the patient) stays as it was. */
export function mergeView(old: SessionView | null, next: Partial<SessionView> | null | undefined): SessionView | null {
  if (!next) return old;
  if (!old) return next as SessionView;
  return { ...old, ...next, patient: next.patient ?? old.patient, order: next.order ?? old.order, waiting: next.waiting ?? old.waiting };
}

function addRequest(requests: RoomRequest[], message: CallMessage, nowMs: number): RoomRequest[] {
  const id = String(message.request_id ?? "");
  const words = typeof message.text === "string" ? message.text : "";
  if (id === "" || words === "" || requests.some((request) => request.id === id)) return requests;
  return [...requests, { id, text: words, from: sender(message.from), answer: null, atMs: nowMs }].slice(-REQUEST_COUNT_MAX);
}

function answerRequest(requests: RoomRequest[], message: CallMessage, nowMs: number): RoomRequest[] {
  const answer = message.answer === "done" ? "done" : "cannot";
  return requests.map((request) => (request.id === message.request_id ? { ...request, answer, atMs: nowMs } : request));
}

function readSecond(message: CallMessage): SecondPicture {
  const peerId = typeof message.peer_id === "string" ? message.peer_id : null;
  return { isThere: message.is_there === true, name: String(message.name ?? ""), peerId, isStale: message.state !== "live" };
}

const TOOLS: Record<string, Shape["tool"]> = {
  arrow: "arrow", freehand: "pen", distance: "caliper", ellipse: "ellipse", trace: "trace", area: "area", angle: "angle",
};

/** A saved drawing as shapes of ours; what another program drew in other ways is left out. */
function readDrawing(message: CallMessage): SavedDrawing {
  const rows = (value: unknown) => (Array.isArray(value) ? (value as Record<string, unknown>[]) : []);
  const measured = rows(message.measurements);
  const shapes = [...rows(message.graphics), ...measured].flatMap((row): Shape[] => {
    const tool = TOOLS[String(row.kind)];
    const points = (Array.isArray(row.points) ? row.points : []) as Point[];
    if (!tool || points.length < 2) return [];
    const [left, right, top, bottom] = points;
    if (tool === "ellipse") return top && bottom ? [{ tool, points: [[left![0], top[1]], [right![0], bottom[1]]] }] : [];
    return [{ tool, points }];
  });
  return { stillUid: String(message.still_sop_instance_uid ?? ""), shapes, words: measured.map((row) => String(row.words ?? "")).filter(Boolean).join(", ") };
}

function sender(from: unknown): Sender {
  const given = (typeof from === "object" && from !== null ? from : {}) as Record<string, unknown>;
  return { peer_id: String(given.peer_id ?? ""), name: String(given.name ?? ""), role: String(given.role ?? "") };
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
