"""What others say of a converted slide: dciodvfy, dcentvfy, and Orthanc with its slide viewer's plugin."""

import io
from pathlib import Path

import numpy as np
import openslide
import pytest
from PIL import Image

from tests.support.formats import SAMPLES
from tests.support.judges import dcentvfy_findings, dciodvfy_findings
from tests.support.orthanc import Orthanc
from wsi.convert import Conversion, convert
from wsi.errors import SlideError
from wsi.metadata import SlideMetadata

WSI_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancWSI.so")
BEYOND_ORTHANC = [
    "Leica SCN, fluorescence, 3 focal planes",
    "OME-TIFF, 3 channels of 2 focal planes, 8 bit",
    "OME-TIFF, 3 focal planes in colour, JPEG",
    "OME-TIFF, grey, 16 bit",
    "OME-TIFF, 3 focal planes, signed",
]
"""Its viewer knows one focal plane, of 8 bit."""
GIVEN = SlideMetadata(
    patient_name="Example^Ada", patient_id="P1", patient_birth_date="19500102", patient_sex="F", study_id="S1",
    study_date="20240102", study_time="101112", accession_number="A1", container_id="S24-1-A-1",
)  # fmt: skip


@pytest.fixture(scope="module")
def scan(real_data: Path) -> Path:
    path = real_data / "wsi/aperio/CMU-1-Small-Region.svs"
    if not path.is_file():
        pytest.skip(f"real data absent: {path}")
    return path


@pytest.fixture(scope="module")
def conversion(scan: Path, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    return convert(scan, tmp_path_factory.mktemp("slide"), metadata=GIVEN, levels="all")


def test_the_validators_have_nothing_to_say(conversion: Conversion) -> None:
    assert [dciodvfy_findings(file.path) for file in conversion.files] == [[] for _ in conversion.files]
    assert dcentvfy_findings([file.path for file in conversion.files]) == []


def test_without_a_patient_only_the_empty_values_are_remarked_on(scan: Path, tmp_path: Path) -> None:
    result = convert(scan, tmp_path)
    found = {line for file in result.files for line in dciodvfy_findings(file.path)}
    assert found
    for line in found:
        assert line.startswith("Warning"), line
        assert line.endswith("Missing attribute or value that would be needed to build DICOMDIR"), line
    assert dcentvfy_findings([file.path for file in result.files]) == []


def test_orthanc_shows_the_pyramid_and_its_tiles(scan: Path, conversion: Conversion, tmp_path: Path) -> None:
    if not WSI_PLUGIN.exists():
        pytest.skip("Orthanc's slide plugin absent (Debian package orthanc-wsi)")
    with Orthanc(tmp_path / "orthanc", options={"Plugins": [str(WSI_PLUGIN)]}) as hospital:
        for file in conversion.files:
            assert hospital.post("/instances", file.path.read_bytes())["Status"] == "Success"
        series = hospital.get("/series")[0]
        pyramid = hospital.get(f"/wsi/pyramids/{series}")
        levels = [file for file in conversion.files if file.kind == "VOLUME"]
        assert (pyramid["TotalWidth"], pyramid["TotalHeight"]) == (2220, 2967)
        # The plugin leaves thumbnail and overview out of the pyramid, but takes a label for one more level.
        label = next([file.width_px, file.height_px] for file in conversion.files if file.kind == "LABEL")
        shown = [size for size in pyramid["Sizes"] if size != label]
        assert shown == [[file.width_px, file.height_px] for file in levels]
        finest = pyramid["Resolutions"].index(1)
        tile = Image.open(io.BytesIO(hospital.get_bytes(f"/wsi/tiles/{series}/{finest}/3/5")))
        with openslide.OpenSlide(scan) as slide:
            expected = np.asarray(slide.read_region((3 * 240, 5 * 240), 0, tile.size).convert("RGB"), np.int16)
        assert np.abs(np.asarray(tile.convert("RGB"), np.int16) - expected).mean() < 1.5


def test_orthanc_shows_the_slides_of_every_scanner(tmp_path: Path) -> None:
    if not WSI_PLUGIN.exists():
        pytest.skip("Orthanc's slide plugin absent (Debian package orthanc-wsi)")
    refused: list[str] = []
    with Orthanc(tmp_path / "orthanc", options={"Plugins": [str(WSI_PLUGIN)]}) as hospital:
        for number, sample in enumerate(sample for sample in SAMPLES if not sample.real):
            folder = tmp_path / str(number)
            folder.mkdir()
            try:
                made = convert(sample.make(folder), folder / "out")
            except SlideError:
                continue
            for file in made.files:
                hospital.post("/instances", file.path.read_bytes())
            for uid in made.series_instance_uids:
                series = hospital.post("/tools/lookup", uid.encode())[0]["ID"]
                try:
                    pyramid = hospital.get(f"/wsi/pyramids/{series}")
                    finest = pyramid["Resolutions"].index(1)
                    Image.open(io.BytesIO(hospital.get_bytes(f"/wsi/tiles/{series}/{finest}/0/0"))).load()
                except OSError:
                    refused.append(sample.name)
    assert refused == BEYOND_ORTHANC
