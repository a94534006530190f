/** Brightness and contrast as DICOM has them: window centre and width. Pure. */

import type { DicomJson } from "./regions";

export interface Window {
  centre: number;
  width: number;
}

export interface Greys {
  /** Eight bits or fewer, or colour: what the page gets is what there is, and the page itself adjusts it. */
  is_shallow: boolean;
  initial: Window;
  low: number;
  high: number;
}

/** What greys a picture has.  Standard: PS3.3 C.7.6.3, C.11.1, C.11.2 */
export function greysOf(metadata: DicomJson): Greys {
  const value = (tag: string, unknown: number): number => {
    const found = Number(metadata[tag]?.Value?.[0] ?? Number.NaN);
    return Number.isFinite(found) ? found : unknown;
  };
  const bits = value("00280101", 8);
  if (bits <= 8) return { is_shallow: true, initial: { centre: 127.5, width: 255 }, low: 0, high: 255 };
  const slope = value("00281053", 1);
  const intercept = value("00281052", 0);
  const isSigned = value("00280103", 0) === 1;
  const first = isSigned ? -(2 ** (bits - 1)) : 0;
  // What the picture itself holds, when it says so: a scanner fills a small part of what its bits could.
  const stored = [value("00280106", first), value("00280107", first + 2 ** bits - 1)];
  const ends = stored.map((pixel) => pixel * slope + intercept);
  const low = Math.min(...ends);
  const high = Math.max(...ends, low + 1);
  const centre = value("00281050", (low + high) / 2);
  const width = Math.max(1, value("00281051", high - low));
  return { is_shallow: false, initial: { centre, width }, low: Math.min(low, centre), high: Math.max(high, centre) };
}

/** How far a contrast slider stands, 0 to 1, for a width: each step changes the contrast by the same factor. */
export function contrastOf(greys: Greys, width: number): number {
  const { widest, narrowest } = widthsOf(greys);
  return Math.log(widest / width) / Math.log(widest / narrowest);
}

/** The width for a place of the contrast slider. */
export function widthOf(greys: Greys, contrast: number): number {
  const { widest, narrowest } = widthsOf(greys);
  return widest * (narrowest / widest) ** contrast;
}

/** From half the contrast of the whole range to twenty times of it. */
function widthsOf(greys: Greys): { widest: number; narrowest: number } {
  const whole = Math.max(2, greys.high - greys.low);
  return { widest: whole * 2, narrowest: Math.max(1, whole / 20) };
}

/** The straight line that shows a window of 0 to 255, for a picture whose greys are 0 to 1. */
export function lineOf(window: Window): { slope: number; intercept: number } {
  const width = Math.max(1, window.width);
  return { slope: 255 / width, intercept: -(window.centre - width / 2) / width };
}

export function isSame(a: Window, b: Window): boolean {
  return a.centre === b.centre && a.width === b.width;
}
