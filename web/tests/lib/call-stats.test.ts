import { expect, test } from "vitest";
import { judge, lowReason, StatsMeter, type CallStats } from "../../src/lib/call-stats";

const video = (over: Record<string, unknown>) => ({
  type: "inbound-rtp", kind: "video", frameWidth: 1280, frameHeight: 720, timestamp: 0, bytesReceived: 0, packetsReceived: 0, packetsLost: 0,
  framesDecoded: 0, jitterBufferDelay: 0, jitterBufferEmittedCount: 0, totalDecodeTime: 0, ...over,
});
const pair = { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.08 };
const good: CallStats = { fps: 30, height_px: 720, width_px: 1280, bitrate_bps: 1e6, loss: 0, rtt_ms: 80, latency_ms: 120 };

test("figures come from the difference of two reports", () => {
  const meter = new StatsMeter();
  expect(meter.read([video({})])).toBeNull();
  const stats = meter.read([
    video({ timestamp: 2000, bytesReceived: 250_000, packetsReceived: 190, packetsLost: 10, framesDecoded: 50, jitterBufferDelay: 3, jitterBufferEmittedCount: 50, totalDecodeTime: 0.5 }),
    pair,
  ])!;
  expect(stats).toMatchObject({ fps: 25, bitrate_bps: 1e6, loss: 0.05, rtt_ms: 80, height_px: 720 });
  expect(stats.latency_ms).toBeCloseTo(40 + 60 + 10);
});

test("the delay is unknown rather than wrong without a round trip", () => {
  const meter = new StatsMeter();
  meter.read([video({})]);
  expect(meter.read([video({ timestamp: 1000, framesDecoded: 30, jitterBufferDelay: 1, jitterBufferEmittedCount: 30 })])!.latency_ms).toBeNull();
});

test.each<[string, Partial<CallStats>, string]>([
  ["all well", {}, "good"], ["19 pictures a second", { fps: 19 }, "fair"], ["11 pictures a second", { fps: 11 }, "low"],
  ["360 lines", { height_px: 360 }, "low"], ["half a second late", { latency_ms: 500 }, "fair"], ["nothing", { fps: 0 }, "none"],
])("%s is told", (_, over, quality) => expect(judge({ ...good, ...over }, 720)).toBe(quality));

test("a small source shown whole is not a low picture", () => {
  expect(judge({ ...good, height_px: 240 }, 240)).toBe("good");
  expect(judge({ ...good, height_px: 180 }, 240)).toBe("low");
});

test("the worst for guidance is named first", () => expect(lowReason({ ...good, fps: 5, height_px: 180, loss: 0.5 }, 720)).toBe("fps"));
