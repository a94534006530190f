import { describe, expect, it } from "vitest";
import { axisEnds, begin, extend, isSlip, toGraphics, toMeasurements, withShape, type Shape } from "../../src/lib/drawing";
import { EMPTY_ROOM, takeMessage } from "../../src/lib/room";

const arrow: Shape = { tool: "arrow", points: [[0.1, 0.2], [0.4, 0.5]] };
const caliper: Shape = { tool: "caliper", points: [[0.1, 0.1], [0.35, 0.1]] };
const ellipse: Shape = { tool: "ellipse", points: [[0.6, 0.6], [0.4, 0.2]] };

describe("a drawing", () => {
  it("keeps the beginning of a line and every point of a pen", () => {
    expect(extend(arrow, [0.9, 0.9]).points).toEqual([[0.1, 0.2], [0.9, 0.9]]);
    const pen = extend({ tool: "pen", points: [[0, 0]] }, [0.1, 0]);
    expect(extend(pen, [0.1, 0.1]).points).toEqual([[0, 0], [0.1, 0], [0.1, 0.1]]);
  });

  it("never grows beyond what one message holds, and keeps its end", () => {
    let pen: Shape = { tool: "pen", points: [[0, 0]] };
    for (let step = 1; step < 5000; step += 1) pen = extend(pen, [(step % 100) / 100, (step % 37) / 37]);
    expect(pen.points.length).toBeLessThanOrEqual(160);
    expect(pen.points.at(-1)).toEqual([0.99, (4999 % 37) / 37]);
    const all = Array.from({ length: 16 }, () => pen);
    expect(JSON.stringify(toGraphics(all)).length).toBeLessThan(16 * 1024);
  });

  it("takes a touch that did not move for a slip", () => {
    expect(isSlip({ tool: "caliper", points: [[0.5, 0.5], [0.5005, 0.5]] })).toBe(true);
    expect(isSlip({ tool: "ellipse", points: [[0.5, 0.5], [0.9, 0.5]] })).toBe(true);
    expect(isSlip(caliper)).toBe(false);
  });

  it("tells the node what to measure apart from what is only drawn", () => {
    expect(toGraphics([arrow, caliper, ellipse])).toEqual([{ kind: "arrow", points: [[0.1, 0.2], [0.4, 0.5]] }]);
    expect(toMeasurements([arrow, caliper]).map((one) => one.kind)).toEqual(["distance"]);
  });

  it("gives the axes of an ellipse from whichever corner it was drawn", () => {
    const turned: Shape = { tool: "ellipse", points: [[0.4, 0.2], [0.6, 0.6]] };
    expect(axisEnds(ellipse)).toEqual(axisEnds(turned));
    expect(toMeasurements([ellipse])[0]!.points).toEqual([[0.4, 0.4], [0.6, 0.4], [0.5, 0.2], [0.5, 0.6]]);
  });

  it("is understood by the other side when it comes back as saved", () => {
    const values = { words: "20 mm", values: [], reason: "" };
    const measurements = toMeasurements([caliper, ellipse]).map((one) => ({ ...one, ...values }));
    const message = { type: "saved", kind: "annotation", sop_instance_uid: "1.2", still_sop_instance_uid: "1.3", graphics: toGraphics([arrow]), measurements };
    const drawing = takeMessage(EMPTY_ROOM, message, 0).drawings["1.2"]!;
    expect(drawing.stillUid).toBe("1.3");
    expect(drawing.words).toBe("20 mm, 20 mm");
    expect(drawing.shapes.map((shape) => shape.tool)).toEqual(["arrow", "caliper", "ellipse"]);
    expect(axisEnds(drawing.shapes[2]!)).toEqual(axisEnds(ellipse));
  });
});

describe("measurements beyond a caliper", () => {
  const half: Shape = { tool: "angle", points: [[0.2, 0.5], [0.5, 0.5]] };

  it("draws an angle in two strokes: the second begins at the corner", () => {
    const draft = extend(begin([half], "angle", [0.5, 0.5]), [0.5, 0.2]);
    expect(draft.points).toEqual([[0.2, 0.5], [0.5, 0.5], [0.5, 0.2]]);
    expect(withShape([arrow, half], draft)).toEqual([arrow, draft]);
    expect(begin([half], "caliper", [0.1, 0.1]).points).toEqual([[0.1, 0.1]]);
    expect(toMeasurements([draft])).toEqual([{ kind: "angle", points: draft.points }]);
  });

  it("asks nothing of an angle with one side, and keeps it from being saved", () => {
    expect(toMeasurements([half])).toEqual([]);
    expect(toGraphics([half])).toEqual([]);
    expect(isSlip({ tool: "angle", points: [[0.2, 0.5], [0.5, 0.5], [0.5004, 0.5]] })).toBe(true);
  });

  it("follows the hand for a length and for an area", () => {
    const points: [number, number][] = [[0.1, 0.1], [0.3, 0.1], [0.3, 0.4]];
    for (const tool of ["trace", "area"] as const) {
      const shape = points.slice(1).reduce((made, to) => extend(made, to), begin([], tool, points[0]!));
      expect(toMeasurements([shape])).toEqual([{ kind: tool, points }]);
    }
    expect(isSlip({ tool: "area", points: points.slice(0, 2) })).toBe(true);
  });

  it("names the earlier frame and the beats of a heart rate", () => {
    const beats: Shape = { tool: "beats", points: [], fromHoldId: "ab", beatCount: 3 };
    expect(toMeasurements([beats])).toEqual([{ kind: "heart_rate", points: [], from_hold_id: "ab", beat_count: 3 }]);
    expect([isSlip(beats), toGraphics([beats])]).toEqual([false, []]);
  });

  it("fits into one message, however long the hand draws", () => {
    const long: Shape = { tool: "area", points: Array.from({ length: 160 }, (_, step) => [(step % 13) / 13, (step % 7) / 7] as const) };
    const pens = Array.from({ length: 15 }, () => ({ ...long, tool: "pen" as const }));
    const all = [...pens, long];
    expect(JSON.stringify([toGraphics(all), toMeasurements(all)]).length).toBeLessThan(16 * 1024);
  });
});
