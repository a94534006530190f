import { describe, expect, test, vi } from "vitest";

import { FrameStore } from "../../src/studies/frame-store";

/** A picture that remembers whether it was let go. */
class Bitmap {
  isClosed = false;
  constructor(readonly index: number) {}
  close(): void {
    this.isClosed = true;
  }
}

const BYTES = 100;

function storeOf(count: number, frames: number, fail: (index: number) => boolean = () => false) {
  const made: Bitmap[] = [];
  const asked: number[] = [];
  const store = new FrameStore(
    count,
    BYTES,
    async (index, signal) => {
      asked.push(index);
      await Promise.resolve();
      signal.throwIfAborted();
      if (fail(index)) throw new Error("cut off");
      const bitmap = new Bitmap(index);
      made.push(bitmap);
      return bitmap as unknown as ImageBitmap;
    },
    BYTES * frames,
  );
  return { store, made, asked };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 200; turn += 1) await Promise.resolve();
};

describe("the pictures of a clip", () => {
  test("a clip that fits is loaded whole, nearest to the playhead first", async () => {
    const { store, asked } = storeOf(6, 10);
    store.aim(3, true);
    await settle();
    expect(asked).toEqual([3, 4, 5, 0, 1, 2]);
    expect(store.heldCount).toBe(6);
  });

  test("a clip that does not fit never holds more than its limit, and lets go what lies behind", async () => {
    const { store, made } = storeOf(100, 5);
    for (const at of [0, 10, 20]) {
      store.aim(at, false);
      await settle();
      expect(store.heldCount).toBeLessThanOrEqual(5);
      expect(store.get(at)).toBeDefined();
    }
    expect(made.filter((bitmap) => !bitmap.isClosed)).toHaveLength(store.heldCount);
    expect(store.get(0)).toBeUndefined();
  });

  test("a picture that fails is tried again by itself, then said, then again when asked", async () => {
    vi.useFakeTimers();
    let isCut = true;
    const { store, asked } = storeOf(1, 5, () => isCut);
    const failed: number[] = [];
    store.addEventListener("failed", (event) => failed.push((event as CustomEvent<{ index: number }>).detail.index));
    store.aim(0, true);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked).toEqual([0, 0, 0, 0]);
    expect(failed).toEqual([0]);
    isCut = false;
    store.retry();
    await vi.advanceTimersByTimeAsync(0);
    expect(store.get(0)).toBeDefined();
    vi.useRealTimers();
  });

  test("closing lets everything go, and nothing comes in afterwards", async () => {
    const { store, made } = storeOf(20, 20);
    store.aim(0, true);
    await Promise.resolve();
    store.close();
    await settle();
    expect(store.heldCount).toBe(0);
    expect(made.every((bitmap) => bitmap.isClosed)).toBe(true);
  });
});
