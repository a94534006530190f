"""One writer, many readers: every frame or a gap, never a wrong one."""

import hashlib
import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.ring import FIRST_FRAMES_MIN, RING_BYTES_MAX, FrameGap, Reader, Ring, RingAbsent, retire, slot_count_for


def picture(index: int, height_px: int = 4, width_px: int = 6) -> np.ndarray:
    return np.full((height_px, width_px), index % 251, np.uint8)


def put(ring: Ring, index: int, **size: int) -> None:
    pixels = picture(index, **size)
    digest = hashlib.sha256(pixels.data).digest()
    assert ring.put(pixels, mono_ns=index, wall_ns=index + 1, digest=digest) == index


def small(path: Path, first_index: int = 0, slot_count: int = 4) -> Ring:
    return Ring(path, slot_bytes=24, slot_count=slot_count, first_index=first_index)


def drain(reader: Reader, last: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the indices read after `last`, and the gaps."""
    seen, gaps = [], []
    while True:
        try:
            frame = reader.after(last)
        except FrameGap as gap:
            gaps.append((gap.first_index, gap.next_index))
            last = gap.next_index - 1
            continue
        if frame is None:
            return seen, gaps
        last = frame.info.index
        assert hashlib.sha256(frame.pixels.data).digest() == frame.info.digest
        seen.append(last)


def test_a_frame_comes_back_as_it_was_put(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "r", frame_bytes=5 * 7 * 3)
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    ring.put(pixels, mono_ns=11, wall_ns=12, digest=b"d" * 32)
    frame = Reader(tmp_path / "r").latest()
    assert np.array_equal(frame.pixels, pixels)
    info = frame.info
    assert (info.index, info.mono_ns, info.wall_ns, info.digest) == (0, 11, 12, b"d" * 32)
    assert (info.width_px, info.height_px, info.channel_count) == (7, 5, 3)


def test_before_the_first_frame_there_is_none_and_without_a_file_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(RingAbsent):
        Reader(tmp_path / "r")
    small(tmp_path / "r")
    reader = Reader(tmp_path / "r")
    assert reader.latest() is None
    assert reader.after(-1) is None
    (tmp_path / "x").write_bytes(b"something else" * 400)
    with pytest.raises(RingAbsent):
        Reader(tmp_path / "x")


@given(st.integers(1, 400 * 2**20))
def test_a_ring_keeps_within_its_memory_and_has_room_to_be_late(frame_bytes: int) -> None:
    count = slot_count_for(frame_bytes)
    assert count >= FIRST_FRAMES_MIN
    assert count == FIRST_FRAMES_MIN or count * frame_bytes <= RING_BYTES_MAX


@settings(deadline=None, max_examples=80)
@given(st.lists(st.one_of(st.just("read"), st.integers(1, 9)), max_size=30), st.integers(0, 2**40))
def test_read_frames_and_gaps_together_are_every_index_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str | int], first: int
) -> None:
    path = tmp_path_factory.mktemp("ring") / "r"
    ring = small(path, first)
    reader = Reader(path)
    last, covered = first - 1, []
    for step in [*steps, "read"]:
        if step == "read":
            seen, gaps = drain(reader, last)
            covered += seen + [index for start, stop in gaps for index in range(start, stop)]
            last = max([last, *covered])
        else:
            for _ in range(int(step)):
                put(ring, ring.next_index)
    assert sorted(covered) == list(range(first, ring.next_index))


def test_an_index_left_out_by_the_writer_is_a_gap(tmp_path: Path) -> None:
    ring = small(tmp_path / "r", slot_count=8)
    put(ring, 0)
    ring.next_index += 2
    put(ring, 3)
    assert drain(Reader(tmp_path / "r"), -1) == ([0, 3], [(1, 2), (2, 3)])


def test_a_larger_picture_moves_to_a_new_file_and_readers_follow_without_loss(tmp_path: Path) -> None:
    ring = small(tmp_path / "r")
    reader = Reader(tmp_path / "r")
    put(ring, 0)
    put(ring, 1)
    assert not ring.fits(40)
    larger = Ring.create(tmp_path / "r", frame_bytes=40, first_index=ring.next_index)
    ring.close()
    put(larger, 2, height_px=4, width_px=10)
    assert drain(reader, -1) == ([0, 1, 2], [])
    assert reader.latest().pixels.shape == (4, 10)


def test_a_writer_that_died_leaves_a_ring_whose_successor_goes_on_above_it(tmp_path: Path) -> None:
    dead = small(tmp_path / "r", first_index=100)
    reader = Reader(tmp_path / "r")
    put(dead, 100)
    put(dead, 101)
    assert retire(tmp_path / "r") == 102
    born = small(tmp_path / "r", first_index=103)
    put(born, 103)
    assert drain(reader, 99) == ([100, 101, 103], [(102, 103)])


def _write_for(path: str, seconds: float) -> None:
    ring = Ring(Path(path), slot_bytes=64 * 64, slot_count=4, first_index=0)
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        index = ring.next_index
        pixels = np.full((64, 64), index % 251, np.uint8)
        ring.put(pixels, mono_ns=index, wall_ns=index, digest=hashlib.sha256(pixels.data).digest())
        if index % 8 == 0:
            time.sleep(0.0005)


def test_a_reader_beside_a_writer_at_full_speed_never_gets_a_torn_frame(tmp_path: Path) -> None:
    path = tmp_path / "r"
    writer = multiprocessing.get_context("spawn").Process(target=_write_for, args=(str(path), 0.8))
    writer.start()
    while not path.exists():
        time.sleep(0.001)
    reader = Reader(path)
    last, seen_count, covered = reader.oldest_index - 1, 0, 0
    first = last + 1
    while writer.is_alive():
        try:
            frame = reader.after(last)
        except FrameGap as gap:
            assert gap.first_index == last + 1 < gap.next_index
            covered += gap.next_index - gap.first_index
            last = gap.next_index - 1
            continue
        if frame is not None:
            assert frame.info.index == last + 1
            assert hashlib.sha256(frame.pixels.data).digest() == frame.info.digest
            last, seen_count, covered = frame.info.index, seen_count + 1, covered + 1
    writer.join()
    assert seen_count > 100
    assert covered == last + 1 - first
