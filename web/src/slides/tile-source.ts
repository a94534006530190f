/** The tiles of a DICOM slide for OpenSeadragon, fetched as frames over DICOMweb. */

import OpenSeadragon from "openseadragon";

import type { FrameLoader } from "../lib/frame-loader";
import type { TileDecoder } from "./colour";
import type { CoarseTile } from "./overview";
import { type Level, type Plane, frameNumber, stageBox, stageLevels, tileAt, visiblePart } from "./geometry";

/** An overview of more tiles than this would cost more than it shows. */
const COARSE_TILES_MAX = 256;

interface TilePlace {
  level: Level;
  column: number;
  row: number;
}

/** How the tiles are shown. */
export interface TileLook {
  plane: Plane;
  decoder: TileDecoder;
  /** Tiles of one name are the same pictures: the stage may use one for the other. */
  name: string;
  /** Hears of each decoded tile of the smallest level. */
  onCoarse?: (tile: CoarseTile) => void;
}

export class DicomTileSource extends OpenSeadragon.TileSource {
  private readonly levels: Level[];
  private readonly aspect: number;
  private readonly places: Map<string, TilePlace>;

  constructor(
    private readonly loader: FrameLoader,
    levels: readonly Level[],
    private readonly look: TileLook,
  ) {
    const drawn = stageLevels(levels);
    const biggest = drawn[drawn.length - 1];
    if (!biggest) throw new RangeError("a slide without levels cannot be shown");
    super({ width: biggest.width_px, height: biggest.height_px, minLevel: 0, maxLevel: drawn.length - 1 });
    this.levels = drawn;
    this.aspect = biggest.height_px / biggest.width_px;
    this.places = new Map();
  }

  private at(level: number): Level {
    const found = this.levels[level];
    if (!found) throw new RangeError(`the slide has no level ${level}`);
    return found;
  }

  override getTileWidth(level: number): number {
    return this.at(level).tile_width_px;
  }

  override getTileHeight(level: number): number {
    return this.at(level).tile_height_px;
  }

  override getLevelScale(level: number): number {
    return this.at(level).width_px / this.dimensions.x;
  }

  override getNumTiles(level: number): OpenSeadragon.Point {
    const { columns, rows } = this.at(level);
    return new OpenSeadragon.Point(columns, rows);
  }

  override getTileAtPoint(level: number, point: OpenSeadragon.Point): OpenSeadragon.Tile {
    const tile = tileAt(this.at(level), this.aspect, point.x, point.y);
    // The library means a point; only its type file says otherwise.
    return new OpenSeadragon.Point(tile.column, tile.row) as unknown as OpenSeadragon.Tile;
  }

  override getTileBounds(level: number, x: number, y: number, isSource?: boolean): OpenSeadragon.Rect {
    if (isSource) {
      const part = visiblePart(this.at(level), x, y);
      return new OpenSeadragon.Rect(0, 0, part.width_px, part.height_px);
    }
    const box = stageBox(this.at(level), this.aspect, x, y);
    return new OpenSeadragon.Rect(box.x, box.y, box.width, box.height);
  }

  override getTileUrl(level: number, x: number, y: number): string {
    const url = `${this.look.name}/${this.at(level).sop_instance_uid}/${x}/${y}`;
    this.places.set(url, { level: this.at(level), column: x, row: y });
    return url;
  }

  override getTileHashKey(_level: number, _x: number, _y: number, url: string): string {
    return url;
  }

  override hasTransparency(): boolean {
    return false;
  }

  override downloadTileStart(context: OpenSeadragon.ImageJob): void {
    const controller = new AbortController();
    const state = context.userData as { controller?: AbortController };
    state.controller = controller;
    this.draw(context.src, controller.signal).then(
      (canvas) => context.finish(canvas, null, "context2d"),
      (error: unknown) => {
        if (!controller.signal.aborted) context.fail(String(error), null);
      },
    );
  }

  override downloadTileAbort(context: OpenSeadragon.ImageJob): void {
    (context.userData as { controller?: AbortController }).controller?.abort();
  }

  /** Decode off the main thread and leave the padding of edge tiles behind, so that nothing of it can bleed in. */
  private async draw(src: string, signal: AbortSignal): Promise<OffscreenCanvasRenderingContext2D> {
    const place = this.places.get(src);
    if (!place) throw new RangeError(`no tile has the address ${src}`);
    const { level, column, row } = place;
    const picture = await this.loader.load(level.sop_instance_uid, frameNumber(level, column, row, this.look.plane), signal);
    const bitmap = await this.look.decoder.decode(picture);
    const part = visiblePart(level, column, row);
    const canvas = new OffscreenCanvas(part.width_px, part.height_px);
    const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    if (!context) throw new Error("this browser has no canvas to draw on");
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    if (level === this.levels[0]) this.look.onCoarse?.({ level, column, row, picture: canvas });
    return context;
  }

  /** Decode what the smallest level still lacks for the overview, a few tiles after the other. */
  async completeCoarse(signal: AbortSignal): Promise<void> {
    const level = this.at(0);
    if (level.columns * level.rows > COARSE_TILES_MAX) return;
    for (let row = 0; row < level.rows; row += 1) {
      const missing = [];
      for (let column = 0; column < level.columns; column += 1) {
        const url = `${this.look.name}/${level.sop_instance_uid}/${column}/${row}`;
        if (!this.places.has(url)) missing.push(this.draw(this.getTileUrl(0, column, row), signal));
      }
      await Promise.allSettled(missing);
      if (signal.aborted) return;
    }
  }
}
