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
from contextlib import AbstractContextManager, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from edge.errors import BusyError, EdgeError, StorageFullError
from edge.runtime import kernel
from edge.store.grouping import Commits

BUSY_TIMEOUT_S = 15.0
WAL_BYTES_MAX = 64 * 1024 * 1024
CHECKPOINT_PAGES = 4000
"""So many pages of 4 KB are collected in the log before they are written into the index: many of them are the same."""
LOG_FRAME_BYTES = 4096 + 24
_ZEROS_BYTES = 1024 * 1024
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
        self.commits = Commits(self.write)
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

    def announce(self) -> AbstractContextManager[None]:
        """Say that a `write_grouped` is about to come from this thread: a commit of others waits for it a little."""
        return self.commits.announce()

    def write_grouped(
        self, change: Callable[[sqlite3.Connection], Result], *, beside: Callable[[], None] = lambda: None
    ) -> Result:
        """Run `change` in a transaction that it may share with changes of other threads, and return its result.

        Durable when this returns. A change that fails is undone alone; its error is raised to its caller. It may be run
        again after it was undone. `beside` is what else must be done by then, see `grouping`.
        """
        if self._owner == threading.get_ident():  # Inside our own transaction: durable when that is.
            beside()
            return change(self._writer)
        return self.commits.run(change, beside)

    def read_one(self, statement: str, values: tuple[Any, ...]) -> sqlite3.Row | None:
        """Return the first row of one statement, which is a snapshot by itself; None when there is none."""
        try:
            return self._reader().execute(statement, values).fetchone()  # type: ignore[no-any-return]
        except sqlite3.Error as error:
            raise _explain(error, self.path) from error

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Give this thread's reading connection, on one snapshot for the length of the block."""
        try:
            connection = self._reader()
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

    def _reader(self) -> sqlite3.Connection:
        """Return this thread's reading connection.  Raises: sqlite3.Error"""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._open()
            connection.execute("PRAGMA query_only = ON")
            self._local.connection = connection
            self._adopt(connection)
        return connection

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
