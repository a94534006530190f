import { useEffect } from "preact/hooks";
import { api } from "../lib/api";
import { useDebounced, useNodeEvent, useRemote } from "../lib/hooks";
import type { DeliverySummary, SessionView } from "../lib/shapes";

const SETTLE_MS = 1000;

/** How far the exam's study is on its way; asked again when something is saved and when the outbox moves. */
export function useStudyDelivery(view: SessionView): DeliverySummary | null {
  const count = useDebounced(view.objects.length, SETTLE_MS);
  const study = useRemote(
    async (signal) => (count === 0 ? null : (await api.study(view.study_instance_uid, signal)).delivery),
    [view.study_instance_uid, count],
  );
  const isMoving = count > 0 && study.data?.state !== "arrived";
  useNodeEvent("outbox", () => {
    if (isMoving) study.reload();
  });
  useEffect(() => {
    if (!isMoving) return;
    const timer = setInterval(study.reload, 10_000);
    return () => clearInterval(timer);
  }, [isMoving, study.reload]);
  return study.data;
}
