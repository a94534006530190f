/** The microphone of this device: asked for only when wanted, its level measured, its track handed out. Knows no DOM. */
export type MicrophoneTrouble = "unsupported" | "insecure" | "blocked" | "missing" | "busy";

export interface MicrophoneDevice {
  id: string;
  label: string;
}

const METER_MS = 80;

export class Microphone extends EventTarget {
  private stream: MediaStream | null = null;
  private context: AudioContext | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;
  trouble: MicrophoneTrouble | null = null;
  devices: MicrophoneDevice[] = [];

  get track(): MediaStreamTrack | null {
    return this.stream?.getAudioTracks()[0] ?? null;
  }

  get isOpen(): boolean {
    return this.track !== null;
  }

  /** Ask the person and open the device. The events "change" (state) and "level" (0 to 1) follow. */
  async open(deviceId?: string): Promise<void> {
    this.trouble = !isSecureContext ? "insecure" : "mediaDevices" in navigator ? null : "unsupported";
    if (this.trouble === null) await this.ask(deviceId);
    this.dispatchEvent(new Event("change"));
  }

  /** Silence or speak, without giving the device back. */
  setMuted(isMuted: boolean): void {
    if (this.track) this.track.enabled = !isMuted;
    this.dispatchEvent(new Event("change"));
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    void this.context?.close();
    this.context = null;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
  }

  private async ask(deviceId?: string): Promise<void> {
    const audio: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    if (deviceId) audio.deviceId = { exact: deviceId };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio });
      this.close();
      this.stream = stream;
      this.track?.addEventListener("ended", () => this.dispatchEvent(new Event("change")));
      this.meter(stream);
      const all = await navigator.mediaDevices.enumerateDevices();
      this.devices = all.filter((device) => device.kind === "audioinput").map(({ deviceId: id, label }) => ({ id, label }));
    } catch (reason) {
      this.trouble = troubleOf(reason);
    }
  }

  private meter(stream: MediaStream): void {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 512;
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.context = context;
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      this.dispatchEvent(new CustomEvent("level", { detail: loudness(samples) }));
    }, METER_MS);
  }
}

/** From silence (0) to loud (1), on the scale of the ear: -60 dB to -6 dB. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibel = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-10);
  return Math.min(1, Math.max(0, (decibel + 60) / 54));
}

/** Play a short rising tone, so that a person hears whether the speaker works. */
export async function playTestTone(): Promise<void> {
  const context = new AudioContext();
  await context.resume();
  const gain = context.createGain();
  gain.connect(context.destination);
  const start = context.currentTime;
  for (const [index, hertz] of [523.25, 659.25, 783.99].entries()) {
    const tone = context.createOscillator();
    tone.frequency.value = hertz;
    tone.connect(gain);
    tone.start(start + index * 0.18);
    tone.stop(start + index * 0.18 + 0.16);
  }
  gain.gain.setValueAtTime(0.12, start);
  gain.gain.linearRampToValueAtTime(0, start + 0.62);
  setTimeout(() => void context.close(), 900);
}

function troubleOf(reason: unknown): MicrophoneTrouble {
  const name = reason instanceof DOMException ? reason.name : "";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "missing";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  return "blocked";
}
