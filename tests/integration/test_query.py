"""Queries of real workstations: DCMTK, pynetdicom's own programs, and what no program would send."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    SecondaryCaptureImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from edge.dicom import character_set
from edge.store.header import read
from tests.support.foreign import NAMES, labels, object_in, study_uid
from tests.support.gateway import AE_TITLE, Gateway, run

STUDY_FIND = str(StudyRootQueryRetrieveInformationModelFind)
PATIENT_FIND = str(PatientRootQueryRetrieveInformationModelFind)
STUDIES = 40


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    folder = Path(tempfile.mkdtemp(prefix="edge-"))
    with Gateway(folder) as made:
        for number in range(STUDIES):
            made.keep(
                StudyInstanceUID=f"1.2.{number}", SeriesInstanceUID=f"1.2.{number}.1", PatientID=f"P{number % 10}",
                PatientName=f"Sample^Patient{number % 10}", StudyDate=f"202601{number % 28 + 1:02}",
                SOPInstanceUID=f"1.2.{number}.1.1", Modality="US" if number % 2 else "SM",
            )  # fmt: skip
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def findscu(gateway: Gateway, *options: str, **keys: str) -> list[Dataset]:
    """Ask with DCMTK; return the responses, read by pydicom."""
    with tempfile.TemporaryDirectory() as folder:
        words = [word for key, value in keys.items() for word in ("-k", f"{key}={value}" if value else key)]
        done = run("findscu", *options, "-X", "-od", folder, "-aec", AE_TITLE, "127.0.0.1", gateway.port, *words)
        assert done.returncode == 0, done.stderr
        return [pydicom.dcmread(path) for path in sorted(Path(folder).glob("*.dcm"))]


def ask(gateway: Gateway, sop_class: str, **keys: object) -> tuple[int, list[Dataset], set[int]]:
    """Ask with the library; return the last status, the responses and the statuses that came with them."""
    assoc = gateway.associate(sop_class)
    assert assoc.is_established
    ds = Dataset()
    for key, value in keys.items():
        setattr(ds, key, value)
    found, statuses, last = [], set(), -1
    for status, identifier in assoc.send_c_find(ds, sop_class):
        last = status.Status
        if identifier is not None:
            statuses.add(last)
            found.append(identifier)
    assoc.release()
    return last, found, statuses


def test_dcmtk_finds_studies_by_wild_card_range_and_list(gateway: Gateway) -> None:
    found = findscu(gateway, "-S", QueryRetrieveLevel="STUDY", PatientName="SAMPLE^patient3", StudyInstanceUID="")
    assert {ds.StudyInstanceUID for ds in found} == {"1.2.3", "1.2.13", "1.2.23", "1.2.33"}
    assert {str(ds.PatientName) for ds in found} == {"Sample^Patient3"}
    found = findscu(gateway, "-S", QueryRetrieveLevel="STUDY", StudyDate="20260127-", StudyInstanceUID="")
    assert {ds.StudyInstanceUID for ds in found} == {"1.2.26", "1.2.27"}
    found = findscu(gateway, "-S", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.5\\1.2.7\\9.9", PatientID="P?")
    assert {ds.StudyInstanceUID for ds in found} == {"1.2.5", "1.2.7"}
    assert all(ds.RetrieveAETitle == AE_TITLE and ds.InstanceAvailability == "ONLINE" for ds in found)


def test_patients_are_found_with_what_belongs_to_them(gateway: Gateway) -> None:
    found = findscu(
        gateway, "-P", QueryRetrieveLevel="PATIENT", PatientID="P3", PatientName="", NumberOfPatientRelatedStudies="",
        NumberOfPatientRelatedInstances="",
    )  # fmt: skip
    (patient,) = found
    assert str(patient.PatientName) == "Sample^Patient3"
    assert (patient.NumberOfPatientRelatedStudies, patient.NumberOfPatientRelatedInstances) == (4, 4)
    assert len(findscu(gateway, "-P", QueryRetrieveLevel="PATIENT", PatientID="*")) == 10


def test_series_and_images_are_found_below_their_study(gateway: Gateway) -> None:
    (series,) = findscu(
        gateway, "-S", QueryRetrieveLevel="SERIES", StudyInstanceUID="1.2.4", SeriesInstanceUID="", Modality="",
        NumberOfSeriesRelatedInstances="",
    )  # fmt: skip
    assert (series.SeriesInstanceUID, series.Modality, series.NumberOfSeriesRelatedInstances) == ("1.2.4.1", "SM", 1)
    (image,) = findscu(
        gateway, "-P", QueryRetrieveLevel="IMAGE", PatientID="P4", StudyInstanceUID="1.2.4",
        SeriesInstanceUID="1.2.4.1", SOPInstanceUID="", Rows="", SOPClassUID="", InstanceNumber="1",
    )  # fmt: skip
    assert (image.SOPInstanceUID, image.Rows) == ("1.2.4.1.1", 64)


def test_the_librarys_own_program_finds_them_too(gateway: Gateway) -> None:
    done = run(
        sys.executable, "-m", "pynetdicom", "findscu", "127.0.0.1", gateway.port, "-S", "-k",
        "QueryRetrieveLevel=STUDY", "-k", "PatientID=P3", "-k", "StudyInstanceUID=", "-v",
    )  # fmt: skip
    assert done.returncode == 0 and (done.stdout + done.stderr).count("1.2.13") == 1, done.stderr


def test_an_unknown_key_is_returned_empty_and_told(gateway: Gateway) -> None:
    last, found, statuses = ask(
        gateway, STUDY_FIND, QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.4", PatientComments=""
    )
    assert (last, len(found), statuses) == (0, 1, {0xFF01})
    assert found[0].PatientComments == ""
    _, _, statuses = ask(gateway, STUDY_FIND, QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.4", PatientID="")
    assert statuses == {0xFF00}


@pytest.mark.parametrize(
    ("sop_class", "keys", "status"),
    [
        (STUDY_FIND, {"StudyInstanceUID": "1.2.3"}, 0xA900),
        (STUDY_FIND, {"QueryRetrieveLevel": "PATIENT", "PatientID": "P1"}, 0xA900),
        (STUDY_FIND, {"QueryRetrieveLevel": "FRAME"}, 0xA900),
        (STUDY_FIND, {"QueryRetrieveLevel": "STUDY", "StudyDate": "yesterday"}, 0xA900),
        (STUDY_FIND, {"QueryRetrieveLevel": "STUDY", "PatientID": "nobody"}, 0x0000),
        (PATIENT_FIND, {"QueryRetrieveLevel": "STUDY", "PatientID": "nobody"}, 0x0000),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_and_the_next_one_is_not(
    gateway: Gateway, sop_class: str, keys: dict[str, str], status: int
) -> None:
    assert ask(gateway, sop_class, **keys)[:2] == (status, [])
    assert len(ask(gateway, STUDY_FIND, QueryRetrieveLevel="STUDY", PatientID="P1")[1]) == 4


def test_a_cancelled_query_ends_early(gateway: Gateway) -> None:
    assoc = gateway.associate(STUDY_FIND)
    ds = Dataset()
    ds.QueryRetrieveLevel, ds.StudyInstanceUID = "STUDY", ""
    answers = assoc.send_c_find(ds, STUDY_FIND, msg_id=7)
    seen = [next(answers)[0].Status]
    assoc.send_c_cancel(7, query_model=STUDY_FIND)
    seen += [status.Status for status, _ in answers]
    assoc.release()
    assert seen[-1] in (0xFE00, 0x0000)
    assert seen[-1] == 0xFE00 or len(seen) == STUDIES + 1


def test_an_endless_request_is_broken_off_before_it_fills_memory(gateway: Gateway) -> None:
    assoc = gateway.associate(STUDY_FIND)
    ds = Dataset()
    ds.QueryRetrieveLevel, ds.PatientComments = "STUDY", "x" * (40 * 1024 * 1024)
    started_s = time.monotonic()
    statuses = [status.get("Status") for status, _ in assoc.send_c_find(ds, STUDY_FIND)]
    assert statuses in ([None], [0xA900]) and time.monotonic() - started_s < 20
    assert len(ask(gateway, STUDY_FIND, QueryRetrieveLevel="STUDY", PatientID="P1")[1]) == 4


CHARACTER_SETS = ("chrArab", "chrFren", "chrFrenMulti", "chrGreek", "chrH32", "chrHbrw", "chrJapMulti",
                  "chrJapMultiExplicitIR6", "chrKoreanMulti", "chrRuss", "chrX2")  # fmt: skip


@pytest.fixture(scope="module")
def foreign(gateway: Gateway, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The samples of all character sets, kept. Some share their UIDs: each gets its own, of the same length."""
    folder = tmp_path_factory.mktemp("foreign")
    made = {}
    for number, stem in enumerate(CHARACTER_SETS):
        (path,) = (real_data / "dicom" / "charset").rglob(f"{stem}.dcm")
        data, said = path.read_bytes(), read(path)
        for uid in {said.sop_instance_uid, said.series_instance_uid, said.study_instance_uid}:
            data = data.replace(uid.encode(), f"{uid[:-4]}.1{number:02}".encode())
        made[stem] = folder / path.name
        made[stem].write_bytes(data)
        gateway.keep_file(made[stem])
    return made


def raw_name(path: Path) -> tuple[bytes, str, str]:
    """Return the bytes of a patient's name, its character set, and the name."""
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    terms = ds.get("SpecificCharacterSet") or ""
    raw = ds.get_item("PatientName").value if ds.get_item("PatientName").is_raw else b""
    return raw.rstrip(b" "), terms if isinstance(terms, str) else "\\".join(terms), str(ds.PatientName).strip()


def find_by_name(gateway: Gateway, folder: Path, raw: bytes, terms: str) -> list[Dataset]:
    """Ask DCMTK with a file, so that the bytes of the query are exactly those of the character set."""
    query, out = folder / "query.dcm", folder / "out"
    out.mkdir()
    elements = [(0x00080005, b"CS", terms.encode()), (0x00080052, b"CS", b"STUDY"), (0x00100010, b"PN", raw),
                (0x0020000D, b"UI", b"")]  # fmt: skip
    body = b""
    for tag, vr, said in elements:
        value = said + b" " * (len(said) % 2)
        body += (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + vr
        body += len(value).to_bytes(2, "little") + value
    query.write_bytes(body)
    done = run("findscu", "-S", "-X", "-od", out, "-aec", AE_TITLE, "127.0.0.1", gateway.port, query)
    assert done.returncode == 0, done.stderr
    return [pydicom.dcmread(path) for path in out.iterdir()]


def assert_answered(found: list[Dataset], uid: str, name: str, terms: str) -> None:
    """The answer is in the asker's own set, and says the same."""
    (answer,) = [ds for ds in found if uid == ds.StudyInstanceUID]
    assert str(answer.PatientName).rstrip("=") == name.rstrip("=")
    answered_in = answer.get("SpecificCharacterSet") or ""
    assert (answered_in if isinstance(answered_in, str) else "\\".join(answered_in)) == terms


@pytest.mark.parametrize("sample", CHARACTER_SETS)
@pytest.mark.parametrize("asked_in", ["its own", "utf-8"])
def test_a_name_of_every_sample_is_found_and_returned_whole(
    gateway: Gateway, foreign: dict[str, Path], sample: str, asked_in: str, tmp_path: Path
) -> None:
    raw, terms, name = raw_name(foreign[sample])
    if asked_in == "utf-8":
        raw, terms = name.encode(), "ISO_IR 192"
    uid = read(foreign[sample]).study_instance_uid
    assert_answered(find_by_name(gateway, tmp_path, raw, terms), uid, name, terms)


@pytest.mark.parametrize("terms", NAMES, ids=labels())
def test_a_name_in_every_set_of_the_standard_is_found_and_returned_whole(
    gateway: Gateway, terms: tuple[str, ...], tmp_path: Path
) -> None:
    made = tmp_path / "made.dcm"
    made.write_bytes(object_in(terms))
    gateway.keep_file(made)
    raw = character_set.encode(NAMES[terms], character_set.encodings_of(terms), is_name=True)
    found = find_by_name(gateway, tmp_path, raw, "\\".join(terms))
    (answer,) = [ds for ds in found if study_uid(terms) == ds.StudyInstanceUID]
    assert str(answer.PatientName) == NAMES[terms]


@pytest.mark.parametrize("sample", CHARACTER_SETS)
def test_a_name_asked_for_without_a_set_comes_in_utf_8(gateway: Gateway, foreign: dict[str, Path], sample: str) -> None:
    uid = read(foreign[sample]).study_instance_uid
    found = findscu(gateway, "-S", QueryRetrieveLevel="STUDY", StudyInstanceUID=uid, PatientName="")
    assert raw_name(foreign[sample])[2].rstrip("=") in {str(ds.PatientName).rstrip("=") for ds in found}


def test_only_named_devices_may_ask_and_only_for_what_they_may() -> None:
    folder = Path(tempfile.mkdtemp(prefix="edge-"))
    sections = (
        '[[peer]]\nname = "viewer"\nae_title = "VIEWER"\nservices = ["query"]\n'
        '[[peer]]\nname = "cart"\nae_title = "CART"\naddresses = ["10.0.0.0/8"]\n'
    )
    with Gateway(folder, sections) as gateway:
        for number, title in enumerate(("STRANGER", "CART"), start=1):
            assert not gateway.associate(STUDY_FIND, ae_title=title).is_established
            assert gateway.service.log().count("association.rejected") == number
        assoc = gateway.associate(STUDY_FIND, str(StudyRootQueryRetrieveInformationModelMove), ae_title="VIEWER")
        assert [context.abstract_syntax for context in assoc.accepted_contexts] == [STUDY_FIND]
        assoc.release()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_device_stores_and_retrieves_only_its_sop_classes() -> None:
    folder = Path(tempfile.mkdtemp(prefix="edge-"))
    peer = '[[peer]]\nname = "cart"\nae_title = "CART"\nsop_classes = ["UltrasoundImageStorage"]\n'
    with Gateway(folder, peer) as gateway:
        kept = gateway.keep(StudyInstanceUID="1.2.3")  # A secondary capture, from somewhere else.
        assoc = gateway.associate(SecondaryCaptureImageStorage, Verification, ae_title="CART")
        assert [context.abstract_syntax for context in assoc.accepted_contexts] == [Verification]
        assoc.release()
        (gateway.folder / "out").mkdir()
        done = run(
            "getscu", "-v", "-S", "-aet", "CART", "-aec", AE_TITLE, "127.0.0.1", gateway.port, "-od",
            gateway.folder / "out", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3",
        )  # fmt: skip
        assert done.returncode == 0 and list((gateway.folder / "out").iterdir()) == []
        assert gateway.store.find(kept) is not None
    shutil.rmtree(folder, ignore_errors=True)


def test_what_threads_open_of_the_index_is_closed_with_them(gateway: Gateway) -> None:
    """An association is a thread; a reading connection of each would stay open for ever."""
    process = gateway.service.process
    assert process is not None
    folder = Path(f"/proc/{process.pid}/fd")
    ask(gateway, STUDY_FIND, QueryRetrieveLevel="STUDY", PatientID="P1")
    before = len(list(folder.iterdir()))
    for _ in range(30):
        ask(gateway, STUDY_FIND, QueryRetrieveLevel="STUDY", PatientID="P1")
    time.sleep(0.5)
    assert len(list(folder.iterdir())) < before + 15
