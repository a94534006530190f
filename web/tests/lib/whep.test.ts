import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Call, type CallState } from "../../src/lib/whep";
import { FakePeer, FakeStream, OFFER } from "./fake-peer";

interface Asked {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: unknown;
}

let peers: FakePeer[];
let asked: Asked[];
let states: CallState[];
let answer: () => Response | Promise<Response>;
let call: Call;
let stream: FakeStream;
let second: FakeStream;

const RELAY = '<turn:relay.example:3478>; rel="ice-server"; username="9:a"; credential="p\\"w"; credential-type="password"';
const ANSWER = "v=0\r\nm=video 9 X 96\r\na=ice-ufrag:node\r\na=ice-pwd:node-secret\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n";
const created = () => new Response(ANSWER, { status: 201, headers: { Location: `/whep/s1/peer${peers.length}`, ETag: '"one"', Link: RELAY } });
let knocked: () => Promise<boolean>;
let patched: (init: RequestInit) => Response;
const refused = (status: number) => Response.json({ code: "x", message: "No.", next_step: "Ask." }, { status });

beforeEach(() => {
  vi.useFakeTimers();
  peers = [];
  asked = [];
  states = [];
  answer = created;
  knocked = () => Promise.resolve(true);
  patched = () => new Response(null, { status: 204, headers: { ETag: '"one"' } });
  stream = new FakeStream();
  second = new FakeStream();
  call = new Call(
    {
      url: "/whep/s1",
      headers: () => ({ Authorization: "Bearer t" }),
      makePeer: () => {
        peers.push(new FakePeer());
        return peers.at(-1) as unknown as RTCPeerConnection;
      },
      fetchImpl: (async (url: string, init: RequestInit) => {
        asked.push({ method: init.method!, url, headers: init.headers as Record<string, string>, body: init.body });
        return init.method === "POST" ? answer() : init.method === "PATCH" ? patched(init) : new Response(null, { status: 200 });
      }) as unknown as typeof fetch,
      now: () => Date.now(),
      knock: () => knocked(),
    },
    stream as unknown as MediaStream,
    second as unknown as MediaStream,
  );
  call.addEventListener("status", () => states.push(call.status.state));
});
afterEach(() => vi.useRealTimers());

const settle = () => vi.advanceTimersByTimeAsync(0);
const posts = () => asked.filter((request) => request.method === "POST").length;
const last = () => peers.at(-1)!;

async function join(): Promise<FakePeer> {
  void call.start(null);
  await settle();
  await settle();
  last().channels.ctl!.open();
  last().channels.ptr!.open();
  last().become("connected");
  return last();
}

describe("joining", () => {
  test("asks for the ultrasound and the second picture, to speak and to hear, over two channels", async () => {
    const peer = await join();
    expect(peer.transceivers.map(({ kind, direction }) => [kind, direction])).toEqual([["video", "recvonly"], ["video", "recvonly"], ["audio", "sendrecv"]]);
    expect(peer.channels.ctl!.options).toEqual({ ordered: true });
    expect(peer.channels.ptr!.options).toEqual({ ordered: false, maxRetransmits: 0 });
  });

  test("offers at once, without waiting for candidates", async () => {
    void call.start(null);
    await settle();
    expect(asked[0]).toMatchObject({ method: "POST", url: "/whep/s1", body: OFFER });
    expect(asked[0]!.headers).toMatchObject({ Authorization: "Bearer t", "Content-Type": "application/sdp" });
    expect(last().remote).toEqual({ type: "answer", sdp: ANSWER });
  });

  test("tells the node of addresses as they are found, but not of those hidden behind names", async () => {
    await join();
    last().find("candidate:1 1 udp 1 3f2a.local 5 typ host", "candidate:2 1 udp 1 192.0.2.9 5 typ host", "candidate:3 1 udp 1 192.0.2.9 6 typ host");
    await vi.advanceTimersByTimeAsync(100);
    const told = asked.filter((request) => request.method === "PATCH");
    expect(told.map(({ url, headers }) => [url, headers["If-Match"], headers["Content-Type"]])).toEqual([["/whep/s1/peer1", '"one"', "application/trickle-ice-sdpfrag"]]);
    expect(told[0]!.body).toBe(["a=ice-ufrag:first", "a=ice-pwd:secret-of-first", "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", "a=candidate:2 1 udp 1 192.0.2.9 5 typ host", "a=candidate:3 1 udp 1 192.0.2.9 6 typ host", ""].join("\r\n"));
  });

  test("uses the relays that the answer names, from its first candidate on", async () => {
    await join();
    expect(last().configuration.iceServers).toEqual([{ urls: "turn:relay.example:3478", username: "9:a", credential: 'p"w' }]);
  });

  test("is live when media can flow, and knows its own name", async () => {
    await join();
    expect(states).toEqual(["connecting", "live"]);
    expect(call.peerId).toBe("peer1");
  });

  test("hands the microphone over later without a new connection", async () => {
    const peer = await join();
    const track = { kind: "audio" } as MediaStreamTrack;
    await call.setMicrophone(track);
    expect(peer.transceivers[2]!.track).toBe(track);
    expect(posts()).toBe(1);
  });

  test("puts a new picture in the place of the old one", async () => {
    const peer = await join();
    for (const id of ["a", "b"]) peer.dispatchEvent(Object.assign(new Event("track"), { track: { kind: "video", id } }));
    expect(stream.tracks.map((track) => track.id)).toEqual(["b"]);
  });

  test("keeps the second picture apart from the ultrasound", async () => {
    const peer = await join();
    for (const [index, id] of ["probe", "camera"].entries())
      peer.dispatchEvent(Object.assign(new Event("track"), { track: { kind: "video", id }, transceiver: peer.transceivers[index] }));
    expect([stream, second].map((one) => one.tracks.map((track) => track.id))).toEqual([["probe"], ["camera"]]);
  });
});

describe("a lost connection", () => {
  test("becomes a new offer with the same token after its countdown", async () => {
    const peer = await join();
    peer.become("failed");
    expect(call.status).toMatchObject({ state: "waiting", nextTryMs: Date.now() + 1000 });
    expect(peer.isClosed).toBe(true);
    await vi.advanceTimersByTimeAsync(1000);
    expect(posts()).toBe(2);
    last().become("connected");
    expect(states).toEqual(["connecting", "live", "waiting", "connecting", "live"]);
  });

  test("that mends itself within three seconds is not touched", async () => {
    const peer = await join();
    peer.become("disconnected");
    await vi.advanceTimersByTimeAsync(2900);
    peer.become("connected");
    await vi.advanceTimersByTimeAsync(5000);
    expect(states.filter((state) => state === "waiting")).toEqual([]);
  });

  test("gets another path under the same keys", async () => {
    const peer = await join();
    patched = () => new Response("a=ice-ufrag:new\r\na=ice-pwd:new-secret\r\nm=video 9 X 0\r\na=mid:0\r\na=candidate:7 1 udp 1 192.0.2.7 9 typ host\r\na=end-of-candidates\r\n", { status: 200, headers: { ETag: '"two"' } });
    peer.become("disconnected");
    await settle();
    const [restart] = asked.filter((request) => request.method === "PATCH");
    expect(restart).toMatchObject({ url: "/whep/s1/peer1", headers: { "If-Match": "*" } });
    expect(restart!.body).toContain("a=ice-ufrag:again");
    expect(peer.remote!.sdp).toBe("v=0\r\nm=video 9 X 96\r\na=ice-ufrag:new\r\na=ice-pwd:new-secret\r\na=candidate:7 1 udp 1 192.0.2.7 9 typ host\r\n");
    peer.find("candidate:4 1 udp 1 192.0.2.9 8 typ host");
    await vi.advanceTimersByTimeAsync(100);
    expect(asked.at(-1)!.headers["If-Match"]).toBe('"two"');
    peer.become("connected");
    await vi.advanceTimersByTimeAsync(5000);
    expect([states.filter((state) => state === "waiting"), posts()]).toEqual([[], 1]);
  });

  test("that does not mend itself is given up after three seconds", async () => {
    const peer = await join();
    peer.become("disconnected");
    await vi.advanceTimersByTimeAsync(3000);
    expect(call.status.state).toBe("waiting");
  });

  test("that has gone silent is noticed before the browser notices", async () => {
    const peer = await join();
    peer.report = [{ type: "transport", bytesReceived: 1000 }];
    await vi.advanceTimersByTimeAsync(3900);
    expect(call.status.state).toBe("live");
    await vi.advanceTimersByTimeAsync(200);
    expect(call.status.state).toBe("waiting");
  });

  test("comes back within a second of the link, however long that was away", async () => {
    const peer = await join();
    let isLinkThere = false;
    knocked = () => new Promise((resolve) => setTimeout(() => resolve(isLinkThere), 1000));
    peer.become("failed");
    await vi.advanceTimersByTimeAsync(60_300);
    expect([call.status.state, posts()]).toEqual(["waiting", 1]);
    expect(asked.filter(({ method }) => method === "DELETE"), "nothing hangs on a link that is away").toEqual([]);
    isLinkThere = true;
    await vi.advanceTimersByTimeAsync(1000);
    expect(posts()).toBe(2);
    last().become("connected");
    expect(call.status.state).toBe("live");
  });

  test("waits longer after each failure, at most fifteen seconds", async () => {
    answer = () => Promise.reject(new TypeError("unreachable"));
    void call.start(null);
    const waits: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      await settle();
      await settle();
      waits.push(call.status.nextTryMs! - Date.now());
      await vi.advanceTimersByTimeAsync(waits.at(-1)!);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000]);
  });

  test("after a good while begins again with the shortest wait", async () => {
    answer = () => refused(503);
    void call.start(null);
    await settle();
    await vi.advanceTimersByTimeAsync(1000);
    answer = created;
    await vi.advanceTimersByTimeAsync(2000);
    last().become("connected");
    last().report = [];
    await vi.advanceTimersByTimeAsync(10_000);
    last().become("failed");
    expect(call.status.nextTryMs! - Date.now()).toBe(1000);
  });

  test("is tried at once when the person asks", async () => {
    (await join()).become("failed");
    call.retryNow();
    await settle();
    expect(peers.length).toBe(2);
  });

  test("never leaves two connections behind", async () => {
    (await join()).become("failed");
    call.retryNow();
    await vi.advanceTimersByTimeAsync(3000);
    expect(peers.filter((peer) => !peer.isClosed).length).toBe(1);
  });
});

describe("the end", () => {
  test.each([401, 403, 404, 409, 410])("a refusal with %d is final and keeps its words", async (status) => {
    answer = () => refused(status);
    void call.start(null);
    await settle();
    expect(call.status).toMatchObject({ state: "ended", error: { message: "No.", nextStep: "Ask." } });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(posts()).toBe(1);
  });

  test("leaving tells the node and does not reconnect", async () => {
    const peer = await join();
    call.leave();
    peer.become("failed");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.at(-1)).toMatchObject({ method: "DELETE", url: "/whep/s1/peer1" });
    expect(states.at(-1)).toBe("ended");
    expect(peers.length).toBe(1);
  });

  test("leaving while the answer is on its way takes the late connection away", async () => {
    let give: (response: Response) => void = () => undefined;
    answer = () => new Promise((resolve) => (give = resolve));
    void call.start(null);
    await settle();
    call.leave();
    give(created());
    await settle();
    expect(asked.at(-1)).toMatchObject({ method: "DELETE", url: "/whep/s1/peer1" });
  });
});

describe("messages", () => {
  test("go out with a version on an open channel, and are refused on a closed one", async () => {
    const peer = await join();
    expect(call.send({ type: "still", rtp_timestamp: 7 })).toBe(true);
    expect(peer.channels.ctl!.sent).toEqual([{ v: 1, type: "still", rtp_timestamp: 7 }]);
    peer.channels.ctl!.readyState = "closing";
    expect(call.send({ type: "still" })).toBe(false);
  });

  test("a pointer is dropped rather than queued behind old ones", async () => {
    const peer = await join();
    peer.channels.ptr!.bufferedAmount = 20_000;
    expect(call.point(0.5, 0.5, true)).toBe(false);
    expect(peer.channels.ptr!.sent).toEqual([]);
  });

  test("come in from both channels under their own names; nonsense is dropped", async () => {
    const peer = await join();
    const heard: unknown[] = [];
    call.addEventListener("message", (event) => heard.push((event as CustomEvent).detail.type));
    call.addEventListener("pointer", (event) => heard.push((event as CustomEvent).detail.x));
    peer.channels.ctl!.hear({ v: 1, type: "saved" });
    peer.channels.ptr!.hear({ v: 1, type: "pointer", x: 0.25 });
    peer.channels.ctl!.hear("{");
    peer.channels.ctl!.hear({ v: 1 });
    expect(heard).toEqual(["saved", 0.25]);
  });
});
