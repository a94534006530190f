"""What a C-STORE status means for a delivery, in the groups of the standard.  Standard: PS3.4 B.2.3, PS3.7 C"""

from edge.core.delivery import Outcome

_REFUSED = {
    0x0117: "the SOP instance UID is not valid there",
    0x0118: "it does not know the SOP class",
    0x0119: "the SOP class and instance do not belong together",
    0x0122: "it does not take this SOP class",
    0x0124: "this node is not allowed to store there",
    0x0211: "it does not know the operation",
}
_WARNINGS = {
    0x0001: "a warning",
    0x0107: "a warning about attributes",
    0x0116: "a warning: a value is out of range",
    0xB000: "some attributes were changed there",
    0xB006: "some attributes were left out there",
    0xB007: "it does not match its SOP class",
}
_ALREADY_THERE = 0x0111


def judge_store(status: int) -> tuple[Outcome, str]:
    """Return what became of an object, and why in words; what is not known is tried again."""
    if status == 0:
        return Outcome.ACCEPTED, ""
    code = f"0x{status:04X}"
    if status in _WARNINGS or status >> 12 == 0xB:
        return Outcome.ACCEPTED, f"stored, with status {code}: {_WARNINGS.get(status, 'a warning')}"
    if status == _ALREADY_THERE:
        return Outcome.ACCEPTED, f"it was there already (status {code})"
    if status in _REFUSED:
        return Outcome.REFUSED, f"refused with status {code}: {_REFUSED[status]}"
    if status >> 8 == 0xA9:
        return Outcome.REFUSED, f"refused with status {code}: the object does not match its SOP class"
    if status >> 12 == 0xC:
        return Outcome.REFUSED, f"refused with status {code}: it cannot understand the object"
    if status >> 8 == 0xA7:
        return Outcome.FAILED, f"status {code}: it has no room or is too busy"
    return Outcome.FAILED, f"status {code}: processing failed there"
