import type { Guide } from "./shapes";

/** Tell whether a peer is of the person with this key. */
export function isOf(key: string | null | undefined, peerId: string | null): boolean {
  return !!key && !!peerId && peerId.startsWith(`${key}.`);
}

/** While nobody guides, nobody is held up. */
export function mayAct(guide: Guide | null | undefined, peerId: string | null): boolean {
  return !guide?.key || isOf(guide.key, peerId);
}

export function hasAsked(guide: Guide | null | undefined, peerId: string | null): boolean {
  return (guide?.asking ?? []).some((person) => isOf(person.key, peerId));
}

/** The key a peer identifier begins with. */
export function keyOf(peerId: string): string {
  return peerId.slice(0, Math.max(0, peerId.lastIndexOf("."))) || peerId;
}
