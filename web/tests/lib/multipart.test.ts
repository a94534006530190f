import { describe, expect, test } from "vitest";

import { PartReader, boundaryOf } from "../../src/lib/multipart";

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const text = (part: Uint8Array): string => String.fromCharCode(...part);
const ANSWER = "--b1\r\nContent-Type: image/jpeg\r\n\r\nfirst\r\n\r--b\r\n--b1\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8second\0\r\n--b1--\r\n";

describe("multipart", () => {
  test("the boundary is read with and without quotes, and from nothing else", () => {
    expect(boundaryOf('multipart/related; type="image/jpeg"; boundary=edge-1f')).toBe("edge-1f");
    expect(boundaryOf('multipart/related; boundary="x y"; type="a"')).toBe("x y");
    expect(boundaryOf("image/jpeg")).toBeNull();
    expect(boundaryOf(null)).toBeNull();
  });

  test.each([1, 2, 3, 7, 1000])("parts are the same however the bytes are cut: by %i", (step) => {
    const reader = new PartReader("b1");
    const parts: string[] = [];
    for (let at = 0; at < ANSWER.length; at += step) parts.push(...reader.push(bytes(ANSWER.slice(at, at + step))).map(text));
    expect(parts).toEqual(["first\r\n\r--b", "\xff\xd8second\0"]);
  });

  test("a part is given as soon as the next begins", () => {
    const reader = new PartReader("b1");
    const cut = ANSWER.indexOf("--b1", 5) + 4;
    expect(reader.push(bytes(ANSWER.slice(0, cut))).map(text)).toEqual(["first\r\n\r--b"]);
  });
});
