"""Rows that vouch for each other."""

import threading
from pathlib import Path

import pytest

from edge.store import audit_log
from edge.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(tmp_path / "edge.db")
    for number in range(5):
        audit_log.add(
            made, actor="nurse", action="session.open", object=f"s{number}", detail={"n": number}, at_s=number
        )
    return made


def test_an_untouched_log_holds(database: Database) -> None:
    assert audit_log.verify(database) is None
    assert [row.object for row in audit_log.list_rows(database, limit=2)] == ["s4", "s3"]
    assert audit_log.list_rows(database, object="s1")[0].detail == {"n": 1}
    assert audit_log.count(database) == 5


@pytest.mark.parametrize(
    ("change", "found_at"),
    [
        ("UPDATE audit SET actor = 'other' WHERE row_number = 2", 2),
        ("UPDATE audit SET at_s = 99 WHERE row_number = 5", 5),
        ("DELETE FROM audit WHERE row_number = 3", 4),
        ("DELETE FROM audit WHERE row_number = 1", 2),
    ],
)
def test_a_changed_or_missing_row_is_found(database: Database, change: str, found_at: int) -> None:
    with database.write() as connection:
        connection.execute(change)
    assert audit_log.verify(database) == found_at


def test_rows_added_at_once_by_many_threads_and_connections_make_one_chain(tmp_path: Path) -> None:
    databases = [Database(tmp_path / "edge.db") for _ in range(3)]

    def work(database: Database) -> None:
        for number in range(10):
            audit_log.add(database, actor="a", action="b.c", object=str(number), at_s=1.5)

    threads = [threading.Thread(target=work, args=(database,)) for database in databases * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit_log.count(databases[0]) == 60
    assert audit_log.verify(databases[0]) is None
