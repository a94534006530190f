/** The node's clock as far as its answers tell it: elapsed times must be right on a tablet whose clock is not. */
const TRUST_S = 2;

let offsetS = 0;

/** Take the Date header of an answer (whole seconds). Small differences are the header's own coarseness. */
export function takeNodeDate(header: string | null, nowMs: number = Date.now()): void {
  const nodeMs = Date.parse(header ?? "");
  if (Number.isNaN(nodeMs)) return;
  const seenS = (nodeMs - nowMs) / 1000;
  offsetS = Math.abs(seenS) <= TRUST_S ? 0 : seenS;
}

/** A moment of this device (wall clock, seconds) as the node counts it. */
export function asNodeTime(wallS: number = Date.now() / 1000): number {
  return wallS + offsetS;
}
