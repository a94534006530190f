import { useState } from "preact/hooks";
import { Dialog } from "../components/dialog";
import { ErrorCard, Skeleton } from "../components/empty-state";
import { SearchField } from "../components/field";
import { api } from "../lib/api";
import { formatPersonName } from "../lib/format";
import { useRemote } from "../lib/hooks";
import { t } from "../lib/i18n";
import { NO_FILTERS, filterSlides } from "./filters";
import { SlidePicture, slideName } from "./slide-card";

/** Choose the slide to lay beside this one. */
export function CompareDialog(props: { without: string; onChoose: (series: string) => void; onClose: () => void }) {
  const slides = useRemote((signal) => api.slides(signal));
  const [words, setWords] = useState("");
  const others = (slides.data ?? []).filter((slide) => slide.series_instance_uid !== props.without);
  const shown = filterSlides(others, { ...NO_FILTERS, words });
  return (
    <Dialog title={t("viewer.compare.pick")} width="l" onClose={props.onClose}>
      <div class="stack">
        <SearchField label={t("slides.search")} value={words} onValue={setWords} />
        {slides.error ? <ErrorCard error={slides.error} onRetry={slides.reload} /> : null}
        {!slides.data && slides.isLoading ? <Skeleton /> : null}
        {slides.data && others.length === 0 ? <p class="quiet">{t("viewer.compare.none")}</p> : null}
        {others.length > 0 && shown.length === 0 ? <p class="quiet" role="status">{t("slides.none_found")}</p> : null}
        <ul class="compare-list">
          {shown.map((slide) => (
            <li key={slide.series_instance_uid}>
              <button type="button" class="compare-choice" onClick={() => props.onChoose(slide.series_instance_uid)}>
                <SlidePicture slide={slide} width={240} />
                <span class="compare-name">{slideName(slide)}</span>
                <span class="quiet small">{[formatPersonName(slide.patient_name), slide.stain].filter(Boolean).join(" · ")}</span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  );
}
