"""One file, many readers, one writer a process."""

import shutil
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from edge.errors import BadInputError
from edge.store.database import Database, DatabaseError


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "edge.db")


def add_user(connection: sqlite3.Connection, name: str) -> None:
    connection.execute(
        "INSERT INTO users (name, role, password_hash, made_s, changed_s) VALUES (?,'admin','',0,0)", (name,)
    )


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return [row["name"] for row in connection.execute("SELECT name FROM users ORDER BY name")]


def test_a_commit_is_synced_before_it_returns(database: Database) -> None:
    with database.write() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_an_error_in_the_block_undoes_everything(database: Database) -> None:
    with pytest.raises(KeyError), database.write() as connection:
        add_user(connection, "a")
        raise KeyError
    assert names(database) == []


def test_a_nested_write_is_part_of_the_outer_one(database: Database) -> None:
    with pytest.raises(KeyError), database.write() as connection:
        with database.write() as inner:
            add_user(inner, "a")
        database.write_grouped(lambda same: add_user(same, "b"))
        add_user(connection, "c")
        raise KeyError
    assert names(database) == []


def test_a_reader_sees_one_snapshot_while_another_writes(database: Database) -> None:
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone()[0] == 0
        thread = threading.Thread(target=lambda: database.write_grouped(lambda writer: add_user(writer, "a")))
        thread.start()
        thread.join()
        assert connection.execute("SELECT count(*) FROM users").fetchone()[0] == 0
    assert names(database) == ["a"]


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(DatabaseError), database.read() as connection:
        add_user(connection, "a")


def test_grouped_changes_of_many_threads_are_all_there_and_each_gets_its_own_result(database: Database) -> None:
    results: dict[int, str] = {}

    def work(number: int) -> None:
        def change(connection: sqlite3.Connection) -> str:
            add_user(connection, f"user-{number:02d}")
            return f"done-{number}"

        results[number] = database.write_grouped(change)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: f"done-{number}" for number in range(30)}
    assert len(names(database)) == 30


def test_a_change_that_fails_in_a_group_is_undone_alone(database: Database) -> None:
    begun = threading.Event()

    def failing(connection: sqlite3.Connection) -> None:
        add_user(connection, "bad")
        raise BadInputError("no")

    failures: list[BaseException] = []

    def work() -> None:
        begun.set()
        try:
            database.write_grouped(failing)
        except BadInputError as error:
            failures.append(error)

    with database.write() as connection:  # While this holds the lock, both of the others queue up.
        add_user(connection, "outer")
        others = [
            threading.Thread(target=work),
            threading.Thread(target=lambda: database.write_grouped(lambda c: add_user(c, "good"))),
        ]
        for thread in others:
            thread.start()
        begun.wait()
    for thread in others:
        thread.join()
    assert len(failures) == 1
    assert names(database) == ["good", "outer"]


def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "edge.db"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(DatabaseError, match=r"edge\.db"):
        Database(path)


def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    Database(tmp_path / "edge.db").close()
    with sqlite3.connect(tmp_path / "edge.db") as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(DatabaseError, match="newer release"):
        Database(tmp_path / "edge.db")


def test_every_table_names_its_writer() -> None:
    text = (Path(__file__).parents[3] / "edge" / "store" / "schema.sql").read_text()
    writer = ""
    for line in text.splitlines():
        if line.startswith("--") and "Writer: " in line:
            writer = line.split("Writer: ")[1]
        if line.startswith(("CREATE TABLE", "CREATE VIRTUAL TABLE")):
            assert writer.startswith("edge.store."), line


def test_a_reserved_log_loses_nothing_of_before_and_after(tmp_path: Path) -> None:
    """Also for whoever opens the files as a crash left them."""
    database = Database(tmp_path / "edge.db")
    for number in (1, 2):
        with database.write() as connection:
            connection.execute("INSERT INTO jobs VALUES (?, '', '', 0, '{}')", (str(number),))
        database.reserve_log()
    assert (tmp_path / "edge.db-wal").stat().st_size >= 4000 * 4096
    left = tmp_path / "left"
    left.mkdir()
    for name in ("edge.db", "edge.db-wal"):
        shutil.copyfile(tmp_path / name, left / name)
    with Database(left / "edge.db").read() as connection:
        assert [row[0] for row in connection.execute("SELECT job_id FROM jobs ORDER BY job_id")] == ["1", "2"]
    database.close()


def test_a_commit_waits_for_changes_that_are_announced_and_takes_them_along(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.store.grouping.LINGER_S_MAX", 30.0)
    database.commits.commit_s = 30.0  # As if commits were slow: waiting is worth while.
    statements: list[str] = []
    database._writer.set_trace_callback(statements.append)
    with database.announce():
        first = threading.Thread(target=database.write_grouped, args=[lambda connection: add_user(connection, "first")])
        first.start()
        while not database.commits.is_led:  # Until the other leads, and waits for us.
            time.sleep(0.001)
        database.write_grouped(lambda connection: add_user(connection, "announced"))
    first.join()
    assert names(database) == ["announced", "first"]
    assert statements.count("COMMIT") == 1


def test_what_is_done_beside_a_commit_is_done_when_it_returns_and_its_fault_is_told(database: Database) -> None:
    done: list[int] = []
    database.write_grouped(lambda connection: add_user(connection, "a"), beside=lambda: done.append(1))
    assert done == [1]

    def fail() -> None:
        raise OSError(5, "no")

    with pytest.raises(OSError, match="no"):
        database.write_grouped(lambda connection: add_user(connection, "b"), beside=fail)
    assert names(database) == ["a"]  # Nobody else was there: it was not even begun.


def test_an_announced_change_that_never_comes_holds_nobody_up_for_good(database: Database) -> None:
    with pytest.raises(BadInputError), database.announce():
        raise BadInputError("no")
    database.write_grouped(lambda connection: add_user(connection, "a"))
    assert database.commits.to_come_count == 0
