import { useKeysHelp } from "../components/keys-help";
import { useKeys } from "../lib/hooks";
import { t } from "../lib/i18n";
import { type Playback, SPEEDS } from "./use-playback";

export interface PlayerActs {
  measure: () => void;
  undo: () => void;
  tray: () => void;
  full: () => void;
  rest: () => void;
}

/** The keys of the player, as editors of film know them. */
export function usePlayerKeys(play: Playback, acts: PlayerActs): void {
  const tame = (act: () => void) => (event: KeyboardEvent) => {
    if (isOnControl(event) && event.key === " ") return;
    event.preventDefault();
    act();
  };
  const speed = (by: number) => (): void => {
    const at = SPEEDS.findIndex((each) => each === play.speed);
    const next = SPEEDS[at + by];
    if (next !== undefined) play.setSpeed(next);
  };
  useKeys({
    " ": tame(play.toggle),
    k: tame(play.toggle),
    ArrowLeft: tame(() => play.step(-1)),
    ArrowRight: tame(() => play.step(1)),
    Home: tame(() => play.seek(0)),
    End: tame(() => play.seek(play.count - 1)),
    l: play.loop,
    ",": speed(-1),
    ".": speed(1),
    m: acts.measure,
    w: acts.tray,
    f: acts.full,
    Backspace: tame(acts.undo),
    Escape: acts.rest,
  });
  useKeysHelp({
    title: t("keys.clip"),
    keys: [
      { caps: ["Space"], does: t("keys.clip.play") },
      { caps: ["←", "→"], does: t("keys.clip.step") },
      { caps: ["Home", "End"], does: t("keys.clip.ends") },
      { caps: ["L"], does: t("keys.clip.loop") },
      { caps: [",", "."], does: t("keys.clip.speed") },
      { caps: ["M"], does: t("keys.clip.measure") },
      { caps: ["⌫"], does: t("keys.clip.undo") },
      { caps: ["W"], does: t("keys.clip.window") },
      { caps: ["F"], does: t("player.full") },
      { caps: ["Page ↑", "Page ↓"], does: t("keys.clip.object") },
    ],
  });
}

/** Space on a focused button presses it, and does nothing else. */
function isOnControl(event: KeyboardEvent): boolean {
  return event.target instanceof Element && event.target.closest("button, a, select") !== null;
}
