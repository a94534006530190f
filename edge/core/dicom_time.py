"""DICOM dates and times as seconds. Pure: the local time zone is handed in."""

from datetime import datetime, timedelta, timezone, tzinfo

_FORMS = ((14, "%Y%m%d%H%M%S"), (12, "%Y%m%d%H%M"), (10, "%Y%m%d%H"), (8, "%Y%m%d"))


def to_seconds(text: str, *, zone: tzinfo) -> float | None:
    """Return a DT value, or a DA and TM written together, as seconds since 1970; None when it says no day.

    An offset in the text counts before `zone`.  Standard: PS3.5 6.2
    """
    text, zone = _split_offset(text.strip().replace(":", ""), zone)
    whole, _, fraction = text.partition(".")
    for length, form in _FORMS:
        if len(whole) >= length:
            try:
                at = datetime.strptime(whole[:length], form).replace(tzinfo=zone)
            except ValueError:
                return None
            return at.timestamp() + (float(f"0.{fraction}") if fraction.isascii() and fraction.isdigit() else 0.0)
    return None


def offset_zone(offset: str) -> tzinfo | None:
    """Return the zone of an offset such as +0530; None when it is not one.  Standard: PS3.3 C.12.1.1.8"""
    sign, digits = offset[:1], offset[1:]
    if sign not in ("+", "-") or len(digits) != 4 or not (digits.isascii() and digits.isdigit()):
        return None
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if minutes >= 24 * 60:
        return None
    return timezone(timedelta(minutes=minutes if sign == "+" else -minutes))


def _split_offset(text: str, zone: tzinfo) -> tuple[str, tzinfo]:
    own = offset_zone(text[-5:])
    return (text[:-5], own) if own is not None else (text, zone)
