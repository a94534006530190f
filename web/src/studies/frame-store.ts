/** The decoded frames of one clip: a bounded set of bitmaps around the playhead. Knows no DOM element. */

import { wantedFrames } from "./timing";

/** Decoded pixels kept, four bytes a pixel. */
export const BYTES_MAX = 256 * 1024 * 1024;
export const AHEAD_MAX = 90;
const PARALLEL_MAX = 4;
const ATTEMPTS_MAX = 4;
const RETRY_MS = [250, 1000, 4000];

export type FetchFrame = (index: number, signal: AbortSignal) => Promise<ImageBitmap>;

export class FrameStore extends EventTarget {
  private readonly bitmaps = new Map<number, ImageBitmap>();
  private readonly loading = new Map<number, AbortController>();
  private readonly failures = new Map<number, number>();
  private wanted: number[] = [];
  private isClosed = false;
  readonly capacity: number;

  constructor(
    private readonly count: number,
    bytesPerFrame: number,
    private readonly fetchFrame: FetchFrame,
    bytesMax: number = BYTES_MAX,
  ) {
    super();
    this.capacity = Math.min(count, Math.max(2, Math.floor(bytesMax / Math.max(1, bytesPerFrame))));
  }

  get(index: number): ImageBitmap | undefined {
    return this.bitmaps.get(index);
  }

  get heldCount(): number {
    return this.bitmaps.size;
  }

  hasFailed(index: number): boolean {
    return (this.failures.get(index) ?? 0) >= ATTEMPTS_MAX;
  }

  /** Say where the playhead is: what is near is fetched, what is far is let go. */
  aim(index: number, isLooping: boolean): void {
    if (this.isClosed) return;
    const ahead = this.capacity >= this.count ? this.count : Math.min(AHEAD_MAX, this.capacity - 1);
    this.wanted = wantedFrames(index, this.count, ahead, isLooping);
    const near = new Set(this.wanted.slice(0, this.capacity));
    for (const [other, controller] of this.loading) if (!near.has(other)) controller.abort();
    this.pump();
  }

  /** A person asks again for what could not be loaded. */
  retry(): void {
    this.failures.clear();
    this.pump();
  }

  close(): void {
    this.isClosed = true;
    for (const controller of this.loading.values()) controller.abort();
    for (const bitmap of this.bitmaps.values()) bitmap.close();
    this.bitmaps.clear();
  }

  private pump(): void {
    for (const index of this.wanted) {
      if (this.isClosed || this.loading.size >= PARALLEL_MAX) return;
      if (this.bitmaps.has(index) || this.loading.has(index) || this.hasFailed(index)) continue;
      void this.load(index);
    }
  }

  private async load(index: number): Promise<void> {
    const controller = new AbortController();
    this.loading.set(index, controller);
    try {
      const attempt = this.failures.get(index) ?? 0;
      if (attempt > 0) await sleep(RETRY_MS[attempt - 1] ?? 4000, controller.signal);
      const bitmap = await this.fetchFrame(index, controller.signal);
      if (this.isClosed) bitmap.close();
      else this.hold(index, bitmap);
    } catch (error) {
      if (!controller.signal.aborted) {
        this.failures.set(index, (this.failures.get(index) ?? 0) + 1);
        if (this.hasFailed(index)) this.dispatchEvent(new CustomEvent("failed", { detail: { index, error } }));
      }
    } finally {
      this.loading.delete(index);
      this.pump();
    }
  }

  private hold(index: number, bitmap: ImageBitmap): void {
    this.failures.delete(index);
    this.bitmaps.set(index, bitmap);
    const near = new Set(this.wanted);
    for (const [other, held] of this.bitmaps) {
      if (this.bitmaps.size <= this.capacity) break;
      if (other === index || near.has(other)) continue;
      held.close();
      this.bitmaps.delete(other);
    }
    this.dispatchEvent(new CustomEvent("loaded", { detail: { index } }));
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
