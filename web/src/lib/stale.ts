/** Tells when the picture has stopped: no new frame for longer than the limit. Time is handed in. */
export class StaleWatch extends EventTarget {
  private lastMs: number | null = null;
  isStale = false;

  constructor(readonly limitMs = 500) {
    super();
  }

  /** A new frame is on the screen. */
  frameSeen(nowMs: number): void {
    this.lastMs = nowMs;
    if (!this.isStale) return;
    this.isStale = false;
    this.dispatchEvent(new Event("fresh"));
  }

  /** Look at the clock; call at least five times a second. Nothing is stale before the first frame. */
  check(nowMs: number): void {
    if (this.isStale || this.lastMs === null || nowMs - this.lastMs <= this.limitMs) return;
    this.isStale = true;
    this.dispatchEvent(new Event("stale"));
  }

  /** For how long the last frame has been on the screen. */
  ageMs(nowMs: number): number {
    return this.lastMs === null ? 0 : nowMs - this.lastMs;
  }

  reset(): void {
    this.lastMs = null;
    this.isStale = false;
  }
}
