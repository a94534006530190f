import { useState } from "preact/hooks";
import { Button } from "../components/button";
import { CameraState } from "../components/camera-state";
import { SecondSwitch } from "../components/pictures";
import { sayError } from "../components/toast";
import { api } from "../lib/api";
import type { CameraSender } from "../lib/camera";
import { t } from "../lib/i18n";
import type { SecondPicture } from "../lib/room";
import type { SecondLayout } from "../lib/second-layout";
import type { SessionView } from "../lib/shapes";

/** The bedside's own camera as the second picture, how it lies on this screen, and the way to a larger audience. */
export function CameraPanel({ view, camera, second, layout, onLayout }: { view: SessionView; camera: CameraSender; second: SecondPicture; layout: SecondLayout; onLayout: (layout: SecondLayout) => void }) {
  const isOn = camera.state !== "off";
  return (
    <section class="exam-panel">
      <h2 class="exam-panel-title">{t("camera.title")}</h2>
      <div class="exam-sound">
        <Button icon={isOn ? "eye_off" : "eye"} isPressed={isOn} isBusy={camera.state === "starting"} onClick={() => (isOn ? camera.stop() : void camera.start())}>
          {t(isOn ? "camera.stop" : "camera.start")}
        </Button>
        {isOn && camera.devices.length > 1 ? <Button icon="refresh" onClick={() => void camera.other()}>{t("camera.other")}</Button> : null}
        <SecondSwitch second={second} layout={layout} onLayout={onLayout} />
      </div>
      <CameraState camera={camera} />
      <Audience view={view} />
    </section>
  );
}

/** Shows the exam through the media server of the configuration, and how that stands. */
function Audience({ view }: { view: SessionView }) {
  const [isBusy, setBusy] = useState(false);
  if (!view.may_publish) return null;
  const publish = view.publish ?? null;
  const turn = async () => {
    setBusy(true);
    try {
      await api.publishSession(view.session_id, publish === null);
    } catch (reason) {
      sayError(reason);
    }
    setBusy(false);
  };
  return (
    <>
      <Button icon="share" isPressed={publish !== null} isBusy={isBusy} onClick={() => void turn()}>{t(publish ? "audience.stop" : "audience.start")}</Button>
      <p class={publish?.state === "waiting" ? "small exam-trouble" : "small quiet"} role="status">
        {publish ? `${t(`audience.${publish.state}`)} ${publish.reason}` : t("audience.hint")}
      </p>
    </>
  );
}
