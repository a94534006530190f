import { expect, test } from "vitest";
import { loudness } from "../../src/lib/microphone";

test("silence is nothing, a full tone is everything, a whisper between", () => {
  expect(loudness(new Float32Array(512))).toBe(0);
  expect(loudness(new Float32Array(512).fill(0.9))).toBe(1);
  const whisper = loudness(new Float32Array(512).fill(0.02));
  expect(whisper).toBeGreaterThan(0.3);
  expect(whisper).toBeLessThan(0.7);
});
