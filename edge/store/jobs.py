"""Slide conversions, past and present. Written by `convert`."""

import sqlite3
from dataclasses import dataclass
from typing import Literal

import msgspec

from edge.store.database import Database

JobState = Literal["settling", "converting", "verifying", "storing", "done", "failed", "cancelled"]
OPEN_JOB_STATES: tuple[JobState, ...] = ("settling", "converting", "verifying", "storing")
JOB_LIST_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One conversion, as people see it."""

    job_id: str
    name: str
    """Of the file."""
    path: str
    state: JobState
    bytes_done: int = 0
    bytes_total: int = 0
    frames_done: int = 0
    frames_total: int = 0
    rate_bytes_s: float = 0.0
    eta_s: float | None = None
    started_s: float
    ended_s: float | None = None
    reason: str = ""
    next_step: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    identity: str = ""
    """Of the scan as it was converted; another means that it has changed since."""


def save(database: Database, job: JobRow) -> None:
    """Write a job's row, new or changed."""
    with database.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO jobs (job_id, path, state, started_s, job) VALUES (?,?,?,?,?)",
            (job.job_id, job.path, job.state, job.started_s, msgspec.json.encode(job).decode()),
        )


def find(database: Database, job_id: str) -> JobRow | None:
    """Return one job."""
    with database.read() as connection:
        row = connection.execute("SELECT job FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
    return None if row is None else _job(row)


def list_jobs(database: Database, *, limit: int = 100, only_open: bool = False) -> list[JobRow]:
    """Return jobs, the newest first."""
    marks = ",".join("?" * len(OPEN_JOB_STATES))
    with database.read() as connection:
        found = connection.execute(
            f"SELECT job FROM jobs WHERE ? OR state IN ({marks}) ORDER BY started_s DESC LIMIT ?",
            (not only_open, *OPEN_JOB_STATES, min(limit, JOB_LIST_MAX)),
        )
        return [_job(row) for row in found]


def remove(database: Database, job_id: str) -> None:
    """Forget a job."""
    with database.write() as connection:
        connection.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))


def _job(row: sqlite3.Row) -> JobRow:
    return msgspec.json.decode(row["job"], type=JobRow)
