"""What cannot be copied is stored without loss on request, in each form the standard has for it."""

from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
import tifffile
from pydicom.encaps import generate_frames

from tests.support.judges import dciodvfy_findings
from tests.support.scans import picture, write_svs
from wsi.codec import encode_jpeg_ls
from wsi.convert import convert
from wsi.lossless import Lossless

SYNTAXES: dict[Lossless, str] = {
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg2000": "1.2.840.10008.1.2.4.90",
    "htj2k": "1.2.840.10008.1.2.4.201",
}


@pytest.mark.parametrize("form", list(SYNTAXES))
@pytest.mark.parametrize("colour", [True, False])
def test_every_pixel_stays(tmp_path: Path, form: Lossless, colour: bool) -> None:
    pixels = picture(128, 128) if colour else picture(128, 128)[..., 0]
    photometric = "rgb" if colour else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression="deflate", photometric=photometric)
    result = convert(tmp_path / "a.tif", tmp_path / "out", lossless=form)
    assert result.verification is not None
    assert result.verification.is_proven
    assert result.verification.files[0].origin == "lossless"
    ds = pydicom.dcmread(result.files[0].path)
    assert ds.file_meta.TransferSyntaxUID == SYNTAXES[form]
    assert ds.LossyImageCompression == "00"
    (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
    decode = {"jpeg-ls": imagecodecs.jpegls_decode, "jpeg2000": imagecodecs.jpeg2k_decode}
    found = decode.get(form, imagecodecs.htj2k_decode)(frame)
    assert np.array_equal(found[:128, :128], pixels)
    if form == "htj2k":
        return  # dciodvfy does not know this transfer syntax yet and takes the frames for uncompressed.
    assert [line for line in dciodvfy_findings(result.files[0].path) if "DICOMDIR" not in line] == []


def test_what_can_be_copied_is_still_copied(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    plain = convert(tmp_path / "a.svs", tmp_path / "1")
    asked = convert(tmp_path / "a.svs", tmp_path / "2", lossless="htj2k")
    assert [file.sha256 for file in asked.files] == [file.sha256 for file in plain.files]


def test_noise_that_grows_when_encoded_has_room() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.array_equal(imagecodecs.jpegls_decode(encode_jpeg_ls(noise)), noise)
