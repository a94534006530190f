"""From a source into its ring: paced, whole, and honest about what is missing."""

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from edge.capture.feed import LATE_NS_MAX, Feed, Pace, SourceState, first_index
from edge.capture.synthetic import read_number
from edge.config import Source
from edge.ring import FrameGap, Reader, Ring
from tests.support.videos import make_video


def wait_for(what: Callable[[], Any], seconds: float = 5.0) -> None:
    until_s = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until_s, "did not happen"
        time.sleep(0.005)


class Played:
    """A feed on a temporary ring, and what it said."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.said: list[SourceState] = []
        self.ring_path = folder / "ring-probe"
        self.feed = Feed(
            Source(name="probe", **settings), ring_path=self.ring_path, bells=folder / "bells",
            on_change=self.said.append,
        )  # fmt: skip
        self.feed.start()

    def __enter__(self) -> "Played":
        return self

    def __exit__(self, *_: object) -> None:
        self.feed.stop()

    def is_in(self, state: str) -> bool:
        return self.feed.state.state == state


def test_a_file_played_once_is_in_the_ring_whole_at_its_own_times(tmp_path: Path) -> None:
    times_ms = [0, 10, 30, 35, 60, 80, 81, 100]
    path = make_video(tmp_path / "v.mp4", times_ms)
    with Played(tmp_path, kind="file", path=str(path), loop=False) as played:
        wait_for(lambda: played.is_in("ended"))
        reader = Reader(played.ring_path)
        first = reader.oldest_index
        frames = [reader.after(first - 1 + number) for number in range(8)]
        assert [read_number(frame.pixels) for frame in frames] == list(range(8))
        assert [round((frame.info.mono_ns - frames[0].info.mono_ns) / 1e6) for frame in frames] == times_ms
        assert reader.next_index == first + 8
        assert played.feed.state.reason == "The file has been played."


def test_pictures_wait_for_their_time(tmp_path: Path) -> None:
    with Played(tmp_path, kind="synthetic", width_px=64, height_px=32, fps=100.0) as played:
        wait_for(lambda: played.is_in("live"))
        start, start_s = played.feed.next_index, time.monotonic()
        wait_for(lambda: played.feed.next_index >= start + 30)
        assert 0.25 < time.monotonic() - start_s < 1.0


def test_a_source_that_is_away_is_looked_for_until_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with Played(tmp_path, kind="file", path=str(path)) as played:
        wait_for(lambda: played.is_in("waiting") and "is not there" in played.feed.state.reason)
        make_video(tmp_path / "new.mp4", [0, 20, 40]).rename(path)
        wait_for(lambda: played.is_in("live"))
        assert played.feed.state.reason == ""


def test_an_unplugged_device_is_named_in_the_operator_s_words(tmp_path: Path) -> None:
    with Played(tmp_path, kind="v4l2", device=str(tmp_path / "video0")) as played:
        wait_for(lambda: played.said)
        assert played.feed.state.reason == "The probe is not connected. Check the cable."
        assert played.feed.is_alive


def test_a_source_that_breaks_off_leaves_a_hole_in_the_indices(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", [0, 20, 40])
    with Played(tmp_path, kind="file", path=str(path), loop=True) as played:
        wait_for(lambda: played.is_in("live"))
        path.rename(tmp_path / "away.mp4")
        wait_for(lambda: played.is_in("waiting"))
        reader, last = Reader(played.ring_path), played.feed.next_index - 2
        (tmp_path / "away.mp4").rename(path)
        wait_for(lambda: reader.next_index > last + 2)
        try:
            raise AssertionError(f"no gap: {reader.after(last)}")
        except FrameGap as gap:
            assert gap.next_index == last + 2


def test_a_stopped_feed_leaves_no_thread_and_closes_its_ring(tmp_path: Path) -> None:
    with Played(tmp_path, kind="synthetic", width_px=64, height_px=32, fps=50.0) as played:
        wait_for(lambda: played.is_in("live"))
        played.feed.stop()
        at = played.feed.next_index
        assert first_index(played.ring_path) == at + 1


def test_a_first_index_is_above_every_one_used_before(tmp_path: Path) -> None:
    fresh = first_index(tmp_path / "r")
    assert abs(fresh - time.time() * 1000) < 10_000
    Ring(tmp_path / "r", slot_bytes=4, slot_count=4, first_index=fresh + 500)
    assert first_index(tmp_path / "r") == fresh + 501


MS = 1_000_000


def test_the_pace_has_no_drift_and_waits_only_for_what_is_left() -> None:
    pace = Pace()
    assert pace.place(0, 1000 * MS) == (1000 * MS, 0)
    assert pace.place(40 * MS, 1013 * MS) == (1040 * MS, 27 * MS)
    assert pace.place(80 * MS, 1055 * MS) == (1080 * MS, 25 * MS)


def test_late_pictures_keep_their_times_and_catch_up_at_double_speed_not_all_at_once() -> None:
    pace = Pace()
    pace.place(0, 0)
    now_ns = 1000 * MS
    put_ns = []
    for number in range(1, 60):
        at_ns, wait_ns = pace.place(number * 40 * MS, now_ns)
        assert at_ns == number * 40 * MS
        now_ns += wait_ns
        put_ns.append(now_ns)
    steps = [later - before for before, later in pairwise(put_ns)]
    assert steps[0] == 20 * MS
    assert steps[-1] == 40 * MS
    assert put_ns[-1] == 59 * 40 * MS


def test_after_a_long_sleep_the_clock_is_set_again() -> None:
    pace = Pace()
    pace.place(0, 0)
    woken_ns = LATE_NS_MAX + 100 * MS
    assert pace.place(40 * MS, woken_ns)[0] == woken_ns
    assert pace.place(80 * MS, woken_ns + 1)[0] == woken_ns + 40 * MS
