import { describe, expect, test } from "vitest";

import type { Job } from "../../src/lib/shapes";
import { jobShare, mergeJob, shownJobs } from "../../src/slides/jobs";

function job(id: string, state: Job["state"], fields: Partial<Job> = {}): Job {
  return {
    job_id: id,
    name: id,
    state,
    bytes_done: 0,
    bytes_total: 0,
    frames_done: 0,
    frames_total: 0,
    rate_bytes_s: 0,
    eta_s: null,
    started_s: 0,
    ended_s: null,
    reason: "",
    next_step: "",
    study_instance_uid: "",
    series_instance_uid: "",
    ...fields,
  };
}

describe("scans on their way in", () => {
  test("what runs stands before what failed; what is done or cancelled is not shown", () => {
    const jobs = [
      job("failed", "failed", { ended_s: 5 }), job("done", "done"), job("late", "converting", { started_s: 9 }),
      job("cancelled", "cancelled"), job("early", "verifying", { started_s: 2 }), job("failed later", "failed", { ended_s: 7 }),
    ];
    expect(shownJobs(jobs).map((each) => each.job_id)).toEqual(["early", "late", "failed later", "failed"]);
  });

  test("a change takes the place of what it changes; a new one comes first", () => {
    const jobs = [job("a", "converting"), job("b", "converting")];
    expect(mergeJob(jobs, job("b", "done")).map((each) => each.state)).toEqual(["converting", "done"]);
    expect(mergeJob(jobs, job("c", "settling")).map((each) => each.job_id)).toEqual(["c", "a", "b"]);
  });

  test("progress counts bytes, else frames; a scan still being copied has none to tell", () => {
    expect(jobShare(job("a", "converting", { bytes_done: 25, bytes_total: 100 }))).toBe(0.25);
    expect(jobShare(job("a", "converting", { frames_done: 3, frames_total: 4 }))).toBe(0.75);
    expect(jobShare(job("a", "settling", { bytes_done: 25, bytes_total: 100 }))).toBeNull();
    expect(jobShare(job("a", "converting"))).toBeNull();
  });
});
