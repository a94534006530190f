import { afterEach, expect, test } from "vitest";
import { asNodeTime, takeNodeDate } from "../../src/lib/node-clock";

const now = Date.parse("2026-03-05T12:00:00Z");
afterEach(() => takeNodeDate(new Date(now).toUTCString(), now));

test("a tablet an hour behind still counts the seconds of a recording right", () => {
  takeNodeDate(new Date(now + 3_600_000).toUTCString(), now);
  expect(asNodeTime(1000)).toBe(4600);
});
test("the coarseness of the header moves nothing", () => {
  takeNodeDate(new Date(now + 1500).toUTCString(), now);
  expect(asNodeTime(1000)).toBe(1000);
});
test("an answer without a date changes nothing", () => {
  takeNodeDate(null, now);
  expect(asNodeTime(5)).toBe(5);
});
