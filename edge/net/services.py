"""What this node provides over DIMSE, by the UIDs of the standard; imports no library.

The tables are the code's own: negotiation uses them, the conformance statement is made from them, and a test holds
them against the library's dictionaries.  Standard: PS3.4 B.5, C.6, J, K; PS3.6 A
"""

from collections.abc import Mapping

from edge.core.callers import Service

VERIFICATION = "1.2.840.10008.1.1"
FINDS = ("1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.2.1")
MOVES = ("1.2.840.10008.5.1.4.1.2.1.2", "1.2.840.10008.5.1.4.1.2.2.2")
GETS = ("1.2.840.10008.5.1.4.1.2.1.3", "1.2.840.10008.5.1.4.1.2.2.3")
WORKLISTS = ("1.2.840.10008.5.1.4.31",)
COMMITMENTS = ("1.2.840.10008.1.20.1",)

PROVIDED: Mapping[str, Service] = {
    **dict.fromkeys(FINDS, Service.QUERY), **dict.fromkeys((*MOVES, *GETS), Service.RETRIEVE),
    **dict.fromkeys(WORKLISTS, Service.WORKLIST), **dict.fromkeys(COMMITMENTS, Service.COMMITMENT),
}  # fmt: skip
"""Abstract syntax -> what a caller must be allowed to use it."""

_STANDARD = "1.2.840.10008."
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
_NOT_STORED = frozenset(
    _STORAGE_ROOT + tail for tail in ("200.4", "200.5", "200.6", "201.1.1", "201.2", "201.3", "201.4", "201.5", "201.6")
)
"""Below the root of the storage classes, but queries and services about protocols and inventories."""
_STORED_ELSEWHERE = frozenset(
    {
        "1.2.840.10008.5.1.1.29", "1.2.840.10008.5.1.1.30", "1.2.840.10008.5.1.4.34.1", "1.2.840.10008.5.1.4.34.7",
        "1.2.840.10008.5.1.4.34.10",
        "1.2.840.10008.5.1.4.38.1", "1.2.840.10008.5.1.4.39.1", "1.2.840.10008.5.1.4.43.1", "1.2.840.10008.5.1.4.44.1",
        "1.2.840.10008.5.1.4.45.1",
    }
)  # fmt: skip
"""Hard copies, delivery instructions, hanging protocols, palettes, implant templates."""


def is_storage(abstract_syntax: str) -> bool:
    """Tell whether objects of this SOP class are stored: retired, private and unknown ones like any other."""
    if not abstract_syntax.startswith(_STANDARD):
        return bool(abstract_syntax)
    if abstract_syntax.startswith(_STORAGE_ROOT):
        return abstract_syntax not in _NOT_STORED
    return abstract_syntax in _STORED_ELSEWHERE
