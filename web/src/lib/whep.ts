import { knock, patienceMs } from "./knock";
import { ApiError, asApiError } from "./api";
import { SilenceWatch, StatsMeter, type CallStats } from "./call-stats";
import { Signalling, type SignallingOptions } from "./signalling";

/** The life of one call.

    idle ──start──▶ connecting ──media flows──▶ live ──lost──▶ waiting ──its time──▶ connecting
                        │ refused (token ended, session closed)                 │
                        └──────────────▶ ended ◀──leave, session closed─────────┘

   A path that breaks is restarted under the same keys; when that does not help either, a reconnect is a new WHEP offer
   with the same token. The class knows no DOM; the page gives it a microphone track and takes the streams: the
   ultrasound with the sound, and the second picture.  Standard: draft-ietf-wish-whep */
export type CallState = "idle" | "connecting" | "live" | "waiting" | "ended";

export interface CallStatus {
  state: CallState;
  /** Wall clock milliseconds of the next attempt, while waiting. */
  nextTryMs: number | null;
  attemptCount: number;
  /** Why it waits or has ended, in words. */
  error: ApiError | null;
}

/** A message of the data channels, as the contract of the node names them. */
export interface CallMessage {
  v?: number;
  type: string;
  [field: string]: unknown;
}

export interface CallOptions extends SignallingOptions {
  iceServers?: RTCIceServer[];
  makePeer?: (configuration: RTCConfiguration) => RTCPeerConnection;
  now?: () => number;
  /** Tells whether the node answers; false after a while of silence. */
  knock?: () => Promise<boolean>;
}

const CONNECT_MS_MAX = 12_000;
/** "disconnected" often mends itself; longer than this it seldom does. */
const LOST_MS_MAX = 3000;
const RETRY_MS = [1000, 2000, 4000, 8000, 15_000];
const KNOCK_URL = "/healthz";
/** A connection that lasted so long was a good one: the next trouble starts with the shortest wait. */
const STEADY_MS = 10_000;
const STATS_MS = 1000;
/** Nothing at all received for so many seconds (sound and reports come every second): the node is gone. The browser's
 * own verdict takes ten. */
const SILENT_COUNT_MAX = 3;
const POINTER_BUFFER_BYTES_MAX = 16 * 1024;
const MESSAGE_BYTES_MAX = 16 * 1024;

export class Call extends EventTarget {
  private peer: RTCPeerConnection | null = null;
  private ctl: RTCDataChannel | null = null;
  private ptr: RTCDataChannel | null = null;
  private audioSender: RTCRtpSender | null = null;
  private microphone: MediaStreamTrack | null = null;
  private signalling: Signalling | null = null;
  private secondTransceiver: RTCRtpTransceiver | null = null;
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly meter = new StatsMeter();
  private silence = new SilenceWatch(SILENT_COUNT_MAX);
  private liveSinceMs = 0;
  private attemptCount = 0;
  /** The node answered a knock of this wait. */
  private isAnswered = false;
  /** False once the node answered and the call failed all the same: then only time helps. */
  private doesKnockHelp = true;
  /** Which attempt is the current one; an older one that comes back late finds that it is over. */
  private turn = 0;
  status: CallStatus = { state: "idle", nextTryMs: null, attemptCount: 0, error: null };
  readonly stream: MediaStream;
  /** The picture beside the ultrasound, for as long as there is one. */
  readonly second: MediaStream;
  /** This page's own name among the peers, known once connected. */
  peerId: string | null = null;

  constructor(
    private readonly options: CallOptions,
    stream?: MediaStream,
    second?: MediaStream,
  ) {
    super();
    this.stream = stream ?? new MediaStream();
    this.second = second ?? new MediaStream();
  }

  /** Join. `microphone` may be null: listening only, and a track may come later. */
  async start(microphone: MediaStreamTrack | null): Promise<void> {
    this.microphone = microphone;
    await this.connect();
  }

  /** Speak with another microphone, or with none, without a new connection. */
  async setMicrophone(track: MediaStreamTrack | null): Promise<void> {
    this.microphone = track;
    await this.audioSender?.replaceTrack(track);
  }

  /** Try at once instead of when the countdown ends. */
  retryNow(): void {
    if (this.status.state === "waiting") void this.connect();
  }

  /** Leave for good: the node is told, nothing reconnects. */
  leave(): void {
    this.end(null);
  }

  /** Say something on the reliable channel. False when it could not be said now. */
  send(message: CallMessage): boolean {
    return put(this.ctl, message);
  }

  /** Show where one points, 0 to 1 within the picture. Old positions are worthless: a full buffer drops this one. */
  point(x: number, y: number, visible: boolean, rtpTimestamp?: number): boolean {
    if (this.ptr && this.ptr.bufferedAmount > POINTER_BUFFER_BYTES_MAX) return false;
    return put(this.ptr, { type: "pointer", x, y, visible, ...(rtpTimestamp === undefined ? {} : { rtp_timestamp: rtpTimestamp }) });
  }

  private async connect(): Promise<void> {
    this.drop();
    const turn = ++this.turn;
    this.setStatus({ state: "connecting", nextTryMs: null, error: this.status.error });
    try {
      await this.offer(turn);
    } catch (reason) {
      if (turn !== this.turn) return;
      const error = asApiError(reason);
      if (isFinal(error)) this.end(error);
      else this.wait(error);
    }
  }

  /** Knock until the node answers: a link that comes back is used at once, however long the outage was. An offer sent
      into the void would hang on it for seconds more. */
  private async knockOn(): Promise<void> {
    const turn = this.turn;
    for (let count = 0; turn === this.turn && !this.isAnswered; count += 1) {
      const isAnswered = await this.ask(count);
      if (turn !== this.turn) return;
      this.isAnswered = isAnswered;
    }
    // Before the first wait is over the countdown decides: a node that answers and refuses is not asked in a hurry.
    if (turn === this.turn && this.attemptCount > 1) void this.connect();
  }

  /** The wait is over: offer, unless the node is known to be out of reach still. */
  private tryAgain(isKnocking: boolean): void {
    if (!isKnocking || this.isAnswered) void this.connect();
    else this.waitFor(this.status.error, isKnocking);
  }

  private async offer(turn: number): Promise<void> {
    const peer = this.makePeer();
    const signalling = new Signalling(this.options);
    this.signalling = signalling;
    this.later("connect", CONNECT_MS_MAX, () => this.lost("call.slow", "The call could not be set up in time."));
    await signalling.connect(peer, () => turn === this.turn);
    if (turn === this.turn) this.peerId = signalling.peerId;
  }

  private makePeer(): RTCPeerConnection {
    const make = this.options.makePeer ?? ((configuration) => new RTCPeerConnection(configuration));
    const peer = make({ iceServers: this.options.iceServers ?? [], bundlePolicy: "max-bundle" });
    this.peer = peer;
    peer.addTransceiver("video", { direction: "recvonly" });
    this.secondTransceiver = peer.addTransceiver("video", { direction: "recvonly" });
    const audio = peer.addTransceiver(this.microphone ?? "audio", { direction: "sendrecv" });
    this.audioSender = audio.sender;
    this.listen(peer.createDataChannel("ctl", { ordered: true }), "ctl");
    this.listen(peer.createDataChannel("ptr", { ordered: false, maxRetransmits: 0 }), "ptr");
    peer.addEventListener("track", (event) => this.took(peer, event));
    peer.addEventListener("connectionstatechange", () => this.changed(peer));
    return peer;
  }

  private listen(channel: RTCDataChannel, kind: "ctl" | "ptr"): void {
    const peer = this.peer;
    this[kind] = channel;
    channel.addEventListener("message", (event) => {
      // An older connection may still say goodbye: that is not ours any more.
      if (peer === this.peer) this.heard(kind, event);
    });
    channel.addEventListener("open", () => this.dispatchEvent(new Event(`${kind}.open`)));
    channel.addEventListener("close", () => {
      if (peer === this.peer && this.status.state === "live") this.lost("call.closed", "The node closed the connection.");
    });
  }

  private heard(kind: "ctl" | "ptr", event: MessageEvent): void {
    const message = readMessage(event.data);
    if (!message) return;
    this.dispatchEvent(new CustomEvent(kind === "ptr" ? "pointer" : "message", { detail: message }));
    if (message.type === "bye") {
      this.end(new ApiError(410, "call.over", text(message.message, "The call is over."), text(message.next_step, "")));
    }
  }

  private took(peer: RTCPeerConnection, event: RTCTrackEvent): void {
    if (peer !== this.peer) return;
    const stream = event.transceiver && event.transceiver === this.secondTransceiver ? this.second : this.stream;
    for (const old of stream.getTracks()) if (old.kind === event.track.kind) stream.removeTrack(old);
    stream.addTrack(event.track);
    this.dispatchEvent(new CustomEvent("stream", { detail: this.stream }));
  }

  private changed(peer: RTCPeerConnection): void {
    if (peer !== this.peer) return;
    switch (peer.connectionState) {
      case "connected":
        this.becameLive();
        break;
      case "disconnected":
        this.later("lost", LOST_MS_MAX, () => this.lost("call.lost", "The connection to the node was lost."));
        void this.tryAnotherPath(peer);
        break;
      case "failed":
      case "closed":
        this.lost("call.failed", "The connection to the node failed.");
        break;
      default:
        break;
    }
  }

  /** The network has changed: find another path as soon as the node answers; when it does not take it, the time runs
      out. */
  private async tryAnotherPath(peer: RTCPeerConnection): Promise<void> {
    if (!(await this.ask()) || peer !== this.peer) return;
    await this.signalling?.restart().catch(() => undefined);
  }

  private ask(count = 0): Promise<boolean> {
    return this.options.knock?.() ?? knock(new URL(KNOCK_URL, location.href.replace(/^http/, "ws")).href, patienceMs(count));
  }

  private becameLive(): void {
    this.cancel("connect");
    this.cancel("lost");
    this.isAnswered = false;
    this.doesKnockHelp = true;
    if (this.status.state !== "live") this.liveSinceMs = this.nowMs();
    this.setStatus({ state: "live", nextTryMs: null, error: null });
    this.measure();
  }

  private lost(code: string, words: string): void {
    if (this.status.state === "ended") return;
    this.wait(new ApiError(0, code, words, "It reconnects by itself."));
  }

  private wait(error: ApiError): void {
    const wasSteady = this.status.state === "live" && this.nowMs() - this.liveSinceMs >= STEADY_MS;
    if (wasSteady) this.attemptCount = 0;
    if (this.isAnswered) this.doesKnockHelp = false;
    const isKnocking = error.status === 0 && this.doesKnockHelp;
    this.turn += 1;
    this.drop(isKnocking);
    this.isAnswered = false;
    this.waitFor(error, isKnocking);
    if (isKnocking) void this.knockOn();
  }

  private waitFor(error: ApiError | null, isKnocking: boolean): void {
    const delayMs = RETRY_MS[Math.min(this.attemptCount, RETRY_MS.length - 1)]!;
    this.attemptCount += 1;
    this.setStatus({ state: "waiting", nextTryMs: this.nowMs() + delayMs, error });
    this.later("retry", delayMs, () => this.tryAgain(isKnocking));
  }

  private end(error: ApiError | null): void {
    if (this.status.state === "ended") return;
    this.turn += 1;
    this.drop();
    this.setStatus({ state: "ended", nextTryMs: null, error });
  }

  /** Close what there is and tell the node, unless it is out of reach; safe to call at any time. */
  private drop(isOutOfReach = false): void {
    for (const name of [...this.timers.keys()]) this.cancel(name);
    const peer = this.peer;
    this.peer = this.ctl = this.ptr = this.audioSender = null;
    peer?.close();
    if (!isOutOfReach) this.signalling?.leave();
    this.signalling = null;
    this.meter.reset();
    this.silence = new SilenceWatch(SILENT_COUNT_MAX);
  }

  private measure(): void {
    const peer = this.peer;
    this.later("stats", STATS_MS, () => {
      void peer?.getStats().then((report) => {
        if (peer !== this.peer) return;
        if (this.silence.isOver(report.values())) return this.lost("call.silent", "The connection to the node was lost.");
        const stats = this.meter.read(report.values());
        if (stats) this.tellStats(stats);
        this.measure();
      });
    });
  }

  private tellStats(stats: CallStats): void {
    this.dispatchEvent(new CustomEvent("stats", { detail: stats }));
    this.send({ type: "stats", ...stats });
  }

  private setStatus(next: Omit<CallStatus, "attemptCount">): void {
    this.status = { ...next, attemptCount: this.attemptCount };
    this.dispatchEvent(new CustomEvent("status", { detail: this.status }));
  }

  private nowMs(): number {
    return (this.options.now ?? Date.now)();
  }

  private later(name: string, delayMs: number, act: () => void): void {
    this.cancel(name);
    this.timers.set(
      name,
      setTimeout(() => {
        this.timers.delete(name);
        act();
      }, delayMs),
    );
  }

  private cancel(name: string): void {
    const timer = this.timers.get(name);
    if (timer !== undefined) clearTimeout(timer);
    this.timers.delete(name);
  }
}

/** A refusal that asking again cannot change: the token ended, the session is closed or unknown. */
function isFinal(error: ApiError): boolean {
  return [401, 403, 404, 409, 410].includes(error.status);
}

function put(channel: RTCDataChannel | null, message: CallMessage): boolean {
  if (channel?.readyState !== "open") return false;
  const line = JSON.stringify({ v: 1, ...message });
  if (line.length > MESSAGE_BYTES_MAX) return false;
  channel.send(line);
  return true;
}

function readMessage(data: unknown): CallMessage | null {
  if (typeof data !== "string" || data.length > MESSAGE_BYTES_MAX * 4) return null;
  try {
    const message = JSON.parse(data) as CallMessage;
    return typeof message?.type === "string" ? message : null;
  } catch {
    return null;
  }
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}
