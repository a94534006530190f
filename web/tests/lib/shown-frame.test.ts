import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ShownFrame } from "../../src/lib/shown-frame";

const LOOK_COUNT = 60;

interface Screen extends HTMLVideoElement {
  /** Media time of what is on the screen, seconds; null: it cannot be read. */
  atS: number | null;
}

const screen = (atS: number | null) => ({ atS, videoWidth: 640, videoHeight: 360 }) as Screen;

/** The time of what was drawn, or the video itself when nobody knows. */
let drawn: number | "video" | undefined;

beforeEach(() => {
  drawn = undefined;
  vi.stubGlobal("VideoFrame", class {
    timestamp: number;
    constructor(video: Screen) {
      if (video.atS === null) throw new Error("not now");
      this.timestamp = video.atS * 1e6;
    }
    close() {}
  });
  const drawImage = (shown: { timestamp?: number }) => (drawn = shown.timestamp === undefined ? "video" : shown.timestamp / 1e6);
  vi.stubGlobal("document", { createElement: () => ({ getContext: () => ({ drawImage }) }) });
});

afterEach(() => vi.unstubAllGlobals());

describe("the very frame of a callback", () => {
  test("is copied when it is on the screen, and never the next one in its place", () => {
    const shown = new ShownFrame();
    shown.learn(screen(1), 1);
    expect(shown.copy(screen(2.066), 2)).toBe("other");
    expect(drawn).toBeUndefined();
    shown.copy(screen(3), 3);
    expect(drawn).toBe(3);
    expect(shown.copy(screen(null), 4)).toBe("other");
  });

  test("is not given up because the first frames came late", () => {
    const shown = new ShownFrame();
    for (let number = 0; number < 12; number += 1) shown.learn(screen(number + 0.066), number);
    expect(shown.copy(screen(20.066), 20)).toBe("other");
    shown.copy(screen(21), 21);
    expect(drawn).toBe(21);
  });

  test("is what is on the screen in a browser whose frames bear another time, or none", () => {
    const strange = new ShownFrame();
    for (let number = 0; number < LOOK_COUNT; number += 1) strange.learn(screen(number + 1000), number);
    strange.copy(screen(1099), 99);
    expect(drawn).toBe("video");
    vi.stubGlobal("VideoFrame", undefined);
    new ShownFrame().copy(screen(1), 1);
    expect(drawn).toBe("video");
  });
});
