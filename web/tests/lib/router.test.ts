import { expect, test } from "vitest";
import { matchPath } from "../../src/lib/router";

test("a path gives its named parts, decoded", () => expect(matchPath("/live/:id", "/live/a%20b/")).toEqual({ id: "a b" }));
test("another page, a longer or a shorter path is no match", () => {
  expect(matchPath("/live/:id", "/slides/1")).toBeNull();
  expect(matchPath("/live/:id", "/live")).toBeNull();
  expect(matchPath("/", "/slides")).toBeNull();
});
test("a broken escape does not break the page", () => expect(matchPath("/live/:id", "/live/%E0%A4%A")).toEqual({ id: "%E0%A4%A" }));
