/** The tiles of a DICOM slide for OpenSeadragon, fetched as frames over DICOMweb. */

import OpenSeadragon from "openseadragon";

import { type Level, framePath, stageBox, stageLevels, tileAt, visiblePart } from "./geometry";

const NOT_ACCEPTABLE = 406;

interface FrameAddress {
  path: string;
  level: Level;
  column: number;
  row: number;
}

export class DicomTileSource extends OpenSeadragon.TileSource {
  private readonly levels: Level[];
  private readonly aspect: number;
  private readonly addresses: Map<string, FrameAddress>;
  /** Set once the node says a frame is not stored as a picture browsers read. */
  private isRendered: boolean;

  constructor(
    private readonly study: string,
    private readonly series: string,
    levels: readonly Level[],
  ) {
    const drawn = stageLevels(levels);
    const biggest = drawn[drawn.length - 1];
    if (!biggest) throw new RangeError("a slide without levels cannot be shown");
    super({ width: biggest.width_px, height: biggest.height_px, minLevel: 0, maxLevel: drawn.length - 1 });
    this.levels = drawn;
    this.aspect = biggest.height_px / biggest.width_px;
    this.addresses = new Map();
    this.isRendered = false;
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
    const path = framePath(this.study, this.series, this.at(level), x, y);
    this.addresses.set(path, { path, level: this.at(level), column: x, row: y });
    return path;
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
    const address = this.addresses.get(src);
    if (!address) throw new RangeError(`no tile has the address ${src}`);
    const part = visiblePart(address.level, address.column, address.row);
    const bitmap = await createImageBitmap(await this.fetchFrame(src, signal));
    const canvas = new OffscreenCanvas(part.width_px, part.height_px);
    const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    if (!context) throw new Error("this browser has no canvas to draw on");
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return context;
  }

  private async fetchFrame(path: string, signal: AbortSignal): Promise<Blob> {
    const address = this.isRendered ? `${path}/rendered` : path;
    const answer = await fetch(address, { signal, headers: { Accept: "image/jpeg" }, credentials: "same-origin" });
    if (answer.status === NOT_ACCEPTABLE && !this.isRendered) {
      this.isRendered = true;
      return this.fetchFrame(path, signal);
    }
    if (!answer.ok) throw new Error(`the node answered ${answer.status} for ${address}`);
    return answer.blob();
  }
}
