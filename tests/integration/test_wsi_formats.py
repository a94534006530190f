"""Every slide converts to what all readers and validators accept, or is refused with a reason and leaves nothing."""

import os
from pathlib import Path

import pytest

from tests.support.formats import SAMPLES, Sample
from tests.support.slide_judges import objections
from wsi.convert import convert
from wsi.errors import SlideError

_FOLDER = Path(os.environ.get("EDGE_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")) / "wsi"
_PARTS_OF_SLIDES = {".dat", ".ini", ".raw", ".jls", ".rle"}
_SLIDES = sorted(
    path
    for path in _FOLDER.rglob("*")
    if path.is_file() and path.suffix not in _PARTS_OF_SLIDES and "encoded" not in path.parts
)


def _id(path: Path) -> str:
    return str(path.relative_to(_FOLDER))


def test_there_are_real_slides() -> None:
    if not _SLIDES:
        pytest.skip(f"real data absent: {_FOLDER} (set EDGE_REAL_DATA)")


@pytest.mark.parametrize("slide", _SLIDES, ids=_id)
def test_a_real_slide_converts_and_is_proven_or_is_refused_with_a_reason(slide: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    try:
        result = convert(slide, out)
    except SlideError as refusal:
        assert slide.name in refusal.what
        assert refusal.advice
        assert refusal.exit_code == 4
        assert not out.exists() or not list(out.iterdir())
        return
    assert result.verification is not None
    assert result.verification.is_proven
    assert {path.name for path in out.iterdir()} == {file.path.name for file in result.files}
    assert objections(out) == []


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if not sample.real], ids=lambda sample: sample.name)
def test_a_slide_of_every_scanner_pleases_every_reader_and_validator(sample: Sample, tmp_path: Path) -> None:
    scan, out = sample.make(tmp_path), tmp_path / "out"
    try:
        result = convert(scan, out)
    except SlideError as refusal:
        assert refusal.advice
        assert not out.exists()
        return
    assert result.verification is not None
    assert result.verification.is_proven
    assert objections(out) == []
