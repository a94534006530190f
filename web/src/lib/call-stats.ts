/** How a call goes, once a second, and what that means in words. Pure. */
export interface CallStats {
  fps: number;
  height_px: number;
  width_px: number;
  bitrate_bps: number;
  /** Share of packets lost in the last second, 0 to 1. */
  loss: number;
  rtt_ms: number | null;
  /** From the node to the screen, estimated: half the round trip, the wait in the jitter buffer, the decoder. */
  latency_ms: number | null;
}

interface Counters {
  at_ms: number;
  bytes: number;
  received: number;
  lost: number;
  decoded: number;
  buffer_s: number;
  emitted: number;
  decode_s: number;
}

type Report = Record<string, unknown>;

/** Turns two reports of RTCPeerConnection.getStats into figures. */
export class StatsMeter {
  private before: Counters | null = null;

  /** Take the newest report; null until there are two with video in them. */
  read(reports: Iterable<unknown>): CallStats | null {
    const all = [...reports] as Report[];
    const video = all.find((report) => report.type === "inbound-rtp" && report.kind === "video");
    if (!video) return null;
    const now = counters(video);
    const old = this.before;
    this.before = now;
    if (!old || now.at_ms <= old.at_ms) return null;
    const seconds = (now.at_ms - old.at_ms) / 1000;
    const lost = Math.max(0, now.lost - old.lost);
    const received = Math.max(0, now.received - old.received);
    const rttMs = roundTripMs(all);
    const bufferMs = perFrameMs(now.buffer_s - old.buffer_s, now.emitted - old.emitted);
    const decodeMs = perFrameMs(now.decode_s - old.decode_s, now.decoded - old.decoded);
    return {
      fps: Math.max(0, (now.decoded - old.decoded) / seconds),
      height_px: number(video.frameHeight),
      width_px: number(video.frameWidth),
      bitrate_bps: Math.max(0, ((now.bytes - old.bytes) * 8) / seconds),
      loss: lost + received > 0 ? lost / (lost + received) : 0,
      rtt_ms: rttMs,
      latency_ms: rttMs === null || bufferMs === null ? null : rttMs / 2 + bufferMs + (decodeMs ?? 0),
    };
  }

  reset(): void {
    this.before = null;
  }
}

/** Notices that nothing at all arrives any more, from one report a second. */
export class SilenceWatch {
  private bytes = -1;
  private count = 0;

  constructor(private readonly countMax: number) {}

  /** Take the newest report; true once the same number of bytes was seen too often. */
  isOver(reports: Iterable<unknown>): boolean {
    const transport = ([...reports] as Report[]).find((report) => report.type === "transport");
    if (typeof transport?.bytesReceived !== "number") return false;
    this.count = transport.bytesReceived === this.bytes ? this.count + 1 : 0;
    this.bytes = transport.bytesReceived;
    return this.count >= this.countMax;
  }
}

export type Quality = "good" | "fair" | "low" | "none";

const HEIGHT_PX_MIN = 400;

/** Frame rate is what supervisors miss first; then delay, loss and size. A picture as large as its source is not low. */
export function judge(stats: CallStats | null, sourceHeightPx = HEIGHT_PX_MIN): Quality {
  if (!stats || stats.fps < 1) return "none";
  if (lowReason(stats, sourceHeightPx) !== null) return "low";
  const latency = stats.latency_ms ?? 0;
  if (stats.fps < 20 || latency > 400 || stats.loss > 0.03) return "fair";
  return "good";
}

/** What makes a picture low, the worst for guidance first; null when nothing does. */
export function lowReason(stats: CallStats, sourceHeightPx = HEIGHT_PX_MIN): "fps" | "size" | "latency" | "loss" | null {
  if (stats.fps < 12) return "fps";
  if (stats.height_px < Math.min(HEIGHT_PX_MIN, sourceHeightPx * 0.9)) return "size";
  if ((stats.latency_ms ?? 0) > 700) return "latency";
  return stats.loss > 0.1 ? "loss" : null;
}

function counters(video: Report): Counters {
  return {
    at_ms: number(video.timestamp),
    bytes: number(video.bytesReceived),
    received: number(video.packetsReceived),
    lost: number(video.packetsLost),
    decoded: number(video.framesDecoded),
    buffer_s: number(video.jitterBufferDelay),
    emitted: number(video.jitterBufferEmittedCount),
    decode_s: number(video.totalDecodeTime),
  };
}

function roundTripMs(all: Report[]): number | null {
  const pair = all.find(
    (report) => report.type === "candidate-pair" && (report.nominated === true || report.selected === true) && report.state === "succeeded",
  );
  return typeof pair?.currentRoundTripTime === "number" ? pair.currentRoundTripTime * 1000 : null;
}

function perFrameMs(seconds: number, count: number): number | null {
  return count > 0 ? (seconds * 1000) / count : null;
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
