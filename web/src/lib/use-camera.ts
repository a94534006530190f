import { useEffect, useState } from "preact/hooks";
import type { Api } from "./api";
import { CameraSender } from "./camera";

/** This device's camera for an exam, as long as the component is on the screen; renders again when it changes. */
export function useCamera(sessionId: string, api: Api, name: string): CameraSender {
  const [camera] = useState(() => new CameraSender({
    url: `/whip/${encodeURIComponent(sessionId)}${name ? `?name=${encodeURIComponent(name)}` : ""}`,
    headers: () => api.headers(),
  }));
  const [, redraw] = useState(0);
  useEffect(() => {
    const changed = () => redraw((count) => count + 1);
    const leave = () => camera.stop();
    camera.addEventListener("change", changed);
    addEventListener("pagehide", leave);
    return () => {
      camera.removeEventListener("change", changed);
      removeEventListener("pagehide", leave);
      camera.stop();
    };
  }, [camera]);
  return camera;
}
