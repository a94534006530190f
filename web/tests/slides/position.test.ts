import { describe, expect, test } from "vitest";

import { linkedPosition, readPosition, writePosition } from "../../src/slides/position";

describe("deep links", () => {
  test("what is written is read back", () => {
    const written = writePosition(new URLSearchParams("with=1.2"), { x: 1500.4, y: 820, zoom: 0.51239, rotation: 90 });
    expect(written.get("with")).toBe("1.2");
    expect(readPosition(written)).toEqual({ x: 1500, y: 820, zoom: 0.5124, rotation: 90 });
  });

  test("an upright slide says nothing about rotation", () => {
    expect(writePosition(new URLSearchParams("r=90"), { x: 1, y: 2, zoom: 1, rotation: 0 }).has("r")).toBe(false);
  });

  test.each(["", "x=1&y=2", "x=a&y=2&zoom=1", "x=1&y=2&zoom=0", "x=1&y=2&zoom=-3", "x=1&y=&zoom=1", "x=Infinity&y=1&zoom=1"])(
    "%s names no place",
    (query) => expect(readPosition(new URLSearchParams(query))).toBeNull(),
  );
});

describe("two linked slides", () => {
  const upright = { x: 1000, y: 1000, zoom: 1, rotation: 0 };

  test("they move the same way on the glass and at one magnification, whatever their pixel sizes", () => {
    const led = { x: 50, y: 60, zoom: 7, rotation: 0 };
    expect(linkedPosition({ ...upright, x: 1100, y: 1040, zoom: 2 }, upright, led, 0.25, 0.5)).toEqual({
      x: 100,
      y: 80,
      zoom: 4,
      rotation: 0,
    });
  });

  test("a slide that lies turned follows what the eye sees", () => {
    const led = { x: 0, y: 0, zoom: 1, rotation: 90 };
    const next = linkedPosition({ ...upright, x: 1100 }, upright, led, 0.5, 0.5);
    expect(next.x).toBeCloseTo(0, 9);
    expect(next.y).toBeCloseTo(-100, 9);
    expect(next.rotation).toBe(90);
  });

  test("without pixel sizes they move by what is on the screen", () => {
    const led = { x: 0, y: 0, zoom: 2, rotation: 0 };
    const next = linkedPosition({ ...upright, x: 1100, zoom: 3 }, upright, led, null, null);
    expect(next.x).toBe(50);
    expect(next.zoom).toBe(6);
  });
});
