/**
 * Where a tile of a DICOM slide lies: in its frame list, in its own pixels, and on the stage.
 *
 * Stage units: the slide is 1 wide and `aspect` (height / width) tall. Every level covers the whole slide, whatever
 * its ratio to the next one, so each is placed by its own size and never by a power of two.
 */

import type { SlideLevel } from "../lib/shapes";

export type Level = SlideLevel;

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The frame that holds a tile, from 1: row by row, as TILED_FULL orders them. Standard: PS3.3 C.7.6.17.3 */
export function frameNumber(level: Level, column: number, row: number): number {
  if (column < 0 || row < 0 || column >= level.columns || row >= level.rows) {
    throw new RangeError(`tile ${column},${row} is outside ${level.columns} x ${level.rows} tiles`);
  }
  return row * level.columns + column + 1;
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

/** The address of one tile. Standard: PS3.18 10.4 */
export function framePath(study: string, series: string, level: Level, column: number, row: number): string {
  const frame = frameNumber(level, column, row);
  return `/dicom-web/studies/${study}/series/${series}/instances/${level.sop_instance_uid}/frames/${frame}`;
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

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
