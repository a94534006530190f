/** Lengths and magnifications on the stage. Pure. */

export interface ScaleBar {
  width_px: number;
  label: string;
}

const BAR_PX_MAX = 160;
const STEPS = [5, 2, 1];

/** The longest round length that fits, with its width on the screen; null without a known scale. */
export function scaleBar(umPerScreenPx: number | null, widthMax: number = BAR_PX_MAX): ScaleBar | null {
  if (umPerScreenPx === null || !(umPerScreenPx > 0) || !Number.isFinite(umPerScreenPx)) return null;
  const most = umPerScreenPx * widthMax;
  const power = 10 ** Math.floor(Math.log10(most));
  const step = STEPS.find((each) => each * power <= most * (1 + 1e-9)) ?? 1;
  const um = step * power;
  return { width_px: um / umPerScreenPx, label: lengthText(um, 0) };
}

/** A length in the unit a reader expects: nm, µm or mm. */
export function lengthText(um: number, digits?: number): string {
  const say = (value: number, unit: string): string => `${trimmed(value, digits)} ${unit}`;
  if (um < 1) return say(um * 1000, "nm");
  if (um < 1000) return say(um, "µm");
  return say(um / 1000, "mm");
}

function trimmed(value: number, digits?: number): string {
  const places = digits ?? (value < 10 ? 2 : value < 100 ? 1 : 0);
  return Number(value.toFixed(places)).toString();
}

/** The objective that shows one slide pixel on one screen pixel: as scanned, else from the pixel size; null if unknown. */
export function nativeMagnification(magnification: number | null, mpp: number | null): number | null {
  if (magnification !== null && magnification > 0) return magnification;
  if (mpp !== null && mpp > 0) return 10 / mpp;
  return null;
}

/** "20×", "2.5×", "0.31×" */
export function magnificationText(value: number): string {
  const places = value >= 10 ? 0 : value >= 1 ? 1 : 2;
  return `${Number(value.toFixed(places))}×`;
}

export interface PointPx {
  x: number;
  y: number;
}

/** The distance of two points of the biggest level, in micrometres; null if the pixel size is unknown. */
export function distanceUm(from: PointPx, to: PointPx, mppX: number | null, mppY: number | null): number | null {
  if (mppX === null || mppY === null || !(mppX > 0) || !(mppY > 0)) return null;
  return Math.hypot((to.x - from.x) * mppX, (to.y - from.y) * mppY);
}
