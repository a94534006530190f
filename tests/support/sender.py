"""A storage client made of bytes: it costs next to nothing, and every byte and every pause is the caller's choice."""

import io
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian

from edge.net import command, pdu
from tests.support.objects import SECONDARY_CAPTURE

EXPLICIT = str(ExplicitVRLittleEndian)
PDU_BYTES_MAX = 131_072


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One object to send: its dataset as bytes."""

    sop_class_uid: str = SECONDARY_CAPTURE
    sop_instance_uid: str
    dataset: bytes


def item_of(ds: Dataset) -> Item:
    """Encode a dataset, explicit VR little endian."""
    buffer = io.BytesIO()
    plain = pydicom_file(buffer)
    write_dataset(plain, ds)
    return Item(sop_class_uid=str(ds.SOPClassUID), sop_instance_uid=str(ds.SOPInstanceUID), dataset=buffer.getvalue())


def pydicom_file(buffer: io.BytesIO) -> object:
    """Wrap a buffer the way the library writes."""
    from pydicom.filebase import DicomIO

    file = DicomIO(buffer)
    file.is_implicit_VR, file.is_little_endian = False, True
    return file


def request(
    *, proposals: Sequence[tuple[int, str, Sequence[str]]], called: str = "ANY-SCP", calling: str = "SENDER",
    extra_user_items: bytes = b"", extra_items: bytes = b"",
) -> bytes:  # fmt: skip
    """Return an A-ASSOCIATE-RQ."""

    def piece(kind: int, value: bytes) -> bytes:
        return struct.pack(">BBH", kind, 0, len(value)) + value

    contexts = b"".join(
        piece(0x20, bytes((number, 0, 0, 0)) + piece(0x30, abstract.encode())
              + b"".join(piece(0x40, syntax.encode()) for syntax in syntaxes))
        for number, abstract, syntaxes in proposals
    )  # fmt: skip
    user = piece(0x51, struct.pack(">I", 65536)) + piece(0x52, b"1.2.3.4") + extra_user_items
    titles = called.encode().ljust(16) + calling.encode().ljust(16)
    body = struct.pack(">HH", 1, 0) + titles + bytes(32) + piece(0x10, pdu.APPLICATION_CONTEXT.encode())
    body += contexts + extra_items + piece(0x50, user)
    return pdu.header(pdu.PduType.ASSOCIATE_RQ, len(body)) + body


def message(number: int, item: Item, *, pdu_bytes_max: int = PDU_BYTES_MAX, context_id: int = 1) -> Iterator[bytes]:
    """Give the PDUs of one C-STORE."""
    said = command.store_request(number & 0xFFFF, item.sop_class_uid, item.sop_instance_uid)
    yield pdu.data(context_id, said, is_command=True)
    step = pdu_bytes_max - 6
    for begin in range(0, len(item.dataset), step):
        is_last = begin + step >= len(item.dataset)
        yield pdu.data(context_id, item.dataset[begin : begin + step], is_command=False, is_last=is_last)


RELEASE_RQ = b"\x05\0\0\0\0\x04\0\0\0\0"


class Sender:
    """One connection. Every method raises what the socket raises; a closed connection is `ConnectionResetError`."""

    def __init__(self, port: int, *, timeout_s: float = 30.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def associate(self, sop_classes: Sequence[str] = (SECONDARY_CAPTURE,), syntax: str = EXPLICIT) -> dict[int, str]:
        """Open an association and return the accepted contexts.  Raises: AssertionError when it is rejected."""
        proposals = [(2 * index + 1, uid, [syntax]) for index, uid in enumerate(sop_classes)]
        self.socket.sendall(request(proposals=proposals))
        kind, body = self.receive()
        assert kind == pdu.PduType.ASSOCIATE_AC, (kind, body)
        return pdu.parse_accept(body)

    def send(self, number: int, item: Item, *, pdu_bytes_max: int = PDU_BYTES_MAX) -> None:
        """Send one object without waiting for its answer."""
        for part in message(number, item, pdu_bytes_max=pdu_bytes_max):
            self.socket.sendall(part)

    def is_let_in(self) -> bool:
        """Ask for an association to store; tell whether it is accepted."""
        self.socket.sendall(request(proposals=[(1, SECONDARY_CAPTURE, [EXPLICIT])]))
        return self.receive()[0] == pdu.PduType.ASSOCIATE_AC

    def status(self) -> int:
        """Wait for the answer to an object.  Raises: ConnectionResetError when the peer ends the association."""
        kind, body = self.receive()
        if kind != pdu.PduType.DATA:
            raise ConnectionResetError(f"the peer sent {kind.name}")
        (fragment,) = pdu.fragments(memoryview(body))
        data, offset = bytes(fragment.data), 0
        while offset < len(data):
            _, element, length = struct.unpack_from("<HHI", data, offset)
            if element == 0x0900:
                return int.from_bytes(data[offset + 8 : offset + 10], "little")
            offset += 8 + length
        raise AssertionError("an answer without a status")

    def store(self, item: Item, *, number: int = 1) -> int:
        """Send one object and return its status."""
        self.send(number, item)
        return self.status()

    def release(self) -> None:
        """End it as one should."""
        self.socket.sendall(RELEASE_RQ)
        kind, _ = self.receive()
        assert kind == pdu.PduType.RELEASE_RP

    def reset(self) -> None:
        """Break it: the peer sees RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def receive(self) -> tuple[pdu.PduType, bytes]:
        """Return the next PDU.  Raises: ConnectionResetError at the end."""
        head = self._exactly(6)
        kind, _, length = struct.unpack(">BBI", head)
        return pdu.PduType(kind), self._exactly(length)

    def is_closed_within(self, wait_s: float) -> bool:
        """Tell whether the peer ends the connection in time, whatever it says before."""
        until_s = time.monotonic() + wait_s
        self.socket.settimeout(wait_s)
        try:
            while time.monotonic() < until_s:
                if not self.socket.recv(65536):
                    return True
        except TimeoutError:
            return False
        except OSError:
            return True
        return False

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            piece = self.socket.recv(count - len(found))
            if not piece:
                raise ConnectionResetError("the peer has closed")
            found += piece
        return found
