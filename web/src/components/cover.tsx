import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../lib/i18n";
import { Button } from "./button";
import { Icon } from "./icon";

/** Left alone for so long, a page hides what it shows of patients. A page with a live picture never does. */
const LEFT_ALONE_MS = 10 * 60_000;
const CHECK_MS = 15_000;
const asks = new EventTarget();

/** Hide patient data now. */
export function hidePatientData(): void {
  asks.dispatchEvent(new Event("hide"));
}

/** Covers the page; the sign-in's own end is the node's matter. */
export function Cover() {
  const [isShown, setShown] = useState(false);
  const touchedAt = useRef(Date.now());
  useEffect(() => {
    const touch = () => (touchedAt.current = Date.now());
    const hide = () => setShown(true);
    const timer = setInterval(() => {
      const isLive = document.querySelector("[data-live]") !== null;
      if (!isLive && Date.now() - touchedAt.current > LEFT_ALONE_MS) setShown(true);
    }, CHECK_MS);
    for (const type of ["pointerdown", "keydown", "wheel"]) addEventListener(type, touch, { passive: true });
    asks.addEventListener("hide", hide);
    return () => {
      clearInterval(timer);
      for (const type of ["pointerdown", "keydown", "wheel"]) removeEventListener(type, touch);
      asks.removeEventListener("hide", hide);
    };
  }, []);
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isShown) box.current?.showModal();
  }, [isShown]);
  if (!isShown) return null;
  return (
    <dialog class="cover" ref={box} aria-label={t("cover.title")} onCancel={() => setShown(false)}>
      <Icon name="eye_off" size={40} />
      <h2>{t("cover.title")}</h2>
      <p class="quiet">{t("cover.hint")}</p>
      <Button kind="primary" icon="eye" onClick={() => setShown(false)}>{t("cover.show")}</Button>
    </dialog>
  );
}
