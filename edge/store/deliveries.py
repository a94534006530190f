"""The outbox on disk: one row an instance and destination.

`uplink` moves rows by `save`, which only succeeds from the state it believes the row to be in; people move rows by
`retry`, `hold`, `release`, `cancel` and `first`. Neither ever loses the other's word.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.core.delivery import ARRIVED_STATES, INTERRUPTED, Delivery, State
from edge.core.outbox import FIRST, ROUTINE
from edge.core.routing import Routing, to_all
from edge.store.database import Database
from edge.store.rows import Instance
from edge.store.turns import delivery_of

PRIORITY_FIRST = FIRST
LIST_MAX = 1000
_ARRIVED = ", ".join(f"'{state}'" for state in ARRIVED_STATES)
_KEPT = "FROM instances JOIN series USING (series_key) JOIN studies USING (study_key) WHERE scan_id IS NULL"
_DELIVERY = "sop_instance_uid, destination, state, attempt_count, due_s, reason, priority, is_other_form"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One destination in numbers."""

    destination: str
    counts: dict[str, int]
    """By state; every state is there."""
    bytes_left: int
    """Waiting and being sent; held ones are not on their way."""
    bytes_done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDelivery:
    """One study on its way to one destination."""

    study_instance_uid: str
    patient_name: str
    description: str
    destination: str
    state: str
    """The one that matters most: held, sending, waiting, then sent, committed, safe, cancelled."""
    done: int
    total: int
    bytes_left: int
    reason: str
    next_try_s: float | None


def insert(
    connection: sqlite3.Connection, instance: Instance, destinations: Iterable[str], *, priority: int = ROUTINE
) -> None:
    """Make the rows of a new instance, inside the transaction of `keep()`."""
    connection.executemany(
        "INSERT OR IGNORE INTO deliveries (sop_instance_uid, destination, study_instance_uid, size_bytes, priority,"
        " made_s, changed_s) VALUES (?,?,?,?,?,?,?)",
        [
            (instance.sop_instance_uid, name, instance.study_instance_uid, instance.size_bytes, priority,
             instance.kept_s, instance.kept_s)
            for name in destinations
        ],
    )  # fmt: skip


def remove(connection: sqlite3.Connection, sop_instance_uid: str) -> None:
    """Take away the rows of an object whose keeping failed after all."""
    connection.execute("DELETE FROM deliveries WHERE sop_instance_uid = ?", (sop_instance_uid,))


def find(database: Database, sop_instance_uid: str, destination: str) -> Delivery | None:
    """Return one delivery."""
    with database.read() as connection:
        row = connection.execute(
            f"SELECT {_DELIVERY} FROM deliveries WHERE sop_instance_uid = ? AND destination = ?",
            (sop_instance_uid, destination),
        ).fetchone()
        return None if row is None else delivery_of(row)


def of_instance(database: Database, sop_instance_uid: str) -> list[Delivery]:
    """Return the deliveries of one object."""
    with database.read() as connection:
        found = connection.execute(
            f"SELECT {_DELIVERY} FROM deliveries WHERE sop_instance_uid = ?", (sop_instance_uid,)
        )
        return [delivery_of(row) for row in found]


def in_state(database: Database, destination: str, state: State, *, limit: int) -> list[Delivery]:
    """Return deliveries in one state, those that changed first first."""
    with database.read() as connection:
        found = connection.execute(
            f"SELECT {_DELIVERY} FROM deliveries WHERE destination = ? AND state = ? ORDER BY changed_s LIMIT ?",
            (destination, state, limit),
        )
        return [delivery_of(row) for row in found]


def unproven(
    database: Database, destination: str, states: Sequence[State], *, now_s: float, limit: int
) -> list[Delivery]:  # fmt: skip
    """Return what has arrived and may be read back now, what came first first."""
    marks = ",".join("?" * len(states))
    with database.read() as connection:
        found = connection.execute(
            f"SELECT {_DELIVERY} FROM deliveries WHERE destination = ? AND state IN ({marks}) AND due_s <= ?"
            " ORDER BY changed_s LIMIT ?",
            (destination, *states, now_s, limit),
        )
        return [delivery_of(row) for row in found]


def save(database: Database, delivery: Delivery, *, was: State, now_s: float) -> bool:
    """Write a move, durably, if the row is still in the state `was`; tell whether it was."""
    return save_all(database, [delivery], was=was, now_s=now_s) == 1


def save_all(database: Database, moved: Sequence[Delivery], *, was: State, now_s: float) -> int:
    """Write moves in one transaction; return how many rows were still in the state `was`."""
    return sum(save_each(database, [(delivery, was) for delivery in moved], now_s=now_s))


def save_each(database: Database, moves: Sequence[tuple[Delivery, State]], *, now_s: float) -> list[bool]:
    """Write moves, each from its state, in one transaction; tell of each whether its row still was in that state."""

    def change(connection: sqlite3.Connection) -> list[bool]:
        return [
            connection.execute(
                "UPDATE deliveries SET state = ?, attempt_count = ?, due_s = ?, reason = ?, is_other_form = ?,"
                " changed_s = ? WHERE sop_instance_uid = ? AND destination = ? AND state = ?",
                (
                    delivery.state, delivery.attempt_count, delivery.due_s, delivery.reason, delivery.is_other_form,
                    now_s,
                    delivery.sop_instance_uid, delivery.destination, was,
                ),
            ).rowcount == 1
            for delivery, was in moves
        ]  # fmt: skip

    return database.write_grouped(change)


def recover(database: Database, *, now_s: float, destinations: Sequence[str] | Routing = ()) -> int:
    """At the start of `uplink`: what was being sent waits again; new destinations get what is kept. Return how many."""
    routing = destinations if isinstance(destinations, Routing) else to_all(destinations)
    with database.write() as connection:
        count = connection.execute(
            "UPDATE deliveries SET state = 'waiting', due_s = ?, reason = ?, changed_s = ? WHERE state = 'sending'",
            (now_s, INTERRUPTED, now_s),
        ).rowcount
        for destination in routing.names:
            if routing.is_narrowed(destination):
                _insert_routed(connection, destination, routing, now_s)
                continue
            connection.execute(
                "INSERT OR IGNORE INTO deliveries (sop_instance_uid, destination, study_instance_uid, size_bytes,"
                " made_s, changed_s) SELECT sop_instance_uid, ?, study_instance_uid, instances.size_bytes,"
                f" instances.kept_s, ? {_KEPT}",
                (destination, now_s),
            )
        return count


def _insert_routed(connection: sqlite3.Connection, destination: str, routing: Routing, now_s: float) -> None:
    """Make the rows that are missing for what routes send to a destination."""
    found = connection.execute(
        "SELECT sop_instance_uid, study_instance_uid, instances.size_bytes AS size_bytes, instances.kept_s AS kept_s,"
        f" modality, source, study_description, series_description {_KEPT} AND NOT EXISTS (SELECT 1 FROM deliveries"
        " WHERE deliveries.sop_instance_uid = instances.sop_instance_uid AND destination = ?)",
        (destination,),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO deliveries (sop_instance_uid, destination, study_instance_uid, size_bytes, made_s,"
        " changed_s) VALUES (?,?,?,?,?,?)",
        [
            (row["sop_instance_uid"], destination, row["study_instance_uid"], row["size_bytes"], row["kept_s"], now_s)
            for row in found.fetchall()
            if destination in routing.destinations_of(
                modality=row["modality"], source=row["source"],
                descriptions=[row["study_description"], row["series_description"]],
            )
        ],
    )  # fmt: skip


def link_is_back(database: Database, destination: str, *, now_s: float) -> int:
    """The link has returned: what waited for it is due at once."""
    return _move(database, "due_s = ?", [now_s], "state = 'waiting' AND due_s > ?", [now_s], destination, "", "", now_s)


def retry(
    database: Database, *, now_s: float, destination: str = "", study_instance_uid: str = "", sop_instance_uid: str = ""
) -> int:
    """A person says: try now. Held, cancelled and waiting rows are due at once; return how many."""
    return _move(
        database, "state = 'waiting', due_s = ?, reason = ''", [now_s], "state IN ('waiting', 'held', 'cancelled')", [],
        destination, study_instance_uid, sop_instance_uid, now_s,
    )  # fmt: skip


def hold(
    database: Database, *, now_s: float, destination: str = "", study_instance_uid: str = "", sop_instance_uid: str = ""
) -> int:
    """A person says: not now. Waiting rows are held until released; return how many."""
    return _move(
        database, "state = 'held', reason = 'held by a person'", [], "state = 'waiting'", [],
        destination, study_instance_uid, sop_instance_uid, now_s,
    )  # fmt: skip


def release(
    database: Database, *, now_s: float, destination: str = "", study_instance_uid: str = "", sop_instance_uid: str = ""
) -> int:
    """Let held rows go again; return how many."""
    return _move(
        database, "state = 'waiting', due_s = ?, reason = ''", [now_s], "state = 'held'", [],
        destination, study_instance_uid, sop_instance_uid, now_s,
    )  # fmt: skip


def cancel(
    database: Database, *, now_s: float, destination: str = "", study_instance_uid: str = "", sop_instance_uid: str = ""
) -> int:
    """A person says: never. Waiting and held rows stay cancelled until retried; return how many."""
    return _move(
        database, "state = 'cancelled', reason = 'cancelled by a person'", [], "state IN ('waiting', 'held')", [],
        destination, study_instance_uid, sop_instance_uid, now_s,
    )  # fmt: skip


def first(
    database: Database, *, now_s: float, destination: str = "", study_instance_uid: str = "", sop_instance_uid: str = ""
) -> int:
    """Put waiting rows before all others, due at once; return how many."""
    return _move(
        database, "priority = ?, due_s = ?", [PRIORITY_FIRST, now_s], "state = 'waiting'", [],
        destination, study_instance_uid, sop_instance_uid, now_s,
    )  # fmt: skip


def send(database: Database, study_instance_uid: str, destination: str, *, now_s: float) -> int:
    """A person says: send this study there. What is not on its way goes, or goes again; return how many objects."""
    with database.write() as connection:
        made = connection.execute(
            "INSERT OR IGNORE INTO deliveries (sop_instance_uid, destination, study_instance_uid, size_bytes, due_s,"
            " priority, made_s, changed_s) SELECT sop_instance_uid, ?, study_instance_uid, instances.size_bytes, ?, ?,"
            " ?, ? FROM instances JOIN series USING (series_key) JOIN studies USING (study_key)"
            " WHERE study_instance_uid = ? AND scan_id IS NULL",
            (destination, now_s, PRIORITY_FIRST, now_s, now_s, study_instance_uid),
        ).rowcount
        again = connection.execute(
            "UPDATE deliveries SET state = 'waiting', due_s = ?, priority = ?, reason = '', changed_s = ?"
            " WHERE study_instance_uid = ? AND destination = ? AND state != 'sending' AND made_s < ?",
            (now_s, PRIORITY_FIRST, now_s, study_instance_uid, destination, now_s),
        ).rowcount
    return made + again


def counts(database: Database) -> list[Counts]:
    """Return the numbers of every destination that has rows, by name."""
    found: dict[str, list[sqlite3.Row]] = {}
    with database.read() as connection:
        for row in connection.execute(
            "SELECT destination, state, count(*) AS count, sum(size_bytes) AS bytes FROM deliveries GROUP BY 1, 2"
        ):
            found.setdefault(row["destination"], []).append(row)
    return [
        Counts(
            destination=destination,
            counts={state.value: 0 for state in State} | {row["state"]: row["count"] for row in group},
            bytes_left=sum(row["bytes"] for row in group if row["state"] in (State.WAITING, State.SENDING)),
            bytes_done=sum(row["bytes"] for row in group if row["state"] in ARRIVED_STATES),
        )
        for destination, group in sorted(found.items())
    ]


def arrivals(database: Database, *, since_s: float) -> dict[str, tuple[int, int, float]]:
    """Return (bytes, objects, when the first came) of each destination since then. Reads every row: not too often."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT destination, sum(size_bytes) AS bytes, count(*) AS count, min(made_s) AS first_s FROM deliveries"
            " WHERE made_s >= ? AND state != 'cancelled' GROUP BY destination",
            (since_s,),
        )
        return {row["destination"]: (row["bytes"], row["count"], row["first_s"]) for row in found}


def list_studies(database: Database, *, limit: int = 200, only_open: bool = False) -> list[StudyDelivery]:
    """Return studies and destinations, those not yet arrived first, then the newest."""
    open_only = "HAVING sum(deliveries.state IN ('waiting', 'sending', 'held')) > 0" if only_open else ""
    with database.read() as connection:
        found = connection.execute(
            f"""
            SELECT study_instance_uid, patient_name, study_description AS description, destination,
                   CASE WHEN sum(state = 'held') THEN 'held' WHEN sum(state = 'sending') THEN 'sending'
                        WHEN sum(state = 'waiting') THEN 'waiting' WHEN sum(state = 'sent') THEN 'sent'
                        WHEN sum(state = 'committed') THEN 'committed' WHEN sum(state = 'safe') THEN 'safe'
                        ELSE 'cancelled' END AS state,
                   sum(state IN ({_ARRIVED})) AS done, count(*) AS total,
                   sum(iif(state IN ('waiting', 'sending'), deliveries.size_bytes, 0)) AS bytes_left,
                   coalesce(max(iif(state = 'held', nullif(reason, ''), NULL)),
                     max(iif(state != 'cancelled', nullif(reason, ''), NULL)), '') AS reason,
                   min(iif(state = 'waiting', due_s, NULL)) AS next_try_s
            FROM deliveries JOIN studies USING (study_instance_uid)
            GROUP BY study_instance_uid, destination {open_only}
            ORDER BY sum(state IN ('waiting', 'sending', 'held')) > 0 DESC, max(deliveries.made_s) DESC LIMIT ?
            """,
            (min(limit, LIST_MAX),),
        )
        return [StudyDelivery(**row) for row in found]


def of_studies(database: Database, study_instance_uids: Sequence[str]) -> dict[str, tuple[str, int, int]]:
    """Return (state, done, total) of each study over all destinations: arrived, waiting, held or none."""
    marks = ",".join("?" * len(study_instance_uids))
    answer = dict.fromkeys(study_instance_uids, ("none", 0, 0))
    with database.read() as connection:
        for row in connection.execute(
            f"SELECT study_instance_uid AS uid, sum(state IN ({_ARRIVED})) AS done, sum(state = 'held') AS held,"
            f" sum(state IN ('waiting', 'sending')) AS open, sum(state != 'cancelled') AS total"
            f" FROM deliveries WHERE study_instance_uid IN ({marks}) GROUP BY 1",
            tuple(study_instance_uids),
        ):
            state = "held" if row["held"] else "waiting" if row["open"] else "arrived" if row["done"] else "none"
            answer[row["uid"]] = (state, row["done"], row["total"])
    return answer


def _move(
    database: Database, assignment: str, values: list[object], condition: str, more: list[object],
    destination: str, study_instance_uid: str, sop_instance_uid: str, now_s: float,
) -> int:  # fmt: skip
    narrowing = {
        "destination": destination, "study_instance_uid": study_instance_uid, "sop_instance_uid": sop_instance_uid
    }  # fmt: skip
    where = "".join(f" AND {column} = ?" for column, value in narrowing.items() if value)
    named = [value for value in narrowing.values() if value]
    with database.write() as connection:
        return connection.execute(
            f"UPDATE deliveries SET {assignment}, changed_s = ? WHERE {condition}{where}",
            (*values, now_s, *more, *named),
        ).rowcount
