import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../lib/i18n";
import type { SecondPicture } from "../lib/room";
import { nextLayout, SECOND_LAYOUTS, type SecondLayout } from "../lib/second-layout";
import type { CallInHand } from "../lib/use-call";
import { Button } from "./button";
import type { IconName } from "./icon";

const ICONS: Record<SecondLayout, IconName> = { corner: "screen", beside: "columns", swapped: "sync", away: "eye_off" };

export interface PicturesProps {
  hand: CallInHand;
  layout: SecondLayout;
  onLayout: (layout: SecondLayout) => void;
  /** While one draws there is only the frozen picture. */
  isAlone?: boolean;
  children: ComponentChildren;
}

/** The ultrasound, and the camera beside it when there is one: the reader chooses how, the node sends what is shown. */
export function Pictures({ hand, layout, onLayout, isAlone = false, children }: PicturesProps) {
  const { call, room: { second }, status } = hand;
  const isShown = second.isThere && layout !== "away" && !isAlone;
  useEffect(() => {
    // What nobody looks at is not sent.
    if (status.state === "live" && second.isThere) call.send({ type: "second.show", is_shown: isShown });
  }, [call, status.state, second.isThere, isShown]);
  return (
    <div class={`pictures pictures-${isShown ? layout : "alone"}`}>
      {children}
      {isShown ? <SecondView stream={call.second} second={second} layout={layout} onLayout={onLayout} /> : null}
    </div>
  );
}

function SecondView({ stream, second, layout, onLayout }: { stream: MediaStream; second: SecondPicture; layout: SecondLayout; onLayout: (layout: SecondLayout) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current!;
    const play = () => void element.play().catch(() => undefined);
    element.srcObject = stream;
    play();
    stream.addEventListener("addtrack", play);
    return () => {
      stream.removeEventListener("addtrack", play);
      element.srcObject = null;
    };
  }, [stream]);
  const name = second.name === "" ? t("second.camera") : t("second.from", { name: second.name });
  return (
    <section class="second" aria-label={name}>
      <video ref={video} class="second-video" aria-label={name} autoplay muted playsInline disablePictureInPicture />
      <p class="second-name">{second.isStale ? t("second.stale") : name}</p>
      <div class="second-tools" role="group" aria-label={t("second.layout")}>
        {SECOND_LAYOUTS.filter((one) => one !== layout).map((one) => (
          <Button key={one} kind="quiet" class="second-tool" icon={ICONS[one]} isIconOnly onClick={() => onLayout(one)}>{t(`second.${one}`)}</Button>
        ))}
      </div>
    </section>
  );
}

/** Brings a second picture back that was put away; shows how it lies. */
export function SecondSwitch({ second, layout, onLayout }: { second: SecondPicture; layout: SecondLayout; onLayout: (layout: SecondLayout) => void }) {
  if (!second.isThere) return null;
  return <Button icon={ICONS[layout]} onClick={() => onLayout(nextLayout(layout))}>{t(`second.${layout}`)}</Button>;
}
