/** What a pixel of an image measures, read from DICOM JSON. Pure. */

export type DicomJson = Record<string, { vr?: string; Value?: unknown[] } | undefined>;

interface Region {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  mm_x: number;
  mm_y: number;
}

export interface Calibration {
  regions: Region[];
  /** Millimetres per pixel of the whole picture; null when only regions are calibrated, or nothing is. */
  spacing: { mm_x: number; mm_y: number } | null;
}

export interface Point {
  x: number;
  y: number;
}

const CENTIMETRES = 3;
const MM_PER_CM = 10;

/** Read the ultrasound regions and the pixel spacing.  Standard: PS3.3 C.8.5.5, 10.7.1.3 */
export function calibrationOf(metadata: DicomJson): Calibration {
  const sequence = (metadata["00186011"]?.Value ?? []) as DicomJson[];
  const regions = sequence.map(regionOf).filter((region): region is Region => region !== null);
  const values = metadata["00280030"]?.Value;
  const down = Number(values?.[0]);
  const across = Number(values?.[1]);
  return { regions, spacing: down > 0 && across > 0 ? { mm_x: across, mm_y: down } : null };
}

function regionOf(item: DicomJson): Region | null {
  const value = (tag: string): number => Number(item[tag]?.Value?.[0] ?? Number.NaN);
  if (value("00186024") !== CENTIMETRES || value("00186026") !== CENTIMETRES) return null;
  const region = {
    x0: value("00186018"),
    y0: value("0018601A"),
    x1: value("0018601C"),
    y1: value("0018601E"),
    mm_x: Math.abs(value("0018602C")) * MM_PER_CM,
    mm_y: Math.abs(value("0018602E")) * MM_PER_CM,
  };
  return Object.values(region).every(Number.isFinite) && region.mm_x > 0 && region.mm_y > 0 ? region : null;
}

/** The distance of two points in millimetres; null unless both lie in the same calibrated part of the picture. */
export function distanceMm(calibration: Calibration, from: Point, to: Point): number | null {
  const region = calibration.regions.find((each) => holds(each, from) && holds(each, to));
  const scale = region ?? (calibration.regions.length === 0 ? calibration.spacing : null);
  return scale ? Math.hypot((to.x - from.x) * scale.mm_x, (to.y - from.y) * scale.mm_y) : null;
}

export function isCalibrated(calibration: Calibration): boolean {
  return calibration.regions.length > 0 || calibration.spacing !== null;
}

function holds(region: Region, point: Point): boolean {
  return point.x >= region.x0 && point.x <= region.x1 + 1 && point.y >= region.y0 && point.y <= region.y1 + 1;
}
