import { useState } from "preact/hooks";
import { api } from "../lib/api";
import { useNodeEvent, useRemote } from "../lib/hooks";
import type { Job } from "../lib/shapes";

const OPEN_STATES: readonly Job["state"][] = ["settling", "converting", "verifying", "storing"];

/** The conversions, kept current by the node; `onSlide` is called when the slide of one can be opened, and when it ends. */
export function useJobs(onSlide: () => void): Job[] {
  const jobs = useRemote((signal) => api.jobs(signal));
  const [told] = useState(() => new Map<string, string>());
  useNodeEvent("job", (job) => {
    jobs.set((old) => mergeJob(old ?? [], job));
    const stage = slideStage(job);
    if (stage === told.get(job.job_id)) return;
    told.set(job.job_id, stage);
    if (stage !== "") onSlide();
  });
  return jobs.data ?? [];
}

/** What a job means to the list of slides: nothing yet, a slide shown from its scan, or one that changed for good. */
export function slideStage(job: Job): string {
  if (job.state === "done" || job.state === "cancelled") return job.state;
  return job.series_instance_uid;
}

/** Put one changed job in its place; a new one comes first. */
export function mergeJob(jobs: readonly Job[], changed: Job): Job[] {
  const index = jobs.findIndex((job) => job.job_id === changed.job_id);
  return index < 0 ? [changed, ...jobs] : jobs.map((job, at) => (at === index ? changed : job));
}

export function isOpenJob(job: Job): boolean {
  return OPEN_STATES.includes(job.state);
}

/** What needs an eye: what runs, in the order it came, then what failed, the latest first. */
export function shownJobs(jobs: readonly Job[]): Job[] {
  const running = jobs.filter(isOpenJob).sort((a, b) => (a.started_s ?? 0) - (b.started_s ?? 0));
  const failed = jobs.filter((job) => job.state === "failed").sort((a, b) => (b.ended_s ?? 0) - (a.ended_s ?? 0));
  return [...running, ...failed];
}

/** How far a job is, 0 to 1; null while its whole is unknown. */
export function jobShare(job: Job): number | null {
  if (job.state === "settling") return null;
  if (job.bytes_total > 0) return job.bytes_done / job.bytes_total;
  return job.frames_total > 0 ? job.frames_done / job.frames_total : null;
}
