import { describe, expect, test } from "vitest";

import { advance, clockText, durationMs, frameAt, timingOf, wantedFrames } from "../../src/studies/timing";

describe("frame times", () => {
  test("one frame time holds for every frame", () => {
    const timing = timingOf(3, 33.333, null);
    expect(timing.starts_ms).toEqual([0, 33.333, 66.666, 99.999]);
    expect(timing.is_known).toBe(true);
  });

  test("uneven increments are kept to the microsecond, and the first frame begins at zero", () => {
    const timing = timingOf(4, null, [0, 40.5, 19.75, 139.75]);
    expect(timing.starts_ms.slice(0, 4)).toEqual([0, 40.5, 60.25, 200]);
    expect(durationMs(timing)).toBeCloseTo(200 + 200 / 3, 6);
  });

  test("increments that do not fit the frames are not believed", () => {
    expect(timingOf(3, 50, [0, 50]).starts_ms).toEqual([0, 50, 100, 150]);
    expect(timingOf(3, 50, [0, 60, -20]).starts_ms).toEqual([0, 50, 100, 150]);
    expect(timingOf(3, 50, [0, 60, Number.NaN]).starts_ms).toEqual([0, 50, 100, 150]);
  });

  test("a clip without times plays, and says that the pace is not its own", () => {
    expect(timingOf(10, null, null).is_known).toBe(false);
    expect(timingOf(10, 0, null).is_known).toBe(false);
  });
});

describe("playing", () => {
  const uneven = timingOf(4, null, [0, 10, 90, 10]);

  test("the frame on the screen is the last that has begun", () => {
    expect([0, 9.9, 10, 99.9, 100, 109, 110, 5000].map((at) => frameAt(uneven, at))).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
    expect(frameAt(uneven, -5)).toBe(0);
  });

  test("every frame of a long clip is found at its own start", () => {
    const timing = timingOf(1000, 33.333, null);
    for (let index = 0; index < 1000; index += 1) expect(frameAt(timing, timing.starts_ms[index] ?? 0)).toBe(index);
  });

  test("speed scales time, not frames", () => {
    expect(advance(uneven, 0, 40, 0.25, true).at_ms).toBe(10);
    expect(advance(uneven, 0, 25, 2, true).at_ms).toBe(50);
  });

  test("a loop keeps what is left over, even after a long pause", () => {
    const timing = timingOf(10, 10, null);
    expect(advance(timing, 95, 10, 1, true)).toEqual({ at_ms: 5, is_ended: false });
    expect(advance(timing, 0, 1042, 1, true).at_ms).toBe(42);
  });

  test("without a loop it stops on the last frame", () => {
    expect(advance(uneven, 100, 10_000, 1, false)).toEqual({ at_ms: 110, is_ended: true });
  });

  test("time that runs backwards does not", () => expect(advance(uneven, 50, -20, 1, true).at_ms).toBe(50));
});

describe("prefetching", () => {
  test("the frames ahead come first, around the end of a loop", () => {
    expect(wantedFrames(8, 10, 4, true)).toEqual([8, 9, 0, 1, 2]);
    expect(wantedFrames(8, 10, 4, false)).toEqual([8, 9]);
    expect(wantedFrames(0, 3, 90, true)).toEqual([0, 1, 2]);
  });
});

test("a position reads in minutes, seconds and milliseconds", () => {
  expect(clockText(0)).toBe("0:00.000");
  expect(clockText(61_233.4)).toBe("1:01.233");
});
