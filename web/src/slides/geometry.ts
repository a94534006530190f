/**
 * Where a tile of a DICOM slide lies: in its frame list, in its own pixels, and on the stage.
 *
 * Stage units: the slide is 1 wide and `aspect` (height / width) tall. Every level covers the whole slide, whatever
 * its ratio to the next one, so each is placed by its own size and never by a power of two.
 */

import type { SlideDetail, SlideLevel } from "../lib/shapes";

export type Level = SlideLevel;

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Which of a slide's pictures is shown: in which focus, of which channel; both counted from 0. */
export interface Plane {
  focus: number;
  channel: number;
}

export const FIRST_PLANE: Plane = { focus: 0, channel: 0 };

/** The frame that holds a tile, from 1: row by row, as TILED_FULL orders them. Standard: PS3.3 C.7.6.17.3 */
export function frameNumber(level: Level, column: number, row: number, plane: Plane = FIRST_PLANE): number {
  if (column < 0 || row < 0 || column >= level.columns || row >= level.rows) {
    throw new RangeError(`tile ${column},${row} is outside ${level.columns} x ${level.rows} tiles`);
  }
  // A level may have fewer planes than the slide: it shows its last.
  const focusCount = level.focal_plane_count ?? 1;
  const focus = Math.min(plane.focus, focusCount - 1);
  const channel = Math.min(plane.channel, (level.channel_count ?? 1) - 1);
  return ((channel * focusCount + focus) * level.rows + row) * level.columns + column + 1;
}

/** How much of a tile is slide. Tiles of the last column and row are full size and padded; the padding is not shown. */
export function visiblePart(level: Level, column: number, row: number): { width_px: number; height_px: number } {
  return {
    width_px: Math.min(level.tile_width_px, level.width_px - column * level.tile_width_px),
    height_px: Math.min(level.tile_height_px, level.height_px - row * level.tile_height_px),
  };
}

/** Where a tile lies on the stage, its padding left out. */
export function stageBox(level: Level, aspect: number, column: number, row: number): Box {
  const part = visiblePart(level, column, row);
  return {
    x: (column * level.tile_width_px) / level.width_px,
    y: ((row * level.tile_height_px) / level.height_px) * aspect,
    width: part.width_px / level.width_px,
    height: (part.height_px / level.height_px) * aspect,
  };
}

/** The tile under a point of the stage; a point outside gives the nearest tile. */
export function tileAt(level: Level, aspect: number, x: number, y: number): { column: number; row: number } {
  const column = Math.floor((x * level.width_px) / level.tile_width_px);
  const row = Math.floor(((y / aspect) * level.height_px) / level.tile_height_px);
  return { column: clamp(column, 0, level.columns - 1), row: clamp(row, 0, level.rows - 1) };
}

/** Two levels closer than this are one to the eye; the smaller is left out. */
const RATIO_MIN = 1.5;

/** The levels the stage draws, smallest first; the biggest is always among them. */
export function stageLevels(levels: readonly Level[]): Level[] {
  const kept: Level[] = [];
  for (const level of [...levels].sort((a, b) => b.width_px - a.width_px)) {
    const bigger = kept[kept.length - 1];
    if (!bigger || bigger.width_px / level.width_px >= RATIO_MIN) kept.push(level);
  }
  return kept.reverse();
}

/** How far a thumbnail's shape may be from the slide's, of rounding. */
const ASPECT_SLACK = 0.01;

/** The levels of a slide, and below them its thumbnail where it shows the same area: one tile is a whole first view. */
export function stagePyramid(slide: Pick<SlideDetail, "levels" | "thumbnail">): Level[] {
  const levels = [...slide.levels];
  const smallest = levels.reduce((small, level) => (level.width_px < small.width_px ? level : small));
  const { thumbnail } = slide;
  if (!thumbnail || smallest.width_px / thumbnail.width_px < RATIO_MIN) return levels;
  const aspects = (thumbnail.width_px / thumbnail.height_px) / (smallest.width_px / smallest.height_px);
  if (Math.abs(aspects - 1) > ASPECT_SLACK) return levels;
  const { sop_instance_uid, width_px, height_px } = thumbnail;
  const tile = { tile_width_px: width_px, tile_height_px: height_px, columns: 1, rows: 1, frame_count: 1 };
  return [...levels, { sop_instance_uid, width_px, height_px, mpp_x: null, mpp_y: null, ...tile }];
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
