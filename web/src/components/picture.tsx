import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../lib/i18n";
import { Button } from "./button";

export interface PictureProps {
  stream: MediaStream;
  label: string;
  isSpeakerOff: boolean;
  /** A frame is on the screen: `nowMs` on the performance clock, its RTP and media time where the browser tells them. */
  onFrame: (nowMs: number, rtpTimestamp: number | undefined, video: HTMLVideoElement, mediaTimeS?: number) => void;
  /** Width by height of the picture, once known and when it changes. */
  onAspect?: (aspect: number) => void;
  /** Lies exactly over the picture, whatever shape the screen has. */
  children?: ComponentChildren;
}

interface Place {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The live picture, as large as fits, never cut, with a layer exactly over it. */
export function Picture({ stream, label, isSpeakerOff, onFrame, onAspect, children }: PictureProps) {
  const video = useRef<HTMLVideoElement>(null);
  const [isSoundBlocked, setSoundBlocked] = useState(false);
  const latest = useRef(onFrame);
  latest.current = onFrame;
  useEffect(() => {
    const element = video.current!;
    element.srcObject = stream;
    const play = () => playWithSound(element).then((hasSound) => setSoundBlocked(!hasSound));
    void play();
    stream.addEventListener("addtrack", play);
    return () => {
      stream.removeEventListener("addtrack", play);
      element.srcObject = null;
    };
  }, [stream]);
  useEffect(() => {
    if (video.current && !isSoundBlocked) video.current.muted = isSpeakerOff;
  }, [isSpeakerOff, isSoundBlocked]);
  useEffect(() => followFrames(video.current!, (...frame) => latest.current(...frame)), []);
  const place = usePicturePlace(video);
  const aspect = place ? Math.round((place.width / place.height) * 100) / 100 : null;
  useEffect(() => {
    if (aspect !== null) onAspect?.(aspect);
  }, [aspect]);
  const unblock = () => {
    video.current!.muted = isSpeakerOff;
    void video.current!.play().then(() => setSoundBlocked(false));
  };
  return (
    <div class="picture">
      <video ref={video} class="picture-video" aria-label={label} autoplay playsInline disablePictureInPicture />
      {place ? <div class="picture-layer" style={px(place)}>{children}</div> : null}
      {isSoundBlocked ? <div class="picture-sound"><Button kind="primary" icon="speaker" onClick={unblock}>{t("call.sound_on")}</Button></div> : null}
    </div>
  );
}

/** Browsers refuse sound before the first touch: then the picture runs silent and a button offers the sound. */
async function playWithSound(element: HTMLVideoElement): Promise<boolean> {
  try {
    await element.play();
    return true;
  } catch (reason) {
    if (!(reason instanceof DOMException) || reason.name !== "NotAllowedError") return true;
    element.muted = true;
    await element.play().catch(() => undefined);
    return false;
  }
}

function followFrames(element: HTMLVideoElement, take: PictureProps["onFrame"]): () => void {
  let isOver = false;
  if (!("requestVideoFrameCallback" in element)) {
    const old = element as HTMLVideoElement;
    const tick = () => take(performance.now(), undefined, old);
    old.addEventListener("timeupdate", tick);
    return () => old.removeEventListener("timeupdate", tick);
  }
  const next = () => element.requestVideoFrameCallback((nowMs, metadata) => {
    if (isOver) return;
    take(nowMs, (metadata as { rtpTimestamp?: number }).rtpTimestamp, element, metadata.mediaTime);
    next();
  });
  next();
  return () => void (isOver = true);
}

/** Where the picture is within its element, which it fills with bars at two sides. */
function usePicturePlace(video: { current: HTMLVideoElement | null }): Place | null {
  const [place, setPlace] = useState<Place | null>(null);
  useEffect(() => {
    const element = video.current!;
    const measure = () => setPlace(fit(element.clientWidth, element.clientHeight, element.videoWidth, element.videoHeight));
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("resize", measure);
    element.addEventListener("loadedmetadata", measure);
    return () => {
      observer.disconnect();
      element.removeEventListener("resize", measure);
      element.removeEventListener("loadedmetadata", measure);
    };
  }, []);
  return place;
}

/** The largest place for a picture in a box, centred; null while the picture has no size. */
export function fit(boxWidth: number, boxHeight: number, width: number, height: number): Place | null {
  if (boxWidth <= 0 || boxHeight <= 0 || width <= 0 || height <= 0) return null;
  const scale = Math.min(boxWidth / width, boxHeight / height);
  const place = { width: width * scale, height: height * scale };
  return { ...place, left: (boxWidth - place.width) / 2, top: (boxHeight - place.height) / 2 };
}

function px(place: Place) {
  return { left: `${place.left}px`, top: `${place.top}px`, width: `${place.width}px`, height: `${place.height}px` };
}
