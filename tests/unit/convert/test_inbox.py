"""What lies in the inbox, and when it is whole."""

import os
from pathlib import Path

from edge.convert.inbox import Scan, Settling, describe, look


def _scan(name: str, identity: str) -> Scan:
    return Scan(path=Path("/inbox") / name, name=name, size_bytes=1, identity=identity)


def _names(folder: Path) -> list[str]:
    return [scan.name for scan in look(folder)]


def test_a_scan_is_whole_when_it_has_not_changed_for_the_time_set() -> None:
    settling = Settling(2.0)
    assert settling.take([_scan("a.svs", "1")], now_s=10.0) == ([], [_scan("a.svs", "1")])
    assert settling.take([_scan("a.svs", "1")], now_s=11.9)[0] == []
    assert settling.take([_scan("a.svs", "1")], now_s=12.0)[0] == [_scan("a.svs", "1")]


def test_every_change_begins_the_wait_anew() -> None:
    settling = Settling(2.0)
    settling.take([_scan("a.svs", "1")], now_s=10.0)
    settling.take([_scan("a.svs", "2")], now_s=11.5)
    assert settling.take([_scan("a.svs", "2")], now_s=13.0)[0] == []
    assert settling.take([_scan("a.svs", "2")], now_s=13.5)[0] == [_scan("a.svs", "2")]


def test_a_scan_that_went_and_came_back_waits_again() -> None:
    settling = Settling(1.0)
    settling.take([_scan("a.svs", "1")], now_s=10.0)
    settling.take([], now_s=10.5)
    assert settling.take([_scan("a.svs", "1")], now_s=11.5)[0] == []


def test_only_scans_are_seen(tmp_path: Path) -> None:
    for name in ("a.svs", "B.TIFF", ".hidden.svs", "c.svs.part", "d.svs~", "notes.txt", "e.json", "f.ndpi.tmp"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "day" / "one").mkdir(parents=True)
    (tmp_path / "day" / "one" / "g.ndpi").write_bytes(b"x")
    (tmp_path / ".trash").mkdir()
    (tmp_path / ".trash" / "h.svs").write_bytes(b"x")
    assert sorted(_names(tmp_path)) == ["B.TIFF", "a.svs", "day/one/g.ndpi"]


def test_a_scan_of_many_files_is_one_and_waits_for_its_folder(tmp_path: Path) -> None:
    (tmp_path / "slide.mrxs").write_bytes(b"index")
    assert _names(tmp_path) == []
    (tmp_path / "slide").mkdir()
    (tmp_path / "slide" / "Data0000.dat").write_bytes(b"x" * 100)
    (tmp_path / "slide" / "label.tif").write_bytes(b"x")
    (first,) = look(tmp_path)
    assert (first.name, first.size_bytes) == ("slide.mrxs", 106)
    (tmp_path / "slide" / "Data0001.dat").write_bytes(b"x")
    (second,) = look(tmp_path)
    assert second.identity != first.identity
    assert second.job_id == first.job_id


def test_a_scan_that_names_its_files_waits_for_each_picture(tmp_path: Path) -> None:
    (tmp_path / "a.vms").write_text("[Virtual Microscope Specimen]\nImageFile=a.jpg\nImageFile(1,0)=a(1,0).jpg\n"
                                    "MapFile=a_map2.jpg\nReference=x\n")  # fmt: skip
    (tmp_path / "a.jpg").write_bytes(b"one")
    assert _names(tmp_path) == [], "a picture is still missing"
    (tmp_path / "a(1,0).jpg").write_bytes(b"two")
    (first,) = look(tmp_path)
    (tmp_path / "a_map2.jpg").write_bytes(b"map")
    (second,) = look(tmp_path)
    assert first.identity != second.identity, "what comes later begins the wait anew"
    assert second.size_bytes > first.size_bytes


def test_the_patient_laid_beside_a_scan_belongs_to_it(tmp_path: Path) -> None:
    (tmp_path / "a.svs").write_bytes(b"x")
    before = describe(tmp_path, tmp_path / "a.svs")
    (tmp_path / "a.svs.json").write_text("{}")
    after = describe(tmp_path, tmp_path / "a.svs")
    assert before is not None and after is not None
    assert before.identity != after.identity


def test_the_same_bytes_at_another_time_are_another_scan(tmp_path: Path) -> None:
    path = tmp_path / "a.svs"
    path.write_bytes(b"x")
    os.utime(path, ns=(1, 1))
    first = describe(tmp_path, path)
    os.utime(path, ns=(2, 2))
    assert first != describe(tmp_path, path)
    path.unlink()
    assert describe(tmp_path, path) is None


def test_names_that_are_no_text_are_survived(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff\xfe.svs", "wb") as file:
        file.write(b"x")
    (scan,) = look(tmp_path)
    assert scan.job_id.startswith("slide-")
