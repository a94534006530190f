"""What came in for each destination, hour by hour."""

from dataclasses import dataclass

from edge.core.outlook import Hour, Left
from edge.store.database import Database

HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """Of one destination."""

    hours: tuple[Hour, ...]
    """In which anything came, the oldest first."""
    object_bytes: float
    """Mean size."""
    dispersion_bytes: float = 0.0
    """The studies' bytes squared over their bytes: so much what comes strays from its mean, over the mean."""


def unsafe_bytes(database: Database) -> dict[str, int]:
    """Return what each destination has not proven yet to have, and is to have."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT destination, sum(size_bytes) FROM deliveries WHERE state NOT IN ('safe', 'cancelled') GROUP BY 1"
        )
        return {row[0]: int(row[1]) for row in found}


def oldest_s(database: Database) -> dict[str, float]:
    """Return when what has waited longest came, by destination."""
    with database.read() as connection:
        found = connection.execute("SELECT destination, min(made_s) FROM deliveries WHERE state = 'waiting' GROUP BY 1")
        return {row[0]: float(row[1]) for row in found}


def wanted_count(database: Database) -> int:
    """Return how many objects are being fetched back."""
    with database.read() as connection:
        return int(connection.execute("SELECT count(*) FROM fetches").fetchone()[0])


def left(database: Database) -> dict[str, dict[str, Left]]:
    """Return what each study still has to send, by destination."""
    found: dict[str, dict[str, Left]] = {}
    with database.read() as connection:
        for row in connection.execute(
            "SELECT destination, study_instance_uid AS study, sum(size_bytes) AS bytes, max(priority) AS priority"
            " FROM deliveries"
            " WHERE state IN ('waiting', 'sending') GROUP BY 1, 2"
        ):
            found.setdefault(row["destination"], {})[row["study"]] = Left(row["bytes"], row["priority"])
    return found


def came(database: Database, *, since_s: float) -> dict[str, Came]:
    """Return what came since then for each destination. Reads every row: not too often."""
    found: dict[str, list[tuple[float, int, int]]] = {}
    with database.read() as connection:
        for row in connection.execute(
            "SELECT destination, CAST(made_s / ? AS INTEGER) * ? AS start_s, sum(size_bytes) AS bytes,"
            " count(*) AS count FROM deliveries WHERE made_s >= ? AND state != 'cancelled' GROUP BY 1, 2 ORDER BY 1, 2",
            (HOUR_S, HOUR_S, since_s),
        ):
            found.setdefault(row["destination"], []).append((row["start_s"], row["bytes"], row["count"]))
        dispersion = {
            row["destination"]: row["squared"] / max(1, row["bytes"])
            for row in connection.execute(
                "SELECT destination, sum(1.0 * bytes * bytes) AS squared, sum(bytes) AS bytes FROM"
                " (SELECT destination, sum(size_bytes) AS bytes FROM deliveries WHERE made_s >= ?"
                " AND state != 'cancelled' GROUP BY destination, study_instance_uid) GROUP BY 1",
                (since_s,),
            )
        }
    return {
        name: Came(
            hours=tuple(Hour(start_s=float(start_s), came_bytes=size) for start_s, size, _ in hours),
            object_bytes=sum(size for _, size, _ in hours) / max(1, sum(count for *_, count in hours)),
            dispersion_bytes=dispersion[name],
        )
        for name, hours in found.items()
    }
