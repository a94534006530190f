import { describe, expect, test } from "vitest";

import { gapsOf } from "../../src/studies/gaps";
import { greysOf, lineOf } from "../../src/studies/window";

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
