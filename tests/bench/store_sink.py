"""A receiver that keeps nothing, a process of its own: PORT [WINDOW] → answers every C-STORE with success.

Its memory is flat whatever comes. WINDOW: how many operations may be in flight; 1 when it is not said.
"""

import socket
import struct
import sys
import threading

from edge.net import command, pdu
from edge.net.pdu import ContextAnswer, ContextResult, PduType

BUFFER_BYTES = 1024 * 1024


class _Talk:
    """One association."""

    def __init__(self, connection: socket.socket, window: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._window = window
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._begin = self._end = 0
        self._asked: tuple[int, command.Command] | None = None

    def run(self) -> None:
        """Serve until the peer leaves."""
        try:
            while True:
                kind, length = struct.unpack(">BxI", self._take(6))
                if kind == PduType.DATA:
                    self._data(length)
                elif kind == PduType.ASSOCIATE_RQ:
                    self._accept(bytes(self._take(length)))
                else:
                    self._socket.sendall(pdu.RELEASE_RP)
                    return
        except (OSError, EOFError):
            return
        finally:
            self._socket.close()

    def _accept(self, body: bytes) -> None:
        request = pdu.parse_request(body)
        answers = [
            ContextAnswer(one.context_id, ContextResult.ACCEPTED, one.transfer_syntaxes[0]) for one in request.proposals
        ]
        said = pdu.accept(
            request, answers, pdu_bytes_max=131_072, implementation_class_uid="1.2.3", implementation_version="SINK"
        )
        if self._window > 1:
            item = struct.pack(">BBHHH", 0x53, 0, 4, self._window, 1)
            at = said.rindex(b"\x50\0", 0, said.rindex(b"\x51\0\0\4"))
            (length,) = struct.unpack_from(">H", said, at + 2)
            body = said[6 : at + 2] + struct.pack(">H", length + len(item)) + said[at + 4 :] + item
            said = pdu.header(PduType.ASSOCIATE_AC, len(body)) + body
        self._socket.sendall(said)

    def _data(self, length: int) -> None:
        while length:
            value_bytes, context_id, control = struct.unpack(">IBB", self._take(6))
            length -= 4 + value_bytes
            if control & pdu.COMMAND:
                asked = command.parse(bytes(self._take(value_bytes - 2)))
                self._asked = (context_id, asked)
                if not asked.has_dataset:
                    self._answer()
                continue
            self._skip(value_bytes - 2)
            if control & pdu.LAST:
                self._answer()

    def _answer(self) -> None:
        assert self._asked is not None
        context_id, asked = self._asked
        self._socket.sendall(pdu.data(context_id, command.response(asked, 0), is_command=True))

    def _take(self, count: int) -> memoryview:
        while self._end - self._begin < count:
            if len(self._buffer) - self._begin < count or self._begin == self._end:
                rest = self._end - self._begin
                self._buffer[:rest] = self._buffer[self._begin : self._end]
                self._begin, self._end = 0, rest
            self._fill()
        found = self._buffer[self._begin : self._begin + count]
        self._begin += count
        return found

    def _skip(self, count: int) -> None:
        while count:
            if self._begin == self._end:
                self._begin = self._end = 0
                self._fill()
            step = min(count, self._end - self._begin)
            self._begin += step
            count -= step

    def _fill(self) -> None:
        found = self._socket.recv_into(self._buffer[self._end :])
        if not found:
            raise EOFError
        self._end += found


def main() -> None:
    """Listen until killed."""
    window = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with socket.create_server(("", int(sys.argv[1]))) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_Talk(connection, window).run, daemon=True).start()


if __name__ == "__main__":
    main()
