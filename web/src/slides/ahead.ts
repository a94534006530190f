/** What a slide's page needs, asked for while the pointer rests on its card: half of the way to the first picture. */

import { api } from "../lib/api";
import type { SlideDetail } from "../lib/shapes";

/** An answer older than this is asked for again: a conversion may have ended meanwhile. */
const FRESH_MS = 5000;

let ahead: { series: string; askedMs: number; answer: Promise<SlideDetail> } | null = null;

/** Ask now for what will probably be wanted. */
export function askAhead(series: string): void {
  if (ahead?.series === series && performance.now() - ahead.askedMs < FRESH_MS) return;
  // Ahead of anybody's wish: what has left the node is not fetched back for it.
  const answer = api.slide(series, undefined, { isAhead: true });
  answer.catch(() => undefined);
  ahead = { series, askedMs: performance.now(), answer };
}

/** The slide, from what was asked for ahead when that is fresh; each answer is used once. */
export function askSlide(series: string, signal: AbortSignal): Promise<SlideDetail> {
  const found = ahead;
  ahead = null;
  const isFresh = found?.series === series && performance.now() - found.askedMs < FRESH_MS;
  return isFresh ? found.answer.catch(() => api.slide(series, signal)) : api.slide(series, signal);
}
