import { Card } from "../components/page";
import { Progress } from "../components/progress";
import { formatBytes, formatPersonName } from "../lib/format";
import { t } from "../lib/i18n";
import type { ReturningStudy } from "../lib/shapes";

/** Studies that had left the disk and are being fetched back: the way down, apart from the way up. */
export function Returning({ studies }: { studies: ReturningStudy[] }) {
  return (
    <Card title={t("sync.returning")} isFlush>
      <ul class="returning">
        {studies.map(({ study_instance_uid: uid, patient_name, description, away }) => {
          const name = formatPersonName(patient_name) || t("patient.unknown");
          return (
            <li key={uid}>
              <div class="sync-what"><a class="study-link" href={`/studies/${uid}`}>{name}</a><span class="quiet small">{description}</span></div>
              <Progress share={away.share} label={t("sync.progress", { name })} tone={away.reason ? "warn" : "accent"} />
              <span class="quiet small num">
                {t("sync.returning.counts", { here: away.total_count - away.away_count, total: away.total_count, bytes: formatBytes(away.bytes_left) })}
              </span>
              {away.reason ? <span class="small">{away.reason}</span> : null}
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
