import { describe, expect, test } from "vitest";

import { NO_QUERY, askStudies, dayOf, filterCount, readQuery, timeOf, writeQuery } from "../../src/studies/query";

describe("searching studies", () => {
  test("three letters are enough, two are not asked", () => {
    expect(askStudies({ ...NO_QUERY, words: "ami" }, 0).get("q")).toBe("ami");
    expect(askStudies({ ...NO_QUERY, words: " am " }, 0).has("q")).toBe(false);
  });

  test("letters are counted as people count them", () => {
    expect(askStudies({ ...NO_QUERY, words: "आरव" }, 0).get("q")).toBe("आरव");
  });

  test("a page asks for its part, with the filters that are set and no others", () => {
    const asked = askStudies({ ...NO_QUERY, modalities: ["US", "SM"], dateFrom: "2026-01-01", accession: "A-1" }, 50);
    expect(Object.fromEntries(asked)).toEqual({
      limit: "50",
      offset: "50",
      modality: "US,SM",
      date_from: "2026-01-01",
      accession_number: "A-1",
      sort: "-date",
    });
  });

  test("a search survives a reload through the address bar", () => {
    const query = {
      ...NO_QUERY,
      words: "sample",
      modalities: ["US"],
      delivery: "held",
      label: "Teaching",
      sort: "patient" as const,
      isDescending: false,
    };
    expect(readQuery(writeQuery(query))).toEqual(query);
    expect(writeQuery(NO_QUERY).toString()).toBe("");
  });

  test("an unknown order is the usual one", () => {
    expect(readQuery(new URLSearchParams("sort=shoe"))).toEqual(NO_QUERY);
  });

  test("a date range counts as one filter", () => {
    expect(filterCount({ ...NO_QUERY, dateFrom: "2026-01-01", dateTo: "2026-02-01", delivery: "held" })).toBe(2);
  });
});

describe("DICOM dates and times", () => {
  test.each([
    ["20260104", "2026-01-04"],
    ["2026.01.04", "2026-01-04"],
    ["", ""],
    ["unknown", ""],
  ])("%s is the day %s", (text, day) => expect(dayOf(text)).toBe(day));

  test.each([
    ["173205.123", "17:32"],
    ["0915", "09:15"],
    ["", ""],
  ])("%s is %s", (text, time) => expect(timeOf(text)).toBe(time));
});
