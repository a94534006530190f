import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { t } from "../lib/i18n";
import { Button } from "./button";

export interface DialogProps {
  title: string;
  /** Called for Escape, the cross and a click beside the dialog. */
  onClose: () => void;
  children: ComponentChildren;
  /** Buttons, the main one last. */
  actions?: ComponentChildren;
  width?: "s" | "m" | "l";
}

/** A modal dialog. The browser's own <dialog> keeps the focus inside and gives it back. */
export function Dialog({ title, onClose, children, actions, width = "m" }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  const id = useId();
  useEffect(() => {
    const dialog = box.current!;
    const opener = document.activeElement;
    dialog.showModal();
    const cancel = (event: Event) => {
      event.preventDefault();
      close.current();
    };
    dialog.addEventListener("cancel", cancel);
    return () => {
      dialog.removeEventListener("cancel", cancel);
      dialog.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={box}
      class={`dialog dialog-${width}`}
      aria-labelledby={id}
      onMouseDown={(event) => event.target === box.current && close.current()}
    >
      <div class="dialog-box">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <Button kind="quiet" icon="cross" isIconOnly onClick={() => close.current()}>
            {t("dialog.close")}
          </Button>
        </header>
        <div class="dialog-body">{children}</div>
        {actions ? <footer class="dialog-foot">{actions}</footer> : null}
      </div>
    </dialog>
  );
}
