import { useState } from "preact/hooks";
import { Icon, type IconName } from "../components/icon";
import { Progress } from "../components/progress";
import { Shapes } from "../components/shapes-svg";
import { StateChip } from "../components/state-chip";
import { thumbnailUrl } from "../lib/api";
import { formatTime } from "../lib/format";
import { t } from "../lib/i18n";
import type { SavedDrawing } from "../lib/room";
import type { PendingClip, SavedObject, SessionView } from "../lib/shapes";
import { useStudyDelivery } from "./use-study-delivery";

/** Everything kept in this exam, newest first, each with where it is: finalising, saved, at the hospital. */
export function Strip({ view, drawings = {} }: { view: SessionView; drawings?: Record<string, SavedDrawing> }) {
  const delivery = useStudyDelivery(view);
  // A report is the figures of a drawing: the drawing stands for both.
  const objects = view.objects.filter((object) => object.kind !== "report").sort((one, other) => other.at_s - one.at_s);
  const hasAny = objects.length > 0 || view.recording.pending.length > 0;
  return (
    <section class="strip" aria-label={t("exam.strip")}>
      {hasAny ? null : <p class="quiet small strip-empty">{t("exam.strip.empty")}</p>}
      <ul class="strip-list">
        {view.recording.pending.map((pending) => <Pending key={pending.clip_id} pending={pending} />)}
        {objects.map((object) => (
          <Kept key={object.sop_instance_uid} view={view} object={object} drawing={drawings[object.sop_instance_uid]} hasArrived={(object.delivery ?? delivery)?.state === "arrived"} />
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

const ICONS: Record<SavedObject["kind"], IconName> = { still: "still", clip: "clip", annotation: "edit", report: "ruler", other: "folder" };

function kindWord(kind: SavedObject["kind"]): string {
  return t(kind === "still" || kind === "annotation" ? `exam.strip.${kind}` : "exam.strip.clip");
}

function Kept({ view, object, drawing, hasArrived }: { view: SessionView; object: SavedObject; drawing?: SavedDrawing; hasArrived: boolean }) {
  const [isBroken, setBroken] = useState(false);
  const word = [kindWord(object.kind), drawing?.words].filter(Boolean).join(" ");
  // A drawing has no picture of its own: it is shown over its still, where this page knows which one that is.
  const shownUid = object.kind === "annotation" ? drawing?.stillUid ?? null : object.sop_instance_uid;
  return (
    <li class="strip-item">
      <a class="strip-picture" href={`/studies/${encodeURIComponent(view.study_instance_uid)}`} target="_blank" rel="noopener" aria-label={`${word}, ${formatTime(object.at_s)}`}>
        {isBroken || !shownUid ? <Icon name={ICONS[object.kind]} size={28} /> : (
          <img
            src={thumbnailUrl(view.study_instance_uid, view.series_instance_uid, shownUid, 240, 180)}
            alt="" loading="lazy" onError={() => setBroken(true)}
          />
        )}
        {drawing && !isBroken ? <DrawnOver drawing={drawing} source={view.source_state} /> : null}
        <span class="strip-kind num"><Icon name={ICONS[object.kind]} size={14} />{drawing?.words || formatTime(object.at_s)}</span>
      </a>
      {hasArrived ? <StateChip tone="ok" icon="hospital">{t("exam.strip.arrived")}</StateChip> : <StateChip tone="ok" icon="check">{t("exam.strip.saved")}</StateChip>}
      {object.is_recovered ? <StateChip tone="warn" icon="rewind">{t("exam.strip.recovered")}</StateChip> : null}
    </li>
  );
}

/** The shapes exactly over the thumbnail, which fills its frame and is cut at two sides. */
function DrawnOver({ drawing, source }: { drawing: SavedDrawing; source: SessionView["source_state"] }) {
  const aspect = source && source.height_px > 0 ? source.width_px / source.height_px : 4 / 3;
  return <span class="strip-drawing"><Shapes shapes={drawing.shapes} aspect={aspect} /></span>;
}
