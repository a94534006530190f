import { describe, expect, test } from "vitest";

import { calibrationOf, distanceMm, isCalibrated } from "../../src/studies/regions";

const value = (...values: unknown[]): { vr: string; Value: unknown[] } => ({ vr: "XX", Value: values });

function region(x0: number, x1: number, unit: number, delta: number): Record<string, { vr: string; Value: unknown[] }> {
  return {
    "00186018": value(x0),
    "0018601A": value(0),
    "0018601C": value(x1),
    "0018601E": value(199),
    "00186024": value(unit),
    "00186026": value(unit),
    "0018602C": value(delta),
    "0018602E": value(delta * 2),
  };
}

describe("ultrasound regions", () => {
  const metadata = { "00186011": value(region(0, 99, 3, 0.05), region(100, 199, 4, 1)) };
  const calibration = calibrationOf(metadata);

  test("a distance within one region is in millimetres, each direction by its own scale", () => {
    expect(distanceMm(calibration, { x: 0, y: 0 }, { x: 30, y: 0 })).toBeCloseTo(15, 9);
    expect(distanceMm(calibration, { x: 0, y: 0 }, { x: 0, y: 20 })).toBeCloseTo(20, 9);
  });

  test("a region in other units than centimetres is no ruler, and neither is a line out of one", () => {
    expect(distanceMm(calibration, { x: 110, y: 0 }, { x: 150, y: 0 })).toBeNull();
    expect(distanceMm(calibration, { x: 50, y: 0 }, { x: 150, y: 0 })).toBeNull();
  });
});

describe("pixel spacing", () => {
  test("rows come first: down, then across", () => {
    const calibration = calibrationOf({ "00280030": value(2, 0.5) });
    expect(distanceMm(calibration, { x: 0, y: 0 }, { x: 10, y: 0 })).toBe(5);
    expect(distanceMm(calibration, { x: 0, y: 0 }, { x: 0, y: 10 })).toBe(20);
  });

  test("nothing known is nothing measured", () => {
    const calibration = calibrationOf({});
    expect(isCalibrated(calibration)).toBe(false);
    expect(distanceMm(calibration, { x: 0, y: 0 }, { x: 10, y: 0 })).toBeNull();
  });
});
