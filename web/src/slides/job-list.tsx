import { useState } from "preact/hooks";
import { Button, LinkButton } from "../components/button";
import { Dialog } from "../components/dialog";
import { Progress } from "../components/progress";
import { StateChip } from "../components/state-chip";
import { say, sayError } from "../components/toast";
import { api } from "../lib/api";
import { formatBytes, formatDuration, formatPercent, formatRate } from "../lib/format";
import { t } from "../lib/i18n";
import { useMay } from "../lib/me";
import type { Job } from "../lib/shapes";
import { isOpenJob, jobShare, shownJobs } from "./jobs";

/** Scans on their way in, and those that did not make it. */
export function JobList({ jobs }: { jobs: readonly Job[] }) {
  const shown = shownJobs(jobs);
  if (shown.length === 0) return null;
  return (
    <section class="stack" aria-labelledby="jobs-title">
      <h2 id="jobs-title" class="section-title">{t("jobs.title")}</h2>
      <ul class="job-grid">
        {shown.map((job) => <li key={job.job_id}><JobCard job={job} /></li>)}
      </ul>
    </section>
  );
}

function JobCard({ job }: { job: Job }) {
  const mayRun = useMay("run_jobs");
  const [isAsking, setAsking] = useState(false);
  const isFailed = job.state === "failed";
  return (
    <article class={isFailed ? "job-card job-failed" : "job-card"} aria-label={job.name}>
      <div class="job-head">
        <p class="job-name cut" title={job.name}>{job.name}</p>
        <StateChip tone={isFailed ? "bad" : "accent"} icon={isFailed ? "error" : "refresh"}>{t(`jobs.state.${job.state}`)}</StateChip>
      </div>
      {isFailed ? <Failure job={job} /> : <JobProgress job={job} />}
      <div class="job-foot">
        {job.series_instance_uid ? <LinkButton href={`/slides/${job.series_instance_uid}`} icon="eye">{t("jobs.open")}</LinkButton> : null}
        {mayRun && isFailed ? <Button icon="refresh" onClick={() => retry(job)}>{t("jobs.retry")}</Button> : null}
        {mayRun && isOpenJob(job) ? <Button kind="quiet" icon="cross" onClick={() => setAsking(true)}>{t("jobs.cancel")}</Button> : null}
      </div>
      {isAsking ? <CancelDialog job={job} onClose={() => setAsking(false)} /> : null}
    </article>
  );
}

/** Percent, bytes, rate and time left of one conversion. */
export function JobProgress({ job }: { job: Job }) {
  const share = jobShare(job);
  const isMoving = job.state === "converting" || job.state === "verifying";
  const facts = [
    job.state === "settling" ? formatBytes(job.bytes_total) : t("jobs.bytes", { done: formatBytes(job.bytes_done), total: formatBytes(job.bytes_total) }),
    isMoving && job.rate_bytes_s > 0 ? formatRate(job.rate_bytes_s) : "",
    isMoving && job.eta_s !== null ? t("progress.left", { time: formatDuration(job.eta_s) }) : "",
  ].filter(Boolean);
  return (
    <div class="job-progress">
      <div class="job-numbers num">
        <span class="job-percent">{share === null ? "" : formatPercent(share, 1)}</span>
        <span class="quiet small">{facts.join(" · ")}</span>
      </div>
      <Progress share={share} label={t("jobs.progress", { name: job.name })} />
    </div>
  );
}

function Failure({ job }: { job: Job }) {
  return (
    <div class="job-reason">
      <p>{job.reason || t("jobs.none_reason")}</p>
      {job.next_step ? <p class="quiet">{job.next_step}</p> : null}
    </div>
  );
}

function CancelDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  const cancel = (): void => {
    onClose();
    api.cancelJob(job.job_id).then(() => say(t("jobs.cancelled")), sayError);
  };
  return (
    <Dialog
      title={t("jobs.cancel_ask")} width="s" onClose={onClose}
      actions={<><Button onClick={onClose}>{t("jobs.cancel_keep")}</Button><Button kind="danger" onClick={cancel}>{t("jobs.cancel")}</Button></>}
    >
      <p class="mono">{job.name}</p>
      <p class="quiet">{t("jobs.cancel_hint")}</p>
    </Dialog>
  );
}

function retry(job: Job): void {
  api.retryJob(job.job_id).then(() => say(t("jobs.retried")), sayError);
}
