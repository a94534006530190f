import { useEffect, useState } from "preact/hooks";
import { api, asApiError, signedOut, type ApiError } from "./api";
import type { Action, Me } from "./shapes";

/** Who is signed in on this browser. "unknown" until the node has answered. */
export type MeState = { kind: "unknown" } | { kind: "in"; me: Me } | { kind: "out" } | { kind: "error"; error: ApiError };

let state: MeState = { kind: "unknown" };
const changes = new EventTarget();

export function meState(): MeState {
  return state;
}

/** Ask the node who we are. */
export async function loadMe(): Promise<MeState> {
  try {
    set({ kind: "in", me: await api.me() });
  } catch (reason) {
    const error = asApiError(reason);
    set(error.isSignedOut ? { kind: "out" } : { kind: "error", error });
  }
  return state;
}

/** Look whether the sign-in still holds. Only a clear "no" changes anything: a node out of reach signs nobody out. */
export async function checkMe(): Promise<void> {
  await api.me().catch(() => undefined);
}

// Whatever page asked whatever: once the node says that nobody is signed in, the sign-in page is next.
signedOut.addEventListener("signed-out", () => {
  if (state.kind === "in") set({ kind: "out" });
});

export async function signOut(): Promise<void> {
  try {
    await api.signOut();
  } finally {
    set({ kind: "out" });
  }
}

export function useMe(): MeState {
  const [now, setNow] = useState(state);
  useEffect(() => {
    const update = () => setNow(state);
    update();
    changes.addEventListener("change", update);
    return () => changes.removeEventListener("change", update);
  }, []);
  return now;
}

/** Tell whether the signed-in person may do this; the node decides again on every request. */
export function useMay(action: Action): boolean {
  const now = useMe();
  return now.kind === "in" && now.me.permissions.includes(action);
}

function set(next: MeState): void {
  state = next;
  changes.dispatchEvent(new Event("change"));
}
