/**
 * Frames of DICOM objects over DICOMweb, several in one answer: a few on a quick link, where a request costs the browser
 * more than the node, and as many as save a round trip on a slow one. What was asked for last comes first.
 */

import { PartReader, boundaryOf } from "./multipart";

/** Browsers open six connections to a node; a seventh request would only wait inside the browser. */
export const REQUESTS_MAX = 6;
/** So many frames are asked for at once at most. */
export const BATCH_MAX = 32;
/** Above this round trip time, frames travel together. */
export const SLOW_MS = 60;
/** On a quick link a request costs the browser more than the node: a few frames share one. */
export const QUICK_BATCH_MAX = 8;
/** What decoding and drawing one tile takes. */
const FIRST_SHOWN_MS = 25;
const TIMES_KEPT = 8;
const NOT_ACCEPTABLE = 406;
/** An answer that has not begun by then is given up, and its frames are asked for again by the stage. */
const ANSWER_MS_MAX = 60_000;

interface Wish {
  instance: string;
  frame: number;
  signal: AbortSignal;
  resolve: (picture: Blob) => void;
  reject: (reason: unknown) => void;
}

/** The shortest time of late from asking to the first byte: what the way there and back takes. */
export class RoundTrip {
  private times: number[] = [];

  constructor(firstMs: number | null = null) {
    if (firstMs !== null) this.times.push(firstMs);
  }

  add(ms: number): void {
    this.times.push(ms);
    if (this.times.length > TIMES_KEPT) this.times.shift();
  }

  get isSlow(): boolean {
    return this.times.length > 0 && Math.min(...this.times) > SLOW_MS;
  }
}

/** How many of the frames that wait go into the next request, when so many more requests may be made at once. */
export function batchSize(waitingCount: number, freeCount: number, isSlow: boolean): number {
  return Math.min(isSlow ? BATCH_MAX : QUICK_BATCH_MAX, Math.ceil(waitingCount / Math.max(1, freeCount)));
}

export class FrameLoader {
  /** What was asked for in one turn of the browser, the oldest turn first. */
  private turns: Wish[][] = [];
  private isTurnOpen = false;
  private underwayCount = 0;
  private hasShown = false;
  /** Set once the node says that a frame is not stored as a picture browsers read. */
  private isRendered = false;

  /** `series` is the address of the series; its objects lie below. */
  constructor(
    private readonly series: string,
    private readonly roundTrip = new RoundTrip(lastRoundTripMs()),
    private readonly fetchImpl: typeof fetch = (input, init) => fetch(input, init),
  ) {}

  /** The picture of one frame, from 1. */
  load(instance: string, frame: number, signal: AbortSignal): Promise<Blob> {
    return new Promise((resolve, reject) => {
      if (!this.isTurnOpen) {
        this.isTurnOpen = true;
        this.turns.push([]);
        queueMicrotask(() => {
          this.isTurnOpen = false;
          this.pump();
        });
      }
      this.turns[this.turns.length - 1]!.push({ instance, frame, signal, resolve, reject });
    });
  }

  /** On a quick link the very first picture comes alone, and is on the screen before the others keep the browser busy. */
  private pump(): void {
    const isFirst = !this.hasShown && !this.roundTrip.isSlow;
    while (this.underwayCount < (isFirst ? 1 : REQUESTS_MAX)) {
      const batch = this.takeBatch(isFirst);
      if (batch.length === 0) return;
      this.underwayCount += 1;
      void this.fetchBatch(batch).finally(() => {
        this.underwayCount -= 1;
        if (this.hasShown) return this.pump();
        this.hasShown = true;
        setTimeout(() => this.pump(), FIRST_SHOWN_MS);
      });
    }
  }

  private takeBatch(isFirst: boolean): Wish[] {
    for (let turn = this.turns.pop(); turn; turn = this.turns.pop()) {
      const waiting = turn.filter((wish) => !wish.signal.aborted);
      const first = waiting[0];
      if (!first) continue;
      const together = waiting.filter((wish) => wish.instance === first.instance);
      const freeCount = REQUESTS_MAX - this.underwayCount;
      const batch = together.slice(0, isFirst ? 1 : batchSize(together.length, freeCount, this.roundTrip.isSlow));
      const rest = waiting.filter((wish) => !batch.includes(wish));
      if (rest.length > 0) this.turns.push(rest);
      return batch;
    }
    return [];
  }

  private async fetchBatch(batch: Wish[]): Promise<void> {
    try {
      await (batch.length === 1 ? this.fetchOne(batch[0]!) : this.fetchTogether(batch));
    } catch (reason) {
      for (const wish of batch) wish.reject(reason);
    }
  }

  private async fetchOne(wish: Wish): Promise<void> {
    const answer = await this.ask(wish.instance, String(wish.frame), "image/jpeg", wish.signal);
    wish.resolve(await answer.blob());
  }

  /** One abort does not end what the others wait for. */
  private async fetchTogether(batch: Wish[]): Promise<void> {
    const frames = batch.map((wish) => wish.frame).join(",");
    const answer = await this.ask(batch[0]!.instance, frames, 'multipart/related; type="image/jpeg"');
    const boundary = boundaryOf(answer.headers.get("Content-Type"));
    if (boundary === null || !answer.body) throw new Error("the node did not answer in parts");
    const reader = answer.body.getReader();
    const parts = new PartReader(boundary);
    const waiting = [...batch];
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      for (const part of parts.push(piece.value)) waiting.shift()?.resolve(new Blob([part], { type: "image/jpeg" }));
    }
    if (waiting.length > 0) throw new Error(`the node left ${waiting.length} of ${batch.length} frames out`);
  }

  private async ask(instance: string, frames: string, accept: string, signal?: AbortSignal): Promise<Response> {
    const path = `${this.series}/instances/${instance}/frames/${frames}${this.isRendered ? "/rendered" : ""}`;
    // A list of pictures comes in parts without being asked to; only frames are named in parts.
    const headers = { Accept: this.isRendered ? "image/jpeg" : accept };
    const begunMs = performance.now();
    const limit = AbortSignal.timeout(ANSWER_MS_MAX);
    const answer = await this.fetchImpl(path, {
      headers, credentials: "same-origin", signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    if (answer.status === NOT_ACCEPTABLE && !this.isRendered) {
      this.isRendered = true;
      return this.ask(instance, frames, accept, signal);
    }
    if (!answer.ok) throw new Error(`the node answered ${answer.status} for ${path}`);
    this.roundTrip.add(performance.now() - begunMs);
    return answer;
  }
}

/** The shortest round trip this page has seen so far, before the first frame is asked for. */
function lastRoundTripMs(): number | null {
  const seen = (performance.getEntriesByType?.("resource") ?? []) as PerformanceResourceTiming[];
  const times = seen
    .filter((entry) => entry.name.includes("/api/v1/") && entry.responseStart > 0 && entry.transferSize > 0)
    .slice(-TIMES_KEPT)
    .map((entry) => entry.responseStart - entry.requestStart);
  return times.length > 0 ? Math.min(...times) : null;
}
