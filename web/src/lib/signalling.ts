import { ApiError, refusal } from "./api";
import { fragmentOf, isTelling, readLinks, withFragment } from "./ice";

const ANSWER_MS_MAX = 10_000;
/** Candidates found within so long go out together. */
const GATHER_MS = 60;
const SDP = "application/sdp";
const FRAGMENT = "application/trickle-ice-sdpfrag";

export interface SignallingOptions {
  /** Where to offer, for example /whep/ID or /whip/ID. */
  url: string;
  /** Headers that say who asks: a bearer token or the mark of a page of ours. */
  headers: () => Record<string, string>;
  fetchImpl?: typeof fetch;
}

/** One connection's talk with the node over HTTP: offer, candidates as they come, another path, goodbye.
    Standard: RFC 9725 */
export class Signalling {
  private place: string | null = null;
  private tag = "";
  private peer: RTCPeerConnection | null = null;
  private found: string[] = [];
  private timer: ReturnType<typeof setTimeout> | null = null;
  private isHeld = false;

  constructor(private readonly options: SignallingOptions) {}

  /** The own name among the peers. */
  get peerId(): string | null {
    return this.place?.split("/").pop() ?? null;
  }

  /** Offer, and take the answer; nothing waits for candidates, which follow as they are found. `isWanted`: still? */
  async connect(peer: RTCPeerConnection, isWanted: () => boolean): Promise<void> {
    this.peer = peer;
    peer.addEventListener("icecandidate", (event) => this.take((event as RTCPeerConnectionIceEvent).candidate));
    const offer = await peer.createOffer();
    if (!isWanted()) return;
    const response = await this.ask("POST", this.options.url, offer.sdp ?? "", { "Content-Type": SDP, Accept: SDP });
    if (!response.ok) throw await refusal(response);
    this.place = response.headers.get("Location");
    this.tag = response.headers.get("ETag") ?? "";
    if (!isWanted()) return this.leave();
    const iceServers = readLinks(response.headers.get("Link"));
    // Before the first candidate is looked for: the relays are used from the start.
    if (iceServers.length > 0) peer.setConfiguration({ ...peer.getConfiguration(), iceServers });
    await peer.setLocalDescription(offer);
    await peer.setRemoteDescription({ type: "answer", sdp: await response.text() });
  }

  /** The network has changed: find another path, under the same keys. Throws when the node does not take it. */
  async restart(): Promise<void> {
    const { peer, place } = this;
    if (!peer || !place || peer.signalingState !== "stable") return;
    const before = peer.currentRemoteDescription?.sdp ?? "";
    this.isHeld = true;
    this.found = [];
    const offer = await peer.createOffer({ iceRestart: true });
    await peer.setLocalDescription(offer);
    const response = await this.ask("PATCH", place, fragmentOf(offer.sdp ?? "", []), { "Content-Type": FRAGMENT, "If-Match": "*" });
    if (!response.ok) throw await refusal(response);
    this.tag = response.headers.get("ETag") ?? "";
    await peer.setRemoteDescription({ type: "answer", sdp: withFragment(before, await response.text()) });
    this.isHeld = false;
    this.later();
  }

  /** Said once; a node out of reach notices by itself that the peer has gone. */
  leave(): void {
    const { place } = this;
    this.place = null;
    this.peer = null;
    if (this.timer !== null) clearTimeout(this.timer);
    if (place) void this.fetch(place, { method: "DELETE", keepalive: true }, {}).catch(() => undefined);
  }

  private take(candidate: RTCIceCandidate | null): void {
    if (!candidate || !isTelling(candidate.candidate)) return;
    this.found.push(candidate.candidate);
    this.later();
  }

  private later(): void {
    if (this.timer !== null || this.found.length === 0) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.tell();
    }, GATHER_MS);
  }

  private tell(): void {
    const sdp = this.peer?.localDescription?.sdp;
    if (!this.place || !sdp || this.isHeld) return;
    const text = fragmentOf(sdp, this.found.splice(0));
    // The node finds most ways by itself; what it did not hear is no reason to end a call.
    void this.ask("PATCH", this.place, text, { "Content-Type": FRAGMENT, "If-Match": this.tag }).catch(() => undefined);
  }

  private async ask(method: string, url: string, body: string, headers: Record<string, string>): Promise<Response> {
    try {
      return await this.fetch(url, { method, body, signal: AbortSignal.timeout(ANSWER_MS_MAX) }, headers);
    } catch {
      throw new ApiError(0, "node.unreachable", "The node does not answer.", "It reconnects by itself.");
    }
  }

  private fetch(url: string, init: RequestInit, more: Record<string, string>): Promise<Response> {
    const headers = { ...this.options.headers(), ...more };
    // Who has a token needs no cookie; and requests without one have connections of their own, which do not wait for
    // those that the rest of the page tried to make while the link was away.
    const credentials = "Authorization" in headers ? "omit" : "same-origin";
    return (this.options.fetchImpl ?? fetch)(url, { ...init, headers, credentials });
  }
}
