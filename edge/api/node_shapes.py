"""The shape of requests and answers about the outbox, jobs and health. `…_s` are seconds since 1970 UTC."""

from typing import Literal

from edge.api.shapes import Answer, Request, Short, Uid


class JobView(Answer):
    """One slide on its way in."""

    job_id: str
    name: str
    state: Literal["settling", "converting", "verifying", "storing", "done", "failed", "cancelled"]
    bytes_done: int = 0
    bytes_total: int = 0
    frames_done: int = 0
    frames_total: int = 0
    rate_bytes_s: float = 0.0
    eta_s: float | None = None
    started_s: float = 0.0
    ended_s: float | None = None
    reason: str = ""
    next_step: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""


class LinkView(Answer):
    state: str
    rate_bytes_s: float
    since_s: float | None
    next_try_s: float | None
    reason: str


class AwayView(Answer):
    """A study that has left this disk, on its way back."""

    away_count: int
    total_count: int
    bytes_left: int
    bytes_total: int
    share: float
    """How much is here, from 0 to 1."""
    reason: str
    """Why it takes long; empty while it goes on."""
    next_try_s: float | None
    sentence: str


class RatePoint(Answer):
    """Of five minutes of a link."""

    t_s: float
    bytes_s: float
    up: float | None
    """How much of the time it could be reached, from 0 to 1; None: not known."""


class DestinationView(Answer):
    name: str
    kind: str
    is_required: bool
    link: LinkView
    counts: dict[str, int]
    bytes_left: int
    bytes_done: int
    eta_s: float | None
    sentence: str
    history: list[RatePoint]
    eta_early_s: float | None = None
    """Nine times of ten it is later, and earlier than `eta_late_s`. None: not in sight."""
    eta_late_s: float | None = None
    forecast: list[str] = []
    """In words: when the outbox will be empty, how much of the link is used, how long an object takes."""
    utilisation: float | None = None
    """How much of the link is used on average, from 0; at 1 it cannot keep up. None: not known."""
    waiting_s: float | None = None
    """Mean time from arrival to delivery, M/M/1; None: not known, or without bound."""
    arriving_bytes_s: float = 0.0
    bytes_arrived: int = 0
    """Of everything that was ever sent there."""
    carried_bytes_s: float = 0.0
    """What the link carries while something waits, outages included."""


class OutboxStudy(Answer):
    study_instance_uid: str
    patient_name: str
    description: str
    destination: str
    state: str
    done: int
    total: int
    bytes_left: int
    reason: str
    next_try_s: float | None
    eta_s: float | None = None
    """When it will have gone; None: nothing of it waits, or nobody can know."""
    is_urgent: bool = False
    """It goes before the others: a person, or its priority, says so."""


class AwaySummary(Answer):
    """What has left this disk, safe elsewhere, and what is here."""

    count: int
    bytes: int
    here_bytes: int
    budget_bytes: int
    """0: none."""


class ReturningStudy(Answer):
    """A study that is being fetched back."""

    study_instance_uid: str
    patient_name: str
    description: str
    away: AwayView


class OutboxView(Answer):
    destinations: list[DestinationView]
    studies: list[OutboxStudy]
    disk: str = ""
    """When the disk will be full, in words; empty when that is far."""
    disk_full_s: float | None = None
    """The same in seconds; None: not in sight."""
    away: AwaySummary | None = None
    returning: list[ReturningStudy] = []


class OutboxSummary(Answer):
    """Without studies: nothing of a patient in it."""

    destinations: list[DestinationView]
    disk: str = ""
    disk_full_s: float | None = None
    away: AwaySummary | None = None


class OutboxWish(Request):
    uid: Uid | None = None
    """A study or an instance: the node tells which."""
    destination: Short | None = None
    study_instance_uid: Uid | None = None
    sop_instance_uid: Uid | None = None


class Count(Answer):
    count: int


class HealthLine(Answer):
    name: str
    level: Literal["green", "amber", "red"]
    sentence: str
    next_step: str = ""
