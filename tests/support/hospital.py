"""An archive made of bytes: it stores, commits and gives back over DIMSE, and does each as wrongly as it is told to.

Every byte in and out is counted over all its connections, so that a fault strikes at the same place of every run.
"""

import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass, field

from edge.dicom import keys
from edge.net import command, pdu
from edge.net.command import Command
from edge.net.pdu import ContextAnswer, ContextResult, PduType

PUSH_MODEL = "1.2.840.10008.1.20.1"
PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
FAILURES = (0x0110, 0x0112, 0x0119, 0x0122, 0x0131, 0x0213)
_CONNECTION_S_MAX = 20.0


@dataclass(frozen=True, slots=True)
class Break:
    """A connection that breaks at a byte: of what comes in, or of what goes out."""

    kind: str
    """close, reset, stall; lost: what should go out is dropped, then it closes."""
    is_out: bool
    at: int


@dataclass(slots=True)
class Wrongs:
    """What else goes wrong, each once unless said otherwise."""

    statuses: dict[str, list[int]] = field(default_factory=dict)
    """SOPInstanceUID -> what its first C-STOREs are answered with; what is refused is not stored."""
    truncated: set[str] = field(default_factory=set)
    """Stored short, answered with success, committed."""
    report: str = ""
    """Of the first question: never, late, twice, wrong, both, or a number: the reason one object is not committed."""
    action_status: int = 0
    """The first question is answered with this."""


class _Gone(Exception):
    """The connection ends here."""


class Hospital:
    """Listens on loopback. A context manager."""

    def __init__(self, wrongs: Wrongs | None = None, broken: Break | None = None) -> None:
        self.wrongs = wrongs or Wrongs()
        self.broken = broken
        self.has_struck = False
        self.objects: dict[str, bytes] = {}
        """SOPInstanceUID -> dataset, as it is stored."""
        self.whole_count: Counter[str] = Counter()
        """How often an object was stored that was not there already, whole and the same."""
        self.again_count: Counter[str] = Counter()
        """How often one came that was there, whole and the same."""
        self.in_marks: list[int] = []
        self.out_marks: list[int] = []
        """Where PDUs ended, of all that came in and went out."""
        self.in_bytes = self.out_bytes = 0
        self.late: list[bytes] = []
        self.lock = threading.RLock()
        self._questions = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "Hospital":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self.lock:
            for connection in self._connections:
                connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self.lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(_CONNECTION_S_MAX)
            _Talk(self, connection).run()
        except (_Gone, OSError, struct.error):
            pass
        finally:
            with self.lock:
                self._connections.discard(connection)
            connection.close()

    def strike(self, connection: socket.socket) -> None:
        """Do to the connection what is to be done at this byte."""
        assert self.broken is not None
        self.has_struck = True
        if self.broken.kind == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif self.broken.kind == "stall":
            while connection.recv(1 << 16) if self.broken.is_out else threading.Event().wait(3.0):
                pass
        raise _Gone

    def store(self, uid: str, dataset: bytes) -> int:
        with self.lock:
            statuses = self.wrongs.statuses.get(uid, [])
            if statuses:
                self.has_struck = True
                status = statuses.pop(0)
                if status and status >> 12 != 0xB and status not in (0x0111, 0x0107, 0x0116, 0x0001):
                    return status
            else:
                status = 0
            if uid in self.wrongs.truncated:
                self.wrongs.truncated.discard(uid)
                self.has_struck = True
                self.objects[uid] = dataset[: len(dataset) // 2]
                return status
            (self.again_count if self.objects.get(uid) == dataset else self.whole_count)[uid] += 1
            self.objects[uid] = dataset
            return status

    def reports(self, asked: keys.Identifier) -> list[bytes]:
        """Return the reports to send at once: the event type as a byte, then its information."""
        transaction = asked.text("TransactionUID")
        rows = [
            (row.text("ReferencedSOPClassUID"), row.text("ReferencedSOPInstanceUID"))
            for row in asked.by_keyword["ReferencedSOPSequence"].items
        ]
        with self.lock:
            self._questions += 1
            kind = self.wrongs.report if self._questions == 1 else ""
            if kind:
                self.has_struck = True
            late, self.late = self.late, []
            failed = {uid: 0x0112 for _, uid in rows if uid not in self.objects}
            if kind.isdigit():
                failed[rows[0][1]] = int(kind)
            right = _report(transaction, rows, failed)
            match kind:
                case "never":
                    return late
                case "late":
                    self.late = [right, right]
                    return late
                case "twice":
                    return [*late, right, right]
                case "wrong":
                    return [_report("2.25.666", rows, {})]
                case "both":
                    return [_report("2.25.666", rows, {}), right]
            return [*late, right]


def _report(transaction: str, rows: list[tuple[str, str]], failed: dict[str, int]) -> bytes:
    def items(wanted: list[tuple[str, str]]) -> list[dict[str, object]]:
        return [
            {"ReferencedSOPClassUID": sop_class, "ReferencedSOPInstanceUID": uid}
            | ({"FailureReason": failed[uid]} if uid in failed else {})
            for sop_class, uid in wanted
        ]

    said: dict[str, object] = {"TransactionUID": transaction}
    good, bad = [row for row in rows if row[1] not in failed], [row for row in rows if row[1] in failed]
    if good:
        said["ReferencedSOPSequence"] = items(good)
    if bad:
        said["FailedSOPSequence"] = items(bad)
    return (b"\2" if bad else b"\1") + keys.write(said, (), "1.2.840.10008.1.2.1")  # type: ignore[arg-type]


class _Talk:
    """One association."""

    def __init__(self, hospital: Hospital, connection: socket.socket) -> None:
        self._hospital = hospital
        self._socket = connection
        self._syntaxes: dict[int, tuple[str, str]] = {}
        self._said = bytearray()
        self._asked: tuple[int, Command] | None = None
        self._dataset = bytearray()

    def run(self) -> None:
        kind, body = self._receive()
        if kind is not PduType.ASSOCIATE_RQ:
            return
        request = pdu.parse_request(body)
        answers = []
        for one in request.proposals:
            syntax = "1.2.840.10008.1.2.1" if one.abstract_syntax == PUSH_MODEL else one.transfer_syntaxes[0]
            self._syntaxes[one.context_id] = (one.abstract_syntax, syntax)
            answers.append(ContextAnswer(one.context_id, ContextResult.ACCEPTED, syntax))
        self._send(
            pdu.accept(
                request, answers, pdu_bytes_max=16384, implementation_class_uid="1.2.3", implementation_version=""
            )
        )
        while True:
            kind, body = self._receive()
            if kind is PduType.RELEASE_RQ:
                self._send(pdu.RELEASE_RP)
                return
            if kind is not PduType.DATA:
                return
            for fragment in pdu.fragments(memoryview(body)):
                self._take(fragment)

    def _take(self, fragment: pdu.Fragment) -> None:
        if fragment.is_command:
            self._said += fragment.data
            if fragment.is_last:
                asked = command.parse(self._said)
                self._said.clear()
                self._asked = (fragment.context_id, asked)
                self._dataset.clear()
                if asked.field == command.C_ECHO_RQ:
                    self._answer(0)
            return
        self._dataset += fragment.data
        if fragment.is_last and self._asked is not None:
            match self._asked[1].field:
                case command.C_STORE_RQ:
                    self._answer(self._hospital.store(self._asked[1].sop_instance_uid, bytes(self._dataset)))
                case command.N_ACTION_RQ:
                    self._commit()
                case command.C_GET_RQ:
                    self._give()

    def _answer(self, status: int) -> None:
        assert self._asked is not None
        context_id, asked = self._asked
        self._send(pdu.data(context_id, command.response(asked, status), is_command=True))

    def _commit(self) -> None:
        assert self._asked is not None
        context_id = self._asked[0]
        status, self._hospital.wrongs.action_status = self._hospital.wrongs.action_status, 0
        if status:
            self._hospital.has_struck = True
            self._answer(status)
            return
        reports = self._hospital.reports(keys.read(bytes(self._dataset), self._syntaxes[context_id][1]))
        self._answer(0)
        for number, report in enumerate(reports, start=1):
            said = command.event_report(number, PUSH_MODEL, PUSH_MODEL_INSTANCE, report[0])
            self._send(pdu.data(context_id, said, is_command=True) + pdu.data(context_id, report[1:], is_command=False))

    def _give(self) -> None:
        """Give what is asked for back, in the transfer syntax of its context."""
        assert self._asked is not None
        context_id, asked = self._asked
        wanted = keys.read(bytes(self._dataset), self._syntaxes[context_id][1]).text("SOPInstanceUID")
        with self._hospital.lock:
            found = self._hospital.objects.get(wanted)
        if found is not None:
            store = next(
                (number, uid) for number, (uid, _) in self._syntaxes.items() if uid not in (STUDY_ROOT_GET, PUSH_MODEL)
            )
            said = command.store_request(1, store[1], wanted)
            parts = pdu.data(store[0], said, is_command=True)
            for begin in range(0, max(1, len(found)), 16000):
                is_last = begin + 16000 >= len(found)
                parts += pdu.data(store[0], found[begin : begin + 16000], is_command=False, is_last=is_last)
            self._send(parts)
            self._receive()  # Its answer.
        self._send(pdu.data(context_id, command.response(asked, 0), is_command=True))

    def _send(self, data: bytes) -> None:
        hospital = self._hospital
        with hospital.lock:
            begin = hospital.out_bytes
            hospital.out_bytes += len(data)
            hospital.out_marks.append(hospital.out_bytes)
        broken = hospital.broken
        if broken is not None and broken.is_out and not hospital.has_struck and begin + len(data) >= broken.at:
            self._socket.sendall(data[: max(0, broken.at - begin)])
            hospital.strike(self._socket)
        self._socket.sendall(data)

    def _receive(self) -> tuple[PduType, bytes]:
        head = self._exactly(6)
        kind, _, length = struct.unpack(">BBI", head)
        body = self._exactly(length)
        with self._hospital.lock:
            self._hospital.in_marks.append(self._hospital.in_bytes)
        return PduType(kind), body

    def _exactly(self, count: int) -> bytes:
        hospital, broken = self._hospital, self._hospital.broken
        found = bytearray()
        while len(found) < count:
            wanted = count - len(found)
            if broken is not None and not broken.is_out and not hospital.has_struck:
                if hospital.in_bytes >= broken.at:
                    hospital.strike(self._socket)
                wanted = min(wanted, broken.at - hospital.in_bytes)
            piece = self._socket.recv(wanted)
            if not piece:
                raise _Gone
            found += piece
            with hospital.lock:
                hospital.in_bytes += len(piece)
        return bytes(found)
