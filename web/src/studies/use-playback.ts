import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useRemote } from "../lib/hooks";
import { api } from "../lib/api";
import type { InstanceRow } from "../lib/shapes";
import { FrameStore } from "./frame-store";
import { type ClipGap, gapsOf } from "./gaps";
import { type Calibration, type DicomJson, calibrationOf } from "./regions";
import { type Timing, advance, frameAt, timingOf } from "./timing";
import { type Greys, type Window, greysOf } from "./window";

const BYTES_PER_PIXEL = 4;
const LOSSLESS_WAIT_MS = 120;
export const SPEEDS = [0.25, 0.5, 1, 1.5, 2] as const;

export interface Playback {
  frame: number;
  count: number;
  at_ms: number;
  timing: Timing;
  bitmap: ImageBitmap | null;
  width_px: number;
  height_px: number;
  isPlaying: boolean;
  isBuffering: boolean;
  isLooping: boolean;
  isLossless: boolean;
  speed: number;
  heldCount: number;
  failedFrame: number | null;
  calibration: Calibration;
  gaps: ClipGap[];
  greys: Greys;
  toggle: () => void;
  pause: () => void;
  seek: (frame: number) => void;
  step: (by: number) => void;
  loop: () => void;
  setSpeed: (speed: number) => void;
  retry: () => void;
}

/** Play a clip by its own times. A picture that is not here yet stops the clock: none is skipped because of the link. */
export function usePlayback(instance: InstanceRow, address: string, wish: Window | null): Playback {
  const count = Math.max(1, instance.frame_count);
  const timing = useMemo(() => timingOf(count, instance.frame_time_ms, instance.frame_times_ms ?? null), [instance]);
  const metadata = useRemote((signal) => readMetadata(address, signal), [address]);
  const facts = useMemo(() => factsOf(metadata.data), [metadata.data]);
  // Deep greys are windowed by the node: a browser's picture has only eight bits.
  const query = wish && !facts.greys.is_shallow ? `?window=${wish.centre},${wish.width},linear` : "";
  const store = useFrameStore(count, instance, address, query);
  const [head, setHead] = useState({ at_ms: 0, isPlaying: count > 1, isLooping: true, speed: 1 });
  const [turn, setTurn] = useState(0);
  const [isBuffering, setBuffering] = useState(false);
  const [failedFrame, setFailedFrame] = useState<number | null>(null);
  const frame = frameAt(timing, head.at_ms);
  const now = useRef(head);
  now.current = head;

  useEffect(() => {
    const onLoaded = (): void => setTurn((old) => old + 1);
    const onFailed = (event: Event): void => setFailedFrame((event as CustomEvent<{ index: number }>).detail.index);
    store.addEventListener("loaded", onLoaded);
    store.addEventListener("failed", onFailed);
    return () => {
      store.removeEventListener("loaded", onLoaded);
      store.removeEventListener("failed", onFailed);
    };
  }, [store]);
  useEffect(() => store.aim(frame, head.isLooping), [store, frame, head.isLooping]);

  useEffect(() => {
    if (!head.isPlaying) {
      setBuffering(false);
      return;
    }
    return eachPicture((elapsed) => {
      const { at_ms, speed, isLooping } = now.current;
      const next = advance(timing, at_ms, elapsed, speed, isLooping);
      if (!store.get(frameAt(timing, next.at_ms))) {
        setBuffering(true);
        return;
      }
      setBuffering(false);
      // A pause that came meanwhile holds: the picture under the finger is the one that stays.
      setHead((old) => (old.isPlaying ? { ...old, at_ms: next.at_ms, isPlaying: !next.is_ended } : old));
    });
  }, [head.isPlaying, store, timing]);

  const lossless = useLossless(`${address}/frames/${frame + 1}/rendered${query}`, !head.isPlaying);
  const held = useHeld(lossless ?? store.get(frame) ?? null, address);
  void turn;

  const seek = useCallback((wanted: number) => {
    const index = Math.min(count - 1, Math.max(0, wanted));
    setHead((old) => ({ ...old, at_ms: timing.starts_ms[index] ?? 0, isPlaying: false }));
  }, [count, timing]);
  const toggle = (): void => {
    if (count < 2) return;
    setHead((old) => {
      const isAtEnd = !old.isPlaying && !old.isLooping && frameAt(timing, old.at_ms) === count - 1;
      return { ...old, isPlaying: !old.isPlaying, at_ms: isAtEnd ? 0 : old.at_ms };
    });
  };
  return {
    frame, count, timing, isBuffering, failedFrame, ...facts, ...head,
    bitmap: held,
    width_px: instance.columns || held?.width || 1,
    height_px: instance.rows || held?.height || 1,
    isLossless: lossless !== null && held === lossless,
    heldCount: store.heldCount,
    toggle,
    pause: () => setHead((old) => ({ ...old, isPlaying: false })),
    seek,
    step: (by) => seek(frame + by),
    loop: () => setHead((old) => ({ ...old, isLooping: !old.isLooping })),
    setSpeed: (speed) => setHead((old) => ({ ...old, speed })),
    retry: () => {
      setFailedFrame(null);
      store.retry();
    },
  };
}

function useFrameStore(count: number, instance: InstanceRow, address: string, query: string): FrameStore {
  const store = useMemo(() => {
    const bytes = (instance.columns || 1280) * (instance.rows || 720) * BYTES_PER_PIXEL;
    return new FrameStore(count, bytes, (index, signal) => fetchPicture(`${address}/frames/${index + 1}/rendered${query}`, "image/jpeg", signal));
  }, [address, query, count]);
  useEffect(() => () => store.close(), [store]);
  return store;
}

/** The paused picture without any loss; fetched once the hand rests. */
function useLossless(url: string, isWanted: boolean): ImageBitmap | null {
  const [found, setFound] = useState<{ url: string; bitmap: ImageBitmap } | null>(null);
  useEffect(() => {
    if (!isWanted) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      fetchPicture(url, "image/png", stop.signal).then(
        (bitmap) => setFound({ url, bitmap }),
        () => undefined, // The preview stays, and says that it is one.
      );
    }, LOSSLESS_WAIT_MS);
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [url, isWanted]);
  useEffect(() => () => found?.bitmap.close(), [found]);
  return isWanted && found?.url === url ? found.bitmap : null;
}

/** The last picture stays while the next is on its way, of the same object only. */
function useHeld(bitmap: ImageBitmap | null, owner: string): ImageBitmap | null {
  const last = useRef<{ owner: string; bitmap: ImageBitmap } | null>(null);
  if (bitmap) last.current = { owner, bitmap };
  // A closed bitmap has no size: it is gone, not held.
  return last.current?.owner === owner && last.current.bitmap.width > 0 ? last.current.bitmap : null;
}

function eachPicture(tell: (elapsedMs: number) => void): () => void {
  let last = performance.now();
  let request = requestAnimationFrame(function next(now: number) {
    tell(now - last);
    last = now;
    request = requestAnimationFrame(next);
  });
  return () => cancelAnimationFrame(request);
}

async function fetchPicture(url: string, type: string, signal: AbortSignal): Promise<ImageBitmap> {
  const answer = await fetch(url, { headers: { ...api.headers(), Accept: type }, credentials: "same-origin", signal });
  if (!answer.ok) throw new Error(`the node answered ${answer.status} for ${url}`);
  return createImageBitmap(await answer.blob());
}

async function readMetadata(address: string, signal: AbortSignal): Promise<DicomJson> {
  const answer = await fetch(`${address}/metadata`, { headers: { ...api.headers(), Accept: "application/dicom+json" }, credentials: "same-origin", signal });
  if (!answer.ok) return {};
  const found = (await answer.json()) as DicomJson[];
  return found[0] ?? {};
}

function factsOf(metadata: DicomJson | null): { calibration: Calibration; gaps: ClipGap[]; greys: Greys } {
  const known = metadata ?? {};
  return { calibration: calibrationOf(known), gaps: gapsOf(known), greys: greysOf(known) };
}
