"""Every real slide converts, or is refused with a clear reason, and nothing half-written stays."""

import os
from pathlib import Path

import pytest

from tests.support.judges import dciodvfy_errors
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
    for file in result.files:
        assert dciodvfy_errors(file.path, tmp_path) == []
