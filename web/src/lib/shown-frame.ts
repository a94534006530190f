/** A frame's own timestamp and its media time are one clock; half a frame of 60 a second lies between neighbours. */
const APART_S_MAX = 0.008;
/** After so many frames of which none bears its media time, this browser's never do. */
const LOOK_COUNT_MAX = 60;

/** Copies the very frame that a frame callback speaks of: on a busy page the screen may have the next one already. */
export class ShownFrame {
  /** Frames of this browser bear their media time. */
  private isTelling = false;
  private lookCount = 0;

  /** Look at the first frames of a picture, so that `copy` knows what to make of a difference. */
  learn(video: HTMLVideoElement, mediaTimeS: number | undefined): void {
    if (this.isTelling || this.lookCount >= LOOK_COUNT_MAX) return;
    this.lookCount += 1;
    const frame = frameOf(video);
    this.isTelling = frame !== null && isAt(frame, mediaTimeS);
    frame?.close();
  }

  /** The frame as a picture; "other": another one is on the screen by now; null: there is none.
   *
   * As long as it is not known that this browser's frames never bear their media time, a difference is one. */
  copy(video: HTMLVideoElement, mediaTimeS: number | undefined): HTMLCanvasElement | "other" | null {
    const frame = this.isTelling || this.lookCount < LOOK_COUNT_MAX ? frameOf(video) : null;
    const isOther = frame === null ? this.isTelling : !isAt(frame, mediaTimeS);
    const copied = isOther ? "other" : draw(frame ?? video, video.videoWidth, video.videoHeight);
    frame?.close();
    return copied;
  }
}

function isAt(frame: VideoFrame, mediaTimeS: number | undefined): boolean {
  return mediaTimeS !== undefined && Math.abs(frame.timestamp / 1e6 - mediaTimeS) <= APART_S_MAX;
}

function frameOf(video: HTMLVideoElement): VideoFrame | null {
  try {
    return typeof VideoFrame === "undefined" ? null : new VideoFrame(video);
  } catch {
    return null; // No frame yet, or a picture that may not be read.
  }
}

function draw(shown: VideoFrame | HTMLVideoElement, width: number, height: number): HTMLCanvasElement | null {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext("2d");
  if (!pen || width === 0) return null;
  pen.drawImage(shown, 0, 0, width, height);
  return canvas;
}
