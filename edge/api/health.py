"""`/api/v1/health`: one line a thing, in words, with what to do."""

import asyncio
import ctypes
import shutil
from collections.abc import Iterable
from pathlib import Path

from edge.api import local_time, node_shapes, tls
from edge.api.node_shapes import HealthLine
from edge.api.outbox import Outbox
from edge.api.route import Call, Route
from edge.api.situation import Situation
from edge.config import Config, is_loopback, split_address
from edge.core import sync_words
from edge.core.access import Action
from edge.errors import ConfigError
from edge.runtime import clock
from edge.store import index, scrub, worklist
from edge.store.database import Database

DAY_S = 86400.0
CERTIFICATE_AMBER_S = 30 * DAY_S
DISK_AMBER_FRACTION = 0.10
WORKLIST_AGES_AMBER = 3
"""So many missed refreshes are worth a word."""
DAMAGED_SHOWN_MAX = 1000
ADJTIMEX_BYTES = 512
CLOCK_UNSYNCHRONISED = 5
_LISTENING = "0A"


def routes() -> list[Route]:
    return [
        Route(method="GET", path="/api/v1/health", name="health", gate=Action.SEE_HEALTH, answer=see_health,
              returns=list[node_shapes.HealthLine], summary="How everything is, in words")
    ]  # fmt: skip


async def see_health(call: Call) -> list[HealthLine]:
    return await call.parts.health.look()


class Health:
    """Looks at everything when asked; nothing here waits for a network."""

    def __init__(self, config: Config, database: Database, situation: Situation, outbox: Outbox) -> None:
        self._config = config
        self._database = database
        self._situation = situation
        self._outbox = outbox

    async def look(self) -> list[HealthLine]:
        """Return all lines, the worst first."""
        destinations = (await self._outbox.summary()).destinations
        local = await asyncio.to_thread(self._look_local)
        lines = [*local, *map(of_destination, destinations)]
        order = {"red": 0, "amber": 1, "green": 2}
        return sorted(lines, key=lambda line: order[line.level])

    def _look_local(self) -> list[HealthLine]:
        return [
            *of_disk(self._config),
            *of_store(self._config, self._database),
            *of_callers(self._config),
            *of_clock(),
            *of_services(self._config, self._situation),
            *of_sources(self._config, self._situation),
            *of_worklist(self._config, self._database, now_s=clock.wall_s()),
            *of_certificate(self._config, now_s=clock.wall_s()),
        ]


def of_disk(config: Config) -> Iterable[HealthLine]:
    usage = shutil.disk_usage(config.data_dir)
    free, reserve = sync_words.say_size(usage.free), config.node.disk_reserve_mb * 2**20
    if usage.free <= reserve:
        yield HealthLine(
            name="disk", level="red", sentence=f"The disk is full: {free} free. New exams and slides are refused.",
            next_step="Free space, or wait until objects have been forwarded and proven.",
        )  # fmt: skip
    elif usage.free < usage.total * DISK_AMBER_FRACTION:
        yield HealthLine(name="disk", level="amber", sentence=f"The disk is nearly full: {free} free.",
                         next_step="Plan for more space, or look at what waits on the sync page.")  # fmt: skip
    else:
        yield HealthLine(name="disk", level="green", sentence=f"{free} free of {sync_words.say_size(usage.total)}.")


def of_store(config: Config, database: Database) -> Iterable[HealthLine]:
    """Tell of objects whose bytes have changed, and of objects that the index does not know."""
    damaged = scrub.damaged(database, limit=DAMAGED_SHOWN_MAX)
    if damaged:
        many = "" if len(damaged) < DAMAGED_SHOWN_MAX else " or more"
        sentence = f"{len(damaged)}{many} kept objects have changed on the disk."
        yield HealthLine(name="store", level="red", sentence=sentence,
                         next_step="Send them here again from where they came, and look at the disk.")  # fmt: skip
    if index.is_empty(database) and any((config.data_dir / "objects").glob("*/*")):
        yield HealthLine(name="store", level="red", sentence="There are objects on the disk, but the index is empty.",
                         next_step="Stop the node and run `edge store rebuild`.")  # fmt: skip


def of_callers(config: Config) -> Iterable[HealthLine]:
    if not config.peer and not is_loopback(config.receive.listen):
        yield HealthLine(name="DICOM", level="amber", sentence="Any device on the network may store and retrieve here.",
                         next_step="Name each cart and workstation as a [[peer]] in the settings.")  # fmt: skip


def of_clock() -> Iterable[HealthLine]:
    """Ask the kernel whether something disciplines its clock.  See adjtimex(2)."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(ADJTIMEX_BYTES))
    if state < 0 or state == CLOCK_UNSYNCHRONISED:
        yield HealthLine(name="clock", level="amber", sentence="Nothing keeps the clock right.",
                         next_step="Turn on systemd-timesyncd or chrony: the times of records need it.")  # fmt: skip
    else:
        yield HealthLine(name="clock", level="green", sentence="The clock is kept right.")


def of_services(config: Config, situation: Situation) -> Iterable[HealthLine]:
    up = dict(situation.is_up)
    up["receive"] = is_listening(split_address(config.receive.listen)[1])
    if config.worklist is not None or any(one.kind == "dimse" for one in config.destination):
        up["uplink"] = has_living_bell(config.run_dir / "bells" / "uplink")
    for name in [name for name, is_up in up.items() if not is_up]:
        yield HealthLine(name=f"service {name}", level="red", sentence=f"The {name} service does not answer.",
                         next_step=f"Look at its log: journalctl -u edge-{name}.")  # fmt: skip
    if all(up.values()):
        yield HealthLine(name="services", level="green", sentence="All services answer.")


def of_sources(config: Config, situation: Situation) -> Iterable[HealthLine]:
    for source in config.source:
        row = situation.sources.get(source.name)
        name = f"probe {source.name}"
        if row is None:
            yield HealthLine(name=name, level="amber", sentence="Nothing is known of the probe yet.",
                             next_step="Wait a moment; then look at the capture service.")  # fmt: skip
        elif row.get("state") == "live":
            yield HealthLine(
                name=name, level="green", sentence=f"Live, {float(row.get('fps') or 0):.0f} frames a second."
            )
        else:
            yield HealthLine(name=name, level="amber", sentence=str(row.get("reason") or "The probe gives no picture."),
                             next_step="Check the cable and that the probe is switched on.")  # fmt: skip


def of_worklist(config: Config, database: Database, *, now_s: float) -> Iterable[HealthLine]:
    if config.worklist is None:
        return
    state = worklist.state(database)
    if state.refreshed_s is None:
        yield HealthLine(name="worklist", level="amber", next_step="Check the link, and [worklist] in the settings.",
                         sentence=state.reason or "The hospital has not answered yet.")  # fmt: skip
        return
    at = sync_words.say_clock(state.refreshed_s, now_s=now_s, zone=local_time.zone())
    if now_s - state.refreshed_s > config.worklist.refresh_s * WORKLIST_AGES_AMBER:
        yield HealthLine(name="worklist", level="amber", sentence=f"The worklist is from {at}. {state.reason}".strip(),
                         next_step="Check the link to the hospital; exams can begin without it.")  # fmt: skip
    else:
        yield HealthLine(name="worklist", level="green", sentence=f"Refreshed at {at}.")


def of_certificate(config: Config, *, now_s: float) -> Iterable[HealthLine]:
    pair = _configured_pair(config)
    if pair is None:
        return
    try:
        left_s = tls.expiry_s(pair) - now_s
    except ConfigError as error:
        yield HealthLine(name="certificate", level="red", sentence=error.message, next_step=error.advice)
        return
    days = int(left_s // DAY_S)
    if left_s < 0:
        yield HealthLine(name="certificate", level="red", sentence="The certificate has ended.",
                         next_step="Install a new one and restart edge-api.")  # fmt: skip
    elif left_s < CERTIFICATE_AMBER_S:
        yield HealthLine(name="certificate", level="amber", sentence=f"The certificate ends in {days} days.",
                         next_step="Install a new one and restart edge-api.")  # fmt: skip
    else:
        yield HealthLine(name="certificate", level="green", sentence=f"Good for {days} days.")


def _configured_pair(config: Config) -> Path | None:
    if config.api.tls_cert:
        return Path(config.api.tls_cert)
    made = config.data_dir / "tls" / "self-signed.pem"
    return made if made.is_file() else None


def of_destination(view: node_shapes.DestinationView) -> HealthLine:
    """A link that is down is no fault of the node: what is kept waits."""
    name = f"destination {view.name}"
    if view.counts.get("held"):
        return HealthLine(name=name, level="red", sentence=f"{view.sentence}.",
                          next_step="Look at the reasons on the sync page, then retry or cancel.")  # fmt: skip
    if view.link.state == "down":
        return HealthLine(name=name, level="amber", sentence=f"{view.sentence}. {view.link.reason}".strip(),
                          next_step="Check the link; everything is kept and sent when it is back.")  # fmt: skip
    return HealthLine(name=name, level="green", sentence=f"{view.sentence}.")


def has_living_bell(folder: Path) -> bool:
    """Tell whether a process that lives has hung up a bell: its name ends with the process identifier."""
    owners = (bell.stem.rpartition("-")[2] for bell in folder.glob("*.bell"))
    return any(Path(f"/proc/{owner}").is_dir() for owner in owners)


def is_listening(port: int) -> bool:
    """Tell whether something listens on a TCP port here, without knocking.  See proc(5)."""
    wanted = f":{port:04X}"
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.is_file():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(wanted) and fields[3] == _LISTENING:
                return True
    return False
