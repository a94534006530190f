"""Promises of `edge.live.datagrams`: what is sent in one call arrives as the datagrams it was made of."""

import socket
from collections.abc import Iterator

import pytest

from edge.live.datagrams import RUN_BYTES_MAX, SEGMENT_COUNT_MAX, Datagrams, runs_of


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(5)
        yield made


def sender() -> Datagrams:
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.setblocking(False)
    return Datagrams(own)


def packets_of(*sizes: int) -> list[bytes]:
    return [bytes([number]) * size for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    "sizes", [(1200,), (1200, 1200, 800), (300, 1200, 1200, 1200, 40), (10, 20, 30), (30, 20, 10), (1200,) * 60]
)
@pytest.mark.parametrize("can_cut", [True, False])
def test_every_datagram_arrives_whole_and_in_order(
    receiver: socket.socket, sizes: tuple[int, ...], can_cut: bool
) -> None:
    packets = packets_of(*sizes)
    datagrams = sender()
    datagrams._can_cut = can_cut
    assert not datagrams.send(packets, receiver.getsockname())
    assert [receiver.recv(2048) for _ in packets] == packets
    datagrams.close()


def test_a_run_has_one_size_and_a_shorter_end() -> None:
    for sizes in ((5, 5, 3, 5, 5), (1, 2, 3), (9,) * 200, (1400,) * 200):
        runs = list(runs_of([bytes(size) for size in sizes]))
        assert sum(map(len, runs)) == len(sizes)
        for run in runs:
            assert len({len(packet) for packet in run[:-1]} | {len(run[0])}) == 1
            assert len(run[-1]) <= len(run[0])
            assert len(run) <= SEGMENT_COUNT_MAX
            assert sum(map(len, run)) <= RUN_BYTES_MAX


def test_an_address_that_nobody_listens_at_is_a_loss_like_any_other() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        address = gone.getsockname()
    datagrams = sender()
    for _ in range(3):
        assert not datagrams.send(packets_of(100, 100), address)
    datagrams.close()


def test_a_socket_that_is_closed_is_said_to_be() -> None:
    datagrams = sender()
    datagrams.close()
    with pytest.raises(OSError):
        datagrams.send(packets_of(100, 100), ("127.0.0.1", 9))
