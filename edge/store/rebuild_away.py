"""What a rebuild of the index takes over of objects that are away: their files cannot tell of them any more."""

import sqlite3

from edge.store import rows
from edge.store.database import Database

GROUP = 500


def copy_away(database: Database, source: sqlite3.Connection) -> int:
    """Copy the rows of evicted objects, their series and their study from an old index; return how many objects.

    Raises: sqlite3.Error when the old index cannot be read.
    """
    columns = {row["name"] for row in source.execute('PRAGMA table_info("instances")')}
    if "evicted_s" not in columns:
        return 0
    count, last = 0, 0
    while True:
        found = source.execute(
            "SELECT * FROM instances WHERE evicted_s IS NOT NULL AND instance_key > ? ORDER BY instance_key LIMIT ?",
            (last, GROUP),
        ).fetchall()
        if not found:
            return count
        with database.write() as connection:
            for row in found:
                last = row["instance_key"]
                count += _copy(connection, source, row)


def _copy(connection: sqlite3.Connection, source: sqlite3.Connection, row: sqlite3.Row) -> bool:
    if rows.find_instance(connection, row["sop_instance_uid"]) is not None:  # Its file is here after all.
        return False
    series = source.execute("SELECT * FROM series WHERE series_key = ?", (row["series_key"],)).fetchone()
    study = source.execute("SELECT * FROM studies WHERE study_key = ?", (series["study_key"],)).fetchone()
    study_key = _find_or_make(
        connection, "studies", "study_key", study, {"study_instance_uid": study["study_instance_uid"]}
    )
    series_key = _find_or_make(
        connection, "series", "series_key", series,
        {"series_instance_uid": series["series_instance_uid"], "study_key": study_key},
    )  # fmt: skip
    _insert(connection, "instances", {**dict(row), "series_key": series_key}, without="instance_key")
    for table, key, value in (("series", "series_key", series_key), ("studies", "study_key", study_key)):
        connection.execute(
            f"UPDATE {table} SET instance_count = instance_count + 1, size_bytes = size_bytes + ? WHERE {key} = ?",
            (row["size_bytes"], value),
        )
    return True


def _find_or_make(
    connection: sqlite3.Connection, table: str, key: str, old: sqlite3.Row, named: dict[str, object]
) -> int:
    where = " AND ".join(f"{column} = ?" for column in named)
    found = connection.execute(f"SELECT {key} FROM {table} WHERE {where}", tuple(named.values())).fetchone()
    if found is not None:
        return int(found[0])
    values = {**dict(old), **named, "instance_count": 0, "size_bytes": 0}
    if table == "studies":
        values["series_count"] = 0
    made = _insert(connection, table, values, without=key)
    if table == "studies":
        rows.index_words(connection, made, dict(old))
    else:
        connection.execute(
            "UPDATE studies SET series_count = series_count + 1 WHERE study_key = ?", (named["study_key"],)
        )
    return made


def _insert(connection: sqlite3.Connection, table: str, values: dict[str, object], *, without: str) -> int:
    known = {row["name"] for row in connection.execute(f'PRAGMA table_info("{table}")')} - {without}
    kept = {column: value for column, value in values.items() if column in known}
    marks = ",".join("?" * len(kept))
    cursor = connection.execute(f"INSERT INTO {table} ({','.join(kept)}) VALUES ({marks})", tuple(kept.values()))
    return int(cursor.lastrowid or 0)
