import type { CameraSender } from "../lib/camera";
import { t } from "../lib/i18n";

/** What a person needs to know of the own camera, in words. */
export function CameraState({ camera }: { camera: CameraSender }) {
  if (camera.trouble) return <p class="small exam-trouble" role="status">{t(`camera.trouble.${camera.trouble}`)}</p>;
  if (camera.error && camera.state === "off") return <p class="small exam-trouble" role="status">{camera.error.message} {camera.error.nextStep}</p>;
  return <p class="small quiet" role="status">{t(`camera.${camera.state}`)}</p>;
}
