"""The frame somebody sees on a poor link is the frame that is kept; a thousand of them in `tests.bench.bench_exact`."""

from pathlib import Path

import pytest

from tests.support.exact import measure

pytestmark = pytest.mark.alone

COUNT = 30


def test_every_frame_asked_for_at_300_kbit_is_the_very_frame_on_the_screen(tmp_path: Path) -> None:
    seen = measure(tmp_path / "node", count=COUNT, keep_every=10, rate_bps=300_000)
    assert seen.errors == [] and len(seen.answers) == COUNT
    assert seen.height_px == 360
    assert len(seen.offsets) == 1, "one frame was taken for another"
    assert len({answer["number"] for answer in seen.answers}) == COUNT
    assert len(seen.kept) == 3 and all(screen == record for screen, record in seen.kept)
