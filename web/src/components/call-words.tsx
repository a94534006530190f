import { judge, lowReason, type CallStats, type Quality } from "../lib/call-stats";
import { formatBitrate, formatClock, formatNumber } from "../lib/format";
import { useNow } from "../lib/hooks";
import { t } from "../lib/i18n";
import { asNodeTime } from "../lib/node-clock";
import type { Recording, SourceState } from "../lib/shapes";
import type { Call, CallStatus } from "../lib/whep";
import { Button } from "./button";
import { Icon } from "./icon";
import { StateChip, type Tone } from "./state-chip";

const TONES: Record<Quality, Tone> = { good: "ok", fair: "neutral", low: "warn", none: "warn" };

/** How the picture is, in a word: "Good", "Low: 360p". */
export function QualityChip({ stats, source }: { stats: CallStats | null; source: SourceState | null | undefined }) {
  const quality = judge(stats, source?.height_px);
  const reason = quality === "low" && stats ? lowReason(stats, source?.height_px) : null;
  const words = reason && stats ? t(`quality.low.${reason}`, { height: String(stats.height_px), fps: Math.round(stats.fps) }) : t(`quality.${quality}`);
  return <StateChip tone={TONES[quality]} icon="signal">{words}</StateChip>;
}

/** The figures behind the word, for those who want them. */
export function QualityFacts({ stats }: { stats: CallStats | null }) {
  if (!stats) return <p class="quiet small">{t("quality.measuring")}</p>;
  const latency = stats.latency_ms === null ? "–" : formatNumber(Math.round(stats.latency_ms));
  const facts: [string, string][] = [
    [t("quality.latency"), t("quality.ms", { ms: latency })],
    [t("quality.fps"), t("quality.fps_value", { fps: formatNumber(stats.fps, 0) })],
    [t("quality.rate"), formatBitrate(stats.bitrate_bps)],
    [t("quality.size"), `${stats.width_px} × ${stats.height_px}`],
    [t("quality.loss"), t("number.percent", { percent: formatNumber(stats.loss * 100, 1) })],
  ];
  return (
    <dl class="facts num">
      {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}

/** Recording or not, with the time; the strongest sign on the screen. */
export function RecordingSign({ recording }: { recording: Recording | null | undefined }) {
  if (!recording?.is_recording) return <span class="rec-sign"><span class="rec-dot" />{t("recording.off")}</span>;
  return (
    <span class="rec-sign rec-sign-on">
      <span class="rec-dot" />
      {t("recording.on")}
      <RecordedTime recording={recording} />
    </span>
  );
}

/** How long the clip is so far, by the node's clock. */
export function RecordedTime({ recording }: { recording: Recording }) {
  const nowS = useNow(250);
  const seconds = recording.started_s === null ? 0 : asNodeTime(nowS) - recording.started_s;
  return <span class="num">{formatClock(seconds)}</span>;
}

/** What stands between the person and the picture, over it: connecting, reconnecting with its countdown, a stopped picture. */
export function CallNotice({ call, status, isStale, source }: { call: Call; status: CallStatus; isStale: boolean; source: SourceState | null | undefined }) {
  return (
    <div class="call-notice-place" role="status" aria-live="polite">
      {status.state === "waiting" ? <Waiting call={call} status={status} /> : null}
      {status.state === "connecting" ? <Bubble tone="neutral" isBusy>{t("call.connecting")}</Bubble> : null}
      {status.state === "live" && source && source.state !== "live" ? (
        <Bubble tone="warn">{source.reason || t(`source.${source.state}`)}</Bubble>
      ) : status.state === "live" && isStale ? <Bubble tone="warn">{t("call.stale")}</Bubble> : null}
    </div>
  );
}

function Waiting({ call, status }: { call: Call; status: CallStatus }) {
  const nowS = useNow(250);
  const leftS = Math.max(0, Math.ceil((status.nextTryMs ?? 0) / 1000 - nowS));
  return (
    <div class="bubble tone-warn">
      <Icon name="offline" />
      <div>
        <p class="bubble-title">{status.error?.message}</p>
        {/* The running seconds are for the eye; a screen reader hears the sentence once. */}
        <p class="num" aria-hidden="true">{t("call.reconnect_in", { count: leftS })}</p>
      </div>
      <Button icon="refresh" onClick={() => call.retryNow()}>{t("call.retry_now")}</Button>
    </div>
  );
}

function Bubble({ tone, isBusy, children }: { tone: "neutral" | "warn"; isBusy?: boolean; children: string }) {
  return (
    <div class={`bubble tone-${tone}`}>
      {isBusy ? <span class="spinner" /> : <Icon name="warning" />}
      <p class="bubble-title">{children}</p>
    </div>
  );
}
