"""Reads everything that is kept again, slowly, for ever: what rots on the disk is found while it is safe elsewhere.

How far it is survives a restart, in `data_dir/scrub.json`; losing that file costs one round from the beginning.
"""

import contextlib
import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from edge.runtime.clock import wall_s
from edge.store import scrub
from edge.store.database import Database
from edge.store.instances import Instances

ROUND_S_MIN = 24 * 3600.0
"""A round begins so long after the last one began, at the earliest."""
SAVE_EVERY = 200
"""Objects."""
MB = 1024 * 1024


@dataclass
class Scrubber:
    """The worker of the background scrub. `run` blocks until `stop`."""

    database: Database
    instances: Instances
    rate_bytes_s: float
    position_path: Path
    stop: threading.Event = field(default_factory=threading.Event)
    _key: int = 0
    """Of the object that was examined last; 0: a round has ended."""
    _began_s: float = 0.0

    def run(self) -> None:
        """Walk until stopped."""
        self._load()
        while not self.stop.is_set():
            wait_s = self._began_s + ROUND_S_MIN - wall_s()
            if self._key == 0 and 0 < wait_s <= ROUND_S_MIN:
                self.stop.wait(wait_s)
                continue
            if self._key == 0:
                self._began_s = wall_s()
            scrub.walk(
                self.database, self.instances, rate_bytes_s=self.rate_bytes_s, is_stopping=self.stop.is_set,
                sleep=self._sleep, after=self._key, on_object=self._done,
            )  # fmt: skip
            if not self.stop.is_set():
                self._key = 0
            self._save()

    def hurry(self) -> None:
        """It waits for nothing but `stop`."""

    def abort(self) -> None:
        """An object in hand ends at its next piece."""

    def _sleep(self, seconds: float) -> None:
        self.stop.wait(seconds)

    def _done(self, key: int) -> None:
        self._key = key
        if key % SAVE_EVERY == 0:
            self._save()

    def _load(self) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            said = json.loads(self.position_path.read_text(encoding="utf-8"))
            self._key, self._began_s = int(said["key"]), float(said["began_s"])

    def _save(self) -> None:
        beside = self.position_path.with_suffix(".new")
        with contextlib.suppress(OSError):  # A full disk: the next round begins from the beginning.
            beside.write_text(json.dumps({"key": self._key, "began_s": self._began_s}), encoding="utf-8")
            os.replace(beside, self.position_path)
