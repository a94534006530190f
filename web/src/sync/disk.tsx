import { Icon } from "../components/icon";
import { Progress } from "../components/progress";
import { formatBytes } from "../lib/format";
import { t } from "../lib/i18n";
import type { Outbox } from "../lib/shapes";

/** What objects take of this disk, what has left it, and when it will be full: nothing to say, nothing shown. */
export function Disk({ outbox }: { outbox: Outbox }) {
  const away = outbox.away;
  const hasLimits = away ? away.budget_bytes > 0 || away.count > 0 : false;
  if (!outbox.disk && !hasLimits) return null;
  return (
    <section class="sync-disk" aria-label={t("sync.disk")}>
      {away && hasLimits ? (
        <div class="grow stack">
          <p class="num">
            {[t("sync.disk.here", { here: formatBytes(away.here_bytes) }), away.budget_bytes > 0 ? t("sync.disk.budget", { budget: formatBytes(away.budget_bytes) }) : ""].filter(Boolean).join(" ")}
          </p>
          {away.budget_bytes > 0 ? <Progress share={away.here_bytes / away.budget_bytes} label={t("sync.disk")} tone={outbox.disk ? "warn" : "accent"} /> : null}
          {away.count > 0 ? <p class="quiet small num">{t("sync.disk.away", { count: away.count, bytes: formatBytes(away.bytes) })}</p> : null}
        </div>
      ) : null}
      {outbox.disk ? <p class="destination-reason" role="status"><Icon name="warning" size={16} />{outbox.disk}</p> : null}
    </section>
  );
}
