"""A scan sent as it is: by C-STORE and STOW-RS the hospital gets what a conversion would have written to files."""

import io
import json
from pathlib import Path

import pydicom
import pytest

from edge.convert.command import send_slides
from edge.convert.direct import read_address
from edge.errors import BadInputError
from edge.net.fragmenting import CutShortError, Flow
from tests.support.orthanc import PLUGIN, Orthanc
from tests.support.scanners import write_qptiff, write_scn
from wsi.convert import convert
from wsi.metadata import SlideMetadata


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A scan that is copied, of two regions, and one whose frames must be made first."""
    folder = tmp_path_factory.mktemp("scans")
    write_scn(folder / "a.scn", regions=(((256, 192), (100_000, 200_000)), ((256, 192), (600_000, 900_000))))
    write_qptiff(folder / "b.qptiff")
    return [folder / "a.scn", folder / "b.qptiff"]


@pytest.fixture(scope="module")
def written(scans: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What conversions write, by UID."""
    out = tmp_path_factory.mktemp("out")
    return {
        file.sop_instance_uid: file.path.read_bytes()
        for scan in scans
        for file in convert(scan, out / scan.stem, metadata=SlideMetadata()).files
    }


@pytest.mark.parametrize("way", ["dimse", "web"])
def test_the_hospital_gets_what_a_conversion_would_write(
    tmp_path: Path, scans: list[Path], written: dict[str, bytes], way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if way == "web" and not PLUGIN.exists():
        pytest.skip("Orthanc's DICOMweb plugin absent (Debian package orthanc-dicomweb)")
    options = {"Plugins": [str(PLUGIN)]} if way == "web" else {}
    with Orthanc(tmp_path / "orthanc", options=options) as hospital:
        address = (
            f"{hospital.url}/dicom-web"
            if way == "web"
            else f"dimse://{hospital.ae_title}@127.0.0.1:{hospital.dimse_port}"
        )
        assert send_slides(scans, address, metadata=None, workers=2, as_json=True) == 0
        said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {one["sop_instance_uid"]: one["size_bytes"] for one in said} == {
            uid: len(data) for uid, data in written.items()
        }
        assert {one["outcome"] for one in said} == {"accepted"}
        found = {}
        for name in hospital.get("/instances"):
            data = hospital.get_bytes(f"/instances/{name}/file")
            found[str(pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID)] = data
    assert found.keys() == written.keys()
    for uid, data in written.items():
        # The archive writes a file meta information of its own.
        before, after = (pydicom.dcmread(io.BytesIO(one)) for one in (data, found[uid]))
        assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
        assert after == before


def test_a_hospital_that_is_not_there_is_said(scans: list[Path]) -> None:
    from edge.errors import UnreachableError

    with pytest.raises(UnreachableError):
        send_slides(scans[:1], "dimse://NOBODY@127.0.0.1:1", metadata=None, workers=1, as_json=True)


@pytest.mark.parametrize("address", ["", "vna", "dimse://10.0.0.5", "dimse://A@", "ftp://x/y", "http://x:99999/"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(BadInputError, match="no address"):
        read_address(address)


def test_a_stream_that_ends_early_is_never_taken_for_the_whole() -> None:
    flow = Flow(iter([b"abc", b"de"]), 10)
    room = memoryview(bytearray(4))
    flow.read([room], 0, 4)
    assert bytes(room) == b"abcd"
    with pytest.raises(CutShortError):
        flow.read([memoryview(bytearray(4))], 4, 4)
