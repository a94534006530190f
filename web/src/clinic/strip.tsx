import { useState } from "preact/hooks";
import { Icon } from "../components/icon";
import { Progress } from "../components/progress";
import { StateChip } from "../components/state-chip";
import { thumbnailUrl } from "../lib/api";
import { formatTime } from "../lib/format";
import { t } from "../lib/i18n";
import type { PendingClip, SavedObject, SessionView } from "../lib/shapes";
import { useStudyDelivery } from "./use-study-delivery";

/** Everything kept in this exam, newest first, each with where it is: finalising, saved, at the hospital. */
export function Strip({ view }: { view: SessionView }) {
  const delivery = useStudyDelivery(view);
  const objects = [...view.objects].sort((one, other) => other.at_s - one.at_s);
  const hasAny = objects.length > 0 || view.recording.pending.length > 0;
  return (
    <section class="strip" aria-label={t("exam.strip")}>
      {hasAny ? null : <p class="quiet small strip-empty">{t("exam.strip.empty")}</p>}
      <ul class="strip-list">
        {view.recording.pending.map((pending) => <Pending key={pending.clip_id} pending={pending} />)}
        {objects.map((object) => (
          <Kept key={object.sop_instance_uid} view={view} object={object} hasArrived={(object.delivery ?? delivery)?.state === "arrived"} />
        ))}
      </ul>
    </section>
  );
}

function Pending({ pending }: { pending: PendingClip }) {
  const share = pending.frame_count > 0 ? pending.done_count / pending.frame_count : null;
  const hasFailed = pending.state === "failed";
  return (
    <li class="strip-item">
      <div class="strip-picture strip-blank"><Icon name={pending.kind === "still" ? "still" : "clip"} size={28} /></div>
      {hasFailed ? <StateChip tone="bad" icon="error">{t("exam.strip.failed")}</StateChip> : <StateChip icon="clock">{t("exam.strip.finalising")}</StateChip>}
      {hasFailed ? <p class="small strip-reason">{pending.reason}</p> : <Progress share={share} label={t("exam.strip.finalising")} />}
    </li>
  );
}

function Kept({ view, object, hasArrived }: { view: SessionView; object: SavedObject; hasArrived: boolean }) {
  const [isBroken, setBroken] = useState(false);
  const word = object.kind === "still" ? t("exam.strip.still") : t("exam.strip.clip");
  return (
    <li class="strip-item">
      <a class="strip-picture" href={`/studies/${encodeURIComponent(view.study_instance_uid)}`} target="_blank" rel="noopener" aria-label={`${word}, ${formatTime(object.at_s)}`}>
        {isBroken ? <Icon name={object.kind === "still" ? "still" : "clip"} size={28} /> : (
          <img
            src={thumbnailUrl(view.study_instance_uid, view.series_instance_uid, object.sop_instance_uid, 240, 180)}
            alt="" loading="lazy" onError={() => setBroken(true)}
          />
        )}
        <span class="strip-kind num"><Icon name={object.kind === "still" ? "still" : "clip"} size={14} />{formatTime(object.at_s)}</span>
      </a>
      {hasArrived ? <StateChip tone="ok" icon="hospital">{t("exam.strip.arrived")}</StateChip> : <StateChip tone="ok" icon="check">{t("exam.strip.saved")}</StateChip>}
      {object.is_recovered ? <StateChip tone="warn" icon="rewind">{t("exam.strip.recovered")}</StateChip> : null}
    </li>
  );
}
