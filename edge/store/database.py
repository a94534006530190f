"""The one SQLite file of the node: opened by several processes, each with one writer and many readers.

    with database.write() as connection: …    # BEGIN IMMEDIATE … COMMIT; on an error ROLLBACK
    with database.read() as connection: …     # a consistent snapshot

Durability: WAL with synchronous=FULL. When `write()` returns without an error, what it wrote survives a power cut.
"""

import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TypeVar

from edge.errors import BusyError, EdgeError, StorageFullError
from edge.runtime import kernel

BUSY_TIMEOUT_S = 15.0
WAL_BYTES_MAX = 64 * 1024 * 1024
CHECKPOINT_PAGES = 4000
"""So many pages of 4 KB are collected in the log before they are written into the index: many of them are the same."""
LOG_FRAME_BYTES = 4096 + 24
_ZEROS_BYTES = 1024 * 1024
GROUP_MAX = 64
"""So many waiting transactions of this process share one commit, and its one sync, at most."""
LINGER_S_MAX = 0.05
"""A commit waits for changes that are announced (see `announce`) as long as the last one took, and this at most."""

_BIRTH_BASE_S = 1_500_000_000

Result = TypeVar("Result")


class DatabaseError(EdgeError):
    """The index cannot be used."""

    code = "store.index"
    next_step = "Look at the disk; then run `edge doctor`."


class Database:
    """The index file. Safe to use from any thread; one object a process."""

    def __init__(self, path: Path) -> None:
        """Open the file, make it if it is not there, and bring it to this version.  Raises: DatabaseError."""
        self.path = path
        self._lock = threading.RLock()
        self._owner = 0
        """The thread inside `write`."""
        self._local = threading.local()
        self._readers: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._readers_lock = threading.Lock()
        self._waiting: list[tuple[Callable[[sqlite3.Connection], object], Future[object]]] = []
        self._waiting_lock = threading.Lock()
        self._all_here = threading.Condition(self._waiting_lock)
        self._to_come_count = 0
        self._commit_s = 0.0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._open()
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            raise _explain(error, path) from error

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Hold the one transaction that may change rows; durable when the block has ended without an error."""
        with self._lock:
            if self._owner == threading.get_ident():  # A nested call is part of the outer transaction.
                yield self._writer
                return
            self._owner = threading.get_ident()
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                kernel.step("save")
                self._writer.execute("COMMIT")
                kernel.step("saved")
            except sqlite3.IntegrityError:
                raise
            except sqlite3.Error as error:
                raise _explain(error, self.path) from error
            finally:
                self._owner = 0
                self._undo_what_is_open()

    @contextmanager
    def announce(self) -> Iterator[None]:
        """Say that a `write_grouped` is about to come from this thread: a commit of others waits for it a little.

        One commit costs the disk and the processor much the same, whether one object is in it or four.
        """
        with self._waiting_lock:
            self._to_come_count += 1
            self._local.is_announced = True
        try:
            yield
        finally:
            with self._waiting_lock:
                self._arrive()

    def _arrive(self) -> None:
        """What this thread announced has come, or will not. The caller holds the lock of those that wait."""
        if getattr(self._local, "is_announced", False):
            self._local.is_announced = False
            self._to_come_count -= 1
            if not self._to_come_count:
                self._all_here.notify_all()

    def write_grouped(
        self, change: Callable[[sqlite3.Connection], Result], *, beside: Callable[[], None] = lambda: None
    ) -> Result:
        """Run `change` in a transaction that it may share with changes of other threads, and return its result.

        Durable when this returns. A change that fails is undone alone; its error is raised to its caller. `beside` is
        what else must be done by then: before the commit by the thread that makes it, meanwhile by those that wait.
        What it raises is raised here; the change may have been made all the same.
        """
        if self._owner == threading.get_ident():  # Inside our own transaction: durable when that is.
            beside()
            return change(self._writer)
        future: Future[Result] = Future()
        entry: tuple[Callable[[sqlite3.Connection], object], Future[object]] = (change, future)  # type: ignore[assignment]
        if self._lock.acquire(blocking=False):
            try:
                beside()
                self._enter(entry)
                self._write_until(future)
            finally:
                self._lock.release()
            return future.result()
        self._enter(entry)
        try:
            beside()
        finally:
            with self._lock:
                self._write_until(future)
        return future.result()

    def _enter(self, entry: tuple[Callable[[sqlite3.Connection], object], Future[object]]) -> None:
        with self._waiting_lock:
            self._waiting.append(entry)
            self._arrive()

    def _write_until(self, future: Future[Result]) -> None:
        while not future.done():
            self._write_group()

    def _write_group(self) -> None:
        """Commit what has waited longest. The caller holds the lock, and its own change is or will be among it."""
        with self._waiting_lock:
            self._all_here.wait_for(lambda: not self._to_come_count, min(self._commit_s, LINGER_S_MAX))
            group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
        results: list[tuple[Future[object], object, BaseException | None]] = []
        begun_s = time.monotonic()
        try:
            with self.write() as connection:
                if len(group) == 1:  # Nobody else's changes need a savepoint to be safe from this one.
                    results.append((group[0][1], group[0][0](connection), None))
                else:
                    for change, future in group:
                        results.append((future, *_run_alone(connection, change)))
        except BaseException as error:
            for _, future in group:
                future.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        self._commit_s = time.monotonic() - begun_s
        for future, result, failure in results:
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Give this thread's reading connection, on one snapshot for the length of the block."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = self._open()
                connection.execute("PRAGMA query_only = ON")
                self._local.connection = connection
                self._adopt(connection)
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise _explain(error, self.path) from error

    def reserve_log(self) -> None:
        """Give the write-ahead log its whole length now: a commit that makes a file longer costs twice as much.

        Zeros after the last frame are no frames to SQLite. Nobody else adds any while we hold the writing lock.
        A disk without room for it is no fault: the log then grows as it is needed.
        """
        log_path, wanted = self.path.with_name(self.path.name + "-wal"), CHECKPOINT_PAGES * LOG_FRAME_BYTES
        with self.write():
            descriptor = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                size = os.fstat(descriptor).st_size
                while size < wanted:
                    size += os.pwrite(descriptor, bytes(min(_ZEROS_BYTES, wanted - size)), size)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
            finally:
                os.close(descriptor)

    def close(self) -> None:
        """Close every connection; nothing may be in flight."""
        with self._lock:
            self._writer.close()
        with self._readers_lock:
            for _, connection in self._readers:
                connection.close()
            self._readers.clear()
        self._local = threading.local()

    def _adopt(self, connection: sqlite3.Connection) -> None:
        """Note this thread's reading connection, and close those of threads that have ended."""
        with self._readers_lock:
            before, self._readers = self._readers, [(threading.current_thread(), connection)]
            for thread, other in before:
                if thread.is_alive():
                    self._readers.append((thread, other))
                else:
                    other.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        _use_wal(connection)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", f"journal_size_limit = {WAL_BYTES_MAX}",
                       f"wal_autocheckpoint = {CHECKPOINT_PAGES}"):  # fmt: skip
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _migrate(self) -> None:
        steps = _migrations()
        if self._version() == len(steps):
            return
        self._writer.execute("BEGIN EXCLUSIVE")
        try:
            version = self._version()  # Again, inside the lock: another process may have been quicker.
            if version > len(steps):
                raise DatabaseError(
                    f"{self.path} was written by a newer release (schema {version}, known {len(steps)}).",
                    next_step="Install the newer release again.",
                )
            if version == 0:  # SQLite has a number for the application's own use, of 32 bits.
                self._writer.execute(f"PRAGMA application_id = {int(time.time()) - _BIRTH_BASE_S}")
            for number, statements in enumerate(steps[version:], start=version + 1):
                for statement in statements:
                    self._writer.execute(statement)
                self._writer.execute(f"PRAGMA user_version = {number}")
            self._writer.execute("COMMIT")
        finally:
            self._undo_what_is_open()

    @property
    def born_s(self) -> float:
        """When this file was made; what is older was not kept by it. Wall clock seconds; 0: not known."""
        with self.read() as connection:
            number = int(connection.execute("PRAGMA application_id").fetchone()[0])
        return float(number + _BIRTH_BASE_S) if number else 0.0

    def _undo_what_is_open(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _version(self) -> int:
        return int(self._writer.execute("PRAGMA user_version").fetchone()[0])


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; while another process does the same, SQLite refuses at once, so ask again."""
    deadline_s = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline_s:
                raise
            time.sleep(0.02)


def _run_alone(
    connection: sqlite3.Connection, change: Callable[[sqlite3.Connection], object]
) -> tuple[object, BaseException | None]:
    """Run one change of a group behind a savepoint; a fault of the database itself ends the whole group."""
    connection.execute("SAVEPOINT one")
    try:
        result = change(connection)
    except (EdgeError, OSError, ValueError, LookupError, TypeError, sqlite3.IntegrityError) as error:
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        return None, error
    connection.execute("RELEASE one")
    return result, None


def _migrations() -> list[list[str]]:
    """Return the statements of each numbered section of schema.sql, in order."""
    text = resources.files("edge.store").joinpath("schema.sql").read_text(encoding="utf-8")
    sections = re.split(r"^-- migration (\d+)\n", text, flags=re.MULTILINE)
    assert [int(number) for number in sections[1::2]] == list(range(1, len(sections) // 2 + 1))
    return [_statements(section) for section in sections[2::2]]


def _statements(section: str) -> list[str]:
    statements, text = [], ""
    for line in section.splitlines():
        text += line.split("-- ")[0].rstrip() + "\n" if line.split("-- ")[0].strip() else ""
        if text and sqlite3.complete_statement(text):
            statements.append(text)
            text = ""
    assert not text.strip()
    return statements


def _explain(error: Exception, path: Path) -> EdgeError:
    number = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if number == sqlite3.SQLITE_FULL:
        return StorageFullError(f"The index {path} cannot grow: the disk is full.")
    if number in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return BusyError(f"The index {path} was busy for {BUSY_TIMEOUT_S:.0f} s.")
    return DatabaseError(f"The index {path} cannot be used: {error}.")
