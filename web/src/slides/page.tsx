import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Button } from "../components/button";
import { EmptyState, ErrorCard, Skeleton } from "../components/empty-state";
import { Field, SearchField, SelectField } from "../components/field";
import { Page } from "../components/page";
import { api } from "../lib/api";
import { useKeys, useRemote } from "../lib/hooks";
import { t } from "../lib/i18n";
import type { SlideRow } from "../lib/shapes";
import { type SlideFilters, NO_FILTERS, filterSlides, valuesOf } from "./filters";
import { JobList } from "./job-list";
import { useJobs } from "./jobs";
import { SlideCard } from "./slide-card";
import "./slides.css";

const VIEWER_AFTER_MS = 200;

/** Find a slide: thumbnails, search as you type, filters; scans on their way in stand on top. */
export default function SlidesPage() {
  const slides = useRemote((signal) => api.slides(signal));
  const jobs = useJobs(slides.reload);
  const [filters, setFilters] = useState<SlideFilters>(NO_FILTERS);
  const rows = slides.data ?? [];
  useEffect(loadViewerSoon, []);
  const shown = useMemo(() => filterSlides(rows, filters), [rows, filters]);
  const isFiltered = JSON.stringify(filters) !== JSON.stringify(NO_FILTERS);
  return (
    <Page title={t("slides.title")} lead={slides.data ? t("slides.lead", { count: rows.length }) : undefined}>
      <JobList jobs={jobs} />
      {slides.error ? <ErrorCard error={slides.error} onRetry={slides.reload} /> : null}
      {rows.length > 0 ? <Filters rows={rows} filters={filters} onFilters={setFilters} isFiltered={isFiltered} /> : null}
      <p class="only-heard" role="status">{isFiltered ? t("slides.found", { count: shown.length }) : ""}</p>
      {!slides.data && slides.isLoading ? <Skeleton rows={4} /> : null}
      {slides.data && rows.length === 0 ? (
        <EmptyState icon="slides" title={t("slides.none")} hint={t("slides.none.hint")} />
      ) : null}
      {rows.length > 0 && shown.length === 0 ? (
        <EmptyState icon="search" title={t("slides.none_found")} hint={t("slides.none_found.hint")}>
          <Button onClick={() => setFilters(NO_FILTERS)}>{t("slides.filter.clear")}</Button>
        </EmptyState>
      ) : null}
      <ul class="slide-grid">
        {shown.map((slide) => <li key={slide.series_instance_uid}><SlideCard slide={slide} job={jobs.find((job) => job.job_id === slide.job_id)} /></li>)}
      </ul>
    </Page>
  );
}

/** Have the viewer's program here before a slide is opened. */
function loadViewerSoon(): () => void {
  const timer = setTimeout(() => void import("./viewer-page").then((page) => page.warmUp(), () => undefined), VIEWER_AFTER_MS);
  return () => clearTimeout(timer);
}

function Filters(props: { rows: SlideRow[]; filters: SlideFilters; onFilters: (filters: SlideFilters) => void; isFiltered: boolean }) {
  const { rows, filters, onFilters } = props;
  const search = useRef<HTMLInputElement>(null);
  useKeys({ "/": (event) => { event.preventDefault(); search.current?.focus(); } });
  const set = (change: Partial<SlideFilters>): void => onFilters({ ...filters, ...change });
  const any = { value: "", label: t("slides.filter.any") };
  const choices = (column: "stain" | "scanner") => [any, ...valuesOf(rows, column).map((value) => ({ value, label: value }))];
  const states = ["arrived", "waiting", "held", "none"] as const;
  useEffect(() => search.current?.focus({ preventScroll: true }), []);
  return (
    <div class="slide-filters">
      <SearchField label={t("slides.search")} value={filters.words} onValue={(words) => set({ words })} inputRef={search} />
      <div class="slide-filter-row">
        <SelectField label={t("slides.filter.stain")} value={filters.stain} choices={choices("stain")} onValue={(stain) => set({ stain })} />
        <SelectField label={t("slides.filter.scanner")} value={filters.scanner} choices={choices("scanner")} onValue={(scanner) => set({ scanner })} />
        <SelectField
          label={t("slides.filter.state")} value={filters.state}
          choices={[any, ...states.map((value) => ({ value, label: t(`delivery.${value}`) }))]}
          onValue={(state) => set({ state })}
        />
        <Field label={t("slides.filter.from")} type="date" value={filters.dateFrom} onValue={(dateFrom) => set({ dateFrom })} />
        <Field label={t("slides.filter.to")} type="date" value={filters.dateTo} onValue={(dateTo) => set({ dateTo })} />
      </div>
      {props.isFiltered ? (
        <div class="row">
          <Button kind="quiet" icon="cross" onClick={() => onFilters(NO_FILTERS)}>{t("slides.filter.clear")}</Button>
        </div>
      ) : null}
    </div>
  );
}
