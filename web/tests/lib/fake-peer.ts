/** A hand-made RTCPeerConnection: as much of it as a call needs, moved by the test. */
export class FakeChannel extends EventTarget {
  readyState: RTCDataChannelState = "connecting";
  bufferedAmount = 0;
  readonly sent: unknown[] = [];
  constructor(
    readonly label: string,
    readonly options: RTCDataChannelInit,
  ) {
    super();
  }
  open(): void {
    this.readyState = "open";
    this.dispatchEvent(new Event("open"));
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  hear(message: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data: typeof message === "string" ? message : JSON.stringify(message) }));
  }
  end(): void {
    this.readyState = "closed";
    this.dispatchEvent(new Event("close"));
  }
}

export const OFFER = ["v=0", "m=video 9 UDP/TLS/RTP/SAVPF 96 97", "a=mid:0", "a=ice-ufrag:first", "a=ice-pwd:secret-of-first", ""].join("\r\n");

export class FakePeer extends EventTarget {
  connectionState: RTCPeerConnectionState = "new";
  localDescription: { sdp: string } | null = null;
  remote: RTCSessionDescriptionInit | null = null;
  isClosed = false;
  report: unknown[] = [];
  readonly transceivers: { kind: string; direction: string | undefined; track: unknown }[] = [];
  readonly channels: Record<string, FakeChannel> = {};

  addTransceiver(kindOrTrack: unknown, init?: { direction?: string }) {
    const kind = typeof kindOrTrack === "string" ? kindOrTrack : "audio";
    const transceiver = { kind, direction: init?.direction, track: typeof kindOrTrack === "string" ? null : kindOrTrack };
    this.transceivers.push(transceiver);
    return Object.assign(transceiver, { sender: { replaceTrack: async (track: unknown) => void (transceiver.track = track) } });
  }
  createDataChannel(label: string, options: RTCDataChannelInit): FakeChannel {
    this.channels[label] = new FakeChannel(label, options);
    return this.channels[label];
  }
  configuration: RTCConfiguration = {};
  signalingState: RTCSignalingState = "stable";
  get currentRemoteDescription() {
    return this.remote;
  }
  async createOffer(options?: { iceRestart?: boolean }) {
    return { type: "offer", sdp: options?.iceRestart ? OFFER.replaceAll("first", "again") : OFFER };
  }
  getConfiguration(): RTCConfiguration {
    return this.configuration;
  }
  setConfiguration(configuration: RTCConfiguration): void {
    // Too late once candidates are looked for.
    if (this.localDescription === null) this.configuration = configuration;
  }
  async setLocalDescription(description: { sdp: string }): Promise<void> {
    this.localDescription = { sdp: description.sdp };
  }
  async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    this.remote = description;
  }
  find(...candidates: string[]): void {
    for (const candidate of candidates) this.dispatchEvent(Object.assign(new Event("icecandidate"), { candidate: { candidate } }));
  }
  async getStats() {
    return new Map(this.report.map((entry, index) => [index, entry]));
  }
  close(): void {
    this.isClosed = true;
    this.connectionState = "closed";
  }
  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }
}

export class FakeStream {
  tracks: { kind: string; id: string }[] = [];
  getTracks() {
    return [...this.tracks];
  }
  addTrack(track: { kind: string; id: string }): void {
    this.tracks.push(track);
  }
  removeTrack(track: { kind: string; id: string }): void {
    this.tracks = this.tracks.filter((old) => old !== track);
  }
}
