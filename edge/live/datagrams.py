"""Datagrams of equal size handed to the kernel in one call, which cuts them (UDP segmentation offload).

A picture is some ten packets, and a call a packet was most of what a viewer cost. The wire carries the same datagrams
as before. Where the kernel or the device cannot cut, they are sent one by one.
"""

import errno
import socket
import struct
from collections.abc import Iterator, Sequence

SEGMENT_COUNT_MAX = 48
"""The kernel takes 64."""
RUN_BYTES_MAX = 60_000
"""One call's datagrams together are less than the largest IP packet."""
_SOL_UDP = 17
_UDP_SEGMENT = 103
_CANNOT = frozenset({errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EMSGSIZE})


def runs_of(packets: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cut into runs that one call can carry: all of one size, only the last may be shorter."""
    begin = 0
    while begin < len(packets):
        size = len(packets[begin])
        count_max = max(1, min(SEGMENT_COUNT_MAX, RUN_BYTES_MAX // max(1, size)))
        end = begin + 1
        while end < len(packets) and end - begin < count_max and len(packets[end]) <= size:
            end += 1
            if len(packets[end - 1]) < size:
                break
        yield packets[begin:end]
        begin = end


class Datagrams:
    """A socket's way out; the socket is a duplicate of its own, closed by `close`."""

    def __init__(self, own: socket.socket) -> None:
        """Takes the socket over."""
        self._socket = own
        self._can_cut = True

    def send(self, packets: Sequence[bytes], address: tuple[str, int]) -> Sequence[bytes]:
        """Send in order; return those that the socket had no room for."""
        for run in runs_of(packets):
            if not self._send_run(run, address):
                return packets[packets.index(run[0]) :]
        return ()

    def close(self) -> None:
        self._socket.close()

    def _send_run(self, run: Sequence[bytes], address: tuple[str, int]) -> bool:
        try:
            if self._can_cut and len(run) > 1:
                size = struct.pack("=H", len(run[0]))
                self._socket.sendmsg(run, [(_SOL_UDP, _UDP_SEGMENT, size)], 0, address)
                return True
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _CANNOT:
                return _is_loss(error)
            self._can_cut = False
        return self._send_singly(run, address)

    def _send_singly(self, run: Sequence[bytes], address: tuple[str, int]) -> bool:
        for packet in run:
            try:
                self._socket.sendto(packet, address)
            except BlockingIOError:
                return False
            except OSError as error:
                _is_loss(error)
        return True


def _is_loss(error: OSError) -> bool:
    """Tell that packets which the network refuses now are lost as on any link; ICE notices when that lasts.

    Raises: OSError when the socket itself is wrong.
    """
    if error.errno == errno.EBADF:
        raise error
    return True
