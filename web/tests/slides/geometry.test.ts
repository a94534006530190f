import { describe, expect, test } from "vitest";

import { type Level, frameNumber, stageBox, stageLevels, stagePyramid, tileAt, visiblePart } from "../../src/slides/geometry";

function level(width: number, height: number, tile = 256): Level {
  const columns = Math.ceil(width / tile);
  const rows = Math.ceil(height / tile);
  return {
    sop_instance_uid: `1.2.${width}`,
    width_px: width,
    height_px: height,
    tile_width_px: tile,
    tile_height_px: tile,
    columns,
    rows,
    mpp_x: 0.5,
    mpp_y: 0.5,
    frame_count: columns * rows,
    transfer_syntax_uid: "1.2.840.10008.1.2.4.50",
  };
}

const BASE = level(2220, 2967);

describe("frames of a TILED_FULL level", () => {
  test("they are numbered from one, row by row", () => {
    expect(frameNumber(BASE, 0, 0)).toBe(1);
    expect(frameNumber(BASE, 8, 0)).toBe(9);
    expect(frameNumber(BASE, 0, 1)).toBe(10);
    expect(frameNumber(BASE, 8, 11)).toBe(BASE.frame_count);
  });

  test("a tile outside is an error, not another tile", () => {
    expect(() => frameNumber(BASE, 9, 0)).toThrow(RangeError);
    expect(() => frameNumber(BASE, 0, 12)).toThrow(RangeError);
    expect(() => frameNumber(BASE, -1, 0)).toThrow(RangeError);
  });

  test("planes follow each other: all of one focus, then the next, then the next channel", () => {
    const deep = { ...BASE, focal_plane_count: 3, channel_count: 2 };
    const tiles = BASE.columns * BASE.rows;
    expect(frameNumber(deep, 0, 0, { focus: 1, channel: 0 })).toBe(tiles + 1);
    expect(frameNumber(deep, 2, 0, { focus: 2, channel: 1 })).toBe(5 * tiles + 3);
    expect(frameNumber(BASE, 2, 0, { focus: 2, channel: 1 })).toBe(3);
  });
});

describe("thumbnail", () => {
  const picture = { sop_instance_uid: "1.9", width_px: 574, height_px: 768 };

  test("it is the smallest level where it shows the whole slide", () => {
    const levels = stageLevels(stagePyramid({ levels: [BASE], thumbnail: picture }));
    expect(levels.map((each) => each.width_px)).toEqual([574, 2220]);
    expect(levels[0]).toMatchObject({ columns: 1, rows: 1, tile_width_px: 574 });
  });

  test("one of another shape, or hardly smaller, is left out", () => {
    expect(stagePyramid({ levels: [BASE], thumbnail: { ...picture, width_px: 768 } })).toHaveLength(1);
    expect(stagePyramid({ levels: [BASE], thumbnail: { ...picture, width_px: 2000, height_px: 2673 } })).toHaveLength(1);
  });
});

describe("padding", () => {
  test("only the last column and row are cut, to what is slide", () => {
    expect(visiblePart(BASE, 0, 0)).toEqual({ width_px: 256, height_px: 256 });
    expect(visiblePart(BASE, 8, 0)).toEqual({ width_px: 2220 - 8 * 256, height_px: 256 });
    expect(visiblePart(BASE, 8, 11)).toEqual({ width_px: 172, height_px: 151 });
  });

  test("a level smaller than its tile shows only itself", () => {
    expect(visiblePart(level(100, 60), 0, 0)).toEqual({ width_px: 100, height_px: 60 });
  });
});

describe("the stage", () => {
  const aspect = 13100 / 20300;

  test.each([level(20300, 13100), level(5075, 3275), level(1268, 818), level(740, 477)])(
    "level of $width_px px covers the slide exactly, without gap or overlap",
    (each) => {
      for (let row = 0; row < each.rows; row += 1) {
        for (let column = 0; column < each.columns; column += 1) {
          const box = stageBox(each, aspect, column, row);
          if (column + 1 < each.columns) {
            expect(box.x + box.width).toBeCloseTo(stageBox(each, aspect, column + 1, row).x, 12);
          } else expect(box.x + box.width).toBeCloseTo(1, 12);
          if (row + 1 < each.rows) {
            expect(box.y + box.height).toBeCloseTo(stageBox(each, aspect, column, row + 1).y, 12);
          } else expect(box.y + box.height).toBeCloseTo(aspect, 12);
        }
      }
    },
  );

  test("the tile under a point is the one whose box holds it", () => {
    const each = level(1268, 818);
    for (let row = 0; row < each.rows; row += 1) {
      for (let column = 0; column < each.columns; column += 1) {
        const box = stageBox(each, aspect, column, row);
        expect(tileAt(each, aspect, box.x + box.width / 2, box.y + box.height / 2)).toEqual({ column, row });
      }
    }
  });

  test("the far corner belongs to the last tile", () => {
    expect(tileAt(BASE, aspect, 1, aspect)).toEqual({ column: 8, row: 11 });
    expect(tileAt(BASE, aspect, -0.1, 9)).toEqual({ column: 0, row: 11 });
  });

  test("levels stand smallest first, and one too near to the next is left out", () => {
    const drawn = stageLevels([level(20300, 13100), level(5075, 3275), level(18000, 11616), level(1268, 818)]);
    expect(drawn.map((each) => each.width_px)).toEqual([1268, 5075, 20300]);
  });
});
