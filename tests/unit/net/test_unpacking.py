"""Decompression without loss."""

from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate

from edge.net import unpacking
from edge.net.storage import fitting
from tests.support.objects import make_dataset

ENCODERS = {
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_encode,
    "1.2.840.10008.1.2.4.90": lambda frame: imagecodecs.jpeg2k_encode(
        frame, codecformat="j2k", reversible=True, level=0
    ),
    "1.2.840.10008.1.2.4.201": lambda frame: imagecodecs.htj2k_encode(frame, reversible=True),
    "1.2.840.10008.1.2.4.70": imagecodecs.ljpeg_encode,
}


@pytest.mark.parametrize("syntax", sorted(ENCODERS))
@pytest.mark.parametrize("bits", [8, 16])
def test_every_pixel_of_every_frame_comes_back(tmp_path: Path, syntax: str, bits: int) -> None:
    ds = make_dataset(frames=3)
    frames = np.random.default_rng(1).integers(0, 2**bits, (3, 64, 64)).astype(f"u{bits // 8}")
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelData = encapsulate([bytes(ENCODERS[syntax](frame)) for frame in frames])
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "a.dcm"
    ds.save_as(path, enforce_file_format=True)
    plain = unpacking.unpack(path)
    assert plain.SOPInstanceUID == ds.SOPInstanceUID
    assert plain.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert plain.PixelData == frames.astype(f"<u{bits // 8}").tobytes()


def test_rle_in_colour_comes_back(tmp_path: Path) -> None:
    ds = make_dataset()
    colours = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.PixelData = colours.tobytes()
    ds.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert np.array_equal(unpacking.unpack(tmp_path / "a.dcm").pixel_array, colours)


def test_real_lossless_objects_give_the_same_pixels_as_pydicom(real_data: Path) -> None:
    compared_count = 0
    for path in sorted((real_data / "dicom" / "ts").rglob("*.dcm")):
        try:
            ds = pydicom.dcmread(path)
        except pydicom.errors.InvalidDicomError:
            continue
        if str(ds.file_meta.get("TransferSyntaxUID")) not in unpacking.LOSSLESS or path.stat().st_size > 2_000_000:
            continue
        try:
            expected = ds.pixel_array
            plain = unpacking.unpack(path)
        except (RuntimeError, AttributeError, ValueError, OSError):
            continue
        if ds.PhotometricInterpretation.startswith("YBR_FULL"):
            continue
        assert np.array_equal(plain.pixel_array, expected), path.name
        compared_count += 1
    assert compared_count >= 3


def test_what_would_not_fit_in_memory_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ds = make_dataset()
    ds.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    monkeypatch.setattr(unpacking, "PIXEL_BYTES_MAX", 4095)
    with pytest.raises(unpacking.CannotUnpack):
        unpacking.unpack(tmp_path / "a.dcm")


def test_the_kinds_of_one_association_leave_room_for_the_plain_forms() -> None:
    kinds = [(f"1.2.{number}", f"1.3.{syntax}") for number in range(60) for syntax in range(3)]
    fitted = fitting(kinds)
    classes = {sop_class for sop_class, _ in fitted}
    assert 20 < len(fitted) <= 128 - 1 - 2 * len(classes)
