"""A full node refuses new work at every door, and keeps everything that it has acknowledged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import StorageFullError
from edge.net import pdu
from edge.net.provider import Provider
from edge.services.receive import take
from edge.store import evictions
from edge.store.database import Database
from edge.store.instances import Instances
from edge.store.room import Room
from tests.support.objects import SECONDARY_CAPTURE, make_dataset
from tests.support.sender import EXPLICIT, Sender, item_of, request

VERIFICATION = "1.2.840.10008.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
NO_ROOM = 0xA700


class Node:
    """A receiver whose objects may take so much."""

    def __init__(self, folder: Path, budget_bytes: int) -> None:
        self.database = Database(folder / "edge.db")
        self.store = Instances(self.database, folder, budget_bytes=budget_bytes)
        self.provider = Provider(
            ae_title="CLINIC7", new_temp=self.store.new_temp, take=lambda received: take(self.store, received),
            has_room=self.store.has_room,
        )  # fmt: skip
        self.port = self.provider.start("127.0.0.1", 0)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path, budget_bytes=10_000)
    yield made
    made.provider.stop()


def ask(node: Node, *sop_classes: str) -> pdu.PduType:
    with Sender(node.port) as sender:
        proposals = [(2 * number + 1, uid, [EXPLICIT]) for number, uid in enumerate(sop_classes)]
        sender.socket.sendall(request(proposals=proposals))
        return sender.receive()[0]


def test_a_full_node_answers_out_of_resources_then_rejects_who_comes_to_store_and_keeps_what_it_has(node: Node) -> None:
    items = [item_of(make_dataset(pixel_seed=number)) for number in range(4)]
    with Sender(node.port) as sender:
        sender.associate()
        statuses = [sender.store(item, number=number + 1) for number, item in enumerate(items)]
    assert statuses == [0, 0, 0, NO_ROOM]
    kept = [node.store.find(item.sop_instance_uid) for item in items]
    assert [one is not None for one in kept] == [True, True, True, False]
    assert all(node.store.path_of(one).exists() for one in kept if one is not None)
    assert ask(node, SECONDARY_CAPTURE) is pdu.PduType.ASSOCIATE_RJ
    assert ask(node, VERIFICATION, SECONDARY_CAPTURE) is pdu.PduType.ASSOCIATE_RJ
    assert ask(node, VERIFICATION) is pdu.PduType.ASSOCIATE_AC


def test_with_room_again_work_is_taken_again(node: Node) -> None:
    items = [item_of(make_dataset(pixel_seed=number)) for number in range(4)]
    with Sender(node.port) as sender:
        sender.associate()
        for number, item in enumerate(items):
            sender.store(item, number=number + 1)
    with node.database.write() as connection:  # As the janitor does.
        connection.execute("UPDATE instances SET evicted_s = 1")
    node.store.room._looked_s = float("-inf")
    assert evictions.used_bytes(node.database) == 0
    with Sender(node.port) as sender:
        sender.associate()
        assert sender.store(items[3]) == 0


def test_the_reserve_of_the_disk_counts_but_not_against_a_proof(tmp_path: Path) -> None:
    room = Room(Database(tmp_path / "edge.db"), tmp_path, reserve_bytes=2**62)
    assert "are free" in room.problem()
    room.require_space(1000)
    with pytest.raises(StorageFullError):
        room.require()
    with pytest.raises(StorageFullError):
        room.require_space(2**62)
