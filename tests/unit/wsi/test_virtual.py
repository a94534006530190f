"""What is served before a conversion is what the conversion writes."""

from pathlib import Path

import pydicom
import pytest
import tifffile
from pydicom.encaps import generate_frames

from tests.support.scans import picture, write_svs
from wsi.convert import convert, open_slide
from wsi.errors import UnsupportedSlideError
from wsi.metadata import SlideMetadata
from wsi.virtual import VirtualSlide

GIVEN = SlideMetadata(patient_id="P1")


def test_streams_are_byte_for_byte_the_files(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    with open_slide(tmp_path / "a.svs") as source:
        served = {
            instance.planned.sop_instance_uid: (instance.size_bytes(), b"".join(instance.stream()))
            for instance in VirtualSlide(source, GIVEN).instances
        }
    written = convert(tmp_path / "a.svs", tmp_path / "out", metadata=GIVEN)
    assert served == {
        file.sop_instance_uid: (file.path.stat().st_size, file.path.read_bytes()) for file in written.files
    }


def test_frames_and_headers_are_those_of_the_files(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    written = convert(tmp_path / "a.svs", tmp_path / "out")
    with open_slide(tmp_path / "a.svs") as source:
        slide = VirtualSlide(source)
        for file in written.files:
            ds, instance = pydicom.dcmread(file.path), slide.instance(file.sop_instance_uid)
            frames = list(generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
            assert [instance.frame(number + 1) for number in range(file.frames)] == [
                frame.removesuffix(b"\0") for frame in frames
            ]
            del ds.PixelData
            assert instance.dataset().to_json() == ds.to_json()


def test_frames_that_must_be_made_are_served_but_not_streamed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(256, 256), compression="webp", tile=(64, 64), photometric="rgb")
    with open_slide(tmp_path / "a.tif") as source:
        instance = VirtualSlide(source).instances[0]
        assert instance.frame(1)[:2] == b"\xff\xd8"
        assert "LossyImageCompressionRatio" not in instance.dataset()
        with pytest.raises(UnsupportedSlideError):
            instance.size_bytes()


def test_frames_that_were_made_are_streamed_as_the_file_they_become(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(256, 256), compression="webp", tile=(64, 64), photometric="rgb")
    with open_slide(tmp_path / "a.tif") as source:
        instance = VirtualSlide(source).instances[0]
        assert instance.header_file()
        ready = instance.made(tmp_path)
        streamed = b"".join(ready.stream())
        assert ready.size_bytes() == len(streamed)
    written = convert(tmp_path / "a.tif", tmp_path / "out")
    assert streamed == written.files[0].path.read_bytes()


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    with open_slide(tmp_path / "a.svs") as source:
        slide = VirtualSlide(source)
        with pytest.raises(KeyError):
            slide.instance("1.2.3")
        for number in (0, 21):
            with pytest.raises(IndexError, match="outside"):
                slide.instances[0].frame(number)
