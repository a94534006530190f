"""Frames made ahead: all of them, each where it is said to lie, and no thread goes on after a failure or a stop."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from wsi.encoding import JPEG_BASELINE, Encoding
from wsi.errors import ConversionStoppedError, OutputError, UnreadableSlideError
from wsi.geometry import Level
from wsi.source import FrameTable, Kind, MadeImage
from wsi.spool import Maker

COUNT = 200


def made(make_frame: Callable[[int], bytes]) -> MadeImage:
    return MadeImage(
        kind=Kind.VOLUME,
        level=Level(width_px=COUNT, height_px=1, tile_width_px=1, tile_height_px=1),
        encoding=Encoding(transfer_syntax_uid=JPEG_BASELINE, photometric_interpretation="RGB"),
        make_frame=make_frame,
        read_pixels=lambda _: np.zeros((1, 1, 3), np.uint8),
    )


def frame_of(index: int) -> bytes:
    return bytes([index % 251]) * (1 + index * 7 % 60)


@contextmanager
def maker(folder: Path, workers: int = 3) -> Iterator[Maker]:
    it = Maker(folder, workers)
    try:
        yield it
    finally:
        it.close()


def frames_in(table: FrameTable) -> list[bytes]:
    file_descriptor = os.open(table.path, os.O_RDONLY)
    try:
        return [table.read(file_descriptor, index) for index in range(len(table.lengths))]
    finally:
        os.close(file_descriptor)


def test_every_frame_lies_where_it_is_said_to(tmp_path: Path) -> None:
    with maker(tmp_path) as it:
        table = it.begin(lambda: made(frame_of), COUNT).wait()
    assert frames_in(table) == [frame_of(index) for index in range(COUNT)]


def test_frames_larger_than_a_hand_holds_are_kept_too(tmp_path: Path) -> None:
    with maker(tmp_path) as it:
        table = it.begin(lambda: made(lambda index: bytes([index]) * (1 << 19)), 5).wait()
    assert [frame[0] for frame in frames_in(table)] == [0, 1, 2, 3, 4]


def test_an_image_made_from_another_is_bound_when_that_one_is_whole(tmp_path: Path) -> None:
    with maker(tmp_path) as it:
        first = it.begin(lambda: made(frame_of), COUNT)
        # Bound by a thread of the pool, which waits for the frames of the first.
        second = it.begin(lambda: made(frames_in(first.wait()).__getitem__), COUNT)
        assert frames_in(second.wait()) == [frame_of(index) for index in range(COUNT)]


def test_progress_adds_up_to_all_frames_and_bytes(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with maker(tmp_path) as it:
        table = it.begin(lambda: made(frame_of), COUNT).wait(lambda *step: told.append(step))
    assert tuple(map(sum, zip(*told, strict=True))) == (COUNT, int(table.lengths.sum()))


def test_what_making_a_frame_raises_is_raised_to_who_waits(tmp_path: Path) -> None:
    def fail(index: int) -> bytes:
        if index == 100:
            raise UnreadableSlideError("tile 100 cannot be decoded")
        return frame_of(index)

    with maker(tmp_path) as it, pytest.raises(UnreadableSlideError, match="tile 100"):
        it.begin(lambda: made(fail), COUNT).wait()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with maker(tmp_path / "absent") as it, pytest.raises(OutputError, match="cannot be written"):
        it.begin(lambda: made(frame_of), COUNT).wait()


def test_a_stop_ends_the_making_after_the_frames_in_hand(tmp_path: Path) -> None:
    is_asked_to_stop, made_indices = threading.Event(), set[int]()

    def wait_and_make(index: int) -> bytes:
        assert is_asked_to_stop.wait(10)
        made_indices.add(index)
        return frame_of(index)

    def stop(_frames: int, _bytes: int) -> None:
        is_asked_to_stop.set()
        raise ConversionStoppedError("stopped")

    with maker(tmp_path) as it, pytest.raises(ConversionStoppedError):
        it.begin(lambda: made(wait_and_make), 1 << 20).wait(stop)
    assert len(made_indices) < 1 << 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("wsi-make")]
