/** The one answer at the top of the sync page. Pure. */

import type { Outbox, OutboxDestination as Destination, OutboxStudy as StudyDelivery } from "../lib/shapes";

export type Glance =
  | { kind: "nowhere" }
  | { kind: "arrived" }
  | { kind: "held"; studies: number }
  | { kind: "unreachable"; studies: number; destinations: string[] }
  | { kind: "moving"; studies: number };

/** What needs a person comes first, then what cannot move, then what moves. */
export function glanceOf(outbox: Outbox): Glance {
  if (outbox.destinations.length === 0) return { kind: "nowhere" };
  const held = studyCount(outbox.studies.filter((row) => row.state === "held"));
  if (held > 0) return { kind: "held", studies: held };
  const open = outbox.studies.filter(isOpen);
  const studies = studyCount(open);
  if (studies === 0 && outbox.destinations.every(isDone)) return { kind: "arrived" };
  const reachable = new Set(outbox.destinations.filter((each) => each.link.state !== "down").map((each) => each.name));
  if (studies > 0 && open.every((row) => !reachable.has(row.destination))) {
    return { kind: "unreachable", studies, destinations: [...new Set(open.map((row) => row.destination))] };
  }
  return { kind: "moving", studies };
}

export function isOpen(row: StudyDelivery): boolean {
  return row.state === "waiting" || row.state === "sending";
}

function isDone(destination: Destination): boolean {
  return destination.counts.waiting === 0 && destination.counts.sending === 0 && destination.counts.held === 0;
}

function studyCount(rows: readonly StudyDelivery[]): number {
  return new Set(rows.map((row) => row.study_instance_uid)).size;
}

/** The share of a destination's bytes that are over there, 0 to 1; null with nothing to send. */
export function shareDone(destination: Destination): number | null {
  const whole = destination.bytes_done + destination.bytes_left;
  if (destination.bytes_left <= 0 || whole <= 0) return null;
  return destination.bytes_done / whole;
}

/** How much of a stretch a link may have been away and still counts as up. */
const UP_SHARE_MIN = 0.5;

/** The stretches in which a link was out of reach, as parts of the width; what is not known of is left out. */
export function outages(
  history: readonly { t_s: number; up?: number | null }[],
  stepS: number,
  width: number,
): { x: number; width: number }[] {
  const first = history[0];
  const last = history[history.length - 1];
  if (!first || !last || last.t_s <= first.t_s) return [];
  const scale = width / (last.t_s - first.t_s);
  const found: { x: number; width: number }[] = [];
  for (const point of history) {
    if (point.up === null || point.up === undefined || point.up >= UP_SHARE_MIN) continue;
    const x = (point.t_s - first.t_s) * scale;
    const before = found[found.length - 1];
    if (before && before.x + before.width >= x - 0.01) before.width = Math.min(width, x + stepS * scale) - before.x;
    else found.push({ x, width: Math.min(width, x + stepS * scale) - x });
  }
  return found.filter((each) => each.width > 0);
}

/** The points of a line plot in a box, oldest left; times without traffic are zero, not gaps. */
export function plotPoints(
  history: readonly { t_s: number; bytes_s: number }[],
  width: number,
  height: number,
): { x: number; y: number }[] {
  const first = history[0];
  const last = history[history.length - 1];
  if (!first || !last || last.t_s <= first.t_s) return [];
  const most = Math.max(1, ...history.map((point) => point.bytes_s));
  return history.map((point) => ({
    x: ((point.t_s - first.t_s) / (last.t_s - first.t_s)) * width,
    y: height - (Math.max(0, point.bytes_s) / most) * height,
  }));
}
