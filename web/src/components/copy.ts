import { t } from "../lib/i18n";
import { say } from "./toast";

/** Put a text on the clipboard, and say so; where the browser refuses, show it to be copied by hand. */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(t("copy.done"));
  } catch {
    say(t("copy.failed"), "warn", text);
  }
}
