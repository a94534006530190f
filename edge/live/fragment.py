"""What comes after the offer: candidates one by one, and new credentials for a network that changed.  Pure.

Standard: RFC 8840 9 (trickle-ice-sdpfrag), RFC 9725 4.3
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge.errors import BadInputError, ConflictError

FRAGMENT_BYTES_MAX = 16 * 1024
CANDIDATE_COUNT_MAX = 64
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")


class IceMovedError(ConflictError):
    """The entity tag is of an older network path."""

    code = "ice.moved"
    http_status = 412
    next_step = "Send the entity tag of the latest answer, or restart with If-Match: *."


class TagMissingError(ConflictError):
    """A change without an entity tag."""

    code = "ice.untagged"
    http_status = 428
    next_step = "Send If-Match with the entity tag of the answer; * for an ICE restart."


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One PATCH of a peer."""

    ufrag: str = ""
    password: str = ""
    candidates: tuple[tuple[str, str], ...] = ()
    """Media id and candidate, without the `candidate:` before it."""
    is_end: bool = False


def read_fragment(text: str) -> Fragment:
    """Check and read a fragment.  Raises: BadInputError."""
    if len(text) > FRAGMENT_BYTES_MAX:
        raise BadInputError(f"The fragment has {len(text)} characters; {FRAGMENT_BYTES_MAX} are allowed.")
    found = {"ice-ufrag": "", "ice-pwd": ""}
    candidates: list[tuple[str, str]] = []
    mid, is_end = "", False
    for line in text.replace("\r\n", "\n").split("\n"):
        name, _, value = line.removeprefix("a=").partition(":")
        match name if line.startswith("a=") else "":
            case "ice-ufrag" | "ice-pwd":
                found[name] = value.strip()
            case "mid":
                mid = value.strip()
            case "candidate" if is_address(value):
                candidates.append((mid, value.strip()))
            case "end-of-candidates":
                is_end = True
    if len(candidates) > CANDIDATE_COUNT_MAX:
        raise BadInputError(f"The fragment names more than {CANDIDATE_COUNT_MAX} candidates.")
    if found["ice-ufrag"] and not (_UFRAG.fullmatch(found["ice-ufrag"]) and _PASSWORD.fullmatch(found["ice-pwd"])):
        raise BadInputError("The fragment's ice-ufrag and ice-pwd are not as they should be.")
    if not (candidates or is_end or found["ice-ufrag"]):
        raise BadInputError("The fragment says nothing.", next_step="Send candidates or new ICE credentials.")
    return Fragment(
        ufrag=found["ice-ufrag"], password=found["ice-pwd"], candidates=tuple(candidates), is_end=is_end
    )  # fmt: skip


def is_address(candidate: str) -> bool:
    """Tell whether a candidate names an address: a name would have to be asked of some server."""
    words = candidate.split()
    try:
        ipaddress.ip_address(words[4] if len(words) > 7 else "")
    except ValueError:
        return False
    return True


def write_fragment(ufrag: str, password: str, mids: Sequence[str], candidates: Sequence[str]) -> str:
    """Return our own side of an ICE restart. All media go one way, so the first carries the candidates."""
    lines = [f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}", "m=video 9 UDP/TLS/RTP/SAVPF 0", f"a=mid:{mids[0]}"]
    lines += [f"a=candidate:{candidate}" for candidate in candidates]
    return "\r\n".join([*lines, "a=end-of-candidates", ""])


def require_tag(given: str, current: str, *, is_restart: bool) -> None:
    """Let pass what is said of the present path; a restart may say `*`.  Raises: IceMovedError, TagMissingError."""
    if not given:
        raise TagMissingError("The change does not say which ICE session it is for.")
    if given.strip() == "*":
        if not is_restart:
            raise IceMovedError("Candidates are for one ICE session, which If-Match has to name.")
        return
    if current not in (part.strip() for part in given.split(",")):
        raise IceMovedError("The change is for an older ICE session.")
