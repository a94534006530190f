import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asApiError, type ApiError } from "./api";
import { events } from "./events";
import type { EventShapes } from "./shapes";

export interface Remote<T> {
  data: T | null;
  error: ApiError | null;
  isLoading: boolean;
  /** Ask again; what is shown stays until the answer is here. */
  reload: () => void;
  /** Show something newer than the last answer, for example from an event. */
  set: (data: T | ((old: T | null) => T | null)) => void;
}

/** Ask the node for something and keep the answer; asks again when `deps` change or the event stream comes back. */
export function useRemote<T>(ask: (signal: AbortSignal) => Promise<T>, deps: readonly unknown[] = []): Remote<T> {
  const [data, setData] = useState<T | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [isLoading, setLoading] = useState(true);
  const [turn, setTurn] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  const reload = useCallback(() => setTurn((old) => old + 1), []);
  useEffect(() => {
    const stop = new AbortController();
    setLoading(true);
    latest.current(stop.signal).then(
      (answer) => {
        if (stop.signal.aborted) return;
        setData(() => answer);
        setError(null);
        setLoading(false);
      },
      (reason: unknown) => {
        if (stop.signal.aborted) return;
        setError(asApiError(reason));
        setLoading(false);
      },
    );
    return () => stop.abort();
  }, [...deps, turn]);
  useEffect(() => {
    events.addEventListener("connected", reload);
    return () => events.removeEventListener("connected", reload);
  }, [reload]);
  return { data, error, isLoading, reload, set: setData };
}

/** Hear one kind of server-sent event while the component is on the screen. */
export function useNodeEvent<K extends keyof EventShapes>(name: K, hear: (detail: EventShapes[K]) => void): void {
  const latest = useRef(hear);
  latest.current = hear;
  useEffect(() => events.on(name, (detail) => latest.current(detail)), [name]);
}

/** The wall clock in seconds, ticking; pause it with null. */
export function useNow(everyMs: number | null = 1000): number {
  const [nowS, setNowS] = useState(() => Date.now() / 1000);
  useEffect(() => {
    if (everyMs === null) return;
    setNowS(Date.now() / 1000);
    const timer = setInterval(() => setNowS(Date.now() / 1000), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return nowS;
}

/** A value once it has been still for a while: search as you type without a request a letter. */
export function useDebounced<T>(value: T, delayMs = 200): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(() => value), delayMs);
    return () => clearTimeout(timer);
  }, [value, delayMs]);
  return settled;
}

/** Name the page in the browser's tab. No patient data belongs there: tabs and histories are read by others. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Edge`;
  }, [title]);
}

/** Call on a key while no field has the focus; `key` as in KeyboardEvent.key. */
export function useKeys(keys: Record<string, (event: KeyboardEvent) => void>, isActive = true): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    if (!isActive) return;
    const hear = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector("dialog[open]")) return;
      const act = latest.current[event.key] ?? latest.current[event.key.toLowerCase()];
      if (act) act(event);
    };
    addEventListener("keydown", hear);
    return () => removeEventListener("keydown", hear);
  }, [isActive]);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName);
}
