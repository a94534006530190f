import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, api, asApiError } from "../lib/api";
import { events } from "../lib/events";
import { useNodeEvent } from "../lib/hooks";
import type { StudyRow } from "../lib/shapes";
import { PAGE_COUNT, type StudyQuery, askStudies } from "./query";

/** Rows kept in the page; who needs more than this needs a filter. */
export const ROWS_MAX = 5000;
const REFRESH_MS = 1500;

export interface StudyFeed {
  rows: StudyRow[];
  total: number | null;
  error: ApiError | null;
  isLoading: boolean;
  hasMore: boolean;
  loadMore: () => void;
  reload: () => void;
}

/** The studies that match, a page at a time, kept fresh when something is saved. */
export function useStudies(query: StudyQuery): StudyFeed {
  const [rows, setRows] = useState<StudyRow[]>([]);
  const [total, setTotal] = useState<number | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [isLoading, setLoading] = useState(true);
  const asked = askStudies(query, 0).toString();
  const turn = useRef<AbortController | null>(null);
  const shown = useRef(0);
  shown.current = rows.length;

  const load = useCallback((offset: number, limit: number) => {
    turn.current?.abort();
    const stop = new AbortController();
    turn.current = stop;
    setLoading(true);
    api.studies(Object.fromEntries(askStudies(query, offset, limit)), stop.signal).then(
      (page) => {
        if (stop.signal.aborted) return;
        setRows((old) => (offset === 0 ? page.items : merge(old, page.items)));
        setTotal(page.total);
        setError(null);
        setLoading(false);
      },
      (reason: unknown) => {
        if (stop.signal.aborted) return;
        setError(asApiError(reason));
        setLoading(false);
      },
    );
  }, [asked]);

  useEffect(() => {
    load(0, PAGE_COUNT);
    return () => turn.current?.abort();
  }, [load]);
  const refresh = useRefresh(() => load(0, Math.min(200, Math.max(PAGE_COUNT, shown.current))));
  useNodeEvent("object", refresh);
  useEffect(() => {
    events.addEventListener("connected", refresh);
    return () => events.removeEventListener("connected", refresh);
  }, [refresh]);

  const hasMore = total !== null && rows.length < total && rows.length < ROWS_MAX;
  const loadMore = (): void => {
    if (!isLoading && hasMore && !error) load(rows.length, PAGE_COUNT);
  };
  return { rows, total, error, isLoading, hasMore, loadMore, reload: () => load(0, PAGE_COUNT) };
}

/** Many objects saved in a row ask once. Nobody's place far down the list is lost for a fresh row on top. */
function useRefresh(refresh: () => void): () => void {
  const latest = useRef(refresh);
  latest.current = refresh;
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => () => {
    if (timer.current !== null) clearTimeout(timer.current);
  }, []);
  return useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = null;
      if (scrollY < innerHeight) latest.current();
    }, REFRESH_MS);
  }, []);
}

/** A study that moved between two pages of the answer stands in the list once. */
function merge(old: readonly StudyRow[], more: readonly StudyRow[]): StudyRow[] {
  const known = new Set(old.map((row) => row.study_instance_uid));
  return [...old, ...more.filter((row) => !known.has(row.study_instance_uid))];
}
