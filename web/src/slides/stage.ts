/** A slide on a stage: zoom, pan, rotate, and where every slide pixel is on the screen. Wraps OpenSeadragon. */

import OpenSeadragon from "openseadragon";

import { FrameLoader } from "../lib/frame-loader";
import { TileDecoder } from "./colour";
import { ColourVeil } from "./colour-veil";
import { FIRST_PLANE, type Plane, clamp, stagePyramid } from "./geometry";
import { hasGraphicsProcessor } from "./graphics";
import { forbidInlineStyle } from "./inline-style";
import type { Position } from "./position";
import { type PointPx, nativeMagnification } from "./scale";
import type { SlideDetail as Slide, SlideLevel } from "../lib/shapes";
import { DicomTileSource } from "./tile-source";

/** Screen pixels a slide pixel may grow to. */
const ZOOM_MAX = 8;
const ZOOM_S = 0.3;
/** Three pictures, which show where to: the next field of view is wanted at once, and the hand that drags leads anyway. */
const PAN_S = 0.05;
const TILES_KEPT = 600;
/** Tiles handed to the frame loader, which decides what travels when; the library's own choice is one a picture. */
const TILES_A_PICTURE = 24;
const TILES_UNDERWAY_MAX = 512;
/** A level is drawn down to this many screen pixels a pixel: sharp also where levels are four times apart. */
const PIXEL_RATIO_MIN = 0.4;
/** How far an arrow key goes, as a share of the view. */
export const PAN_SHARE = 0.2;

export interface View extends Position {
  um_per_screen_px: number | null;
  magnification: number | null;
}

/** What is shown of a slide: which plane, in whose colours. */
export interface Look {
  plane: Plane;
  /** The scanner's profile, perhaps still on its way; null shows the numbers as they stand. */
  profile: Promise<Uint8Array | null> | null;
}

export class Stage extends EventTarget {
  readonly viewer: OpenSeadragon.Viewer;
  private readonly native: number | null;
  private isOpen = false;
  private failedCount = 0;
  private readonly loader: FrameLoader;
  private lookCount = 0;
  private source: DicomTileSource | null = null;
  /** Applies the scanner's colours to what is drawn; without one they are applied to each tile. */
  private veil: ColourVeil | null = null;
  private readonly stop = new AbortController();

  constructor(
    element: HTMLElement,
    readonly slide: Slide,
    start: Position | null,
    private look: Look = { plane: FIRST_PLANE, profile: null },
  ) {
    super();
    forbidInlineStyle();
    this.loader = new FrameLoader(`/dicom-web/studies/${slide.study_instance_uid}/series/${slide.series_instance_uid}`);
    this.native = nativeMagnification(slide.magnification, slide.mpp);
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.viewer = OpenSeadragon({
      element,
      showNavigationControl: false,
      showNavigator: false,
      animationTime: isCalm ? 0 : ZOOM_S,
      blendTime: 0,
      maxZoomPixelRatio: ZOOM_MAX,
      minZoomImageRatio: 0.6,
      visibilityRatio: 0.25,
      minPixelRatio: PIXEL_RATIO_MIN,
      imageLoaderLimit: TILES_UNDERWAY_MAX,
      maxTilesPerFrame: TILES_A_PICTURE,
      maxImageCacheCount: TILES_KEPT,
      tileRetryMax: 3,
      tileRetryDelay: 1000,
      keyboardNavEnabled: false,
      // While one look gives way to another there are two images, of one place and size.
      silenceMultiImageWarnings: true,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true, flickEnabled: false },
      gestureSettingsTouch: { pinchRotate: false, flickEnabled: true },
      drawer: hasGraphicsProcessor() ? ["webgl", "canvas"] : "canvas",
    } as OpenSeadragon.Options);
    if (hasGraphicsProcessor()) this.veil = new ColourVeil(this.viewer, () => this.colourTiles());
    this.listen(start);
    this.viewer.open({ tileSource: this.tileSource() });
  }

  private tileSource(): DicomTileSource {
    this.lookCount += 1;
    const { plane, profile } = this.look;
    return this.source = new DicomTileSource(this.loader, stagePyramid(this.slide), {
      plane, decoder: new TileDecoder(this.veil ? this.leftToTiles(profile) : profile), name: `look-${this.lookCount}`,
      onCoarse: (detail) => this.dispatchEvent(new CustomEvent("coarse-tile", { detail })),
    });
  }

  /** What tiles must be coloured with: nothing where the veil does it. */
  private async leftToTiles(profile: Look["profile"]): Promise<Uint8Array | null> {
    if (await this.veil?.wear(profile)) return null;
    this.dropVeil();
    return profile;
  }

  private dropVeil(): void {
    this.veil?.close();
    this.veil = null;
  }

  /** The graphics processor is gone: from now on each tile is coloured. */
  private colourTiles(): void {
    this.dropVeil();
    this.showAnew();
  }

  /** Show another plane, or other colours; what was shown stays until all of it is there. */
  show(look: Look): void {
    const isSamePlane = look.plane.focus === this.look.plane.focus && look.plane.channel === this.look.plane.channel;
    this.look = look;
    if (!this.veil || !isSamePlane) return this.showAnew();
    void this.veil.wear(look.profile).then((isWorn) => isWorn || this.colourTiles());
  }

  /** Draw a picture in the colours of the stage over a target of the same size. */
  paint(picture: OffscreenCanvas, target: CanvasRenderingContext2D): void {
    if (this.veil) this.veil.paint(picture, target);
    else target.drawImage(picture, 0, 0);
  }

  private showAnew(): void {
    const { world } = this.viewer;
    const before = Array.from({ length: world.getItemCount() }, (_, index) => world.getItemAt(index));
    this.viewer.addTiledImage({
      tileSource: this.tileSource(),
      success: (event) => {
        const { item } = event as unknown as { item: OpenSeadragon.TiledImage };
        const settle = (): void => before.forEach((old) => world.removeItem(old));
        if (item.getFullyLoaded()) settle();
        else item.addOnceHandler("fully-loaded-change", settle);
      },
    });
  }

  private listen(start: Position | null): void {
    this.listenToTiles();
    const moved = (): boolean => this.dispatchEvent(new Event("move"));
    this.viewer.addOnceHandler("open", () => {
      this.isOpen = true;
      this.hastenPan();
      if (start) this.goTo(start, true);
      this.dispatchEvent(new Event("open"));
      moved();
    });
    for (const name of ["animation", "resize", "rotate", "update-viewport"] as const) this.viewer.addHandler(name, moved);
    this.viewer.addHandler("animation-finish", () => this.dispatchEvent(new Event("settle")));
    this.viewer.addHandler("rotate", () => this.dispatchEvent(new Event("settle")));
    this.viewer.addHandler("tile-load-failed", () => {
      this.failedCount += 1;
      this.dispatchEvent(new CustomEvent("tile-failed", { detail: { count: this.failedCount } }));
    });
    this.viewer.addHandler("tile-loaded", () => {
      if (this.failedCount === 0) return;
      this.failedCount = 0;
      this.dispatchEvent(new CustomEvent("tile-failed", { detail: { count: 0 } }));
    });
  }

  private hastenPan(): void {
    const { centerSpringX, centerSpringY } = this.viewer.viewport as unknown as Record<string, OpenSeadragon.Spring>;
    for (const spring of [centerSpringX, centerSpringY]) {
      if (spring && spring.animationTime > PAN_S) spring.animationTime = PAN_S;
    }
  }

  private listenToTiles(): void {
    let isMoving = false;
    // For whoever measures: all of the field of view is there, and nothing moves any more.
    const rest = (): void => {
      const { world } = this.viewer;
      const isWhole = Array.from({ length: world.getItemCount() }, (_, index) => world.getItemAt(index).getFullyLoaded()).every(Boolean);
      if (isWhole && !isMoving) requestAnimationFrame(() => performance.mark("stage.whole"));
    };
    this.viewer.addHandler("animation-start", () => (isMoving = true));
    this.viewer.addHandler("animation-finish", () => {
      isMoving = false;
      rest();
    });
    const drawn = (event: unknown): void => {
      const { tiles } = event as { tiles: OpenSeadragon.Tile[] };
      if (!tiles.some((tile) => tile.loaded)) return;
      this.viewer.removeHandler("tiled-image-drawn", drawn);
      requestAnimationFrame(() => performance.mark("stage.first-tile"));
      this.dispatchEvent(new Event("first-tile"));
    };
    this.viewer.addHandler("tiled-image-drawn", drawn);
    this.viewer.world.addHandler("add-item", (event) => {
      (event as unknown as { item: OpenSeadragon.TiledImage }).item.addHandler("fully-loaded-change", (change) => {
        if (!(change as unknown as { fullyLoaded: boolean }).fullyLoaded) return;
        rest();
        void this.source?.completeCoarse(this.stop.signal);
      });
    });
  }

  close(): void {
    this.stop.abort();
    this.dropVeil();
    this.viewer.destroy();
  }

  /** The level whose pixels positions and measures count in. */
  get biggest(): SlideLevel {
    return this.slide.levels.reduce((big, level) => (level.width_px > big.width_px ? level : big));
  }

  /** Ask again for tiles that could not be loaded. */
  reload(): void {
    this.failedCount = 0;
    this.viewer.world.resetItems();
  }

  /** The view as it is on the screen now, in the middle of a movement too. */
  view(): View {
    if (!this.isOpen) return { x: 0, y: 0, zoom: 0, rotation: 0, um_per_screen_px: null, magnification: null };
    const viewport = this.viewer.viewport;
    const centre = viewport.viewportToImageCoordinates(viewport.getCenter(true));
    const zoom = viewport.viewportToImageZoom(viewport.getZoom(true));
    return {
      x: centre.x,
      y: centre.y,
      zoom,
      rotation: ((viewport.getRotation() % 360) + 360) % 360,
      um_per_screen_px: this.slide.mpp ? this.slide.mpp / zoom : null,
      magnification: this.native === null ? null : this.native * zoom,
    };
  }

  goTo(position: Position, isAtOnce = false): void {
    if (!this.isOpen) return;
    const viewport = this.viewer.viewport;
    if (viewport.getRotation() !== position.rotation) viewport.setRotation(position.rotation, isAtOnce);
    viewport.zoomTo(viewport.imageToViewportZoom(position.zoom), undefined, isAtOnce);
    viewport.panTo(viewport.imageToViewportCoordinates(position.x, position.y), isAtOnce);
    viewport.applyConstraints(isAtOnce);
  }

  /** Show as an objective would; without a known scale, 40× is one slide pixel on one screen pixel. */
  zoomToMagnification(magnification: number): void {
    this.zoomTo(magnification / (this.native ?? 40));
  }

  private zoomTo(zoom: number): void {
    if (!this.isOpen) return;
    const viewport = this.viewer.viewport;
    viewport.zoomTo(clamp(viewport.imageToViewportZoom(zoom), viewport.getMinZoom(), viewport.getMaxZoom()));
    viewport.applyConstraints();
  }

  zoomBy(factor: number): void {
    if (this.isOpen) this.viewer.viewport.zoomBy(factor).applyConstraints();
  }

  /** Pan by shares of the view, as it lies on the screen. */
  panBy(right: number, down: number): void {
    if (!this.isOpen) return;
    const size = this.viewer.viewport.getContainerSize();
    const delta = new OpenSeadragon.Point(right * size.x, down * size.y);
    this.viewer.viewport.panBy(this.viewer.viewport.deltaPointsFromPixels(delta)).applyConstraints();
  }

  rotateBy(degrees: number): void {
    if (this.isOpen) this.viewer.viewport.rotateBy(degrees);
  }

  fit(): void {
    if (!this.isOpen) return;
    this.viewer.viewport.goHome();
  }

  /** The corners of what is on the screen, clockwise, in pixels of the biggest level. */
  corners(): PointPx[] {
    const { x, y } = this.isOpen ? this.viewer.viewport.getContainerSize() : { x: 0, y: 0 };
    return [{ x: 0, y: 0 }, { x, y: 0 }, { x, y }, { x: 0, y }].map((corner) => this.toSlide(corner));
  }

  toScreen(point: PointPx): PointPx {
    if (!this.isOpen) return { x: 0, y: 0 };
    const viewport = this.viewer.viewport;
    return viewport.pixelFromPoint(viewport.imageToViewportCoordinates(point.x, point.y), true);
  }

  toSlide(point: PointPx): PointPx {
    if (!this.isOpen) return { x: 0, y: 0 };
    const viewport = this.viewer.viewport;
    return viewport.viewportToImageCoordinates(viewport.pointFromPixel(new OpenSeadragon.Point(point.x, point.y), true));
  }
}
