import { inflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";

import { LATTICE_SIDE, chunk, latticeRows, taggedLattice } from "../../src/slides/colour-lattice";

describe("the lattice a profile is asked about", () => {
  test("red runs fastest, then green, then blue, from nothing to all", () => {
    const rows = latticeRows();
    const row = 1 + 3 * LATTICE_SIDE * LATTICE_SIDE;
    const at = (red: number, green: number, blue: number): number[] => {
      const start = blue * row + 1 + 3 * (green * LATTICE_SIDE + red);
      return [...rows.subarray(start, start + 3)];
    };
    expect(rows.length).toBe(row * LATTICE_SIDE);
    expect(at(0, 0, 0)).toEqual([0, 0, 0]);
    expect(at(16, 0, 32)).toEqual([128, 0, 255]);
    expect(at(32, 8, 0)).toEqual([255, 64, 0]);
  });

  test("a chunk has its length before and its check behind", () => {
    expect([...chunk("IEND", new Uint8Array(0))]).toEqual([0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82]);
  });

  test("the profile stands in the picture as it is", async () => {
    const profile = Uint8Array.from({ length: 3000 }, (_, index) => (index * 7) % 256);
    const picture = Buffer.from(await (await taggedLattice(profile)).arrayBuffer());
    const start = picture.indexOf("iCCP") + 4;
    const length = picture.readUInt32BE(start - 8);
    expect(new Uint8Array(inflateSync(picture.subarray(start + 3, start + length)))).toEqual(profile);
    const data = picture.indexOf("IDAT") + 4;
    const rows = inflateSync(picture.subarray(data, data + picture.readUInt32BE(data - 8)));
    expect(rows.equals(Buffer.from(latticeRows()))).toBe(true);
  });
});
