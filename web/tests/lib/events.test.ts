import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LINGER_MS, NodeEvents, type EventStream } from "../../src/lib/events";

class FakeStream implements EventStream {
  private readonly target = new EventTarget();
  readyState = 0;
  isClosed = false;
  close(): void {
    this.isClosed = true;
  }
  addEventListener(type: string, listener: (event: MessageEvent<string>) => void): void {
    this.target.addEventListener(type, listener as EventListener);
  }
  say(type: string, data = ""): void {
    this.target.dispatchEvent(new MessageEvent(type, { data }));
  }
}

let streams: FakeStream[];
let events: NodeEvents;

beforeEach(() => {
  vi.useFakeTimers();
  streams = [];
  events = new NodeEvents("/events", () => {
    const stream = new FakeStream();
    streams.push(stream);
    return stream;
  });
});
afterEach(() => vi.useRealTimers());

test("the stream opens with the first listener and closes a moment after the last", () => {
  const first = events.on("job", () => undefined);
  const second = events.on("outbox", () => undefined);
  expect(streams.length).toBe(1);
  first();
  vi.advanceTimersByTime(LINGER_MS);
  expect(streams[0]!.isClosed).toBe(false);
  second();
  vi.advanceTimersByTime(LINGER_MS - 1);
  expect(streams[0]!.isClosed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(streams[0]!.isClosed).toBe(true);
});

test("a page that follows another within a moment hears the same stream", () => {
  let connectedCount = 0;
  events.addEventListener("connected", () => (connectedCount += 1));
  events.on("job", () => undefined)();
  streams[0]!.say("open");
  vi.advanceTimersByTime(LINGER_MS - 1);
  const heard: unknown[] = [];
  events.on("job", (job) => heard.push(job.job_id));
  vi.advanceTimersByTime(10 * LINGER_MS);
  streams[0]!.say("job", '{"job_id":"a"}');
  expect([streams.length, streams[0]!.isClosed, connectedCount, heard]).toEqual([1, false, 1, ["a"]]);
});

test("a change reaches its listeners and no others", () => {
  const heard: unknown[] = [];
  events.on("job", (job) => heard.push(job.job_id));
  events.on("health", () => heard.push("health"));
  streams[0]!.say("job", '{"job_id":"a"}');
  expect(heard).toEqual(["a"]);
});

test("a broken line is dropped and the next is heard", () => {
  const heard: unknown[] = [];
  events.on("job", (job) => heard.push(job.job_id));
  streams[0]!.say("job", "{");
  streams[0]!.say("job", '{"job_id":"b"}');
  expect(heard).toEqual(["b"]);
});

test("it reconnects by itself, waits longer each time, and says so once", () => {
  const said: string[] = [];
  events.addEventListener("disconnected", () => said.push("disconnected"));
  events.addEventListener("connected", () => said.push("connected"));
  events.on("job", () => undefined);
  streams[0]!.say("open");
  streams[0]!.say("error");
  vi.advanceTimersByTime(999);
  expect(streams.length).toBe(1);
  vi.advanceTimersByTime(1);
  expect(streams.length).toBe(2);
  streams[1]!.say("error");
  vi.advanceTimersByTime(1999);
  expect(streams.length).toBe(2);
  vi.advanceTimersByTime(1);
  streams[2]!.say("open");
  expect(said).toEqual(["connected", "disconnected", "connected"]);
});

test("nobody listening means nobody reconnecting", () => {
  const stop = events.on("job", () => undefined);
  streams[0]!.say("error");
  stop();
  vi.advanceTimersByTime(60_000);
  expect(streams.length).toBe(1);
});
