/** The whole slide, small, with the part that is on the stage marked; a press or a drag goes there. Draws what the stage decoded. */

import { visiblePart, type Level } from "./geometry";
import type { Stage } from "./stage";

const MARK = "#0d5fd6";
const GLASS = "#f4f3f1";
/** The mark of a very small part is still seen. */
const MARK_PX_MIN = 6;

export class Overview {
  private readonly canvas = document.createElement("canvas");
  private readonly context: CanvasRenderingContext2D;
  /** The slide without the mark, as its tiles are decoded. */
  private readonly picture: OffscreenCanvas;
  private readonly scale: number;
  private readonly left: number;
  private readonly top: number;
  private request = 0;
  private readonly drawSoon = (): void => {
    this.request ||= requestAnimationFrame(() => {
      this.request = 0;
      this.draw();
    });
  };
  private readonly take = (event: Event): void => {
    const { level, column, row, picture } = (event as CustomEvent<CoarseTile>).detail;
    this.place(level, column, row, picture);
  };

  constructor(
    private readonly box: HTMLElement,
    private readonly stage: Stage,
  ) {
    const { width_px, height_px } = stage.biggest;
    const ratio = devicePixelRatio;
    const [width, height] = [box.clientWidth * ratio, box.clientHeight * ratio];
    this.canvas.width = Math.max(1, Math.round(width));
    this.canvas.height = Math.max(1, Math.round(height));
    this.canvas.className = "overview-canvas";
    this.context = this.canvas.getContext("2d")!;
    this.scale = Math.min(width / width_px, height / height_px);
    this.left = (width - width_px * this.scale) / 2;
    this.top = (height - height_px * this.scale) / 2;
    this.picture = new OffscreenCanvas(this.canvas.width, this.canvas.height);
    box.append(this.canvas);
    box.addEventListener("pointerdown", this.press);
    box.addEventListener("pointermove", this.drag);
    stage.addEventListener("move", this.drawSoon);
    stage.addEventListener("coarse-tile", this.take);
  }

  close(): void {
    cancelAnimationFrame(this.request);
    this.stage.removeEventListener("move", this.drawSoon);
    this.stage.removeEventListener("coarse-tile", this.take);
    this.box.removeEventListener("pointerdown", this.press);
    this.box.removeEventListener("pointermove", this.drag);
    this.canvas.remove();
  }

  private place(level: Level, column: number, row: number, picture: CanvasImageSource): void {
    const part = visiblePart(level, column, row);
    const across = (this.stage.biggest.width_px / level.width_px) * this.scale;
    const down = (this.stage.biggest.height_px / level.height_px) * this.scale;
    const context = this.picture.getContext("2d")!;
    context.drawImage(
      picture, 0, 0, part.width_px, part.height_px,
      this.left + column * level.tile_width_px * across, this.top + row * level.tile_height_px * down,
      // A hair more, so that no seam shows between two tiles.
      part.width_px * across + 0.5, part.height_px * down + 0.5,
    );
    this.drawSoon();
  }

  private draw(): void {
    const { context } = this;
    context.fillStyle = GLASS;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.stage.paint(this.picture, context);
    const corners = this.stage.corners().map(({ x, y }) => ({ x: this.left + x * this.scale, y: this.top + y * this.scale }));
    const [first, , across] = corners;
    if (!first || !across) return;
    context.strokeStyle = MARK;
    context.lineWidth = 2 * devicePixelRatio;
    context.beginPath();
    if (Math.hypot(across.x - first.x, across.y - first.y) < MARK_PX_MIN * devicePixelRatio) {
      context.arc((first.x + across.x) / 2, (first.y + across.y) / 2, MARK_PX_MIN * devicePixelRatio, 0, 2 * Math.PI);
    } else {
      for (const corner of corners) context.lineTo(corner.x, corner.y);
      context.closePath();
    }
    context.stroke();
  }

  private readonly press = (event: PointerEvent): void => {
    this.box.setPointerCapture(event.pointerId);
    this.goTo(event, false);
  };

  private readonly drag = (event: PointerEvent): void => {
    if (this.box.hasPointerCapture(event.pointerId)) this.goTo(event, true);
  };

  private goTo(event: PointerEvent, isAtOnce: boolean): void {
    const box = this.box.getBoundingClientRect();
    const x = ((event.clientX - box.left) * devicePixelRatio - this.left) / this.scale;
    const y = ((event.clientY - box.top) * devicePixelRatio - this.top) / this.scale;
    this.stage.goTo({ ...this.stage.view(), x, y }, isAtOnce);
  }
}

/** A tile of the smallest level, decoded. */
export interface CoarseTile {
  level: Level;
  column: number;
  row: number;
  picture: CanvasImageSource;
}
