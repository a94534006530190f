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

export class FakePeer extends EventTarget {
  iceGatheringState: RTCIceGatheringState = "new";
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
    return { sender: { replaceTrack: async (track: unknown) => void (transceiver.track = track) } };
  }
  createDataChannel(label: string, options: RTCDataChannelInit): FakeChannel {
    this.channels[label] = new FakeChannel(label, options);
    return this.channels[label];
  }
  async createOffer() {
    return { type: "offer", sdp: "v=0 offer" };
  }
  async setLocalDescription(description: { sdp: string }): Promise<void> {
    this.localDescription = { sdp: description.sdp };
    this.iceGatheringState = "gathering";
  }
  async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    this.remote = description;
  }
  async getStats() {
    return new Map(this.report.map((entry, index) => [index, entry]));
  }
  close(): void {
    this.isClosed = true;
    this.connectionState = "closed";
  }
  gathered(): void {
    this.iceGatheringState = "complete";
    this.localDescription = { sdp: "v=0 offer with candidates" };
    this.dispatchEvent(new Event("icegatheringstatechange"));
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
