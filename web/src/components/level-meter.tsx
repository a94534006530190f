import { useEffect, useRef } from "preact/hooks";
import { t } from "../lib/i18n";
import type { Microphone } from "../lib/microphone";

/** How loud the microphone hears; moved without drawing the page anew. */
export function LevelMeter({ microphone }: { microphone: Microphone }) {
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const hear = (event: Event) => {
      if (bar.current) bar.current.style.transform = `scaleX(${(event as CustomEvent<number>).detail})`;
    };
    microphone.addEventListener("level", hear);
    return () => microphone.removeEventListener("level", hear);
  }, [microphone]);
  return <div class="meter" role="img" aria-label={t("mic.meter")}><div class="meter-bar" ref={bar} /></div>;
}
