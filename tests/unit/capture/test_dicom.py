"""Objects as the probe: every way their pixels are stored, their times, their calibration."""

from itertools import islice
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array
from pydicom.sequence import Sequence

from edge.capture.dicom import DicomFile, frame_times
from edge.capture.source import SourceAbsent
from edge.config import Source

LOOP = Path(str(get_testdata_file("examples_ybr_color.dcm")))


def opened(path: Path, *, loop: bool = False) -> DicomFile:
    return DicomFile(Source(name="probe", kind="dicom", path=str(path), loop=loop))


def test_the_bundled_loop_plays_in_colour_and_goes_round_in_its_beat() -> None:
    source = opened(LOOP, loop=True)
    pictures = list(islice(source.pictures(), 61))
    assert pictures[0].pixels.shape == (240, 320, 3)
    assert pictures[30].offset_ns == pytest.approx(30 * 33_333_000, abs=2)
    assert np.array_equal(pictures[0].pixels, pictures[60].pixels)
    assert not np.array_equal(pictures[0].pixels, pictures[15].pixels)
    assert source.description.lossy_method == "ISO_10918_1"


@pytest.mark.parametrize(
    ("name", "frame_count"),
    [
        ("examples_rgb_color.dcm", 1),
        ("examples_palette.dcm", 1),
        ("examples_jpeg2k.dcm", 1),
        ("SC_rgb_rle_2frame.dcm", 2),
        ("SC_rgb_jpeg_gdcm.dcm", 1),
        ("SC_rgb_jls_lossy_sample.dcm", 1),
        ("SC_ybr_full_422_uncompressed.dcm", 1),
        ("SC_rgb_small_odd.dcm", 1),
        ("SC_rgb_gdcm_KY.dcm", 1),
    ],
)
def test_pictures_come_out_however_they_are_stored(name: str, frame_count: int) -> None:
    pictures = list(opened(Path(str(get_testdata_file(name, download=False)))).pictures())
    assert len(pictures) == frame_count
    pixels = pictures[0].pixels
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.shape[2] == 3
    assert int(pixels.max()) > 60


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("fo-dicom/GH364.dcm", (768, 1024)),  # JPEG-LS
        ("pydicom-data/JPGLosslessP14SV1_1s_1f_8b.dcm", (768, 1024)),
        ("pydicom-data/OBXXXX1A_2frame.dcm", (600, 800, 3)),  # palette
        ("pydicom-data/color-pl.dcm", (120, 256, 3)),  # colour by plane
        ("pydicom-data/gdcm-US-ALOKA-16.dcm", (480, 640, 3)),  # palette of 16 bits
        ("pylibjpeg-data/JPEGExtended_3s_1f_u_08_08.dcm", (576, 768, 3)),
        ("DICOMHTJ2K/US1_JPH", (480, 640, 3)),
        ("dicomParser/IM00001.implicit_little_endian.dcm", (240, 320, 3)),
    ],
)
def test_real_ultrasound_objects_play(real_data: Path, name: str, shape: tuple[int, ...]) -> None:
    picture = next(opened(real_data / "us" / "dicom" / name).pictures())
    assert picture.pixels.shape == shape
    assert int(picture.pixels.max()) > 100


@pytest.mark.parametrize("name", ["SC_rgb_rle_2frame.dcm", "examples_jpeg2k.dcm", "SC_ybr_full_422_uncompressed.dcm"])
def test_the_picture_is_the_one_another_decoder_shows(name: str) -> None:
    path = Path(str(get_testdata_file(name, download=False)))
    ds = dcmread(path)
    if name == "examples_jpeg2k.dcm":
        shown = imagecodecs.jpeg2k_decode(next(generate_frames(ds.PixelData, number_of_frames=1)))
    else:
        shown = pixel_array(ds, index=0)
    assert np.array_equal(next(opened(path).pictures()).pixels, shown)


def test_each_frame_keeps_its_time_of_the_vector() -> None:
    ds = Dataset()
    ds.FrameTimeVector = [0, 33, 34, 100]
    assert frame_times(ds, 4) == ([0.0, 33.0, 67.0, 167.0], pytest.approx(167 + 167 / 3))


@pytest.mark.parametrize(
    ("keyword", "value", "interval_ms"), [("FrameTime", "40", 40), ("CineRate", "50", 20), ("FrameTime", "0", 40)]
)
def test_the_rate_is_found_where_makers_put_it(keyword: str, value: str, interval_ms: float) -> None:
    ds = Dataset()
    setattr(ds, keyword, value)
    assert frame_times(ds, 3) == ([0, interval_ms, 2 * interval_ms], 3 * interval_ms)


def test_a_calibration_that_fits_is_passed_on_and_one_that_does_not_is_dropped(tmp_path: Path) -> None:
    assert opened(LOOP).description.regions == ()
    ds = dcmread(LOOP)
    inside = ds.SequenceOfUltrasoundRegions[0]
    inside.RegionLocationMaxX1, inside.RegionLocationMaxY1 = 319, 239
    ds.SequenceOfUltrasoundRegions = Sequence([inside])
    ds.save_as(tmp_path / "o.dcm")
    (region,) = opened(tmp_path / "o.dcm").description.regions
    assert (region.max_x_px, region.delta_x) == (319, pytest.approx(0.05105, abs=1e-5))


def test_a_damaged_frame_is_left_out_and_the_rest_is_shown(tmp_path: Path) -> None:
    data = bytearray(LOOP.read_bytes())
    starts = [position for position in range(len(data)) if data[position : position + 3] == b"\xff\xd8\xff"]
    data[starts[3] : starts[3] + 400] = b"\0" * 400
    (tmp_path / "o.dcm").write_bytes(data)
    source = opened(tmp_path / "o.dcm")
    pictures = list(source.pictures())
    assert len(pictures) == 29
    assert pictures[3].offset_ns == pytest.approx(4 * 33_333_000, abs=2)
    assert source.reason == "The object o.dcm is damaged: 29 of 30 pictures can be read."


def test_a_truncated_object_shows_what_is_there_or_says_that_nothing_is(tmp_path: Path) -> None:
    whole = LOOP.read_bytes()
    for share in (0.1, 0.4, 0.9):
        path = tmp_path / f"{share}.dcm"
        path.write_bytes(whole[: int(len(whole) * share)])
        try:
            source = opened(path)
            count = sum(1 for _ in source.pictures())
        except SourceAbsent as error:
            assert "o picture" in error.message or "not DICOM" in error.message
        else:
            assert 0 < count < 30
            assert "damaged" in source.reason


@pytest.mark.parametrize(("content", "words"), [(b"hello" * 100, "is not DICOM"), (None, "is not there")])
def test_what_is_no_object_is_refused_in_words(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "o.dcm"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceAbsent, match=words):
        opened(path)
