/** When each frame of a clip is on the screen. Pure: the caller passes the time in. */

/** Frames without any time are shown at this pace: 25 a second. */
export const FRAME_MS_DEFAULT = 40;
const FRAME_MS_MAX = 60_000;

export interface Timing {
  /** When each frame begins, from 0, and last of all when the clip ends: one more than there are frames. */
  starts_ms: readonly number[];
  /** False when the object names no times and the pace is ours. */
  is_known: boolean;
}

/**
 * Read a clip's times: an increment for each frame (the first counts from the clip's start), else one time for all.
 * Standard: PS3.3 C.7.6.5 (FrameTime, FrameTimeVector)
 */
export function timingOf(frameCount: number, frameTimeMs: number | null, incrementsMs: readonly number[] | null): Timing {
  const count = Math.max(1, frameCount);
  if (incrementsMs && incrementsMs.length === count && incrementsMs.every(isIncrement)) return unevenTiming(incrementsMs);
  const isKnown = frameTimeMs !== null && frameTimeMs > 0 && frameTimeMs <= FRAME_MS_MAX;
  const step = isKnown ? frameTimeMs : FRAME_MS_DEFAULT;
  return { starts_ms: Array.from({ length: count + 1 }, (_, index) => index * step), is_known: isKnown };
}

/** The last frame stays as long as a frame does on the average: no increment tells. */
function unevenTiming(incrementsMs: readonly number[]): Timing {
  const starts: number[] = [];
  let at = 0;
  incrementsMs.forEach((increment, index) => {
    at += index === 0 ? 0 : increment;
    starts.push(at);
  });
  const mean = starts.length > 1 ? at / (starts.length - 1) : 0;
  return { starts_ms: [...starts, at + (mean > 0 ? mean : FRAME_MS_DEFAULT)], is_known: true };
}

function isIncrement(ms: number): boolean {
  return Number.isFinite(ms) && ms >= 0 && ms <= FRAME_MS_MAX;
}

export function durationMs(timing: Timing): number {
  return timing.starts_ms[timing.starts_ms.length - 1] ?? 0;
}

export function frameCountOf(timing: Timing): number {
  return timing.starts_ms.length - 1;
}

/** The frame on the screen at a moment, from 0; before the start the first, after the end the last. */
export function frameAt(timing: Timing, atMs: number): number {
  const starts = timing.starts_ms;
  let low = 0;
  let high = starts.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= atMs) low = middle;
    else high = middle - 1;
  }
  return low;
}

export interface Playhead {
  at_ms: number;
  is_ended: boolean;
}

/** Move the playhead by real time. A loop wraps as often as it must; without one it stays on the last frame. */
export function advance(timing: Timing, atMs: number, elapsedMs: number, speed: number, isLooping: boolean): Playhead {
  const whole = durationMs(timing);
  const next = atMs + Math.max(0, elapsedMs) * speed;
  if (next < whole) return { at_ms: next, is_ended: false };
  if (isLooping && whole > 0) return { at_ms: next % whole, is_ended: false };
  return { at_ms: timing.starts_ms[frameCountOf(timing) - 1] ?? 0, is_ended: true };
}

/** The frames wanted next, nearest first: the one on the screen, those ahead, around the end when it loops. */
export function wantedFrames(frame: number, count: number, ahead: number, isLooping: boolean): number[] {
  const wanted: number[] = [];
  for (let step = 0; step <= ahead && step < count; step += 1) {
    const next = frame + step;
    if (next < count) wanted.push(next);
    else if (isLooping) wanted.push(next - count);
  }
  return wanted;
}

/** "0:01.233" */
export function clockText(atMs: number): string {
  const whole = Math.max(0, Math.round(atMs));
  const minutes = Math.floor(whole / 60_000);
  const seconds = Math.floor((whole % 60_000) / 1000);
  return `${minutes}:${String(seconds).padStart(2, "0")}.${String(whole % 1000).padStart(3, "0")}`;
}
