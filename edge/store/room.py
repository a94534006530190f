"""Is there room for new work? While the disk has more than its reserve free and objects stay below their budget."""

import threading
from pathlib import Path

from edge.errors import EdgeError, StorageFullError
from edge.runtime.clock import mono_s
from edge.store import durable, evictions
from edge.store.database import Database

SPARE_BYTES = 16 * 1024 * 1024
"""For the index, whatever else is written."""
LOOK_S = 1.0
"""The index is asked so often what objects take; in between what this process has kept is added."""


class Room:
    """Safe from any thread."""

    def __init__(self, database: Database, data_dir: Path, *, reserve_bytes: int = 0, budget_bytes: int = 0) -> None:
        """A budget of 0 is none."""
        self._database = database
        self._data_dir = data_dir
        self._reserve_bytes = reserve_bytes
        self._budget_bytes = budget_bytes
        self._lock = threading.Lock()
        self._looked_s = float("-inf")
        self._used_bytes = 0

    def add(self, size_bytes: int) -> None:
        """So much was kept."""
        with self._lock:
            self._used_bytes += size_bytes

    def problem(self) -> str:
        """Return why new work is refused; empty while it is taken."""
        try:
            return self._problem()
        except EdgeError as error:  # An index that cannot be read takes no new rows either.
            return error.message

    def _problem(self) -> str:
        if durable.free_bytes(self._data_dir) <= self._reserve_bytes:
            return f"Less than {self._reserve_bytes // 2**20} MB are free on the disk that holds {self._data_dir}."
        if self._budget_bytes and self._used() >= self._budget_bytes:
            return (
                f"Objects take their whole budget of {self._budget_bytes // 2**20} MB, and none of them may leave yet."
            )
        return ""

    def require(self) -> None:
        """Refuse new work.  Raises: StorageFullError."""
        if problem := self.problem():
            raise StorageFullError(problem)

    def require_space(self, size_bytes: int) -> None:
        """Refuse what does not fit on the disk, whatever the reserve and the budget say.  Raises: StorageFullError."""
        if durable.free_bytes(self._data_dir) <= size_bytes + SPARE_BYTES:
            raise StorageFullError(f"The disk that holds {self._data_dir} has no space for {size_bytes} bytes more.")

    def _used(self) -> int:
        with self._lock:
            if not 0 <= mono_s() - self._looked_s < LOOK_S:
                self._used_bytes = evictions.used_bytes(self._database)
                self._looked_s = mono_s()
            return self._used_bytes
