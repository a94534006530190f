"""`edge convert` and `edge verify` as a person or a script runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge.convert.command import convert_slides, verify_slide
from tests.support.scans import write_svs


def run(
    slides: list[Path], out: Path, *, metadata: Path | None = None, as_json: bool = False, levels: str = "native"
) -> int:
    return convert_slides(slides, out, metadata=metadata, levels=levels, workers=2, resume=False, as_json=as_json)


def test_a_slide_is_converted_and_proven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_svs(tmp_path / "a.svs")
    assert run([tmp_path / "a.svs"], tmp_path / "out") == 0
    assert "2 objects" in capsys.readouterr().out
    assert verify_slide(tmp_path / "a.svs", tmp_path / "out", as_json=False) == 0
    assert "a.svs: proven" in capsys.readouterr().out


def test_json_is_one_object_a_slide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_svs(tmp_path / "a.svs")
    write_svs(tmp_path / "b.svs", [(200, 200)])
    (tmp_path / "c.svs").write_bytes(b"nothing")
    assert run([tmp_path / f"{name}.svs" for name in "cab"], tmp_path / "out", as_json=True) == 4
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said[0]["code"] == "slide.not_a_slide"
    assert [entry["is_proven"] for entry in said[1:]] == [True, True]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "b"]


def test_verify_finds_one_changed_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_svs(tmp_path / "a.svs")
    assert run([tmp_path / "a.svs"], tmp_path / "out") == 0
    largest = max((tmp_path / "out").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[-500] ^= 1
    largest.write_bytes(data)
    assert verify_slide(tmp_path / "a.svs", tmp_path / "out", as_json=False) == 4
    assert "its bytes differ" in capsys.readouterr().out


def test_verify_notices_a_lost_level(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_svs(tmp_path / "a.svs")
    assert run([tmp_path / "a.svs"], tmp_path / "out") == 0
    min((tmp_path / "out").iterdir(), key=lambda path: path.stat().st_size).unlink()
    assert verify_slide(tmp_path / "a.svs", tmp_path / "out", as_json=True) == 4
    assert "missing" in json.loads(capsys.readouterr().out.splitlines()[-1])["problems"][0]


def test_wrong_metadata_is_said_before_anything_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_svs(tmp_path / "a.svs")
    (tmp_path / "m.json").write_text('{"patient_nam": "X"}')
    assert run([tmp_path / "a.svs"], tmp_path / "out", metadata=tmp_path / "m.json") == 4
    assert "patient_nam" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_wrong_use_is_2(tmp_path: Path) -> None:
    assert run([], tmp_path / "out") == 2
    assert run([tmp_path / "a.svs"], tmp_path / "out", levels="some") == 2


def test_the_command_says_the_same(tmp_path: Path) -> None:
    write_svs(tmp_path / "a.svs")
    edge = [sys.executable, "-m", "edge"]
    done = subprocess.run(
        [*edge, "convert", str(tmp_path / "a.svs"), "--out", str(tmp_path / "out"), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["is_proven"] is True
    refused = subprocess.run(
        [*edge, "convert", str(tmp_path / "none.svs"), "--out", str(tmp_path / "more")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 4
    assert "none.svs" in refused.stderr
