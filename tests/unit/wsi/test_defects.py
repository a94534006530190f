"""Damaged tiles are written white and named; the rest of the slide is converted as ever."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile
from pydicom.encaps import generate_frames

from tests.support.scans import TILE_PX, write_svs
from wsi.codec import decode_frame
from wsi.convert import convert, open_slide
from wsi.defects import mend
from wsi.errors import UnreadableSlideError
from wsi.proof import verify_source
from wsi.series import Levels
from wsi.source import StoredImage
from wsi.virtual import VirtualSlide

SIZE = (300, 200)
"""Twenty tiles."""


def zeros(tile: bytes) -> bytes:
    return bytes(len(tile))


def cut(tile: bytes) -> bytes:
    return tile[: len(tile) // 2] + bytes(len(tile) - len(tile) // 2)


def damage(path: Path, frames: list[int], how: Callable[[bytes], bytes]) -> None:
    """Overwrite tiles of the base level in place, by frame number."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        places = [(page.dataoffsets[number - 1], page.databytecounts[number - 1]) for number in frames]
    data = bytearray(path.read_bytes())
    for offset, length in places:
        data[offset : offset + length] = how(bytes(data[offset : offset + length]))
    path.write_bytes(data)


@pytest.mark.parametrize("frames", [[1], [7], [20], [1, 2, 13]])
@pytest.mark.parametrize("how", [zeros, cut])
def test_damaged_tiles_are_white_named_and_proven(
    tmp_path: Path, frames: list[int], how: Callable[[bytes], bytes]
) -> None:
    tiles = write_svs(tmp_path / "a.svs", [SIZE])[0]
    damage(tmp_path / "a.svs", frames, how)
    result = convert(tmp_path / "a.svs", tmp_path / "out")
    assert result.defects == {result.files[0].sop_instance_uid: tuple(frames)}
    assert result.verification is not None
    assert result.verification.is_proven
    ds = pydicom.dcmread(result.files[0].path)
    assert f"white here: frame {', '.join(map(str, frames))}." in ds.ImageComments
    found = list(generate_frames(ds.PixelData, number_of_frames=20))
    with open_slide(tmp_path / "a.svs") as source:
        encoding = source.images[0].encoding
    for number, (frame, tile) in enumerate(zip(found, tiles, strict=True), 1):
        if number in frames:
            pixels = decode_frame(frame, encoding, width_px=TILE_PX, height_px=TILE_PX)
            assert np.all(pixels >= 253)
        else:
            assert tile.removeprefix(b"\xff\xd8") in frame


def test_the_proof_of_a_folder_knows_the_damage(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", [SIZE])
    damage(tmp_path / "a.svs", [5], zeros)
    convert(tmp_path / "a.svs", tmp_path / "out")
    with open_slide(tmp_path / "a.svs") as source:
        assert verify_source(source, tmp_path / "out").is_proven


def test_objects_with_white_tiles_are_not_those_of_the_sound_scan(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", [SIZE])
    (tmp_path / "b").mkdir()
    write_svs(tmp_path / "b" / "a.svs", [SIZE])
    damage(tmp_path / "b" / "a.svs", [5], zeros)
    sound = convert(tmp_path / "a.svs", tmp_path / "out")
    mended = convert(tmp_path / "b" / "a.svs", tmp_path / "out")
    assert sound.files[0].sop_instance_uid != mended.files[0].sop_instance_uid


def test_a_sound_scan_has_no_defects(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", [SIZE])
    with open_slide(tmp_path / "a.svs") as source:
        before = source.images
        mend(source)
        assert source.images == before


def test_made_levels_stand_on_the_mended_one(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", [SIZE])
    damage(tmp_path / "a.svs", [1], zeros)
    result = convert(tmp_path / "a.svs", tmp_path / "out", levels="all")
    ds = pydicom.dcmread(result.files[1].path)
    corner = ds.pixel_array[0][: TILE_PX // 2 - 8, : TILE_PX // 2 - 8]
    assert corner.min() >= 250


def test_a_level_that_is_mostly_damaged_is_refused(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", [SIZE])
    damage(tmp_path / "a.svs", list(range(2, 16)), zeros)
    with pytest.raises(UnreadableSlideError, match="14 of 20 tiles are damaged"):
        convert(tmp_path / "a.svs", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("levels", ["native", "all"])
@pytest.mark.parametrize(("frames", "how"), [([7], zeros), ([1, 2, 13], cut), ([20], cut)])
def test_a_served_slide_whitens_what_its_conversion_whitens_under_the_same_uids(
    tmp_path: Path, frames: list[int], how: Callable[[bytes], bytes], levels: Levels
) -> None:
    write_svs(tmp_path / "a.svs", [SIZE, (75, 50)])
    damage(tmp_path / "a.svs", frames, how)
    written = convert(tmp_path / "a.svs", tmp_path / "out", levels=levels)
    with open_slide(tmp_path / "a.svs") as source:
        slide = VirtualSlide(source, levels=levels)
        assert slide.plan.series_instance_uid == written.series_instance_uid
        assert [one.sop_instance_uid for one in slide.plan.instances] == [one.sop_instance_uid for one in written.files]
        for file in written.files:
            instance = slide.instance(file.sop_instance_uid)
            ds = pydicom.dcmread(file.path)
            stored = list(generate_frames(ds.PixelData, number_of_frames=file.frames))
            assert [instance.frame(number) for number in range(1, file.frames + 1)] == [
                frame.removesuffix(b"\0") for frame in stored
            ]
            if isinstance(instance.image, StoredImage):
                assert b"".join(instance.stream()) == file.path.read_bytes()
        VirtualSlide(source, levels=levels)
        assert source.images[0].defects == tuple(frames)


def test_a_ruined_slide_is_refused_when_served_as_when_converted(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs", [SIZE])
    damage(tmp_path / "a.svs", list(range(2, 16)), zeros)
    with open_slide(tmp_path / "a.svs") as source, pytest.raises(UnreadableSlideError, match="14 of 20 tiles"):
        VirtualSlide(source)
