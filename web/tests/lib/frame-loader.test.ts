import { describe, expect, test } from "vitest";

import { BATCH_MAX, FrameLoader, QUICK_BATCH_MAX, REQUESTS_MAX, RoundTrip, batchSize } from "../../src/lib/frame-loader";

const never = new AbortController().signal;

/** A node that answers frames with their numbers, and notes what it was asked. */
class FakeNode {
  asked: string[] = [];
  private held: (() => void)[] = [];
  constructor(private readonly isHolding = false, private readonly takesFrames = true) {}

  readonly fetch = async (input: RequestInfo | URL): Promise<Response> => {
    const path = String(input);
    this.asked.push(path);
    if (this.isHolding) await new Promise<void>((resolve) => this.held.push(resolve));
    if (!this.takesFrames && !path.endsWith("/rendered")) return new Response("", { status: 406 });
    const frames = path.replace("/rendered", "").split("/").pop()!.split(",");
    if (frames.length === 1) return new Response(`frame ${frames[0]}`, { headers: { "Content-Type": "image/jpeg" } });
    const parts = frames.map((frame) => `--b\r\nContent-Type: image/jpeg\r\n\r\nframe ${frame}\r\n`).join("");
    return new Response(`${parts}--b--\r\n`, { headers: { "Content-Type": "multipart/related; boundary=b" } });
  };

  release(): void {
    for (const go of this.held.splice(0)) go();
  }
}

async function load(loader: FrameLoader, frames: number[]): Promise<string[]> {
  const pictures = await Promise.all(frames.map((frame) => loader.load("1.2", frame, never)));
  return Promise.all(pictures.map((picture) => picture.text()));
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe("frames on their way", () => {
  test("everybody gets the frame asked for, alone or together", async () => {
    const node = new FakeNode();
    const loader = new FrameLoader("/s", new RoundTrip(5), node.fetch);
    expect(await load(loader, [7])).toEqual(["frame 7"]);
    expect(await load(loader, range(20))).toEqual(range(20).map((frame) => `frame ${frame}`));
  });

  test("on a slow link a whole view takes one round trip", async () => {
    const node = new FakeNode(true);
    const loader = new FrameLoader("/s", new RoundTrip(600), node.fetch);
    const waiting = load(loader, range(60));
    await Promise.resolve();
    await Promise.resolve();
    expect(node.asked).toHaveLength(REQUESTS_MAX);
    node.release();
    expect((await waiting).length).toBe(60);
    expect(node.asked).toHaveLength(REQUESTS_MAX);
  });

  test("on a quick link the first picture comes alone", async () => {
    const node = new FakeNode(true);
    const loader = new FrameLoader("/s", new RoundTrip(2), node.fetch);
    void load(loader, range(60));
    await Promise.resolve();
    await Promise.resolve();
    expect(node.asked).toEqual(["/s/instances/1.2/frames/1"]);
  });

  test("what was asked for last is fetched first", async () => {
    const node = new FakeNode(true);
    const loader = new FrameLoader("/s", new RoundTrip(2), node.fetch);
    void loader.load("1.2", 1, never);
    await Promise.resolve();
    void loader.load("1.2", 2, never);
    await Promise.resolve();
    void loader.load("1.2", 3, never);
    node.release();
    await new Promise((resolve) => setTimeout(resolve, 45));
    expect(node.asked.map((path) => path.split("/").pop())).toEqual(["1", "3", "2"]);
  });

  test("what nobody waits for any more is not fetched", async () => {
    const node = new FakeNode();
    const loader = new FrameLoader("/s", new RoundTrip(2), node.fetch);
    const gone = new AbortController();
    void loader.load("1.2", 1, gone.signal);
    gone.abort();
    await Promise.resolve();
    expect(node.asked).toEqual([]);
  });

  test("frames that are no pictures for a browser are asked for as pictures from then on", async () => {
    const node = new FakeNode(false, false);
    const loader = new FrameLoader("/s", new RoundTrip(2), node.fetch);
    expect(await load(loader, [1])).toEqual(["frame 1"]);
    expect(await load(loader, [2])).toEqual(["frame 2"]);
    expect(node.asked.filter((path) => !path.endsWith("/rendered"))).toHaveLength(1);
  });

  test("batches stay within their limits", () => {
    expect(batchSize(1, 6, true)).toBe(1);
    expect(batchSize(60, 6, true)).toBe(10);
    expect(batchSize(10_000, 6, true)).toBe(BATCH_MAX);
    expect(batchSize(10_000, 6, false)).toBe(QUICK_BATCH_MAX);
    expect(batchSize(3, 6, false)).toBe(1);
  });

  test("one slow answer does not make a link slow", () => {
    const trip = new RoundTrip(4);
    trip.add(900);
    expect(trip.isSlow).toBe(false);
    for (let count = 0; count < 8; count += 1) trip.add(500);
    expect(trip.isSlow).toBe(true);
  });
});
