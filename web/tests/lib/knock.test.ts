import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { knock, KNOCK_MS, patienceMs } from "../../src/lib/knock";

class FakeSocket {
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onclose: (() => void) | null = null;
  isClosed = false;
  close(): void {
    this.isClosed = true;
  }
}

let socket: FakeSocket;
const make = () => (socket = new FakeSocket()) as unknown as WebSocket;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test("a refusal is an answer", async () => {
  const answered = knock("ws://node/healthz", KNOCK_MS, make);
  socket.onerror!();
  expect(await answered).toBe(true);
  expect(socket.isClosed).toBe(true);
});

test("silence is none, and nothing of it stays open", async () => {
  const answered = knock("ws://node/healthz", KNOCK_MS, make);
  await vi.advanceTimersByTimeAsync(KNOCK_MS);
  expect(await answered).toBe(false);
  expect(socket.isClosed).toBe(true);
});

test("where sockets are forbidden the offer itself has to find out", async () => {
  expect(await knock("ws://node/healthz", KNOCK_MS, () => { throw new DOMException("no", "SecurityError"); })).toBe(true);
});

test("a minute's outage takes fewer knocks than the browser begins to slow down at", () => {
  let count = 0;
  for (let ms = 0; ms < 60_000; count += 1) ms += patienceMs(count);
  expect(count).toBeLessThan(16);
});
