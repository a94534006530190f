import { useId } from "preact/hooks";
import { Button } from "../components/button";
import { t } from "../lib/i18n";
import { type Greys, type Window, contrastOf, isSame, widthOf } from "./window";

/** Brightness and contrast. Brighter is a lower centre, more contrast a narrower window: people are shown the former. */
export function WindowTray(props: { greys: Greys; window: Window; onWindow: (window: Window | null) => void; onClose: () => void }) {
  const { greys, window, onWindow } = props;
  const flip = (centre: number): number => greys.low + greys.high - centre;
  return (
    <div class="window-tray" role="group" aria-label={t("player.window")}>
      <Slider
        label={t("player.window.centre")} low={greys.low} high={greys.high} value={flip(window.centre)}
        onValue={(value) => onWindow({ ...window, centre: flip(value) })}
      />
      <Slider
        label={t("player.window.width")} low={0} high={1} value={contrastOf(greys, window.width)}
        onValue={(value) => onWindow({ ...window, width: widthOf(greys, value) })}
      />
      <Button kind="quiet" disabled={isSame(window, greys.initial)} onClick={() => onWindow(null)}>{t("player.window.reset")}</Button>
      <Button kind="quiet" icon="cross" isIconOnly onClick={props.onClose}>{t("dialog.close")}</Button>
    </div>
  );
}

function Slider(props: { label: string; low: number; high: number; value: number; onValue: (value: number) => void }) {
  const id = useId();
  return (
    <label class="window-slider" for={id}>
      <span>{props.label}</span>
      <input
        id={id} type="range" class="range" min={props.low} max={props.high} step={(props.high - props.low) / 200} value={props.value}
        onInput={(event) => props.onValue(Number(event.currentTarget.value))}
      />
    </label>
  );
}
