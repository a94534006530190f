"""A film inside an object: given to a browser as the file it is, whole or in ranges, and never decoded here."""

import subprocess
from pathlib import Path

import pydicom
import pytest
import requests
from pydicom.encaps import encapsulate

from tests.support.dicomweb import Served, serve
from tests.support.objects import make_dataset

MPEG4 = "1.2.840.10008.1.2.4.102"
VIDEO_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.4.1"


@pytest.fixture
def film(tmp_path: Path) -> bytes:
    """A real H.264 film in MP4, made by FFmpeg."""
    path = tmp_path / "film.mp4"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=2", "-pix_fmt",
               "yuv420p", "-c:v", "libx264", "-movflags", "+faststart", str(path)]  # fmt: skip
    try:
        subprocess.run(command, check=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("ffmpeg absent (Debian package ffmpeg)")
    return path.read_bytes()


def test_a_film_is_served_as_the_file_it_is_with_ranges(tmp_path: Path, film: bytes) -> None:
    ds = make_dataset(SOPClassUID=VIDEO_CLASS, Modality="ES", rows=240, columns=320, NumberOfFrames=50)
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "YBR_PARTIAL_420", 0
    ds.PixelData = encapsulate([film + b"\0" * (len(film) % 2)])
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = MPEG4
    path = tmp_path / "film.dcm"
    ds.save_as(path, enforce_file_format=True)
    with serve(tmp_path / "store") as served:
        instance = served.keep(path)
        metadata = requests.get(served.address(instance) + "/metadata", timeout=20).json()[0]
        address = served.url + metadata["7FE00010"]["BulkDataURI"]
        assert metadata["7FE00010"]["BulkDataURI"].startswith("/dicom-web/")
        whole = requests.get(address, params={"accept": "video/mp4"}, timeout=20)
        assert whole.headers["Content-Type"] == "video/mp4" and whole.headers["Accept-Ranges"] == "bytes"
        assert whole.content[: len(film)] == film
        part = requests.get(address, headers={"Range": "bytes=1000-1999"}, timeout=20)
        assert (part.status_code, part.content) == (206, film[1000:2000])
        assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(whole.content)}"
        assert _is_refused(served, instance, "/rendered") and _is_refused(served, instance, "/frames/1", "image/jpeg")
        stored = requests.get(served.address(instance), headers={"Accept": "application/dicom"}, timeout=20)
        assert pydicom.dcmread(pydicom.filebase.DicomBytesIO(stored.content)) == pydicom.dcmread(path)


def _is_refused(served: Served, instance: object, rest: str, accept: str = "image/*") -> bool:
    answer = requests.get(served.address(instance) + rest, headers={"Accept": accept}, timeout=20)  # type: ignore[arg-type]
    return answer.status_code == 406 and "next_step" in answer.json()
