import { expect, test } from "vitest";
import { readQr } from "../../src/lib/qr";

test("a drawn code is taken over as numbers", () => {
  const svg = '<svg xmlns="x" width="33" height="33"><path class="qrline" stroke="#000" transform="scale(2)" d="M4 4.5h7m1 0h1"/></svg>';
  expect(readQr(svg)).toEqual({ viewBox: "0 0 33 33", path: "M4 4.5h7m1 0h1", transform: "scale(2)", isStroked: true });
});
test("anything else is not drawn", () => {
  expect(readQr("<svg><script>alert(1)</script></svg>")).toBeNull();
  expect(readQr('<svg width="3" height="3"><path d="M0 0 url(javascript:x)"/></svg>')).toBeNull();
  expect(readQr("")).toBeNull();
});
