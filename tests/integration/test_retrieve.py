"""Retrievals by real workstations: what arrives is what is kept, byte for byte, and nobody waits for memory."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (
    SecondaryCaptureImageStorage,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from edge.errors import BadInputError
from edge.store.header import read
from tests.support.gateway import AE_TITLE, Gateway, run
from tests.support.objects import dataset_bytes, write_object
from tests.support.orthanc import Orthanc, free_port

GET, MOVE = str(StudyRootQueryRetrieveInformationModelGet), str(StudyRootQueryRetrieveInformationModelMove)
OBJECTS = 30
BIG_BYTES = 300 * 1024 * 1024
MEMORY_BYTES_MAX = 64 * 1024 * 1024


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: free_port() for name in ("mover", "orthanc", "slow")}


@pytest.fixture(scope="module")
def gateway(ports: dict[str, int]) -> Iterator[Gateway]:
    folder = Path(tempfile.mkdtemp(prefix="edge-"))
    sections = "".join(
        f'[[destination]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\nae_title = "{name.upper()}"\n'
        for name, port in ports.items()
    )
    with Gateway(folder, sections) as made:
        for number in range(OBJECTS):
            made.keep(
                StudyInstanceUID="1.2.3", SeriesInstanceUID=f"1.2.3.{number % 3}", InstanceNumber=number,
                SOPInstanceUID=f"1.2.3.9.{number}", pixel_seed=number, PatientID="P1",
            )  # fmt: skip
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def assert_same(gateway: Gateway, arrived: list[Path], count: int) -> None:
    assert len(arrived) == count
    for path in arrived:
        kept = gateway.file_of(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)
        assert path.read_bytes()[read(path).dataset_offset :] == kept.read_bytes()[read(kept).dataset_offset :]


def test_dcmtk_gets_a_study(gateway: Gateway, tmp_path: Path) -> None:
    done = run(
        "getscu", "-v", "+B", "-S", "-aec", AE_TITLE, "127.0.0.1", gateway.port, "-od", tmp_path, "-k",
        "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"Completed Suboperations : {OBJECTS}" in done.stdout + done.stderr
    assert_same(gateway, list(tmp_path.iterdir()), OBJECTS)


def test_dcmtk_moves_a_series_to_itself(gateway: Gateway, tmp_path: Path, ports: dict[str, int]) -> None:
    done = run(
        "movescu", "-v", "+B", "-S", "-aet", "MOVER", "-aec", AE_TITLE, "+P", ports["mover"], "127.0.0.1",
        gateway.port, "-od", tmp_path, "-k", "QueryRetrieveLevel=SERIES", "-k", "StudyInstanceUID=1.2.3", "-k",
        "SeriesInstanceUID=1.2.3.1", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert_same(gateway, list(tmp_path.iterdir()), OBJECTS // 3)


def test_the_librarys_own_programs_get_and_move(gateway: Gateway, tmp_path: Path, ports: dict[str, int]) -> None:
    for verb, more in (("getscu", []), ("movescu", ["-aem", "MOVER", "--store", "--store-port", str(ports["mover"])])):
        folder = tmp_path / verb
        folder.mkdir()
        done = run(
            sys.executable, "-m", "pynetdicom", verb, "127.0.0.1", gateway.port, "-S", "-k", "QueryRetrieveLevel=IMAGE",
            "-k", "StudyInstanceUID=1.2.3", "-k", "SeriesInstanceUID=1.2.3.1", "-k", "SOPInstanceUID=1.2.3.9.4",
            "-od", folder, "-aec", AE_TITLE, *more,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (arrived,) = folder.iterdir()
        assert pydicom.dcmread(arrived).SOPInstanceUID == "1.2.3.9.4", verb


def statuses_of(gateway: Gateway, sop_class: str, destination: str, **keys: str) -> list[Dataset]:
    assoc = gateway.associate(sop_class)
    ds = Dataset()
    for key, value in keys.items():
        setattr(ds, key, value)
    found = [status for status, _ in assoc.send_c_move(ds, destination, sop_class)]
    assoc.release()
    return found


def test_an_unknown_destination_is_refused(gateway: Gateway) -> None:
    (status,) = statuses_of(gateway, MOVE, "NOWHERE", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3")
    assert status.Status == 0xA801


def test_a_destination_that_does_not_answer_fails_every_object(gateway: Gateway) -> None:
    statuses = statuses_of(gateway, MOVE, "SLOW", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3")
    assert [status.Status for status in statuses] == [0xA702]
    assert statuses[0].NumberOfFailedSuboperations == OBJECTS


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"QueryRetrieveLevel": "STUDY"}, 0xA900),
        ({"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "*"}, 0xA900),
        ({"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2.3"}, 0xA900),
        ({"StudyInstanceUID": "1.2.3"}, 0xA900),
        ({"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "9.9"}, 0x0000),
    ],
)
def test_what_names_nothing_moves_nothing(gateway: Gateway, keys: dict[str, str], status: int) -> None:
    statuses = statuses_of(gateway, MOVE, "MOVER", **keys)
    assert [one.Status for one in statuses] == [status]


class Taker:
    """A workstation that takes objects as it is told to."""

    def __init__(self, port: int, *, pause_s: float = 0.0, status: int = 0) -> None:
        self.seen: list[Dataset] = []
        self._pause_s, self._status = pause_s, status
        ae = AE("SLOW")
        ae.add_supported_context(SecondaryCaptureImageStorage)
        self._server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._take)])

    def __enter__(self) -> "Taker":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def _take(self, event: evt.Event) -> int:
        self.seen.append(event.request)
        time.sleep(self._pause_s)
        return self._status


def test_the_destination_learns_who_asked(gateway: Gateway, ports: dict[str, int]) -> None:
    with Taker(ports["slow"]) as taker:
        statuses = statuses_of(gateway, MOVE, "SLOW", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3")
    assert statuses[-1].Status == 0 and statuses[-1].NumberOfCompletedSuboperations == OBJECTS
    assert {status.Status for status in statuses[:-1]} == {0xFF00}
    assert [status.NumberOfRemainingSuboperations for status in statuses[:-1]] == list(range(OBJECTS - 1, 0, -1))
    assert {request.MoveOriginatorApplicationEntityTitle for request in taker.seen} == {"VIEWER"}


def test_what_the_destination_refuses_is_listed(gateway: Gateway, ports: dict[str, int]) -> None:
    with Taker(ports["slow"], status=0xA900):
        assoc = gateway.associate(MOVE)
        ds = Dataset()
        ds.QueryRetrieveLevel, ds.StudyInstanceUID, ds.SeriesInstanceUID = "SERIES", "1.2.3", "1.2.3.2"
        *_, (status, identifier) = assoc.send_c_move(ds, "SLOW", MOVE)
        assoc.release()
    assert status.Status == 0xA702
    assert set(identifier.FailedSOPInstanceUIDList) == {f"1.2.3.9.{number}" for number in range(2, OBJECTS, 3)}


def test_a_cancelled_move_ends_early_and_says_what_is_left(gateway: Gateway, ports: dict[str, int]) -> None:
    with Taker(ports["slow"], pause_s=0.05) as taker:
        assoc = gateway.associate(MOVE)
        ds = Dataset()
        ds.QueryRetrieveLevel, ds.StudyInstanceUID = "STUDY", "1.2.3"
        answers = assoc.send_c_move(ds, "SLOW", MOVE, msg_id=5)
        next(answers)
        assoc.send_c_cancel(5, query_model=MOVE)
        *_, (status, _) = answers
        assoc.release()
    assert status.Status == 0xFE00
    assert len(taker.seen) < OBJECTS
    assert status.NumberOfRemainingSuboperations == OBJECTS - len(taker.seen)


def test_a_getter_without_the_codec_gets_plain_pixels(gateway: Gateway, real_data: Path) -> None:
    """JPEG-LS is unpacked, without loss, for a workstation that does not take it."""
    path = next(path for path in sorted((real_data / "dicom" / "ts").rglob("*.dcm")) if is_jpeg_ls(path))
    uid = gateway.keep_file(path)
    ds = pydicom.dcmread(path)
    taken: list[Dataset] = []

    def take(event: evt.Event) -> int:
        taken.append(event.dataset)
        taken[-1].file_meta = event.file_meta
        return 0

    ae = AE("VIEWER")
    ae.add_requested_context(GET)
    ae.add_requested_context(ds.SOPClassUID, "1.2.840.10008.1.2.1")
    assoc = ae.associate(
        "127.0.0.1", gateway.port, ext_neg=[build_role(ds.SOPClassUID, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, take)],
    )  # fmt: skip
    asked = Dataset()
    asked.QueryRetrieveLevel, asked.SOPInstanceUID = "IMAGE", uid
    *_, (status, _) = assoc.send_c_get(asked, GET)
    assoc.release()
    assert status.Status == 0
    assert taken[0].pixel_array.tobytes() == ds.pixel_array.tobytes()


def is_jpeg_ls(path: Path) -> bool:
    try:
        return read(path).transfer_syntax_uid == "1.2.840.10008.1.2.4.80"
    except BadInputError:
        return False


def test_a_large_object_goes_out_with_flat_memory(gateway: Gateway, tmp_path: Path) -> None:
    process = gateway.service.process
    assert process is not None
    gateway.keep(StudyInstanceUID="1.2.4", SOPInstanceUID="1.2.4.1", rows=8192, columns=8192, frames=BIG_BYTES >> 26)
    statuses_of(gateway, MOVE, "MOVER", QueryRetrieveLevel="STUDY", StudyInstanceUID="9.9")
    before = peak_bytes(process)
    done = run(
        "getscu", "+B", "-S", "-aec", AE_TITLE, "127.0.0.1", gateway.port, "-od", tmp_path, "-k",
        "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.4",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert_same(gateway, list(tmp_path.iterdir()), 1)
    assert peak_bytes(process) - before < MEMORY_BYTES_MAX


def peak_bytes(process: "subprocess.Popen[bytes]") -> int:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def test_orthanc_finds_and_retrieves_from_us(gateway: Gateway, tmp_path: Path, ports: dict[str, int]) -> None:
    options = {"DicomModalities": {"clinic": [AE_TITLE, "127.0.0.1", gateway.port]}}
    with Orthanc(tmp_path / "orthanc", ae_title="ORTHANC", dimse_port=ports["orthanc"], options=options) as hospital:
        query = hospital.post(
            "/modalities/clinic/query",
            {"Level": "Study", "Query": {"PatientID": "P1", "StudyInstanceUID": "", "PatientName": "test*"}},
        )
        answers = hospital.get(f"/queries/{query['ID']}/answers?expand&simplify")
        assert [answer["StudyInstanceUID"] for answer in answers] == ["1.2.3"]
        hospital.post(f"/queries/{query['ID']}/retrieve", {"TargetAet": "ORTHANC", "Synchronous": True})
        assert len(hospital.instances()) == OBJECTS
        kept = gateway.file_of("1.2.3.9.0").read_bytes()
        assert dataset_bytes(hospital.file_of("1.2.3.9.0")) == dataset_bytes(kept)


def test_we_find_at_orthanc_and_have_it_send_to_us(gateway: Gateway, tmp_path: Path, ports: dict[str, int]) -> None:
    options = {"DicomModalities": {"clinic": [AE_TITLE, "127.0.0.1", gateway.port]}}
    with Orthanc(tmp_path / "orthanc", ae_title="ORTHANC", dimse_port=ports["orthanc"], options=options) as hospital:
        for number in range(3):
            path = tmp_path / f"{number}.dcm"
            ds = write_object(path, StudyInstanceUID="1.2.7", PatientID="PRIOR", PatientName="Müller^Änne")
            hospital.post("/instances", path.read_bytes())
        command = [sys.executable, "-m", "edge", "fetch", "--from", "orthanc", "--patient-id", "PRI*", "--json"]
        done = run(*command, "--config", gateway.config)
        assert done.returncode == 0, done.stderr
        (row,) = json.loads(done.stdout)
        assert (row["study"], row["arrived"], row["failed"]) == ("1.2.7", 3, 0)
        assert len(gateway.store.in_study("1.2.7")) == 3
        assert gateway.store.require(ds.SOPInstanceUID).source == "dimse:ORTHANC"
        assert run(*command[:-3], "--patient-id", "NOBODY", "--config", gateway.config).returncode == 4


def test_orthanc_stores_to_us_and_asks_us_to_be_responsible(
    gateway: Gateway, tmp_path: Path, ports: dict[str, int]
) -> None:
    options = {"DicomModalities": {"clinic": [AE_TITLE, "127.0.0.1", gateway.port]}}
    with Orthanc(tmp_path / "orthanc", ae_title="ORTHANC", dimse_port=ports["orthanc"], options=options) as hospital:
        hospital.post("/instances", gateway.file_of("1.2.3.9.1").read_bytes())
        stored = hospital.post("/modalities/clinic/store", {"Resources": list(hospital.instances().values())})
        assert stored["FailedInstancesCount"] == 0
        answer = hospital.post(
            "/modalities/clinic/storage-commitment",
            {"DicomInstances": [
                {"SOPClassUID": SecondaryCaptureImageStorage, "SOPInstanceUID": "1.2.3.9.1"},
                {"SOPClassUID": SecondaryCaptureImageStorage, "SOPInstanceUID": "9.9.9"},
            ]},
        )  # fmt: skip
        deadline_s = time.monotonic() + 20
        while (report := hospital.get(f"/storage-commitment/{answer['ID']}"))["Status"] == "Pending":
            assert time.monotonic() < deadline_s, gateway.service.log()[-2000:]
            time.sleep(0.1)
    assert report["Status"] == "Failure"
    assert [one["SOPInstanceUID"] for one in report["Success"]] == ["1.2.3.9.1"]
    assert [(one["SOPInstanceUID"], one["FailureReason"]) for one in report["Failures"]] == [("9.9.9", 0x0112)], report


def test_a_getter_that_leaves_in_the_middle_leaves_nothing_running(gateway: Gateway) -> None:
    ae = AE("VIEWER")
    ae.dimse_timeout = 2  # It left: no answer comes any more.
    context = build_context(GET)
    assoc = ae.associate(
        "127.0.0.1", gateway.port, [context, build_context(SecondaryCaptureImageStorage)],
        ext_neg=[build_role(SecondaryCaptureImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, lambda event: event.assoc.abort() or 0)],
    )  # fmt: skip
    ds = Dataset()
    ds.QueryRetrieveLevel, ds.StudyInstanceUID = "STUDY", "1.2.3"
    list(assoc.send_c_get(ds, GET))
    process = gateway.service.process
    assert process is not None
    deadline_s = time.monotonic() + 15
    while "dicom-partner" in thread_names(process):
        assert time.monotonic() < deadline_s, thread_names(process)
        time.sleep(0.1)


def thread_names(process: "subprocess.Popen[bytes]") -> list[str]:
    return [path.read_text().strip() for path in Path(f"/proc/{process.pid}/task").glob("*/comm")]
