"""A video file plays as it was filmed."""

from itertools import islice
from pathlib import Path

import pytest

from edge.capture.factory import SourceKindMissing, open_source
from edge.capture.file import VideoFile
from edge.capture.source import SourceAbsent
from edge.capture.synthetic import read_number
from edge.config import Source
from tests.support.videos import make_video

EVEN = [number * 40 for number in range(20)]
UNEVEN = [0, 40, 60, 200, 240, 290, 400]


def opened(path: Path, *, loop: bool = False) -> VideoFile:
    return VideoFile(Source(name="probe", kind="file", path=str(path), loop=loop))


def test_every_picture_comes_in_order_at_its_own_time(tmp_path: Path) -> None:
    video = opened(make_video(tmp_path / "v.mp4", EVEN))
    pictures = list(video.pictures())
    assert [read_number(picture.pixels) for picture in pictures] == list(range(20))
    assert [picture.offset_ns for picture in pictures] == [at_ms * 1_000_000 for at_ms in EVEN]
    assert video.description.fps == pytest.approx(25)
    assert video.reason == ""


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    pictures = list(opened(make_video(tmp_path / "v.mp4", UNEVEN)).pictures())
    assert [round(picture.offset_ns / 1e6) for picture in pictures] == UNEVEN


def test_a_loop_goes_on_in_the_beat_of_the_file(tmp_path: Path) -> None:
    video = opened(make_video(tmp_path / "v.mp4", EVEN), loop=True)
    pictures = list(islice(video.pictures(), 50))
    assert [read_number(picture.pixels) for picture in pictures] == [number % 20 for number in range(50)]
    assert [picture.offset_ns for picture in pictures] == [number * 40_000_000 for number in range(50)]


def test_a_truncated_video_shows_what_can_be_read_and_says_so(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", EVEN)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    video = opened(path)
    count = sum(1 for _ in video.pictures())
    assert 3 < count < 20
    assert video.reason == f"The video v.mp4 is cut short: {count} of 20 pictures can be read."


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "cannot be opened"), (b"no video at all" * 100, "cannot be opened"), (None, "is not there")],
)
def test_what_is_no_video_is_refused_in_words(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "v.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceAbsent, match=words):
        opened(path)


def test_a_video_without_one_readable_picture_is_absent(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", EVEN)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = b"\0" * (len(data) - start)
    path.write_bytes(data)
    with pytest.raises(SourceAbsent, match="Nothing of the video"):
        list(opened(path).pictures())


def test_its_lossy_past_is_known(tmp_path: Path) -> None:
    description = opened(make_video(tmp_path / "v.mp4", EVEN)).description
    assert description.lossy_method == "ISO_14496_2"
    assert description.lossy_ratio is not None
    assert description.lossy_ratio > 1


def test_a_kind_that_is_not_there_yet_is_a_configuration_error() -> None:
    with pytest.raises(SourceKindMissing, match="whip"):
        open_source(Source(name="probe", kind="whip"))
