"""Media in and out: what is written opens in other readers, what others write is taken in."""

import json
import shutil
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.fileset import FileSet

from edge.dicom import directory
from edge.errors import EXIT_TRY_AGAIN, BadInputError
from edge.store import media
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.away import Node
from tests.support.gateway import run
from tests.support.objects import write_object
from tests.support.orthanc import Orthanc
from tests.support.services import write_config


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="edge-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Store:
    """A store in a folder and the command line on it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.config = write_config(folder, "")
        self.database = Database(folder / "data" / "edge.db")
        self.instances = Instances(self.database, folder / "data")

    def edge(self, *words: object, status: int = 0) -> str:
        command = [sys.executable, "-m", "edge", *map(str, words), "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def take_in(self, *paths: Path, status: int = 0) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.edge("import", "--json", *paths, status=status))
        return answer


NAMES = {"1.2.1": "Müller^Änne", "1.2.2": "Yamada^Tarou=山田^太郎=やまだ^たろう"}


@pytest.fixture
def store(folder: Path) -> Store:
    """Two patients, three studies, among them what has no dates, and a report."""
    made = Store(folder / "node")
    source = folder / "source"
    source.mkdir()
    for study, name in NAMES.items():
        for number in range(4):
            write_object(
                source / f"{study}.{number}.dcm", StudyInstanceUID=study, SeriesInstanceUID=f"{study}.{number % 2}",
                PatientName=name, PatientID=f"P{study}", InstanceNumber=number, pixel_seed=number,
            )  # fmt: skip
    write_object(
        source / "bare.dcm", StudyInstanceUID="1.2.3", PatientID="", StudyDate="", StudyTime="", StudyID="",
        SeriesNumber=None, InstanceNumber=None,
    )  # fmt: skip
    assert made.take_in(source)["kept"] == 9
    return made


def write_media(store: Store, out: Path) -> Path:
    store.edge("export", *(word for study in ("1.2.1", "1.2.2", "1.2.3") for word in ("--study", study)), "--out", out)
    return out


def test_every_file_on_the_media_is_the_kept_one_under_a_name_of_the_standard(store: Store, folder: Path) -> None:
    out = write_media(store, folder / "media")
    files = [path for path in out.rglob("*") if path.is_file() and path.name != "DICOMDIR"]
    assert len(files) == 9
    for path in files:
        parts = path.relative_to(out).parts
        assert len(parts) <= 8
        assert all(len(part) <= 8 and set(part) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") for part in parts)
        uid = pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID
        assert path.read_bytes() == store.instances.path_of(store.instances.require(uid)).read_bytes()


def test_pydicom_reads_the_directory(store: Store, folder: Path) -> None:
    out = write_media(store, folder / "media")
    found = FileSet(out / "DICOMDIR")
    assert len(found) == 9
    assert set(map(str, found.find_values("PatientName"))) == {*NAMES.values(), "Test^Object"}
    assert {one.StudyInstanceUID for one in found} == {"1.2.1", "1.2.2", "1.2.3"}
    assert all(Path(one.path).is_file() and one.load().SOPInstanceUID == one.SOPInstanceUID for one in found)


def test_dcmtk_reads_the_directory_and_would_have_written_the_same_records(store: Store, folder: Path) -> None:
    out = write_media(store, folder / "media")
    text = run("dcmdump", "+U8", out / "DICOMDIR").stdout
    assert text.count("DirectoryRecordType") == 3 + 3 + 5 + 9
    assert "山田" in text
    # The linked offsets are followed by the tool that appends to a directory.
    before = len(pydicom.dcmread(out / "DICOMDIR").DirectoryRecordSequence)
    more = out / "MORE"
    write_object(more, StudyInstanceUID="1.2.9", PatientID="P9")
    done = run("dcmmkdir", "+A", "+I", "-Xp", "-Pgp", "MORE", cwd=out)
    done = done if done.returncode == 0 else run("dcmmkdir", "+A", "+I", "MORE", cwd=out)
    assert done.returncode == 0, done.stderr
    assert len(pydicom.dcmread(out / "DICOMDIR").DirectoryRecordSequence) == before + 4


def test_orthanc_takes_the_media(store: Store, folder: Path) -> None:
    out = write_media(store, folder / "media")
    with Orthanc(folder / "orthanc") as archive:
        for path in sorted((out / "DICOM").rglob("IM*")):
            archive.post("/instances", path.read_bytes())
        assert len(archive.instances()) == 9


def test_every_real_object_goes_out_and_comes_back(folder: Path, real_data: Path) -> None:
    """Reports, documents, slides, waveforms and presentation states have records of their own."""
    first = Store(folder / "first")
    taken = first.take_in(real_data / "dicom" / "objects", real_data / "us" / "dicom", status=4)
    with first.database.read() as connection:
        studies = [row[0] for row in connection.execute("SELECT study_instance_uid FROM studies")]
    out = folder / "media"
    first.edge("export", *(word for study in studies for word in ("--study", study)), "--out", out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(FileSet(out / "DICOMDIR")) == taken["kept"] > 30
    kinds = {str(record.DirectoryRecordType) for record in pydicom.dcmread(out / "DICOMDIR").DirectoryRecordSequence}
    assert {"PATIENT", "STUDY", "SERIES", "IMAGE", "SR DOCUMENT"} <= kinds
    second = Store(folder / "second")
    again = second.take_in(out / "DICOMDIR")
    assert (again["kept"], again["refused"]) == (taken["kept"], 0)


def test_what_pydicom_writes_is_taken_in_by_its_directory(store: Store, folder: Path) -> None:
    written = FileSet()
    for number in range(3):
        path = folder / f"{number}.dcm"
        write_object(path, StudyInstanceUID="1.5", SeriesInstanceUID="1.5.1", InstanceNumber=number + 1)
        written.add(path)
    written.write(folder / "theirs")
    (folder / "theirs" / "not-named.dcm").write_bytes((folder / "0.dcm").read_bytes())
    assert store.take_in(folder / "theirs" / "DICOMDIR")["kept"] == 3


def test_names_of_a_mounted_disc_are_found_whatever_their_case(store: Store, folder: Path) -> None:
    out = write_media(store, folder / "media")
    for path in sorted(out.rglob("*"), reverse=True):
        if path.name != "DICOMDIR":
            path.rename(path.with_name(path.name.lower() + (";1" if path.is_file() else "")))
    other = Store(folder / "other")
    assert other.take_in(out / "DICOMDIR")["kept"] == 9


def test_a_directory_that_points_outside_or_nowhere_takes_nothing_from_there(store: Store, folder: Path) -> None:
    outside = folder / "OUTSIDE"
    write_object(outside, StudyInstanceUID="1.6")
    out = write_media(store, folder / "media")
    data = (out / "DICOMDIR").read_bytes()
    (out / "DICOMDIR").write_bytes(
        data.replace(b"DICOM\\ST000001\\SE000001\\IM000001", b"DICOM\\../../OUTSIDE\\../../OUTSID")
    )
    (out / "DICOM" / "ST000002" / "SE000001" / "IM000001").unlink()
    other = Store(folder / "other")
    answer = other.take_in(out / "DICOMDIR")
    assert answer["kept"] == 7 and answer["refused"] == 2
    assert all("which is not there" in reason for reason in answer["reasons"])


def test_zip_files_are_taken_in_and_what_is_no_dicom_is_named(store: Store, folder: Path) -> None:
    archive = folder / "study.zip"
    write_object(folder / "a.dcm", StudyInstanceUID="1.7")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.write(folder / "a.dcm", "deep/in/a.dcm")
        out.writestr("readme.txt", "hello")
        out.writestr("DICOMDIR", b"an index")
    answer = store.take_in(archive)
    assert (answer["kept"], answer["refused"]) == (1, 1)
    assert "readme.txt" in answer["reasons"][0]
    archive.write_bytes(archive.read_bytes()[:400] + bytes(50) + archive.read_bytes()[450:])
    assert store.take_in(archive, status=4)["kept"] == 0


def test_a_rotten_object_is_not_written_on_media(store: Store, folder: Path) -> None:
    instance = store.instances.in_study("1.2.3")[0]
    path = store.instances.path_of(instance)
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    store.edge("export", "--study", "1.2.3", "--out", folder / "media", status=6)
    assert not list((folder / "media").rglob("IM*"))


def test_a_study_that_has_left_the_disk_is_asked_back_and_written_once_it_is_here(folder: Path) -> None:
    node = Node(folder / "node" / "data")
    node.safe(2, StudyInstanceUID="1.2.7")
    node.janitor().step()
    store = Store(folder / "node")
    command = ("export", "--study", "1.2.7", "--out", folder / "media")
    store.edge(*command, status=EXIT_TRY_AGAIN)
    assert not (folder / "media").exists()
    node.fetcher().step()
    store.edge(*command)
    assert len(list((folder / "media").rglob("IM*"))) == 2


def test_a_file_that_is_no_directory_is_refused(folder: Path) -> None:
    path = folder / "DICOMDIR"
    for content in (b"", b"x" * 1000):
        path.write_bytes(content)
        with pytest.raises(BadInputError):
            directory.files_of(path)
    write_object(path)
    with pytest.raises(BadInputError):
        directory.files_of(path)


def test_a_lost_index_is_rebuilt_from_the_command_line_and_scrubbed(store: Store, folder: Path) -> None:
    store.database.close()
    for path in (folder / "node" / "data").glob("edge.db*"):
        path.unlink()
    assert json.loads(store.edge("store", "rebuild", "--json"))["objects"] == 9
    assert json.loads(store.edge("store", "scrub", "--json"))["objects"] == 9
    reopened = Instances(Database(folder / "node" / "data" / "edge.db"), folder / "node" / "data")
    path = reopened.path_of(reopened.in_study("1.2.3")[0])
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert len(json.loads(store.edge("store", "scrub", "--json", status=4))["damaged"]) == 1


def test_entries_say_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    write_object(path, PatientID="", StudyDate="", SeriesNumber=None, InstanceNumber=None)
    entry = media.entry_of(path, ("A",))
    assert entry.patient["PatientID"] == "UNKNOWN" and entry.study["StudyDate"] == "19000101"
    assert entry.series["SeriesNumber"] == "1" and entry.more["InstanceNumber"] == "1"
