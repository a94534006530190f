"""The PDUs of the upper layer, as bytes and as small dataclasses; no I/O.

    reader = Reader(limit)
    reader.filled(receive_into(reader.room()))
    while (found := reader.next()) is not None: …

Nothing here trusts a length: each is held against what is really there, and a PDU against the limit before its first
byte is stored.  Standard: PS3.8 9.3
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from edge.errors import EdgeError

HEADER_BYTES = 6
BUFFER_BYTES = 320 * 1024
ASSOCIATE_BYTES_MAX = 256 * 1024
"""An association request: 128 contexts with forty transfer syntaxes each."""
CONTEXT_COUNT_MAX = 128
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
LAST, COMMAND = 2, 1
_TITLE = re.compile(rb"[^\x20-\x7e]")


class ProtocolError(EdgeError):
    """The peer does not speak the protocol; the association is aborted."""

    code = "peer.protocol"
    http_status = 502
    next_step = "Ask the maker of that system."


class PduType(IntEnum):
    """What a PDU is, by its first byte."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    DATA = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


class ContextResult(IntEnum):
    """The answer to one proposed presentation context.  Standard: PS3.8 9.3.3.2"""

    ACCEPTED = 0
    REFUSED_BY_USER = 1
    UNKNOWN_ABSTRACT_SYNTAX = 3
    UNKNOWN_TRANSFER_SYNTAXES = 4


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context of a request."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContextAnswer:
    """What became of one proposal."""

    context_id: int
    result: ContextResult
    transfer_syntax: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateRequest:
    """What a peer asks for; roles, identities and what else it says about itself are passed over."""

    protocol_version: int
    called_ae_title: str
    calling_ae_title: str
    application_context: str
    proposals: tuple[Proposal, ...]
    pdu_bytes_max: int
    """The longest PDU body it takes; 0: any."""
    titles: bytes = field(repr=False)
    """Both titles as they came: they are sent back unchanged."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One presentation data value. `data` is a view that ends with the next read."""

    context_id: int
    is_command: bool
    is_last: bool
    data: memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What a peer grants that we called."""

    syntaxes: dict[int, str]
    """Context -> transfer syntax, of those it accepts."""
    pdu_bytes_max: int
    """The longest PDU body it takes; 0: any."""
    operation_count_max: int
    """Requests that may be open at once; 0: any.  Standard: PS3.7 D.3.3.3"""


class Reader:
    """Bytes in, PDUs out. Its one buffer is all the memory a connection takes."""

    def __init__(self, *, body_bytes_max: int) -> None:
        """Take PDUs of at most so many bytes after their header, of any type."""
        assert body_bytes_max + HEADER_BYTES <= BUFFER_BYTES
        self.body_bytes_max = body_bytes_max
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._begin = 0
        self._end = 0

    def room(self) -> memoryview:
        """Return where to put what arrives next; never empty. Views given out before are void."""
        if self._begin:
            rest = self._end - self._begin
            self._buffer[:rest] = self._buffer[self._begin : self._end]
            self._begin, self._end = 0, rest
        return self._buffer[self._end :]

    def filled(self, size_bytes: int) -> None:
        """Note how much of the room was used."""
        self._end += size_bytes

    @property
    def is_empty(self) -> bool:
        """Whether the connection is between two PDUs."""
        return self._begin == self._end

    def next(self) -> tuple[PduType, memoryview] | None:
        """Return the next whole PDU, its type and its body; None when more is needed.  Raises: ProtocolError."""
        if self._end - self._begin < HEADER_BYTES:
            return None
        kind, _, length = struct.unpack_from(">BBI", self._buffer, self._begin)
        if not 1 <= kind <= 7:
            raise ProtocolError(f"The peer sent a PDU of the unknown type {kind}.")
        if length > self.body_bytes_max:
            raise ProtocolError(f"The peer announced a PDU of {length} bytes; at most {self.body_bytes_max} are taken.")
        body = self._begin + HEADER_BYTES
        if body + length > self._end:
            return None
        self._begin = body + length
        return PduType(kind), self._buffer[body : self._begin]


def fragments(body: memoryview) -> Iterator[Fragment]:
    """Give the values of a P-DATA-TF.  Raises: ProtocolError.  Standard: PS3.8 9.3.5"""
    offset = 0
    while offset < len(body):
        if offset + 6 > len(body):
            raise ProtocolError("The peer sent a data value that is cut off.")
        length, context_id, control = struct.unpack_from(">IBB", body, offset)
        if length < 2 or offset + 4 + length > len(body):
            raise ProtocolError(f"The peer sent a data value with the impossible length {length}.")
        data = body[offset + 6 : offset + 4 + length]
        yield Fragment(context_id, bool(control & COMMAND), bool(control & LAST), data)
        offset += 4 + length


def parse_request(body: bytes | memoryview) -> AssociateRequest:
    """Read an A-ASSOCIATE-RQ.  Raises: ProtocolError.  Standard: PS3.8 9.3.2"""
    body = bytes(body)
    if len(body) < 68:
        raise ProtocolError("The peer sent an association request that is cut off.")
    proposals: list[Proposal] = []
    application_context, pdu_bytes_max = "", 0
    for kind, value in _items(body, 68):
        match kind:
            case 0x10:
                application_context = _uid(value)
            case 0x20:
                proposals.append(_proposal(value))
            case 0x50:
                for inner, data in _items(value, 0):
                    if inner == 0x51 and len(data) == 4:
                        (pdu_bytes_max,) = struct.unpack(">I", data)
    if len(proposals) > CONTEXT_COUNT_MAX:
        raise ProtocolError(f"The peer proposed {len(proposals)} presentation contexts.")
    return AssociateRequest(
        protocol_version=body[0] << 8 | body[1], called_ae_title=_title(body[4:20]),
        calling_ae_title=_title(body[20:36]), application_context=application_context, proposals=tuple(proposals),
        pdu_bytes_max=pdu_bytes_max, titles=body[4:36],
    )  # fmt: skip


def parse_accept(body: bytes | memoryview) -> dict[int, str]:
    """Return context -> transfer syntax of those that an A-ASSOCIATE-AC accepts.  Raises: ProtocolError."""
    return parse_acceptance(body).syntaxes


def parse_acceptance(body: bytes | memoryview) -> Acceptance:
    """Read an A-ASSOCIATE-AC.  Raises: ProtocolError.  Standard: PS3.8 9.3.3"""
    syntaxes: dict[int, str] = {}
    pdu_bytes_max, operation_count_max = 0, 1
    for kind, value in _items(bytes(body), 68):
        if kind == 0x21 and len(value) >= 4 and value[2] == ContextResult.ACCEPTED:
            syntaxes[value[0]] = next((_uid(data) for inner, data in _items(value, 4) if inner == 0x40), "")
        elif kind == 0x50:
            for inner, data in _items(value, 0):
                if inner == 0x51 and len(data) == 4:
                    (pdu_bytes_max,) = struct.unpack(">I", data)
                elif inner == 0x53 and len(data) == 4:
                    operation_count_max = data[0] << 8 | data[1]
    return Acceptance(syntaxes=syntaxes, pdu_bytes_max=pdu_bytes_max, operation_count_max=operation_count_max)


def request(
    proposals: Sequence[Proposal], *, called: str, calling: str, pdu_bytes_max: int, operation_count_max: int,
    implementation_class_uid: str, implementation_version: str, provided: Sequence[str] = (),
) -> bytes:  # fmt: skip
    """Return an A-ASSOCIATE-RQ; of the services `provided` the requestor is the provider.

    Standard: PS3.8 9.3.2, PS3.7 D.3.3.3 (operations window), D.3.3.4 (roles)
    """
    contexts = b"".join(
        _item(
            0x20,
            bytes((proposal.context_id, 0, 0, 0)) + _item(0x30, proposal.abstract_syntax.encode())
            + b"".join(_item(0x40, syntax.encode()) for syntax in proposal.transfer_syntaxes),
        )
        for proposal in proposals
    )  # fmt: skip
    window = _item(0x53, struct.pack(">HH", operation_count_max, 1)) if operation_count_max != 1 else b""
    roles = b"".join(_item(0x54, struct.pack(">H", len(uid)) + uid.encode() + b"\0\1") for uid in provided)
    user = b"".join(
        (
            _item(0x51, struct.pack(">I", pdu_bytes_max)), _item(0x52, implementation_class_uid.encode()), window,
            roles, _item(0x55, implementation_version.encode()),
        )
    )  # fmt: skip
    titles = b"".join(title.encode("ascii", "replace")[:16].ljust(16) for title in (called, calling))
    body = struct.pack(">HH", 1, 0) + titles + bytes(32) + _item(0x10, APPLICATION_CONTEXT.encode())
    return _pdu(PduType.ASSOCIATE_RQ, body + contexts + _item(0x50, user))


def accept(
    request: AssociateRequest,
    answers: list[ContextAnswer],
    *,
    pdu_bytes_max: int,
    implementation_class_uid: str,
    implementation_version: str,
) -> bytes:
    """Return an A-ASSOCIATE-AC.  Standard: PS3.8 9.3.3"""
    user = b"".join(
        (
            _item(0x51, struct.pack(">I", pdu_bytes_max)), _item(0x52, implementation_class_uid.encode()),
            _item(0x55, implementation_version.encode()),
        )
    )  # fmt: skip
    contexts = b"".join(
        _item(0x21, bytes((a.context_id, 0, a.result, 0)) + _item(0x40, a.transfer_syntax.encode())) for a in answers
    )
    head = struct.pack(">HH", 1, 0) + request.titles + bytes(32)
    return _pdu(PduType.ASSOCIATE_AC, head + _item(0x10, APPLICATION_CONTEXT.encode()) + contexts + _item(0x50, user))


def reject(result: int, source: int, reason: int) -> bytes:
    """Return an A-ASSOCIATE-RJ.  Standard: PS3.8 9.3.4"""
    return _pdu(PduType.ASSOCIATE_RJ, bytes((0, result, source, reason)))


def abort(reason: int = 0) -> bytes:
    """Return an A-ABORT of the service provider.  Standard: PS3.8 9.3.8"""
    return _pdu(PduType.ABORT, bytes((0, 0, 2, reason)))


RELEASE_RQ = b"\x05\0\0\0\0\x04\0\0\0\0"
RELEASE_RP = b"\x06\0\0\0\0\x04\0\0\0\0"


def data(context_id: int, value: bytes, *, is_command: bool, is_last: bool = True) -> bytes:
    """Return a P-DATA-TF with one value."""
    control = (COMMAND if is_command else 0) | (LAST if is_last else 0)
    return _pdu(PduType.DATA, struct.pack(">IBB", len(value) + 2, context_id, control) + value)


def header(kind: PduType, length: int) -> bytes:
    """Return the six bytes before a body."""
    return struct.pack(">BBI", kind, 0, length)


def _pdu(kind: PduType, body: bytes) -> bytes:
    return header(kind, len(body)) + body


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value


def _items(body: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    while offset < len(body):
        if offset + 4 > len(body):
            raise ProtocolError("The peer sent an association item that is cut off.")
        kind, _, length = struct.unpack_from(">BBH", body, offset)
        offset += 4
        if offset + length > len(body):
            raise ProtocolError("The peer sent an association item that is longer than its PDU.")
        yield kind, body[offset : offset + length]
        offset += length


def _proposal(value: bytes) -> Proposal:
    if len(value) < 4:
        raise ProtocolError("The peer sent a presentation context that is cut off.")
    abstract_syntax, transfer_syntaxes = "", []
    for kind, data in _items(value, 4):
        if kind == 0x30:
            abstract_syntax = _uid(data)
        elif kind == 0x40:
            transfer_syntaxes.append(_uid(data))
    return Proposal(value[0], abstract_syntax, tuple(transfer_syntaxes))


def _uid(value: bytes) -> str:
    return value.decode("ascii", "replace").rstrip("\0 ")


def _title(value: bytes) -> str:
    """Return an AE title that may be shown and logged whatever the peer has put there."""
    return _TITLE.sub(b"?", value.rstrip(b"\0 ")).decode("ascii").strip()
