"""Long arrays lie in a file: nothing is lost when their memory is given back, and nothing fails without room."""

import errno
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from wsi import kernel, paged
from wsi.report import DIGEST_BYTES, FrameDigests

MANY = 4 * paged.LONG_MIN


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("count", [0, 1, paged.LONG_MIN - 1, paged.LONG_MIN, MANY])
def test_an_array_keeps_its_numbers_when_its_memory_is_given_back(count: int) -> None:
    numbers = paged.zeros(count)
    assert not numbers.any()
    numbers += np.arange(count)
    paged.let_go()
    assert np.array_equal(numbers, np.arange(count))


def test_given_back_memory_is_given_back() -> None:
    numbers = paged.zeros(16 * MANY)
    numbers[:] = 7
    before_bytes = resident_bytes()
    paged.let_go()
    assert before_bytes - resident_bytes() > numbers.nbytes // 2
    assert int(numbers[-1]) == 7


def test_without_room_for_the_file_an_array_lies_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(_file: int, _size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(kernel, "reserve", no_room)
    numbers = paged.zeros(MANY)
    numbers[:] = 3
    assert int(numbers.sum()) == 3 * MANY


@pytest.mark.parametrize("count", [0, 5, MANY])
def test_numbers_of_any_kind_are_kept(count: int) -> None:
    assert np.array_equal(paged.kept(tuple(range(count))), np.arange(count))


def test_runs_cover_every_entry_once() -> None:
    seen: list[int] = []
    for first, end in paged.runs(MANY + 5):
        seen += [first, end]
    assert (seen[0], seen[-1]) == (0, MANY + 5)
    assert seen[1:-1:2] == seen[2:-1:2]


def test_a_table_shorter_than_its_count_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(np.arange(10, dtype="<u4").tobytes())
    with (tmp_path / "a").open("rb") as file:
        assert paged.read(file.fileno(), 8, 8, np.dtype("<u4")).tolist() == [2, 3, 4, 5, 6, 7, 8, 9]
        with pytest.raises(EOFError, match="9 numbers"):
            paged.read(file.fileno(), 8, 9, np.dtype("<u4"))


def digests(count: int) -> Iterator[bytes]:
    return (index.to_bytes(DIGEST_BYTES, "big") for index in range(count))


@pytest.mark.parametrize("count", [0, 3, 20_000])
def test_digests_come_back_in_order_and_travel_between_processes(count: int) -> None:
    kept = FrameDigests()
    for digest in digests(count):
        kept.add(digest)
    assert len(kept) == count
    assert list(kept) == list(digests(count))
    assert list(pickle.loads(pickle.dumps(kept))) == list(digests(count))
