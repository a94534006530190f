"""Many slides on a real dask cluster: the same bytes as one after the other, errors told as ever."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.convert.command import convert_slides
from tests.support.scans import write_svs

distributed = pytest.importorskip("distributed", reason="dask absent: install edge-appliance[dask]")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with distributed.LocalCluster(**options) as cluster:
        yield cluster.scheduler_address


def run(slides: list[Path], out: Path, *, dask: str) -> int:
    return convert_slides(slides, out, metadata=None, levels="native", workers=1, resume=False, as_json=True, dask=dask)


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.dcm")}


def test_a_cluster_writes_the_same_bytes(scheduler: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slides = [tmp_path / f"{name}.svs" for name in "abc"]
    for number, slide in enumerate(slides):
        write_svs(slide, [(200 + 40 * number, 200), (100 + 20 * number, 100)])
    assert run(slides, tmp_path / "here", dask="") == 0
    assert run(slides, tmp_path / "there", dask=scheduler) == 0
    assert bytes_in(tmp_path / "there") == bytes_in(tmp_path / "here")
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["is_proven"] for entry in said] == [True] * 6


def test_a_slide_that_fails_does_not_stop_the_others(
    scheduler: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.svs").write_bytes(b"nothing")
    write_svs(tmp_path / "b.svs")
    assert run([tmp_path / "a.svs", tmp_path / "b.svs"], tmp_path / "out", dask=scheduler) == 4
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {entry.get("code", "proven") for entry in said} == {"slide.not_a_slide", "proven"}


def test_a_cluster_that_does_not_answer_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_svs(tmp_path / "a.svs")
    assert run([tmp_path / "a.svs"], tmp_path / "out", dask="nowhere://at-all") == 5
    assert "No cluster answers at nowhere://at-all" in capsys.readouterr().err
