import { describe, expect, test } from "vitest";
import {
  formatAge, formatBitrate, formatBytes, formatClock, formatDicomDate, formatDuration, formatPercent, formatPersonName, formatRate, formatWhen,
  parseDicomDate,
} from "../../src/lib/format";

const at = (iso: string) => new Date(iso).getTime() / 1000;

describe("bytes and rates", () => {
  test.each([
    [0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [1_500_000, "1.5 MB"], [99_960_000, "100 MB"], [2.1e9, "2.1 GB"],
  ])("%d bytes are %s", (bytes, words) => expect(formatBytes(bytes)).toBe(words));
  test("what is unknown is a dash, never zero", () => {
    expect(formatBytes(null)).toBe("–");
    expect(formatRate(undefined)).toBe("–");
    expect(formatBytes(Number.NaN)).toBe("–");
  });
  test("a rate is per second", () => expect(formatRate(2_100_000)).toBe("2.1 MB/s"));
  test("bits turn from kilo to mega without ever reading 1000 kbit/s", () => {
    expect(formatBitrate(384_000)).toBe("384 kbit/s");
    expect(formatBitrate(999_700)).toBe("1.0 Mbit/s");
  });
});

describe("time", () => {
  test.each([[0, "0:00"], [65.9, "1:05"], [3661, "1:01:01"], [-3, "0:00"]])("%d s on a clock is %s", (s, words) => expect(formatClock(s)).toBe(words));
  test.each([
    [45, "45 s"], [720, "12 min"], [12_000, "3 h 20 min"], [7199, "2 h"], [172_800, "2 days"], [86_400, "1 day"],
  ])("%d s last %s", (s, words) => expect(formatDuration(s)).toBe(words));
  test("a moment of today says today", () => {
    expect(formatWhen(at("2026-03-05T14:02:00"), at("2026-03-05T23:00:00"))).toBe("today, 14:02");
    expect(formatWhen(at("2026-03-04T23:59:00"), at("2026-03-05T00:01:00"))).toBe("yesterday, 23:59");
    expect(formatWhen(at("2026-02-03T08:00:00"), at("2026-03-05T00:01:00"))).toBe("3 Feb 2026, 08:00");
  });
  test("a DICOM date is the same day in every time zone", () => {
    expect(formatDicomDate("20260203")).toBe("3 Feb 2026");
    expect(formatDicomDate("")).toBe("–");
  });
  test("a day that no calendar has is no date", () => expect(parseDicomDate("20260230")).toBeNull());
});

describe("age in words", () => {
  const now = at("2026-11-21T12:00:00");
  test.each([
    ["20261121", "0 days old"], ["20261120", "1 day old"], ["20261025", "27 days old"], ["20261024", "4 weeks old"], ["20260901", "11 weeks old"],
    ["20260821", "3 months old"], ["20241122", "23 months old"], ["20241121", "2 years old"], ["19910412", "35 years old"],
  ])("born %s is %s", (birth, words) => expect(formatAge(birth, now)).toBe(words));
  test("nothing is said of an unknown or future birth", () => {
    expect(formatAge("", now)).toBe("");
    expect(formatAge("20270101", now)).toBe("");
  });
});

test("a person name reads as people say it", () => {
  expect(formatPersonName("ZZDEMO^Amara")).toBe("Amara ZZDEMO");
  expect(formatPersonName("ZZDEMO^Amara^Neema^Dr^Jr")).toBe("Dr Amara Neema ZZDEMO Jr");
  expect(formatPersonName("Yamada^Tarou=山田^太郎")).toBe("Tarou Yamada");
  expect(formatPersonName(null)).toBe("");
});

test("a hundred percent is said only of what is done", () => {
  expect(formatPercent(9999, 10_000)).toBe("99 %");
  expect(formatPercent(10, 10)).toBe("100 %");
  expect(formatPercent(0, 0)).toBe("–");
});
