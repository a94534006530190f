import { asApiError, type ApiError } from "./api";
import { Signalling, type SignallingOptions } from "./signalling";

export type CameraTrouble = "unsupported" | "insecure" | "blocked" | "missing" | "busy";
export type CameraState = "off" | "starting" | "on" | "waiting";

export interface CameraDevice {
  id: string;
  label: string;
}

const WIDTH_PX = 640;
const FPS = 15;
const BITRATE_BPS_MAX = 500_000;
const RETRY_MS = [1000, 2000, 4000, 8000];

/** The camera of this device, sent to the node by WHIP until it is turned off. Knows no DOM. */
export class CameraSender extends EventTarget {
  private peer: RTCPeerConnection | null = null;
  private signalling: Signalling | null = null;
  private stream: MediaStream | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private turn = 0;
  private failureCount = 0;
  state: CameraState = "off";
  trouble: CameraTrouble | null = null;
  error: ApiError | null = null;
  devices: CameraDevice[] = [];
  deviceId = "";

  constructor(private readonly options: SignallingOptions) {
    super();
  }

  /** What the camera sees, for this device's own screen. */
  get preview(): MediaStream | null {
    return this.stream;
  }

  get peerId(): string | null {
    return this.signalling?.peerId ?? null;
  }

  /** Ask the person, open the device, send. */
  async start(deviceId = ""): Promise<void> {
    this.stop();
    this.trouble = !isSecureContext ? "insecure" : "mediaDevices" in navigator ? null : "unsupported";
    if (this.trouble !== null) return this.changed();
    this.set("starting");
    const turn = this.turn;
    const stream = await this.open(deviceId);
    if (turn !== this.turn) return stop(stream);
    if (!stream) return this.set("off");
    this.stream = stream;
    stream.getVideoTracks()[0]?.addEventListener("ended", () => turn === this.turn && this.stop());
    await this.connect();
  }

  /** The next camera of this device. */
  async other(): Promise<void> {
    const next = this.devices[(this.devices.findIndex((one) => one.id === this.deviceId) + 1) % this.devices.length];
    if (next) await this.start(next.id);
  }

  stop(): void {
    this.turn += 1;
    this.drop();
    stop(this.stream);
    this.stream = null;
    this.error = null;
    this.set("off");
  }

  private async open(deviceId: string): Promise<MediaStream | null> {
    const video: MediaTrackConstraints = { width: { ideal: WIDTH_PX }, frameRate: { ideal: FPS, max: 30 } };
    if (deviceId) video.deviceId = { exact: deviceId };
    else video.facingMode = "environment";
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video });
      const all = await navigator.mediaDevices.enumerateDevices();
      this.devices = all.filter((device) => device.kind === "videoinput").map(({ deviceId: id, label }) => ({ id, label }));
      this.deviceId = stream.getVideoTracks()[0]?.getSettings().deviceId ?? deviceId;
      return stream;
    } catch (reason) {
      this.trouble = troubleOf(reason);
      return null;
    }
  }

  private async connect(): Promise<void> {
    this.drop();
    const turn = this.turn;
    const track = this.stream?.getVideoTracks()[0];
    if (!track) return;
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    const signalling = new Signalling(this.options);
    [this.peer, this.signalling] = [peer, signalling];
    const { sender } = peer.addTransceiver(track, { direction: "sendonly", sendEncodings: [{ maxBitrate: BITRATE_BPS_MAX, maxFramerate: FPS }] });
    peer.addEventListener("connectionstatechange", () => {
      if (peer !== this.peer) return;
      if (peer.connectionState === "connected") this.became("on");
      else if (peer.connectionState === "disconnected") void signalling.restart().catch(() => undefined);
      else if (peer.connectionState === "failed" || peer.connectionState === "closed") this.again();
    });
    try {
      await signalling.connect(peer, () => turn === this.turn && peer === this.peer);
      // A few pictures less are better than a picture of nothing but squares.
      const parameters = sender.getParameters();
      await sender.setParameters({ ...parameters, degradationPreference: "maintain-resolution" } as RTCRtpSendParameters);
    } catch (reason) {
      if (turn !== this.turn || peer !== this.peer) return;
      this.error = asApiError(reason);
      if ([401, 403, 404, 409, 410].includes(this.error.status)) this.end();
      else this.again();
    }
  }

  private became(state: CameraState): void {
    this.failureCount = 0;
    this.error = null;
    this.set(state);
  }

  private again(): void {
    this.drop();
    this.set("waiting");
    const delayMs = RETRY_MS[Math.min(this.failureCount++, RETRY_MS.length - 1)];
    this.timer = setTimeout(() => void this.connect(), delayMs);
  }

  /** Ended for good; why stays to be read. */
  private end(): void {
    const { error } = this;
    this.stop();
    this.error = error;
    this.changed();
  }

  private drop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const peer = this.peer;
    this.peer = null;
    peer?.close();
    this.signalling?.leave();
    this.signalling = null;
  }

  private set(state: CameraState): void {
    if (state === this.state) return;
    this.state = state;
    this.changed();
  }

  private changed(): void {
    this.dispatchEvent(new Event("change"));
  }
}

function stop(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

function troubleOf(reason: unknown): CameraTrouble {
  const name = reason instanceof DOMException ? reason.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "blocked";
  return name === "NotFoundError" || name === "OverconstrainedError" ? "missing" : "busy";
}
