"""Frames of a ring that comes, ends and is replaced."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from edge.live.feed import BACKLOG_FRAMES_MAX, STALE_S, Feed, PictureState, first_wanted
from edge.ring import Ring

PIXELS = np.zeros((4, 6), np.uint8)
DIGEST = hashlib.sha256(PIXELS).digest()


def put(ring: Ring, count: int = 1) -> None:
    for _ in range(count):
        ring.put(PIXELS, mono_ns=1, wall_ns=1, digest=DIGEST)


def made(path: Path, first_index: int = 0) -> Ring:
    return Ring.create(path, frame_bytes=PIXELS.nbytes, first_index=first_index)


@pytest.mark.parametrize(
    ("last", "following", "wanted"),
    [(None, 10, 9), (5, 7, 6), (5, 6 + BACKLOG_FRAMES_MAX, 6), (5, 7 + BACKLOG_FRAMES_MAX, 9), (50, 3, 2)],
)
def test_every_frame_is_taken_unless_too_many_wait(last: int | None, following: int, wanted: int) -> None:
    assert first_wanted(last, following) == wanted


def test_a_ring_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "ring")
    assert feed.take(0.0) is None
    assert feed.state(0.0) is PictureState.ABSENT
    ring = made(tmp_path / "ring")
    assert feed.take(0.1) is None
    put(ring, 2)
    assert feed.take(0.2).info.index == 1  # type: ignore[union-attr]
    assert feed.state(0.2) is PictureState.LIVE
    feed.close()


def test_a_source_that_gives_nothing_is_stale(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "ring")
    put(made(tmp_path / "ring"))
    feed.take(0.0)
    assert feed.take(STALE_S) is None
    assert feed.state(STALE_S - 0.01) is PictureState.LIVE
    assert feed.state(STALE_S) is PictureState.STALE


def test_the_ring_of_a_killed_writer_is_left_for_its_successor(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "ring")
    put(made(tmp_path / "ring"), 9)
    feed.take(0.0)
    successor = made(tmp_path / "ring")
    put(successor, 2)
    assert feed.take(STALE_S) is None
    assert feed.take(STALE_S + 0.1).info.index == 1  # type: ignore[union-attr]
    assert feed.restart_count == 1


def test_a_ring_made_anew_for_larger_pictures_is_followed_without_a_break(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "ring")
    ring = made(tmp_path / "ring")
    put(ring, 3)
    assert feed.take(0.0).info.index == 2  # type: ignore[union-attr]
    successor = made(tmp_path / "ring", first_index=3)
    ring.close()
    put(successor)
    assert feed.take(0.03).info.index == 3  # type: ignore[union-attr]
    assert feed.restart_count == 0


def test_a_ring_that_was_taken_away_is_absent(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "ring")
    ring = made(tmp_path / "ring")
    put(ring)
    feed.take(0.0)
    ring.close(remove=True)
    assert feed.take(STALE_S) is None
    assert feed.state(STALE_S) is PictureState.ABSENT
