/**
 * The scanner's colours where no graphics processor applies them, by the browser's own colour management: the slide's ICC
 * profile is put into each tile on its way to the decoder, off the main thread, so that profiles of every kind (matrices
 * and tables) come out as sRGB.
 */

/** What one APP2 segment holds of a profile. Standard: ICC.1 B.4 */
const SEGMENT_BYTES_MAX = 65_519;
const SEGMENTS_MAX = 255;
const NAME = "ICC_PROFILE\0";

/** The segments that carry a profile inside a JPEG. */
export function profileSegments(profile: Uint8Array): Uint8Array<ArrayBuffer> {
  const count = Math.ceil(profile.length / SEGMENT_BYTES_MAX);
  if (count === 0 || count > SEGMENTS_MAX) throw new RangeError(`a profile of ${profile.length} bytes fits into no JPEG`);
  const header = NAME.length + 2;
  const all = new Uint8Array(profile.length + count * (4 + header));
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    const part = profile.subarray(index * SEGMENT_BYTES_MAX, (index + 1) * SEGMENT_BYTES_MAX);
    const length = 2 + header + part.length;
    all.set([0xff, 0xe2, length >> 8, length & 0xff], at);
    for (let letter = 0; letter < NAME.length; letter += 1) all[at + 4 + letter] = NAME.charCodeAt(letter);
    all.set([index + 1, count], at + 4 + NAME.length);
    all.set(part, at + 4 + header);
    at += 4 + header + part.length;
  }
  return all;
}

/** Where a picture's own bytes begin to differ from another's: after the marker that opens every JPEG. */
const START_BYTES = 2;

/** Decodes tiles, in the scanner's colours when a profile is given, else as the numbers stand. */
export class TileDecoder {
  private readonly segments: Promise<Blob | null>;

  /** The profile may still be on its way: tiles are fetched meanwhile. */
  constructor(profile: Promise<Uint8Array | null> | null) {
    this.segments = (profile ?? Promise.resolve(null)).then((found) => (found ? new Blob([profileSegments(found)]) : null));
  }

  async decode(picture: Blob): Promise<ImageBitmap> {
    const segments = await this.segments;
    if (!segments) return createImageBitmap(picture, { colorSpaceConversion: "none" });
    const tagged = new Blob([picture.slice(0, START_BYTES), segments, picture.slice(START_BYTES)], { type: "image/jpeg" });
    return createImageBitmap(tagged, { colorSpaceConversion: "default" });
  }
}

/** Fetch a slide's profile; null when it cannot be had, which is no reason to show no picture. */
export async function fetchProfile(address: string): Promise<Uint8Array | null> {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/octet-stream" }, credentials: "same-origin" });
    return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
  } catch {
    return null;
  }
}
