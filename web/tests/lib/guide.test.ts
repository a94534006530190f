import { expect, it } from "vitest";
import { hasAsked, isOf, keyOf, mayAct } from "../../src/lib/guide";

const guide = { key: "abc", name: "Ann", is_away: false, asking: [{ key: "de", name: "Ben" }] };

it("knows a person again after a reconnect, and nobody whose name only begins alike", () => {
  expect(isOf("abc", "abc.1")).toBe(true);
  expect(isOf("abc", "abcd.1")).toBe(false);
  expect(isOf(null, "abc.1")).toBe(false);
  expect(keyOf("abc.1")).toBe("abc");
});

it("lets act who guides, and anybody while nobody does", () => {
  expect(mayAct(guide, "abc.2")).toBe(true);
  expect(mayAct(guide, "de.1")).toBe(false);
  expect(mayAct({ ...guide, key: null }, "de.1")).toBe(true);
  expect(mayAct(null, "de.1")).toBe(true);
  expect(hasAsked(guide, "de.9")).toBe(true);
  expect(hasAsked(guide, "abc.9")).toBe(false);
});
