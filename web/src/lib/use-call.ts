import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import type { Api } from "./api";
import type { CallStats } from "./call-stats";
import { EMPTY_ROOM, mergeView, takeMessage, takePointer, tidy, type Room } from "./room";
import type { SessionView } from "./shapes";
import { StaleWatch } from "./stale";
import { Call, type CallMessage, type CallStatus } from "./whep";

const TIDY_MS = 500;
const STALE_CHECK_MS = 100;

export interface CallInHand {
  call: Call;
  status: CallStatus;
  room: Room;
  stats: CallStats | null;
  /** No new frame for more than half a second. */
  isStale: boolean;
  staleWatch: StaleWatch;
  /** RTP timestamp of the frame that is on the screen. */
  shownRtp: { current: number | undefined };
  takeView: (view: SessionView) => void;
}

type RoomAct = (room: Room) => Room;

/** Be in the call of a session as long as the component is on the screen. */
export function useCall(sessionId: string, api: Api, name: string, microphone: MediaStreamTrack | null, hear?: (message: CallMessage) => void): CallInHand {
  const [call] = useState(() => new Call({
    url: `/whep/${encodeURIComponent(sessionId)}${name ? `?name=${encodeURIComponent(name)}` : ""}`,
    headers: () => api.headers(),
  }));
  const [watch] = useState(() => new StaleWatch());
  const [status, setStatus] = useState(call.status);
  const [stats, setStats] = useState<CallStats | null>(null);
  const [isStale, setStale] = useState(false);
  const [room, act] = useReducer((old: Room, change: RoomAct) => change(old), EMPTY_ROOM);
  const shownRtp = useRef<number | undefined>(undefined);
  const latestHear = useRef(hear);
  latestHear.current = hear;
  const firstMicrophone = useRef(microphone);
  useEffect(() => {
    const stop = new AbortController();
    const on = <T>(type: string, take: (detail: T) => void) =>
      call.addEventListener(type, (event) => take((event as CustomEvent<T>).detail), { signal: stop.signal });
    on<CallStatus>("status", (next) => {
      setStatus(next);
      if (next.state === "live") return;
      watch.reset();
      setStale(false);
      setStats(null);
    });
    on<CallStats>("stats", setStats);
    on<CallMessage>("message", (message) => {
      act((old) => takeMessage(old, message, Date.now()));
      latestHear.current?.(message);
    });
    on<CallMessage>("pointer", (message) => act((old) => takePointer(old, message, Date.now())));
    const tidyTimer = setInterval(() => act((old) => tidy(old, Date.now())), TIDY_MS);
    const leave = () => call.leave();
    addEventListener("pagehide", leave);
    void call.start(firstMicrophone.current);
    return () => {
      stop.abort();
      clearInterval(tidyTimer);
      removeEventListener("pagehide", leave);
      call.leave();
    };
  }, [call]);
  useStale(watch, setStale);
  useEffect(() => void call.setMicrophone(microphone), [call, microphone]);
  const takeView = useRef((view: SessionView) => act((old) => ({ ...old, view: mergeView(old.view, view) }))).current;
  return { call, status, room, stats, isStale, staleWatch: watch, shownRtp, takeView };
}

/** Look at the picture's age; a hidden page shows no frames and is not stale for that. */
function useStale(watch: StaleWatch, setStale: (isStale: boolean) => void): void {
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) watch.check(performance.now());
    }, STALE_CHECK_MS);
    const shown = () => {
      watch.reset();
      setStale(false);
    };
    const stale = () => setStale(true);
    const fresh = () => setStale(false);
    watch.addEventListener("stale", stale);
    watch.addEventListener("fresh", fresh);
    document.addEventListener("visibilitychange", shown);
    return () => {
      clearInterval(timer);
      watch.removeEventListener("stale", stale);
      watch.removeEventListener("fresh", fresh);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [watch]);
}
