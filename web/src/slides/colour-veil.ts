/** Lies over the stage and shows what is drawn there in the scanner's colours; to lift it costs no tile. */

import type OpenSeadragon from "openseadragon";

import { ColourCube } from "./colour-cube";
import { coloursOf } from "./colour-lattice";

type Profile = Promise<Uint8Array | null>;

export class ColourVeil {
  private readonly canvas = document.createElement("canvas");
  private readonly context = this.canvas.getContext("2d")!;
  private wanted: Profile | null = null;
  private made: { profile: Profile; cube: Promise<ColourCube | null> } | null = null;
  private cube: ColourCube | null = null;
  private isClosed = false;
  private readonly draw = (): void => this.cover();

  /** `onLost`: the graphics processor is gone, and the colours with it. */
  constructor(
    private readonly viewer: OpenSeadragon.Viewer,
    private readonly onLost: () => void,
  ) {
    this.canvas.className = "stage-veil";
    viewer.addHandler("update-viewport", this.draw);
  }

  /** Show the colours of a profile, or of none. False: they cannot be shown here, somebody else must apply them. */
  async wear(profile: Profile | null): Promise<boolean> {
    this.wanted = profile;
    if (profile && this.made?.profile !== profile) this.made = { profile, cube: this.cubeOf(profile) };
    try {
      const cube = profile ? await this.made!.cube : null;
      if (this.wanted !== profile || this.isClosed) return true;
      this.cube = cube;
      this.viewer.forceRedraw();
      return true;
    } catch {
      return false;
    }
  }

  private async cubeOf(profile: Profile): Promise<ColourCube | null> {
    const found = await profile;
    return found ? new ColourCube(await coloursOf(found), () => this.isClosed || this.onLost()) : null;
  }

  private cover(): void {
    const under = this.viewer.drawer.canvas as HTMLCanvasElement;
    under.parentElement?.classList.toggle("stage-veiled", this.cube !== null);
    if (!this.cube) return this.canvas.remove();
    if (under.nextSibling !== this.canvas) under.after(this.canvas);
    if (this.canvas.width !== under.width) this.canvas.width = under.width;
    if (this.canvas.height !== under.height) this.canvas.height = under.height;
    this.context.clearRect(0, 0, under.width, under.height);
    this.cube.paint(under, this.context);
  }

  /** Draw a picture over a target of the same size, in the colours that are shown. */
  paint(picture: OffscreenCanvas, target: CanvasRenderingContext2D): void {
    if (this.cube) this.cube.paint(picture, target);
    else target.drawImage(picture, 0, 0);
  }

  close(): void {
    this.isClosed = true;
    this.viewer.removeHandler("update-viewport", this.draw);
    this.cube = null;
    if (this.viewer.drawer) this.cover();
    void this.made?.cube.then((cube) => cube?.close(), () => undefined);
  }
}
