import { t } from "../lib/i18n";
import { KNOWN_REQUESTS, type KnownRequest } from "../lib/room";

/** A request as a sentence in the reader's language; free text as it was written. */
export function requestWords(text: string): string {
  const known = KNOWN_REQUESTS.find((request) => request === text) as KnownRequest | undefined;
  return known ? t(`request.${known}`) : text;
}
