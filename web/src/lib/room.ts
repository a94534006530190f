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
}

export const EMPTY_ROOM: Room = { view: null, requests: [], pointers: [] };
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
  return { ...old, ...next, patient: next.patient ?? old.patient, order: next.order ?? old.order };
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

function sender(from: unknown): Sender {
  const given = (typeof from === "object" && from !== null ? from : {}) as Record<string, unknown>;
  return { peer_id: String(given.peer_id ?? ""), name: String(given.name ?? ""), role: String(given.role ?? "") };
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
