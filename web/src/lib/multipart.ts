/** Parts of a multipart/related answer, each as soon as it is whole. Standard: RFC 2046 5.1, PS3.18 8.6.1.2 */

const RETURN = 13;
/** A part's headers; more than this is no answer of a node. */
const HEAD_BYTES_MAX = 16 * 1024;

/** The boundary a Content-Type names; null when it is no multipart. */
export function boundaryOf(contentType: string | null): string | null {
  if (!contentType || !/^multipart\/related/i.test(contentType)) return null;
  const found = /boundary="?([^";]+)"?/i.exec(contentType);
  return found?.[1] ?? null;
}

/** Takes the bytes of an answer as they come and gives back the bodies of its parts. */
export class PartReader {
  private readonly mark: Uint8Array;
  private held: Uint8Array = new TextEncoder().encode("\r\n");
  private searchedTo = 0;
  private isInside = false;

  constructor(boundary: string) {
    this.mark = new TextEncoder().encode(`\r\n--${boundary}`);
  }

  /** Take more bytes; returns the parts that are whole with them. */
  push(chunk: Uint8Array): Uint8Array<ArrayBuffer>[] {
    this.held = joined(this.held, chunk);
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (let at = this.findMark(); at >= 0; at = this.findMark()) {
      if (this.isInside) {
        const part = bodyOf(this.held.subarray(0, at));
        if (part) parts.push(part);
      }
      this.isInside = true;
      this.held = this.held.subarray(at + this.mark.length);
      this.searchedTo = 0;
    }
    return parts;
  }

  private findMark(): number {
    const { held, mark } = this;
    for (let at = held.indexOf(RETURN, this.searchedTo); at >= 0; at = held.indexOf(RETURN, at + 1)) {
      if (at + mark.length > held.length) break;
      let same = 1;
      while (same < mark.length && held[at + same] === mark[same]) same += 1;
      if (same === mark.length) return at;
    }
    this.searchedTo = Math.max(0, held.length - mark.length + 1);
    return -1;
  }
}

function bodyOf(part: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const last = Math.min(part.length, HEAD_BYTES_MAX);
  for (let at = 0; at + 3 < last; at += 1) {
    if (part[at] === 13 && part[at + 1] === 10 && part[at + 2] === 13 && part[at + 3] === 10) return new Uint8Array(part.subarray(at + 4));
  }
  return null;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
