"""DIMSE command sets, as bytes and as values; no I/O.  Standard: PS3.7 6.3, 9.3, E"""

import struct
from dataclasses import dataclass

from edge.net.pdu import ProtocolError

COMMAND_BYTES_MAX = 16 * 1024
NO_DATASET = 0x0101
C_STORE_RQ = 0x0001
C_GET_RQ = 0x0010
N_EVENT_REPORT_RQ = 0x0100
N_ACTION_RQ = 0x0130
C_ECHO_RQ = 0x0030
C_CANCEL_RQ = 0x0FFF
RESPONSE = 0x8000
VERIFICATION = "1.2.840.10008.1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a peer asks."""

    field: int
    message_id: int
    sop_class_uid: str
    sop_instance_uid: str
    has_dataset: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a peer answers."""

    field: int
    message_id: int
    """Of the request that is answered."""
    status: int | None
    """None: it has said none."""
    comment: str
    has_dataset: bool


def parse_response(data: bytes | bytearray) -> Response:
    """Read the command set of an answer.  Raises: ProtocolError."""
    values = _values(data)
    status = values.get(0x0900)
    return Response(
        field=_number(values, 0x0100), message_id=_number(values, 0x0120),
        status=int.from_bytes(status[:2], "little") if status else None,
        comment=values.get(0x0902, b"")[:64].decode("latin-1").strip("\0 "),
        has_dataset=_number(values, 0x0800) != NO_DATASET,
    )  # fmt: skip


def parse(data: bytes | bytearray) -> Command:
    """Read a command set: implicit VR, little endian.  Raises: ProtocolError."""
    values = _values(data)
    return Command(
        field=_number(values, 0x0100), message_id=_number(values, 0x0110), sop_class_uid=_uid(values, 0x0002),
        sop_instance_uid=_uid(values, 0x1000), has_dataset=_number(values, 0x0800) != NO_DATASET,
    )  # fmt: skip


def _values(data: bytes | bytearray) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    offset = 0
    while offset + 8 <= len(data):
        group, element, length = struct.unpack_from("<HHI", data, offset)
        if group != 0 or offset + 8 + length > len(data):
            raise ProtocolError("The peer sent a command that cannot be read.")
        values[element] = bytes(data[offset + 8 : offset + 8 + length])
        offset += 8 + length
    return values


def response(command: Command, status: int, comment: str = "") -> bytes:
    """Return the command set that answers `command`."""
    parts = [
        _element(0x0002, _padded(command.sop_class_uid, b"\0")) if command.sop_class_uid else b"",
        _element(0x0100, struct.pack("<H", command.field | RESPONSE)),
        _element(0x0120, struct.pack("<H", command.message_id)),
        _element(0x0800, struct.pack("<H", NO_DATASET)),
        _element(0x0900, struct.pack("<H", status)),
        _element(0x0902, _padded(comment[:64], b" ")) if comment else b"",
        _element(0x1000, _padded(command.sop_instance_uid, b"\0")) if command.sop_instance_uid else b"",
    ]
    body = b"".join(parts)
    return _element(0x0000, struct.pack("<I", len(body))) + body


def store_request(
    message_id: int, sop_class_uid: str, sop_instance_uid: str, *, originator: tuple[str, int] | None = None
) -> bytes:
    """Return a C-STORE-RQ; `originator`: AE title and message of a C-MOVE it is part of.  Standard: PS3.7 9.3.1.1"""
    return _request(
        _element(0x0002, _padded(sop_class_uid, b"\0")), _element(0x0100, struct.pack("<H", C_STORE_RQ)),
        _element(0x0110, struct.pack("<H", message_id)), _element(0x0700, struct.pack("<H", 0)),
        _element(0x0800, struct.pack("<H", 1)), _element(0x1000, _padded(sop_instance_uid, b"\0")),
        _element(0x1030, _padded(originator[0], b" ")) if originator else b"",
        _element(0x1031, struct.pack("<H", originator[1])) if originator else b"",
    )  # fmt: skip


def echo_request(message_id: int) -> bytes:
    """Return a C-ECHO-RQ.  Standard: PS3.7 9.3.5.1"""
    return _request(
        _element(0x0002, _padded(VERIFICATION, b"\0")), _element(0x0100, struct.pack("<H", C_ECHO_RQ)),
        _element(0x0110, struct.pack("<H", message_id)), _element(0x0800, struct.pack("<H", NO_DATASET)),
    )  # fmt: skip


def get_request(message_id: int, sop_class_uid: str) -> bytes:
    """Return a C-GET-RQ; its identifier follows.  Standard: PS3.7 9.3.3.1"""
    return _request(
        _element(0x0002, _padded(sop_class_uid, b"\0")), _element(0x0100, struct.pack("<H", C_GET_RQ)),
        _element(0x0110, struct.pack("<H", message_id)), _element(0x0700, struct.pack("<H", 0)),
        _element(0x0800, struct.pack("<H", 1)),
    )  # fmt: skip


def action_request(message_id: int, sop_class_uid: str, sop_instance_uid: str, action: int) -> bytes:
    """Return an N-ACTION-RQ; its information follows.  Standard: PS3.7 10.3.5.1"""
    return _request(
        _element(0x0003, _padded(sop_class_uid, b"\0")), _element(0x0100, struct.pack("<H", N_ACTION_RQ)),
        _element(0x0110, struct.pack("<H", message_id)), _element(0x0800, struct.pack("<H", 1)),
        _element(0x1001, _padded(sop_instance_uid, b"\0")), _element(0x1008, struct.pack("<H", action)),
    )  # fmt: skip


def event_report(message_id: int, sop_class_uid: str, sop_instance_uid: str, event_type: int) -> bytes:
    """Return an N-EVENT-REPORT-RQ; its information follows.  Standard: PS3.7 10.3.1.1"""
    return _request(
        _element(0x0002, _padded(sop_class_uid, b"\0")), _element(0x0100, struct.pack("<H", N_EVENT_REPORT_RQ)),
        _element(0x0110, struct.pack("<H", message_id)), _element(0x0800, struct.pack("<H", 1)),
        _element(0x1000, _padded(sop_instance_uid, b"\0")), _element(0x1002, struct.pack("<H", event_type)),
    )  # fmt: skip


def _request(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return _element(0x0000, struct.pack("<I", len(body))) + body


def _element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0, number, len(value)) + value


def _padded(text: str, pad: bytes) -> bytes:
    value = text.encode("ascii", "replace")
    return value + pad * (len(value) % 2)


def _number(values: dict[int, bytes], element: int) -> int:
    value = values.get(element, b"")
    return int.from_bytes(value[:2], "little")


def _uid(values: dict[int, bytes], element: int) -> str:
    return values.get(element, b"")[:128].decode("ascii", "replace").rstrip("\0 ")
