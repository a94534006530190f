import { Button } from "../components/button";
import { Icon } from "../components/icon";
import { formatNumber } from "../lib/format";
import { t } from "../lib/i18n";
import { clockText, durationMs } from "./timing";
import { type Playback, SPEEDS } from "./use-playback";

export interface PlayerBarProps {
  play: Playback;
  isMeasuring: boolean;
  canMeasure: boolean;
  onMeasure: () => void;
  onUndo: () => void;
  hasLines: boolean;
  isTrayOpen: boolean;
  onTray: () => void;
  onFull: () => void;
  download: string;
}

/** The transport and the tools. A still has only the tools. */
export function PlayerBar(props: PlayerBarProps) {
  const { play } = props;
  const isClip = play.count > 1;
  return (
    <div class="player-bar">
      {isClip ? <Track play={play} /> : null}
      <div class="player-row">
        {isClip ? <Transport play={play} /> : null}
        <div class="player-tools">
          <Button
            kind="quiet" icon="ruler" isIconOnly isPressed={props.isMeasuring} disabled={!props.canMeasure} onClick={props.onMeasure}
            title={props.canMeasure ? undefined : t("player.measure.off")}
          >
            {t(props.canMeasure ? "player.measure" : "player.measure.off")}
          </Button>
          {props.hasLines ? <Button kind="quiet" icon="rewind" isIconOnly onClick={props.onUndo}>{t("player.undo")}</Button> : null}
          <Button kind="quiet" icon="sun" isIconOnly isPressed={props.isTrayOpen} onClick={props.onTray}>{t("player.window")}</Button>
          <Button kind="quiet" icon="full" isIconOnly onClick={props.onFull}>{t("player.full")}</Button>
          <a class="button button-quiet button-size-m button-icon-only" href={props.download} download aria-label={t("player.download")} title={t("player.download")}>
            <Icon name="download" />
          </a>
        </div>
      </div>
    </div>
  );
}

function Transport({ play }: { play: Playback }) {
  return (
    <div class="player-transport">
      <Button kind="quiet" icon="left" isIconOnly onClick={() => play.step(-1)}>{t("player.previous")}</Button>
      <Button kind="primary" icon={play.isPlaying ? "pause" : "play"} isIconOnly class="player-play" onClick={play.toggle}>
        {t(play.isPlaying ? "player.pause" : "player.play")}
      </Button>
      <Button kind="quiet" icon="right" isIconOnly onClick={() => play.step(1)}>{t("player.next")}</Button>
      <Button kind="quiet" icon="refresh" isIconOnly isPressed={play.isLooping} onClick={play.loop}>{t("player.loop")}</Button>
      <label class="player-speed">
        <span class="only-heard">{t("player.speed")}</span>
        <select value={String(play.speed)} onChange={(event) => play.setSpeed(Number(event.currentTarget.value))}>
          {SPEEDS.map((speed) => <option key={speed} value={String(speed)}>{speedText(speed)}</option>)}
        </select>
      </label>
    </div>
  );
}

function Track({ play }: { play: Playback }) {
  const whole = durationMs(play.timing);
  const place = (frame: number): string => `${((play.timing.starts_ms[frame] ?? 0) / (play.timing.starts_ms[play.count - 1] || 1)) * 100}%`;
  return (
    <div class="player-track">
      <span class="player-clock num">{clockText(play.timing.starts_ms[play.frame] ?? 0)}</span>
      <div class="player-rail">
        <input
          type="range" class="range" min={0} max={play.count - 1} step={1} value={play.frame} aria-label={t("player.position")}
          aria-valuetext={t("player.frame", { frame: play.frame + 1, count: play.count })}
          onInput={(event) => play.seek(Number(event.currentTarget.value))}
        />
        {play.gaps.map((gap) => <span key={gap.after_number} class="player-gap" style={{ insetInlineStart: place(gap.after_number) }} />)}
      </div>
      <span class="player-clock player-frame num">{t("player.frame", { frame: play.frame + 1, count: play.count })}</span>
      <span class="only-heard num">{clockText(whole)}</span>
    </div>
  );
}

function speedText(speed: number): string {
  const quarters: Record<string, string> = { "0.25": "¼×", "0.5": "½×", "1": "1×" };
  return quarters[String(speed)] ?? `${formatNumber(speed, speed % 1 ? 1 : 0)}×`;
}
