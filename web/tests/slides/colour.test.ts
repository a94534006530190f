import { describe, expect, test } from "vitest";

import { profileSegments } from "../../src/slides/colour";

describe("profiles inside tiles", () => {
  test("a small one is a single segment", () => {
    const segments = profileSegments(Uint8Array.from([1, 2, 3]));
    expect([...segments.subarray(0, 4)]).toEqual([0xff, 0xe2, 0, 19]);
    expect(String.fromCharCode(...segments.subarray(4, 15))).toBe("ICC_PROFILE");
    expect([...segments.subarray(15)]).toEqual([0, 1, 1, 1, 2, 3]);
  });

  test("a large one is cut, and counted", () => {
    const profile = Uint8Array.from({ length: 70_000 }, (_, index) => index % 251);
    const segments = profileSegments(profile);
    const second = 2 + 65_535;
    expect([...segments.subarray(16, 18)]).toEqual([1, 2]);
    expect([...segments.subarray(second, second + 2)]).toEqual([0xff, 0xe2]);
    expect([...segments.subarray(second + 16, second + 18)]).toEqual([2, 2]);
    expect(segments.length).toBe(70_000 + 2 * 18);
  });

  test("an empty one, or one no JPEG can hold, is refused", () => {
    expect(() => profileSegments(new Uint8Array(0))).toThrow(RangeError);
    expect(() => profileSegments(new Uint8Array(256 * 65_519))).toThrow(RangeError);
  });
});
