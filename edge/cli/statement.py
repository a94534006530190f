"""The DICOM conformance statement. Its words are in the template, its tables are the code's own.

    edge conformance > docs/conformance.md      (a test fails when that file is stale)

Standard: PS3.2
"""

import re
from collections.abc import Iterable, Sequence
from importlib import resources
from types import SimpleNamespace
from typing import Any

import msgspec
from pydicom.uid import UID, AllTransferSyntaxes

from edge import config
from edge.core.callers import Service
from edge.dicom import character_set, codec, directory, header, presentation_state, ultrasound
from edge.dicom.measurement_report import REPORT_CLASS_UID
from edge.net import (
    association,
    exchange,
    library,
    offers,
    pdu,
    provider,
    retrieving,
    services,
    unpacking,
    vouching,
    worklist,
)
from edge.receive import query, schedule
from edge.store import index

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
RECORDED = {
    "jpeg-ls": codec.JPEG_LS, "htj2k": codec.HTJ2K_LOSSLESS, "jpeg-2000": codec.JPEG_2000_LOSSLESS, "rle": codec.RLE,
    "uncompressed": codec.EXPLICIT_LITTLE,
}  # fmt: skip
"""`record.transfer_syntax` -> transfer syntax."""
_SYNTAX_TABLE_MAX = 36
"""Of the dictionary's transfer syntaxes; the last ones belong to real-time video, which is not stored in files."""
_MATCHING = {
    "text": "single value, wild card, list", "name": "single value, wild card", "uid": "single value, list",
    "range": "single value, range", "number": "single value", "listed": "single value, list",
}  # fmt: skip

Table = list[str]


def statement() -> str:
    """Return the whole statement."""
    template = resources.files("edge.cli").joinpath("conformance.template.md").read_text(encoding="utf-8")
    filled = {**_words(), **{name: "\n".join(lines) for name, lines in _tables().items()}}
    return re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], template).rstrip() + "\n"


def _words() -> dict[str, str]:
    kinds = ("PATIENT", "STUDY", "SERIES", "IMAGE", *sorted(directory.MORE_KEYS))
    return {
        "product": header.PRODUCT_NAME, "other_syntaxes": ", ".join(map(_name, library.OTHER_SYNTAXES)),
        "unpacked_syntaxes": "; ".join(sorted(map(_name, unpacking.LOSSLESS))), "record_types": ", ".join(kinds),
        "report_delays": ", ".join(f"{delay:g}" for delay in vouching.REPORT_AFTER_S),
        "included_max": str(_included_max()), "reference_count_max": str(vouching.REFERENCE_COUNT_MAX),
        "waiting_max": str(vouching.WAITING_MAX),
        "context_max": str(association.CONTEXT_MAX), "entry_count_max": str(worklist.ENTRY_COUNT_MAX),
        "worklist_user_keys": ", ".join(sorted((*worklist.STEP_KEYS, *worklist.KEYS))),
        "peer_services": ", ".join(service.value for service in Service),
    }  # fmt: skip


def _tables() -> dict[str, Table]:
    return {
        **_overview(), **_classes(), **_statuses(), "association": _association(), "query_keys": _query_keys(),
        "worklist_keys": _worklist_keys(), "created": _created(), "web_routes": _web_routes(),
        "character_sets": _character_sets(), "configuration": _configuration(),
    }  # fmt: skip


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)]


def _name(uid: str) -> str:
    return str(UID(uid).name)


def _hex(status: int) -> str:
    return f"{status:04X}"


def _overview() -> dict[str, Table]:
    services = [
        ("Verification", "yes", "yes"), ("Storage, every Storage SOP Class", "yes", "yes"),
        ("Query (C-FIND), Study Root", "yes", "yes"), ("Query (C-FIND), Patient Root", "no", "yes"),
        ("Retrieval (C-MOVE), Study Root", "yes", "yes"), ("Retrieval (C-MOVE), Patient Root", "no", "yes"),
        ("Retrieval (C-GET), Patient Root and Study Root", "no", "yes"),
        ("Storage Commitment, Push Model", "yes", "yes"), ("Modality Worklist (C-FIND)", "yes", "yes"),
    ]  # fmt: skip
    media = [("General purpose: folders with a DICOMDIR (`edge export`, `edge import`)", "yes", "yes")]
    web = [
        ("QIDO-RS: search", "no", "yes"), ("WADO-RS: retrieve, rendered, bulk data", "no", "yes"),
        ("STOW-RS: store", "yes", "yes"), ("Storage commitment", "yes", "yes"),
    ]  # fmt: skip
    return {
        "services": _table(("network service", "user (SCU)", "provider (SCP)"), services),
        "media_services": _table(("media storage", "writer (FSC)", "reader (FSR)"), media),
        "web_services": _table(("DICOMweb service", "client", "server"), web),
    }


def _association() -> Table:
    count_max = config.Receive().association_count_max
    rows = [
        ("application context", pdu.APPLICATION_CONTEXT), ("implementation class UID", header.IMPLEMENTATION_CLASS_UID),
        ("implementation version name", association.IMPLEMENTATION_VERSION),
        ("maximum PDU length, offered", f"{association.PDU_BYTES_MAX} bytes"),
        ("associations at once, as acceptor", f"{count_max} (`receive.association_count_max`)"),
        ("asynchronous operations", "storing: up to 8 proposed, as many used as granted; as acceptor one at a time"),
        ("SOP class extended negotiation", "not used"),
        ("role selection", "accepted as acceptor, for C-GET; proposed to report storage commitment"),
        ("user identity", "accepted, not used"),
        ("silence until the association is aborted", f"{provider.NETWORK_S:.0f} s"),
        ("time for an association request", f"{provider.REQUEST_S:.0f} s"),
        ("time for an answer, as requestor", f"{association.ANSWER_S:.0f} s after the last byte was sent"),
    ]  # fmt: skip
    return _table(("parameter", "value"), rows)


def _classes() -> dict[str, Table]:
    def offered(service: Service) -> Table:
        found = [uid for uid, needed in services.PROVIDED.items() if needed is service]
        return _table(("SOP class", "UID"), ((_name(uid), uid) for uid in found))

    syntaxes = AllTransferSyntaxes[:_SYNTAX_TABLE_MAX]
    return {
        "query_classes": offered(Service.QUERY), "retrieve_classes": offered(Service.RETRIEVE),
        "worklist_classes": offered(Service.WORKLIST), "commitment_classes": offered(Service.COMMITMENT),
        "storage_classes": _table(("name", "UID"), sorted((name, uid) for uid, name in offers.STORED.items())),
        "storage_syntaxes": _table(("name", "UID"), ((syntax.name, syntax) for syntax in syntaxes)),
    }  # fmt: skip


def _statuses() -> dict[str, Table]:
    stored = [
        ("0000", "the object, its name and its index rows are on the disk, synced; or it was there already"),
        ("A700", "no room on the disk, or too busy"),
        ("A900", "the data set has another SOP Instance UID than the command"),
        ("0124", "this peer may not store such objects"), ("C000", "no UIDs, cut off, or not DICOM"),
        ("C111", "another object has this UID; this one was put aside and a person is told"),
    ]  # fmt: skip
    found = [
        (exchange.PENDING, "a match; every optional key was supported"),
        (exchange.PENDING_WITHOUT_SOME_KEYS, "a match; some optional keys were neither matched nor returned"),
        (exchange.SUCCESS, "the end"), (exchange.CANCELLED, "cancelled by the peer"),
        (exchange.WRONG_IDENTIFIER, "no or an unknown level, or a value that cannot be read"),
        (exchange.NO_ROOM, "too busy"), (exchange.CANNOT_PROCESS, "the index cannot be used"),
    ]  # fmt: skip
    sent = [
        (exchange.PENDING, "after each object but the last"), (exchange.SUCCESS, "all went"),
        (exchange.SOME_FAILED, "some failed (FailedSOPInstanceUIDList), or were taken with a warning"),
        (exchange.NOT_SENT, "none went"), (exchange.UNKNOWN_DESTINATION, "C-MOVE: the destination is not configured"),
        (exchange.NOT_COUNTED, f"more than {retrieving.SUBOPERATION_COUNT_MAX} objects"),
        (exchange.CANCELLED, "cancelled by the peer, between two objects"),
        (exchange.WRONG_IDENTIFIER, "no or an unknown level, or no unique key of the level"),
    ]  # fmt: skip
    refused = [
        (vouching.PROCESSING_FAILURE, "its bytes have changed on the disk, or cannot be read"),
        (vouching.NO_SUCH_OBJECT, "it is not here"),
        (vouching.CLASS_INSTANCE_CONFLICT, "it is here, with another SOP class"),
    ]

    def by_number(head: str, rows: list[tuple[int, str]]) -> Table:
        return _table((head, "when"), ((_hex(number), when) for number, when in rows))

    return {
        "store_statuses": _table(("status", "when"), stored), "query_statuses": by_number("status", found),
        "retrieve_statuses": by_number("status", sent), "commitment_reasons": by_number("failure reason", refused),
    }  # fmt: skip


def _query_keys() -> Table:
    rows = []
    for name, level in query.LEVELS.items():
        for keyword in sorted(level.returned):
            kind = index.kind_of(keyword)
            type_of_key = "unique" if keyword == level.unique_key else "optional"
            rows.append((name, keyword, type_of_key, _MATCHING[kind] if kind else "returned only"))
    return _table(("level", "key", "type", "matching"), rows)


def _worklist_keys() -> Table:
    rows = [
        *((keyword, "request", _MATCHING[kind.value]) for keyword, kind in schedule.MATCHED.items()),
        *((keyword, "request", "returned only") for keyword in sorted(schedule.RETURNED - set(schedule.MATCHED))),
        *((keyword, "step", _MATCHING[kind.value]) for keyword, kind in schedule.MATCHED_OF_STEP.items()),
    ]
    return _table(("key", "of the", "matching"), rows)


def _created() -> Table:
    recorded = ", ".join(f"{_name(uid)} (`{key}`)" for key, uid in RECORDED.items())
    explicit = _name(codec.EXPLICIT_LITTLE)
    presentations = (presentation_state.GRAYSCALE_CLASS_UID, presentation_state.COLOUR_CLASS_UID)
    rows = [
        (ultrasound.MULTI_FRAME_CLASS_UID, "clips of live exams", recorded),
        (ultrasound.SINGLE_FRAME_CLASS_UID, "stills of live exams", recorded),
        (WHOLE_SLIDE, "converted slides", "the compression of the scanner's own tiles"),
        *((uid, "annotations of live exams", explicit) for uid in presentations),
        (REPORT_CLASS_UID, "measurements of live exams (TID 1500)", explicit),
    ]
    head = ("SOP class", "UID", "what", "transfer syntaxes")
    return _table(head, ((_name(uid), uid, what, syntaxes) for uid, what, syntaxes in rows))


def _included_max() -> int:
    from edge.api.dicomweb_included import ROW_COUNT_MAX

    return ROW_COUNT_MAX


def _web_routes() -> Table:
    from edge.api import dicomweb

    nothing: Any = SimpleNamespace(database=None, instances=None, scans=None, recall=None)
    rows = ((route.method, f"`{route.path}`", route.summary) for route in dicomweb.routes(nothing))
    return _table(("method", "path", "what"), rows)


def _character_sets() -> Table:
    rows = [
        *((term, name, "no") for term, name in character_set.SINGLE.items()),
        *((term, name, "yes") for term, name in character_set.EXTENDED.items()),
        *((term, name, "no") for term, name in character_set.ALONE.items()),
    ]
    return _table(("defined term", "what", "code extensions"), rows)


def _configuration() -> Table:
    structs: list[tuple[str, type[msgspec.Struct], tuple[str, ...]]] = [
        ("node", config.Node, ("ae_title",)), ("receive", config.Receive, ()), ("peer", config.Peer, ()),
        ("destination", config.Destination, ()), ("worklist", config.Worklist, ()),
    ]  # fmt: skip
    rows = []
    for section, kind, only in structs:
        for field in msgspec.structs.fields(kind):
            if not only or field.name in only:
                rows.append((f"`{section}.{field.name}`", _default(field)))
    return _table(("key", "default"), rows)


def _default(field: Any) -> str:
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    if value is msgspec.NODEFAULT:
        return "*needed*"
    return f"`{value}`" if value not in ("", []) else "empty"
