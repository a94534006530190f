"""A TIFF's long tables of tiles kept out of Python numbers.

tifffile makes a Python number of every tile's offset and length the moment it sees a page: tens of megabytes for a
large slide. Here the directories are walked first, structure only; `Masked` then shows tifffile the file with those
tables one entry long, and `LongTable.read` gives the numbers as an array.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsi import paged
from wsi.errors import TruncatedSlideError
from wsi.source import Offsets

TILE_OFFSETS, TILE_LENGTHS = 324, 325
LONG_MIN = 4096
"""Entries from which on a table is hidden from tifffile."""
_SUB_DIRECTORIES = 330
_NDPI = 65420
"""Files of this maker keep the upper half of their offsets elsewhere, and have no tiles."""
_FORMS = {3: "u2", 4: "u4", 16: "u8"}
_POINTERS = {4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_DIRECTORIES_MAX = 4096
_TAGS_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class LongTable:
    """Where a tag of many numbers lies."""

    path: Path
    directory_at: int
    """Offset of the page's directory, as tifffile's `page.offset`."""
    code: int
    count_at: int
    """Offset of the tag's own count."""
    count: int
    value_at: int
    stored: np.dtype[np.unsignedinteger]

    def read(self) -> Offsets:
        """Return the numbers; in memory is one run of them.  Raises: TruncatedSlideError"""
        with self.path.open("rb", buffering=0) as file:
            try:
                return paged.read(file.fileno(), self.value_at, self.count, self.stored)
            except EOFError as error:
                raise TruncatedSlideError(f"{self.path.name} ends inside its table of tiles.") from error


LongTables = dict[tuple[int, int], LongTable]
"""By the page's offset and the tag's code."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """The two forms of TIFF."""

    order: str
    is_big: bool

    @property
    def pointer(self) -> struct.Struct:
        return struct.Struct(self.order + ("Q" if self.is_big else "I"))

    @property
    def entry_count(self) -> struct.Struct:
        return struct.Struct(self.order + ("Q" if self.is_big else "H"))

    @property
    def entry(self) -> struct.Struct:
        return struct.Struct(self.order + ("HHQQ" if self.is_big else "HHII"))


def long_tables(path: Path, *, at_least: int = LONG_MIN) -> LongTables:
    """Return the tables of tiles with many entries, by (page's offset, tag's code); empty for what is no sound TIFF."""
    with path.open("rb", buffering=0) as file:
        return {(table.directory_at, table.code): table for table in _walk(path, file.fileno(), at_least)}


def _walk(path: Path, file: int, at_least: int) -> Iterator[LongTable]:
    head = os.pread(file, 16, 0)
    form = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}.get(head[:4])
    if form is None or len(head) < 16:
        return
    layout, file_bytes = _Layout(*form), os.fstat(file).st_size
    waiting, seen = [layout.pointer.unpack_from(head, 8 if layout.is_big else 4)[0]], set[int]()
    while waiting and len(seen) < _DIRECTORIES_MAX:
        at = waiting.pop()
        if at in seen or not 8 <= at < file_bytes:
            continue
        seen.add(at)
        entries, following = _directory(file, at, layout)
        if any(code == _NDPI for code, *_ in entries):
            return
        waiting.append(following)
        for index, (code, kind, count, value) in enumerate(entries):
            entry_at = at + layout.entry_count.size + index * layout.entry.size
            if code == _SUB_DIRECTORIES and kind in _POINTERS:
                waiting += _pointers(file, layout, kind, count, value, entry_at)
            elif code in (TILE_OFFSETS, TILE_LENGTHS) and kind in _FORMS and count >= at_least:
                stored = np.dtype(layout.order + _FORMS[kind])
                if value + count * stored.itemsize <= file_bytes:
                    yield LongTable(
                        path=path,
                        directory_at=at,
                        code=code,
                        count_at=entry_at + 4,
                        count=count,
                        value_at=value,
                        stored=stored,
                    )


def _directory(file: int, at: int, layout: _Layout) -> tuple[list[tuple[int, int, int, int]], int]:
    """Return a directory's entries (code, kind, count, value or where it lies) and the next one's offset or 0."""
    head = os.pread(file, layout.entry_count.size, at)
    if len(head) < layout.entry_count.size:
        return [], 0
    (count,) = layout.entry_count.unpack(head)
    size = count * layout.entry.size
    data = b"" if count > _TAGS_MAX else os.pread(file, size + layout.pointer.size, at + len(head))
    if len(data) < size + layout.pointer.size:
        return [], 0
    return list(layout.entry.iter_unpack(data[:size])), int(layout.pointer.unpack_from(data, size)[0])


def _pointers(file: int, layout: _Layout, kind: int, count: int, value: int, entry_at: int) -> list[int]:
    stored = np.dtype(layout.order + _POINTERS[kind])
    size = min(count, _DIRECTORIES_MAX) * stored.itemsize
    value_at = entry_at + layout.entry.size - layout.pointer.size if size <= layout.pointer.size else value
    data = os.pread(file, size, value_at)
    return [int(number) for number in np.frombuffer(data[: len(data) - len(data) % stored.itemsize], stored)]


class Masked(io.FileIO):
    """A file read as if its long tables had one entry each; the owner closes it."""

    def __init__(self, path: Path, tables: LongTables) -> None:
        super().__init__(path, "r")
        with path.open("rb", buffering=0) as file:
            magic = file.read(4)
        count = struct.Struct((">" if magic[:2] == b"MM" else "<") + ("Q" if 43 in magic[2:] else "I"))
        one = count.pack(1)
        self._patches = [(table.count_at, one) for table in tables.values()]

    def read(self, size: int | None = -1, /) -> bytes:
        """Return bytes as `FileIO.read`, the counts of long tables replaced."""
        at = self.tell()
        data = super().read(size)
        return self._patched(at, data) if data else b""

    def _patched(self, at: int, data: bytes) -> bytes:
        for place, one in self._patches:
            start, end = max(place, at), min(place + len(one), at + len(data))
            if start < end:
                data = data[: start - at] + one[start - place : end - place] + data[end - at :]
        return data
