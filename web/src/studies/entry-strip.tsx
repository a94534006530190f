import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "../components/icon";
import { thumbnailUrl } from "../lib/api";
import { formatTime } from "../lib/format";
import { t } from "../lib/i18n";
import type { StudyDetail } from "../lib/shapes";
import { type Shown, entryKey } from "./entries";
import { clockText, durationMs, timingOf } from "./timing";

export interface EntryStripProps {
  entries: Shown[];
  chosen: Shown;
  study: StudyDetail;
  onChoose: (entry: Shown) => void;
}

/** The objects of a study as small pictures; one is on the stage. */
export function EntryStrip({ entries, chosen, study, onChoose }: EntryStripProps) {
  return (
    <nav class="entry-strip" aria-label={t("study.clips")}>
      <ul>
        {entries.map((entry, index) => {
          const isSeriesFirst = entries[index - 1]?.series !== entry.series;
          return (
            <li key={entryKey(entry)}>
              {isSeriesFirst ? <p class="entry-series cut">{seriesTitle(entry)}</p> : null}
              <EntryButton entry={entry} study={study} isChosen={entry === chosen} onChoose={() => onChoose(entry)} number={index + 1} />
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

function seriesTitle(entry: Shown): string {
  const title = entry.series.description || t("study.series_title", { number: entry.series.number ?? "–" });
  return `${title} · ${entry.series.modality}`;
}

const ICONS: Record<Shown["kind"], IconName> = { clip: "clip", still: "still", slide: "slides", other: "folder" };

function EntryButton(props: { entry: Shown; study: StudyDetail; isChosen: boolean; number: number; onChoose: () => void }) {
  const { entry, study, isChosen } = props;
  const [hasFailed, setFailed] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isChosen) button.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [isChosen]);
  const picture = entry.kind === "slide"
    ? `/dicom-web/studies/${study.study_instance_uid}/series/${entry.series.series_instance_uid}/thumbnail?viewport=240,180`
    : thumbnailUrl(study.study_instance_uid, entry.series.series_instance_uid, entry.instance.sop_instance_uid, 240, 180);
  const name = t("study.choose", { kind: t(`study.kind.${entry.kind}`), number: props.number });
  return (
    <button type="button" ref={button} class={isChosen ? "entry entry-on" : "entry"} aria-current={isChosen || undefined} onClick={props.onChoose}>
      <span class="entry-picture">
        {hasFailed || entry.kind === "other" ? <Icon name={ICONS[entry.kind]} size={28} /> : <img src={picture} alt="" loading="lazy" decoding="async" onError={() => setFailed(true)} />}
      </span>
      <span class="entry-words">
        <span class="entry-name"><Icon name={ICONS[entry.kind]} size={16} />{name}</span>
        <span class="entry-facts num">{factsOf(entry).join(" · ")}</span>
        {marksOf(entry).map((mark) => <span key={mark} class="entry-mark"><Icon name="warning" size={14} />{mark}</span>)}
      </span>
    </button>
  );
}

function factsOf(entry: Shown): string[] {
  if (entry.kind === "slide") return [t("study.slide_hint", { count: entry.instances.length })];
  const { instance } = entry;
  const at = instance.content_s !== null ? formatTime(instance.content_s) : "";
  if (entry.kind !== "clip") return [at].filter(Boolean);
  const timing = timingOf(instance.frame_count, instance.frame_time_ms, instance.frame_times_ms ?? null);
  const length = timing.is_known ? clockText(durationMs(timing)).replace(/\.\d+$/, "") : "";
  return [at, length, t("study.frames", { count: instance.frame_count })].filter(Boolean);
}

function marksOf(entry: Shown): string[] {
  if (entry.kind === "slide") return [];
  return [entry.instance.is_recovered ? t("study.recovered.short") : "", entry.instance.gaps ? t("study.gaps") : ""].filter(Boolean);
}
