import { useEffect, useState } from "preact/hooks";
import { events } from "../lib/events";
import { t } from "../lib/i18n";
import { checkMe } from "../lib/me";
import { Icon } from "./icon";

/** How long the event stream may be away before it is worth a word. */
const GRACE_MS = 3000;

/** Says that the device or the node is out of reach, and what still works. */
export function OfflineBanner() {
  const [isBrowserOff, setBrowserOff] = useState(!navigator.onLine);
  const [isNodeOff, setNodeOff] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const away = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        setNodeOff(true);
        void checkMe();
      }, GRACE_MS);
    };
    const back = () => {
      clearTimeout(timer);
      setNodeOff(false);
    };
    const line = () => setBrowserOff(!navigator.onLine);
    events.addEventListener("disconnected", away);
    events.addEventListener("connected", back);
    addEventListener("online", line);
    addEventListener("offline", line);
    return () => {
      clearTimeout(timer);
      events.removeEventListener("disconnected", away);
      events.removeEventListener("connected", back);
      removeEventListener("online", line);
      removeEventListener("offline", line);
    };
  }, []);
  return (
    <div role="status" aria-live="polite">
      {isBrowserOff || isNodeOff ? (
        <div class="offline">
          <Icon name="offline" />
          <span>{isBrowserOff ? t("offline.browser") : t("offline.node")} {t("offline.still_works")}</span>
        </div>
      ) : null}
    </div>
  );
}
