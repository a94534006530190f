import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, type ButtonKind } from "./button";
import type { IconName } from "./icon";

/** A button that opens a small panel; closes on Escape, on a click elsewhere, and when the focus leaves. */
export function Menu(props: { label: string; icon: IconName; kind?: ButtonKind; isIconOnly?: boolean; children: (close: () => void) => ComponentChildren }) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      box.current?.querySelector("button")?.focus();
    };
    addEventListener("pointerdown", outside);
    addEventListener("focusin", outside);
    addEventListener("keydown", escape);
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("focusin", outside);
      removeEventListener("keydown", escape);
    };
  }, [isOpen]);
  return (
    <div class="menu" ref={box}>
      <Button kind={props.kind ?? "quiet"} icon={props.icon} isIconOnly={props.isIconOnly} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {props.label}
      </Button>
      {isOpen ? <div class="menu-panel">{props.children(() => setOpen(false))}</div> : null}
    </div>
  );
}
