import { t } from "../lib/i18n";
import type { CallMessage } from "../lib/whep";

/** What is said once a drawing is kept: whose it is, and what was measured. */
export function drawingSaved(message: CallMessage, ownName: string): string {
  const author = (message.author ?? {}) as Record<string, unknown>;
  const name = String(author.name ?? "");
  const measured = Array.isArray(message.measurements) ? (message.measurements as Record<string, unknown>[]) : [];
  const figures = measured.map((row) => String(row.words ?? "")).filter(Boolean).join(", ");
  const words = name === "" || name === ownName ? t("draw.saved") : t("draw.saved.by", { name });
  return figures === "" ? words : `${words}: ${figures}`;
}
