/** Where a clip of ours lacks pictures, read from DICOM JSON. Pure. */

import type { DicomJson } from "./regions";

const CREATOR = "EDGE_APPLIANCE 1";
const GROUP = "0021";

export interface ClipGap {
  /** The picture before the gap, from 1. */
  after_number: number;
  missing_count: number;
}

/** The gap list in our private block; empty for any other object.  Standard: PS3.5 7.8 (private elements) */
export function gapsOf(metadata: DicomJson): ClipGap[] {
  const block = blockOf(metadata);
  if (block === null) return [];
  const items = (metadata[`${GROUP}${block}01`]?.Value ?? []) as DicomJson[];
  return items.map(gapOf).filter((gap): gap is ClipGap => gap !== null);
}

function gapOf(item: DicomJson): ClipGap | null {
  const block = blockOf(item);
  if (block === null) return null;
  const after = Number(item[`${GROUP}${block}02`]?.Value?.[0]);
  const missing = Number(item[`${GROUP}${block}03`]?.Value?.[0]);
  return Number.isFinite(after) && Number.isFinite(missing) ? { after_number: after, missing_count: missing } : null;
}

/** The two hexadecimal digits under which our elements stand in this dataset. */
function blockOf(dataset: DicomJson): string | null {
  for (let block = 0x10; block <= 0xff; block += 1) {
    const digits = block.toString(16).toUpperCase().padStart(2, "0");
    if (dataset[`${GROUP}00${digits}`]?.Value?.[0] === CREATOR) return digits;
  }
  return null;
}
