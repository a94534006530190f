import { useRef, useState } from "preact/hooks";
import { say, sayError } from "../components/toast";
import { api } from "../lib/api";
import { t } from "../lib/i18n";
import type { SessionView } from "../lib/shapes";

export const SAVE_LAST_S = 10;

export interface RecordActs {
  toggle: () => Promise<void>;
  still: () => Promise<void>;
  saveLast: () => Promise<void>;
  /** Which of them waits for the node's answer. */
  busy: "record" | "still" | "save_last" | null;
}

/** Record, still, save the last seconds: one at a time, and a second touch of a glove does nothing. */
export function useRecordActs(view: SessionView): RecordActs {
  const [busy, setBusy] = useState<RecordActs["busy"]>(null);
  const isBusy = useRef(false);
  const id = view.session_id;
  const run = async (what: NonNullable<RecordActs["busy"]>, act: () => Promise<unknown>) => {
    if (isBusy.current) return;
    isBusy.current = true;
    setBusy(what);
    try {
      await act();
    } catch (reason) {
      sayError(reason);
    } finally {
      isBusy.current = false;
      setBusy(null);
    }
  };
  return {
    busy,
    toggle: () => run("record", () => (view.recording.is_recording ? api.stopRecord(id) : api.startRecord(id))),
    still: () => run("still", () => api.still(id)),
    saveLast: () => run("save_last", async () => {
      await api.saveLast(id, SAVE_LAST_S);
      say(t("exam.saving.save_last", { seconds: SAVE_LAST_S }), "info");
    }),
  };
}
