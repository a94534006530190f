import { expect, test } from "vitest";
import { StaleWatch } from "../../src/lib/stale";

function watched() {
  const watch = new StaleWatch(500);
  const said: string[] = [];
  for (const type of ["stale", "fresh"]) watch.addEventListener(type, () => said.push(type));
  return { watch, said };
}

test("a picture older than half a second is stale, and fresh again with the next frame", () => {
  const { watch, said } = watched();
  watch.frameSeen(1000);
  watch.check(1500);
  expect(said).toEqual([]);
  watch.check(1501);
  watch.check(1600);
  expect(said).toEqual(["stale"]);
  watch.frameSeen(1700);
  expect(said).toEqual(["stale", "fresh"]);
});

test("nothing is stale before the first frame or after a reset", () => {
  const { watch, said } = watched();
  watch.check(99_999);
  watch.frameSeen(100_000);
  watch.reset();
  watch.check(200_000);
  expect(said).toEqual([]);
});
