import { useEffect, useState } from "preact/hooks";
import { asApiError } from "../lib/api";
import { t } from "../lib/i18n";
import { Button } from "./button";
import { Icon, type IconName } from "./icon";

export type ToastTone = "ok" | "info" | "warn" | "bad";

interface Toast {
  id: number;
  tone: ToastTone;
  words: string;
  hint: string;
}

const SHOWN_MAX = 4;
const SHOWN_MS: Record<ToastTone, number> = { ok: 4000, info: 5000, warn: 9000, bad: 12_000 };
const ICONS: Record<ToastTone, IconName> = { ok: "ok", info: "info", warn: "warning", bad: "error" };

let toasts: Toast[] = [];
let nextId = 1;
const changes = new EventTarget();

/** Say something that passes by itself; screen readers hear it. */
export function say(words: string, tone: ToastTone = "ok", hint = ""): void {
  const toast = { id: nextId++, tone, words, hint };
  set([...toasts.filter((old) => old.words !== words), toast].slice(-SHOWN_MAX));
  setTimeout(() => dismiss(toast.id), SHOWN_MS[tone]);
}

/** Say what went wrong and what to do. */
export function sayError(reason: unknown): void {
  const error = asApiError(reason);
  say(error.message, "bad", error.nextStep);
}

function dismiss(id: number): void {
  set(toasts.filter((toast) => toast.id !== id));
}

function set(next: Toast[]): void {
  toasts = next;
  changes.dispatchEvent(new Event("change"));
}

/** Where the sentences appear; once in the page. */
export function Toasts() {
  const [shown, setShown] = useState(toasts);
  useEffect(() => {
    const update = () => setShown(toasts);
    changes.addEventListener("change", update);
    return () => changes.removeEventListener("change", update);
  }, []);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <div key={toast.id} class={`toast tone-${toast.tone}`}>
          <Icon name={ICONS[toast.tone]} />
          <div class="grow">
            <p class="toast-words">{toast.words}</p>
            {toast.hint ? <p class="toast-hint">{toast.hint}</p> : null}
          </div>
          <Button kind="quiet" icon="cross" isIconOnly onClick={() => dismiss(toast.id)}>
            {t("toast.dismiss")}
          </Button>
        </div>
      ))}
    </div>
  );
}
