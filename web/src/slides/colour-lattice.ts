/**
 * What a profile makes of colours, told by the browser's own colour management: a picture of evenly spaced colours is
 * tagged with the profile and decoded, so that profiles of every kind (matrices and tables) come out as sRGB.
 */

/** Colours a side of the cube; between them lies a straight line. */
export const LATTICE_SIDE = 33;

const SIGNATURE = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Every colour of the lattice as sRGB: red runs fastest, then green, then blue; red, green, blue, alpha each. */
export async function coloursOf(profile: Uint8Array): Promise<Uint8ClampedArray> {
  const bitmap = await createImageBitmap(await taggedLattice(profile), { colorSpaceConversion: "default" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser has no canvas to read from");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height).data;
}

/** A PNG of the lattice with the profile in it: one row a step of blue, and in it one run of red a step of green. */
export async function taggedLattice(profile: Uint8Array): Promise<Blob> {
  const size = new DataView(new ArrayBuffer(13));
  size.setUint32(0, LATTICE_SIDE * LATTICE_SIDE);
  size.setUint32(4, LATTICE_SIDE);
  size.setUint16(8, 0x0802);
  const [tag, rows] = await Promise.all([deflated(profile), deflated(latticeRows())]);
  const parts = [
    chunk("IHDR", new Uint8Array(size.buffer)), chunk("iCCP", joined([Uint8Array.from([0x70, 0, 0]), tag])),
    chunk("IDAT", rows), chunk("IEND", new Uint8Array(0)),
  ];
  return new Blob([joined([SIGNATURE, ...parts])], { type: "image/png" });
}

/** The rows of the picture, each after the byte that says its colours are plain. */
export function latticeRows(): Uint8Array<ArrayBuffer> {
  const rows = new Uint8Array(LATTICE_SIDE * (1 + 3 * LATTICE_SIDE * LATTICE_SIDE));
  const step = (index: number): number => Math.round((index * 255) / (LATTICE_SIDE - 1));
  let at = 0;
  for (let blue = 0; blue < LATTICE_SIDE; blue += 1) {
    at += 1;
    for (let green = 0; green < LATTICE_SIDE; green += 1) {
      for (let red = 0; red < LATTICE_SIDE; red += 1) {
        rows.set([step(red), step(green), step(blue)], at);
        at += 3;
      }
    }
  }
  return rows;
}

/** Standard: PNG 5.3, length, name, body and check of a chunk. */
export function chunk(name: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(body.length + 12);
  const view = new DataView(whole.buffer);
  view.setUint32(0, body.length);
  for (let letter = 0; letter < 4; letter += 1) whole[4 + letter] = name.charCodeAt(letter);
  whole.set(body, 8);
  view.setUint32(8 + body.length, checkOf(whole.subarray(4, 8 + body.length)));
  return whole;
}

/** Standard: PNG Annex D, CRC-32. */
function checkOf(data: Uint8Array): number {
  let check = 0xffffffff;
  for (const byte of data) {
    check ^= byte;
    for (let bit = 0; bit < 8; bit += 1) check = check & 1 ? (check >>> 1) ^ 0xedb88320 : check >>> 1;
  }
  return ~check >>> 0;
}

async function deflated(data: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([data as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
