import { useState } from "preact/hooks";
import { LinkButton } from "../components/button";
import { instanceUrl } from "../lib/api";
import { formatBytes, formatNumber, formatPersonName, formatWhen } from "../lib/format";
import { t } from "../lib/i18n";
import type { SlideDetail, SlideImage } from "../lib/shapes";
import { type LookControl, LookFields } from "./look";
import { magnificationText } from "./scale";
import { slideSize } from "./slide-card";

/** What is written on the glass and what is known about the scan; its pictures wait until the slide itself is seen. */
export function SidePanel({ slide, look, hasPictures }: { slide: SlideDetail; look: LookControl; hasPictures: boolean }) {
  const facts: [string, string][] = [
    [t("viewer.detail.patient"), formatPersonName(slide.patient_name) || t("patient.unknown")],
    [t("viewer.detail.id"), slide.patient_id],
    [t("viewer.detail.stain"), slide.stain],
    [t("viewer.detail.scanner"), slide.scanner],
    [t("viewer.detail.scanned"), slide.scanned_s ? formatWhen(slide.scanned_s) : ""],
    [t("viewer.detail.objective"), slide.magnification ? magnificationText(slide.magnification) : ""],
    [t("viewer.detail.pixel"), slide.mpp ? t("viewer.detail.um", { value: formatNumber(slide.mpp, 3) }) : t("viewer.no_scale")],
    [t("viewer.detail.size"), slideSize(slide)],
    [t("viewer.detail.levels"), String(slide.levels.length)],
    [t("viewer.detail.file"), formatBytes(slide.size_bytes)],
  ];
  return (
    <aside class="side-panel" aria-label={t("viewer.panel")}>
      <div class="side-space" aria-hidden="true" />
      {slide.label ? <SidePicture slide={slide} image={slide.label} title={t("viewer.label_picture")} isWanted={hasPictures} /> : null}
      {slide.overview ? <SidePicture slide={slide} image={slide.overview} title={t("viewer.macro")} isWanted={hasPictures} /> : null}
      {slide.remarks ? <p class="side-remarks" role="note">{slide.remarks}</p> : null}
      <LookFields slide={slide} look={look} />
      <dl class="side-facts">
        {facts.filter(([, value]) => value !== "").map(([name, value]) => (
          <div key={name}><dt>{name}</dt><dd class="num">{value}</dd></div>
        ))}
      </dl>
      <LinkButton href={`/studies/${slide.study_instance_uid}`} icon="studies">{t("viewer.detail.study")}</LinkButton>
    </aside>
  );
}

function SidePicture({ slide, image, title, isWanted }: { slide: SlideDetail; image: SlideImage; title: string; isWanted: boolean }) {
  const [hasFailed, setFailed] = useState(false);
  if (hasFailed) return null;
  const address = instanceUrl(slide.study_instance_uid, slide.series_instance_uid, image.sop_instance_uid);
  return (
    <figure class="side-picture">
      <figcaption>{title}</figcaption>
      <img
        src={isWanted ? `${address}/frames/1/rendered` : undefined} alt={title} width={image.width_px} height={image.height_px}
        decoding="async" onError={() => setFailed(true)}
      />
    </figure>
  );
}
