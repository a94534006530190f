import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../components/button";
import { EmptyState, ErrorCard, Skeleton } from "../components/empty-state";
import { SearchField } from "../components/field";
import { useKeysHelp } from "../components/keys-help";
import { Page } from "../components/page";
import { useDebounced, useKeys } from "../lib/hooks";
import { t } from "../lib/i18n";
import { NO_QUERY, type StudyQuery, askedWords, filterCount, readQuery, writeQuery } from "./query";
import { StudyFilters } from "./study-filters";
import { StudyTable } from "./study-table";
import { useStudies } from "./use-studies";
import "./studies.css";

const TYPING_MS = 180;

/** Find any study: one box, filters, an endless list. The address keeps the search. */
export default function StudiesPage() {
  const [query, setQuery] = useState<StudyQuery>(() => readQuery(new URLSearchParams(location.search)));
  const [isOpen, setOpen] = useState(() => filterCount({ ...query, modalities: [] }) > 0);
  const settled = useDebounced(query, TYPING_MS);
  const feed = useStudies(settled);
  const search = useRef<HTMLInputElement>(null);
  useKeys({ "/": (event) => { event.preventDefault(); search.current?.focus(); } });
  useKeysHelp({ title: t("keys.studies"), keys: [{ caps: ["/"], does: t("keys.studies.search") }] });
  useEffect(() => {
    const text = writeQuery(settled).toString();
    history.replaceState(history.state, "", text ? `${location.pathname}?${text}` : location.pathname);
  }, [settled]);
  const set = (change: Partial<StudyQuery>): void => setQuery((old) => ({ ...old, ...change }));
  const count = filterCount(query);
  const isFiltered = count > 0 || askedWords(query.words) !== "";
  const isShort = query.words.trim() !== "" && askedWords(query.words) === "";
  const lead = feed.total === null ? undefined : t(isFiltered ? "studies.found" : "studies.lead", { count: feed.total });
  return (
    <Page title={t("studies.title")} lead={lead}>
      <div class="study-search">
        <SearchField label={t("studies.search")} value={query.words} onValue={(words) => set({ words })} inputRef={search} />
        <Button icon="filter" isPressed={isOpen} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {count > 0 ? t("studies.filters.count", { count }) : t("studies.filters")}
        </Button>
      </div>
      {isShort ? <p class="quiet small study-short">{t("studies.search.more")}</p> : null}
      <StudyFilters query={query} onChange={set} isOpen={isOpen} onClear={() => setQuery({ ...NO_QUERY, words: query.words })} />
      <p class="only-heard" role="status">{isFiltered && !feed.isLoading && feed.total !== null ? t("studies.found", { count: feed.total }) : ""}</p>
      {feed.error ? <ErrorCard error={feed.error} onRetry={feed.reload} /> : null}
      {feed.rows.length > 0 ? (
        <>
          <StudyTable rows={feed.rows} query={query} onSort={(sort, isDescending) => set({ sort, isDescending })} />
          <MoreRows hasMore={feed.hasMore} isLoading={feed.isLoading} onMore={feed.loadMore} shownCount={feed.rows.length} />
        </>
      ) : null}
      {feed.rows.length === 0 && feed.isLoading ? <Skeleton rows={6} /> : null}
      {feed.rows.length === 0 && !feed.isLoading && !feed.error ? <Nothing isFiltered={isFiltered} onClear={() => setQuery(NO_QUERY)} /> : null}
    </Page>
  );
}

function Nothing({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }) {
  if (!isFiltered) return <EmptyState icon="studies" title={t("studies.none")} hint={t("studies.none.hint")} />;
  return (
    <EmptyState icon="search" title={t("studies.none_found")} hint={t("studies.none_found.hint")}>
      <Button onClick={onClear}>{t("studies.filters.clear")}</Button>
    </EmptyState>
  );
}

/** Loads the next page as its end comes near; a button for those who do not scroll. */
function MoreRows(props: { hasMore: boolean; isLoading: boolean; onMore: () => void; shownCount: number }) {
  const end = useRef<HTMLDivElement>(null);
  const more = useRef(props.onMore);
  more.current = props.onMore;
  useEffect(() => {
    const watch = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && more.current(), { rootMargin: "600px" });
    watch.observe(end.current!);
    return () => watch.disconnect();
  }, [props.shownCount]);
  return (
    <div class="study-more" ref={end}>
      {props.hasMore ? <Button kind="quiet" isBusy={props.isLoading} onClick={props.onMore}>{t(props.isLoading ? "studies.loading_more" : "studies.more")}</Button> : null}
    </div>
  );
}
