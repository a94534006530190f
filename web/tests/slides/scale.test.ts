import { describe, expect, test } from "vitest";

import { distanceUm, lengthText, magnificationText, nativeMagnification, scaleBar } from "../../src/slides/scale";

describe("the scale bar", () => {
  test.each([
    [0.25, "20 µm", 80],
    [0.499, "50 µm", 100.2],
    [8, "1 mm", 125],
    [0.01, "1 µm", 100],
    [0.001, "100 nm", 100],
  ])("at %f µm a pixel it is the longest round length that fits", (um, label, width) => {
    const bar = scaleBar(um);
    expect(bar?.label).toBe(label);
    expect(bar?.width_px).toBeCloseTo(width, 1);
  });

  test("it is never wider than it may be, and never under two fifths of it", () => {
    for (let um = 0.01; um < 300; um *= 1.07) {
      const bar = scaleBar(um, 160);
      expect(bar?.width_px).toBeLessThanOrEqual(160.001);
      expect(bar?.width_px).toBeGreaterThanOrEqual(63.9);
    }
  });

  test("an unknown scale has no bar", () => {
    expect(scaleBar(null)).toBeNull();
    expect(scaleBar(0)).toBeNull();
    expect(scaleBar(Number.NaN)).toBeNull();
  });
});

describe("measures", () => {
  test("unequal pixel sizes are honoured", () => {
    expect(distanceUm({ x: 0, y: 0 }, { x: 30, y: 40 }, 1, 1)).toBe(50);
    expect(distanceUm({ x: 0, y: 0 }, { x: 30, y: 40 }, 2, 0.5)).toBeCloseTo(Math.hypot(60, 20), 9);
  });

  test("without a pixel size there is no distance to tell", () => {
    expect(distanceUm({ x: 0, y: 0 }, { x: 1, y: 1 }, null, null)).toBeNull();
  });

  test.each([
    [0.4, "400 nm"],
    [12.34, "12.3 µm"],
    [1234, "1.23 mm"],
    [15400, "15.4 mm"],
  ])("%f µm reads %s", (um, text) => expect(lengthText(um)).toBe(text));
});

describe("magnification", () => {
  test("the scanner's word goes before the pixel size", () => {
    expect(nativeMagnification(20, 0.25)).toBe(20);
    expect(nativeMagnification(null, 0.25)).toBe(40);
    expect(nativeMagnification(null, null)).toBeNull();
  });

  test.each([
    [20.4, "20×"],
    [2.5, "2.5×"],
    [0.312, "0.31×"],
  ])("%f reads %s", (value, text) => expect(magnificationText(value)).toBe(text));
});
