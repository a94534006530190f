import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../components/button";
import { Notice } from "../components/empty-state";
import { Icon } from "../components/icon";
import { instanceUrl } from "../lib/api";
import { formatPercent } from "../lib/format";
import { t } from "../lib/i18n";
import type { InstanceRow } from "../lib/shapes";
import { Caliper, type Line } from "./caliper";
import { Picture } from "./picture";
import { PlayerBar } from "./player-bar";
import { usePlayerKeys } from "./player-keys";
import { isCalibrated } from "./regions";
import { usePlayback } from "./use-playback";
import { WindowTray } from "./window-tray";
import { type Window, isSame } from "./window";

export interface PlayerProps {
  studyUid: string;
  seriesUid: string;
  instance: InstanceRow;
}

/** A clip or a still: played at its exact times, stepped, measured; on pause the picture exactly as recorded. */
export function Player({ studyUid, seriesUid, instance }: PlayerProps) {
  const address = instanceUrl(studyUid, seriesUid, instance.sop_instance_uid);
  const [wish, setWish] = useState<Window | null>(null);
  const play = usePlayback(instance, address, wish);
  const [isMeasuring, setMeasuring] = useState(false);
  const [isTrayOpen, setTrayOpen] = useState(false);
  const [lines, setLines] = useState<Line[]>([]);
  const box = useRef<HTMLDivElement>(null);
  const canMeasure = isCalibrated(play.calibration);
  const window = wish ?? play.greys.initial;
  const undo = (): void => setLines((old) => old.slice(0, -1));
  const measure = (): void => {
    if (canMeasure) setMeasuring((now) => !now);
  };
  const full = (): void => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void box.current?.requestFullscreen?.().catch(() => undefined);
  };
  usePlayerKeys(play, { measure, undo, full, tray: () => setTrayOpen((now) => !now), rest: () => setMeasuring(false) });
  useEffect(() => {
    if (isMeasuring) play.pause();
  }, [isMeasuring]);
  return (
    <div class="player" ref={box} role="group" aria-label={t("player.label")}>
      <div class="player-stage">
        <Picture
          bitmap={play.bitmap} width={play.width_px} height={play.height_px} window={window} isAdjusted={play.greys.is_shallow && !isSame(window, play.greys.initial)}
          label={t("player.picture", { frame: play.frame + 1, count: play.count })}
        >
          <Caliper
            width={play.width_px} height={play.height_px} calibration={play.calibration} lines={lines}
            isDrawing={isMeasuring} onLine={(line) => setLines((old) => [...old, line])}
          />
        </Picture>
        {play.isBuffering ? <p class="player-waiting" role="status">{t("player.loading")} <span class="num">{formatPercent(play.heldCount, play.count)}</span></p> : null}
        {isTrayOpen ? <WindowTray greys={play.greys} window={window} onWindow={setWish} onClose={() => setTrayOpen(false)} /> : null}
      </div>
      {play.failedFrame !== null ? (
        <Notice tone="bad" icon="error" isAlert>
          <div class="row">
            <span class="grow">{t("player.failed", { frame: play.failedFrame + 1 })}</span>
            <Button icon="refresh" onClick={play.retry}>{t("player.again")}</Button>
          </div>
        </Notice>
      ) : null}
      <Marks instance={instance} play={play} />
      <PlayerBar
        play={play} isMeasuring={isMeasuring} canMeasure={canMeasure} onMeasure={measure} onUndo={undo} hasLines={lines.length > 0}
        isTrayOpen={isTrayOpen} onTray={() => setTrayOpen(!isTrayOpen)} onFull={full} download={address}
      />
    </div>
  );
}

/** What must be known about this record: gaps, recovery, an unknown pace, and the quality now on the screen. */
function Marks({ instance, play }: { instance: InstanceRow; play: ReturnType<typeof usePlayback> }) {
  const gaps = typeof instance.gaps === "string" ? instance.gaps : "";
  return (
    <div class="player-marks">
      {instance.is_recovered ? <p class="player-mark player-warn"><Icon name="warning" size={16} />{t("study.recovered")}</p> : null}
      {gaps ? <p class="player-mark player-warn"><Icon name="warning" size={16} />{t("study.gaps.said", { gaps })}</p> : null}
      {!play.timing.is_known && play.count > 1 ? <p class="player-mark">{t("player.pace_unknown")}</p> : null}
      <p class="player-mark" title={play.isLossless ? undefined : t("player.preview.help")}>
        <Icon name={play.isLossless ? "ok" : "info"} size={16} />
        {t(play.isLossless ? "player.lossless" : "player.preview")}
      </p>
    </div>
  );
}
