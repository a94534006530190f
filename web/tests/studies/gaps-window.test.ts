import { describe, expect, test } from "vitest";

import { gapsOf } from "../../src/studies/gaps";
import { contrastOf, greysOf, lineOf, widthOf } from "../../src/studies/window";

const value = (...values: unknown[]): { vr: string; Value: unknown[] } => ({ vr: "XX", Value: values });
const CREATOR = value("EDGE_APPLIANCE 1");

describe("the gap list of a clip", () => {
  const gap = (after: number, missing: number | string) => ({ "00210010": CREATOR, "00211002": value(after), "00211003": value(missing) });

  test("is read from our private block", () => {
    expect(gapsOf({ "00210010": CREATOR, "00211001": value(gap(12, 3), gap(40, "1")) })).toEqual([
      { after_number: 12, missing_count: 3 },
      { after_number: 40, missing_count: 1 },
    ]);
  });

  test("is found wherever the block was moved to", () => {
    const item = { "00210011": CREATOR, "00211102": value(7), "00211103": value(2) };
    const moved = { "00210010": value("SOMEBODY ELSE"), "00210011": CREATOR, "00211101": value(item) };
    expect(gapsOf(moved)).toEqual([{ after_number: 7, missing_count: 2 }]);
  });

  test("somebody else's private elements are no gaps", () => {
    expect(gapsOf({ "00210010": value("SOMEBODY ELSE"), "00211001": value(gap(1, 1)) })).toEqual([]);
    expect(gapsOf({})).toEqual([]);
  });
});

describe("brightness and contrast", () => {
  test("eight bits are adjusted by the page, more by the node", () => {
    expect(greysOf({ "00280101": value(8) }).is_shallow).toBe(true);
    expect(greysOf({ "00280101": value(12) }).is_shallow).toBe(false);
  });

  test("the window in the object comes first, in the units after the rescale", () => {
    const greys = greysOf({ "00280101": value(12), "00281052": value(-1024), "00281053": value(1), "00281050": value(40), "00281051": value(400) });
    expect(greys.initial).toEqual({ centre: 40, width: 400 });
    expect([greys.low, greys.high]).toEqual([-1024, 3071]);
  });

  test("a picture that says what it holds is windowed within that", () => {
    const greys = greysOf({ "00280101": value(16), "00280106": value(128), "00280107": value(2191), "00281052": value(-1024) });
    expect(greys.initial).toEqual({ centre: (128 + 2191) / 2 - 1024, width: 2191 - 128 });
  });

  test("the contrast slider and the width are each other's inverse, and more contrast is a narrower window", () => {
    const greys = greysOf({ "00280101": value(12) });
    for (const width of [8000, 4095, 400, 210]) expect(widthOf(greys, contrastOf(greys, width))).toBeCloseTo(width, 6);
    expect(widthOf(greys, 0.8)).toBeLessThan(widthOf(greys, 0.2));
  });

  test("signed pixels reach below zero", () => {
    const greys = greysOf({ "00280101": value(16), "00280103": value(1) });
    expect([greys.low, greys.high]).toEqual([-32768, 32767]);
  });

  test("the whole range changes nothing; half of it doubles the slope around its centre", () => {
    expect(lineOf({ centre: 127.5, width: 255 })).toEqual({ slope: 1, intercept: -0 });
    const { slope, intercept } = lineOf({ centre: 127.5, width: 127.5 });
    expect(slope).toBe(2);
    expect(slope * 0.5 + intercept).toBeCloseTo(0.5, 9);
  });
});
