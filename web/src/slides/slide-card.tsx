import { useState } from "preact/hooks";
import { Icon } from "../components/icon";
import { DeliveryChip, StateChip } from "../components/state-chip";
import { thumbnailUrl } from "../lib/api";
import { formatBytes, formatNumber, formatPercent, formatPersonName, formatWhen } from "../lib/format";
import { t } from "../lib/i18n";
import type { Job, SlideRow } from "../lib/shapes";
import { askAhead } from "./ahead";
import { jobShare } from "./jobs";
import { lengthText, magnificationText, nativeMagnification } from "./scale";

/** One slide as it lies in a tray: its picture, whose it is, and where it is. */
export function SlideCard({ slide, job }: { slide: SlideRow; job?: Job | undefined }) {
  const patient = formatPersonName(slide.patient_name);
  return (
    <a
      class="slide-card" onPointerEnter={() => askAhead(slide.series_instance_uid)} onFocus={() => askAhead(slide.series_instance_uid)}
      href={`/slides/${slide.series_instance_uid}`}>
      <SlidePicture slide={slide} />
      <div class="slide-card-body">
        <p class="slide-name cut" title={slideName(slide)}>{slideName(slide)}</p>
        <p class="cut quiet small">
          {patient || t("patient.unknown")}
          {slide.patient_id ? <span class="num"> · {slide.patient_id}</span> : null}
        </p>
        <p class="quiet small cut">{slideFacts(slide).join(" · ")}</p>
        <div class="slide-card-foot">
          {slide.job_id && job ? <ConversionChip job={job} /> : <DeliveryChip delivery={slide.delivery} />}
          <span class="quiet small num">{formatBytes(slide.size_bytes)}</span>
        </div>
      </div>
    </a>
  );
}

/** How far the conversion of a slide is that can be opened already. */
function ConversionChip({ job }: { job: Job }) {
  if (job.state === "failed") return <StateChip tone="bad" icon="error">{t("slides.not_converted")}</StateChip>;
  const share = jobShare(job);
  const isMoving = share !== null && (share > 0 || job.state !== "converting");
  return (
    <StateChip tone="accent" icon="refresh">
      <span class="num">{isMoving ? t("slides.converting", { percent: formatPercent(share, 1) }) : t("slides.waits")}</span>
    </StateChip>
  );
}

/** The picture of a whole slide, small; a place held for it when there is none. */
export function SlidePicture({ slide, width = 480 }: { slide: SlideRow; width?: number }) {
  const instance = slide.thumbnail_sop ?? slide.overview_sop;
  const [hasFailed, setFailed] = useState(false);
  return (
    <div class="slide-picture">
      {instance && !hasFailed ? (
        <img
          src={thumbnailUrl(slide.study_instance_uid, slide.series_instance_uid, instance, width, width)}
          alt="" loading="lazy" decoding="async" onError={() => setFailed(true)}
        />
      ) : (
        <span class="slide-no-picture"><Icon name="slides" size={28} /><span class="small">{t("slides.no_picture")}</span></span>
      )}
    </div>
  );
}

export function slideName(slide: SlideRow): string {
  return slide.name || t("slides.unnamed");
}

function slideFacts(slide: SlideRow): string[] {
  const native = nativeMagnification(slide.magnification, slide.mpp);
  const when = slide.scanned_s ? t("slides.scanned", { when: formatWhen(slide.scanned_s) }) : t("slides.kept", { when: formatWhen(slide.kept_s) });
  return [slide.stain, native ? magnificationText(native) : "", when].filter(Boolean);
}

/** "10.1 × 6.5 mm", or pixels when their size is unknown. */
export function slideSize(slide: SlideRow): string {
  const px = t("slides.size_px", { width: formatNumber(slide.width_px), height: formatNumber(slide.height_px) });
  if (!slide.mpp) return px;
  return `${lengthText(slide.width_px * slide.mpp)} × ${lengthText(slide.height_px * slide.mpp)} (${px})`;
}
