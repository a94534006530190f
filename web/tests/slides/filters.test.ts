import { describe, expect, test } from "vitest";

import { NO_FILTERS, filterSlides, localDay, valuesOf } from "../../src/slides/filters";
import type { SlideRow } from "../../src/lib/shapes";

function slide(fields: Partial<SlideRow>): SlideRow {
  return {
    study_instance_uid: "1",
    series_instance_uid: "2",
    name: "a.svs",
    patient_name: "Sample^Amina",
    patient_id: "SAMPLE-001",
    scanned_s: Date.parse("2026-03-04T12:00") / 1000,
    width_px: 1,
    height_px: 1,
    mpp: 0.5,
    magnification: 20,
    stain: "H&E",
    scanner: "Aperio",
    label_sop: null,
    overview_sop: null,
    thumbnail_sop: null,
    size_bytes: 1,
    kept_s: Date.parse("2026-03-05T12:00") / 1000,
    delivery: { state: "arrived", done: 1, total: 1 },
    ...fields,
  };
}

const ROWS = [
  slide({ name: "amina.svs" }),
  slide({ name: "lucia.ndpi", patient_name: "Example^Lucía", stain: "Ki-67", scanner: "Hamamatsu" }),
  slide({ name: "old.tif", patient_name: "", scanned_s: null, stain: "", delivery: { state: "held", done: 0, total: 1 } }),
];
const found = (filters: Partial<typeof NO_FILTERS>): string[] =>
  filterSlides(ROWS, { ...NO_FILTERS, ...filters }).map((row) => row.name);

describe("the slide list", () => {
  test("no filter hides nothing", () => expect(found({})).toHaveLength(3));

  test("accents and case do not matter", () => expect(found({ words: "LUCIA" })).toEqual(["lucia.ndpi"]));

  test("every word must be found, in whichever column", () => {
    expect(found({ words: "example hamamatsu" })).toEqual(["lucia.ndpi"]);
    expect(found({ words: "example aperio" })).toEqual([]);
  });

  test("a name is found as it is spoken, without its caret", () => {
    expect(found({ words: "sample amina" })).toEqual(["amina.svs"]);
  });

  test("stain, scanner and state narrow", () => {
    expect(found({ stain: "Ki-67" })).toEqual(["lucia.ndpi"]);
    expect(found({ scanner: "Aperio", state: "held" })).toEqual(["old.tif"]);
  });

  test("both days of a range are included; an unknown scan day counts as the day it came", () => {
    expect(found({ dateFrom: "2026-03-04", dateTo: "2026-03-04" })).toEqual(["amina.svs", "lucia.ndpi"]);
    expect(found({ dateFrom: "2026-03-05" })).toEqual(["old.tif"]);
  });

  test("choices are the values there are, once each", () => {
    expect(valuesOf(ROWS, "stain")).toEqual(["H&E", "Ki-67"]);
  });

  test("a day is the reader's day", () => expect(localDay(Date.parse("2026-01-02T00:30") / 1000)).toBe("2026-01-02"));
});
