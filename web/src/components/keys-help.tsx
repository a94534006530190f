import { useEffect, useState } from "preact/hooks";
import { t } from "../lib/i18n";
import { Dialog } from "./dialog";

export interface KeyGroup {
  title: string;
  /** Key caps ("Shift", "R") and what they do. */
  keys: { caps: string[]; does: string }[];
}

const groups = new Map<string, KeyGroup>();
const asks = new EventTarget();

/** List a page's keys under "?" while it is on the screen. */
export function useKeysHelp(group: KeyGroup): void {
  useEffect(() => {
    groups.set(group.title, group);
    return () => void groups.delete(group.title);
  }, [group.title]);
}

/** Open the list, as "?" does. */
export function showKeys(): void {
  asks.dispatchEvent(new Event("show"));
}

/** The list of keys; once in the page. */
export function KeysHelp() {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const show = () => setOpen(true);
    const hear = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement | null;
      const isTyping = !!target && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
      if (event.key === "?" && !isTyping && !document.querySelector("dialog[open]")) setOpen(true);
    };
    asks.addEventListener("show", show);
    addEventListener("keydown", hear);
    return () => {
      asks.removeEventListener("show", show);
      removeEventListener("keydown", hear);
    };
  }, []);
  if (!isOpen) return null;
  const everywhere: KeyGroup = { title: t("keys.group.everywhere"), keys: [{ caps: ["?"], does: t("keys.help") }, { caps: ["Esc"], does: t("keys.close") }] };
  return (
    <Dialog title={t("keys.title")} onClose={() => setOpen(false)}>
      <div class="keys">
        {[...groups.values(), everywhere].map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl class="keys-list">
              {group.keys.map((entry) => (
                <div key={entry.does} class="keys-line">
                  <dt>{entry.caps.map((cap) => <kbd key={cap}>{cap}</kbd>)}</dt>
                  <dd>{entry.does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
