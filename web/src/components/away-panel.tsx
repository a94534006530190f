import { useEffect, useRef } from "preact/hooks";
import { formatBytes, formatTime } from "../lib/format";
import { t } from "../lib/i18n";
import type { AwayView } from "../lib/shapes";
import { Icon } from "./icon";
import { Progress } from "./progress";
import "./away-panel.css";

const LOOK_MS = 2000;

/** What had left the node is being fetched back: how far it is, why it takes long. It opens by itself. */
export function AwayPanel({ away, onLook }: { away: AwayView; onLook: () => void }) {
  const look = useRef(onLook);
  look.current = onLook;
  useEffect(() => {
    const timer = setInterval(() => look.current(), LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  const here = away.total_count - away.away_count;
  const next = away.reason && away.next_try_s !== null && away.next_try_s > Date.now() / 1000 ? t("away.next", { when: formatTime(away.next_try_s) }) : "";
  return (
    <section class="away-panel" aria-live="polite">
      <Icon name="download" size={32} />
      <h2>{t("away.title")}</h2>
      <p class="quiet">{t("away.hint")}</p>
      <Progress share={away.share} label={t("away.progress")} tone={away.reason ? "warn" : "accent"} />
      <p class="small num">
        {t("away.counts", { here, total: away.total_count, bytes: formatBytes(away.bytes_left) })}
      </p>
      {away.reason ? <p class="small">{t("away.reason", { reason: away.reason })} {next}</p> : null}
    </section>
  );
}
