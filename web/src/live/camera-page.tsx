import { useEffect, useRef } from "preact/hooks";
import { Button } from "../components/button";
import { CameraState } from "../components/camera-state";
import type { Api } from "../lib/api";
import { t } from "../lib/i18n";
import { useCamera } from "../lib/use-camera";

/** A phone or tablet that is invited as a camera: one button, its own picture, and what happens with it. */
export function CameraPage({ api, sessionId }: { api: Api; sessionId: string }) {
  const camera = useCamera(sessionId, api, "");
  const video = useRef<HTMLVideoElement>(null);
  const { preview } = camera;
  useEffect(() => {
    if (!video.current) return;
    video.current.srcObject = preview;
    if (preview) void video.current.play().catch(() => undefined);
  }, [preview]);
  useAwake(camera.state !== "off");
  const isOn = camera.state !== "off";
  return (
    <main id="content" class="live-door room-dark">
      <div class="live-card">
        <div>
          <h1>{t("camera.page")}</h1>
          <p class="quiet">{t("camera.page.lead")}</p>
        </div>
        <video ref={video} class="camera-own" aria-label={t("second.camera")} hidden={!preview} autoplay muted playsInline />
        <CameraState camera={camera} />
        {isOn ? <p class="small quiet">{t("camera.page.keep")}</p> : null}
        <div class="live-go">
          <Button kind={isOn ? "plain" : "primary"} size="l" icon={isOn ? "eye_off" : "eye"} isBusy={camera.state === "starting"} onClick={() => (isOn ? camera.stop() : void camera.start())}>
            {t(isOn ? "camera.stop" : "camera.start")}
          </Button>
          {isOn && camera.devices.length > 1 ? <Button size="l" icon="refresh" onClick={() => void camera.other()}>{t("camera.other")}</Button> : null}
        </div>
      </div>
    </main>
  );
}

/** A screen that goes dark would end the picture. */
function useAwake(isWanted: boolean): void {
  useEffect(() => {
    if (!isWanted || !("wakeLock" in navigator)) return;
    const asked = navigator.wakeLock.request("screen").catch(() => null);
    return () => void asked.then((lock) => lock?.release());
  }, [isWanted]);
}
