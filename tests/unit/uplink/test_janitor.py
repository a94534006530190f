"""What leaves the disk, in which order, and what never does."""

import time
from pathlib import Path

import pytest

from edge.core.delivery import State
from edge.core.retention import Limits
from edge.core.routing import Route, Routing
from edge.store import audit_log, deliveries, evictions, fetches, scrub, turns
from tests.support.away import ALL, Node


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_the_oldest_leave_first_and_no_more_than_the_budget_asks_for(node: Node) -> None:
    uids = node.safe(5)
    sizes = [node.path(uid).stat().st_size for uid in uids]
    budget_bytes = int(sum(sizes[2:]) / 0.9) + 1
    assert node.janitor(limits=Limits(budget_bytes=budget_bytes)).step() == 0
    assert [node.is_away(uid) for uid in uids] == [True, True, False, False, False]
    assert evictions.used_bytes(node.database) == sum(sizes[2:])
    assert node.janitor(limits=Limits(budget_bytes=budget_bytes)).step() == 0  # Nothing more has to.
    assert [node.is_away(uid) for uid in uids] == [True, True, False, False, False]


def test_a_row_a_small_picture_and_an_audit_row_stay(node: Node) -> None:
    (uid,) = node.evicted()
    instance = node.store.require(uid)
    assert node.store.thumbnail_of(instance).read_bytes()[:2] == b"\xff\xd8"
    (row,) = audit_log.list_rows(node.database, action="object.evicted")
    assert (row.object, row.actor, row.detail["safe_at"]) == (uid, "janitor", ["vna"])
    assert audit_log.verify(node.database) is None


@pytest.mark.parametrize("state", [State.SENT, State.COMMITTED])
def test_what_is_not_proven_stays_however_full_the_disk_is(node: Node, state: State) -> None:
    uid = node.keep()
    node.deliver(uid, state=state)
    assert node.janitor().step() > 0 and not node.is_away(uid)


def test_every_required_destination_must_have_it_proven(tmp_path: Path) -> None:
    node = Node(tmp_path, routing=Routing(("vna", "second")), required=("vna", "second"))
    uid = node.keep()
    node.deliver(uid)
    node.janitor().step()
    assert not node.is_away(uid)
    node.deliver(uid, "second")
    node.janitor().step()
    assert node.is_away(uid)


def test_a_required_destination_that_routes_keep_an_object_from_need_not_have_it(tmp_path: Path) -> None:
    routing = Routing(("vna", "slides"), (Route(destinations=("slides",), modality=("SM",)),))
    node = Node(tmp_path, routing=routing, required=("vna", "slides"))
    us, sm = node.keep(Modality="US"), node.keep(Modality="SM", pixel_seed=2)
    for uid in (us, sm):
        node.deliver(uid)
    node.janitor().step()
    assert node.is_away(us) and not node.is_away(sm)


def test_with_no_required_destination_nothing_leaves(tmp_path: Path) -> None:
    node = Node(tmp_path, required=())
    (uid,) = node.safe()
    node.janitor().step()
    assert not node.is_away(uid)


def test_a_copy_in_another_form_vouches_for_the_picture_but_not_for_the_bytes(node: Node) -> None:
    (uid,) = node.safe()
    with node.database.write() as connection:
        connection.execute("UPDATE deliveries SET is_other_form = 1")
    node.janitor().step()
    assert not node.is_away(uid)


def test_what_came_or_was_opened_a_moment_ago_stays(node: Node) -> None:
    (uid,) = node.safe(StudyInstanceUID="1.2.3")
    node.janitor(keep_s=3600).step()
    assert not node.is_away(uid)
    with node.database.write() as connection:
        connection.execute("UPDATE instances SET kept_s = 5")
    fetches.open_study(node.database, "1.2.3", now_s=time.time())
    node.janitor(keep_s=3600).step()
    assert not node.is_away(uid)
    fetches.open_study(node.database, "1.2.3", now_s=time.time() - 7200)
    node.janitor(keep_s=3600).step()
    assert node.is_away(uid)


def test_what_still_waits_for_somebody_else_leaves_last(tmp_path: Path) -> None:
    node = Node(tmp_path, routing=Routing(("vna", "other")))
    first, second = node.safe(2)
    node.deliver(second, "other")
    size = node.path(second).stat().st_size
    used = evictions.used_bytes(node.database)
    node.janitor(limits=Limits(budget_bytes=int((used - size) / 0.9) + 1)).step()
    assert [node.is_away(uid) for uid in (first, second)] == [False, True]
    node.janitor().step()
    assert node.is_away(first)
    (due,) = turns.due(node.database, "other", now_s=time.time(), limit=9)
    assert not due.is_here  # The sender has it fetched back before it sends it.


def test_an_object_in_an_open_exam_a_damaged_one_and_one_that_is_wanted_stay(node: Node) -> None:
    uids = node.safe(3)
    studies = [node.store.require(uid).study_instance_uid for uid in uids]
    with node.database.write() as connection:
        connection.execute(
            "INSERT INTO sessions (session_id, source, study_instance_uid, opened_s, session)"
            " VALUES ('s', 'probe', ?, 1, '{}')",
            (studies[0],),
        )
    path = node.path(uids[1])
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    scrub.examine(node.database, node.store, node.store.require(uids[1]))
    fetches.ask(node.database, [uids[2]], why="send", now_s=1.0)
    node.janitor().step()
    assert [node.is_away(uid) for uid in uids] == [False] * 3


def test_the_free_space_of_the_disk_counts_as_the_budget_does(node: Node) -> None:
    uids = node.safe(3)
    size = node.path(uids[0]).stat().st_size
    node.janitor(limits=Limits(free_bytes=ALL), free_bytes=ALL - size).step()
    assert [node.is_away(uid) for uid in uids] == [True, False, False]


def test_the_scrub_does_not_miss_what_has_left(node: Node) -> None:
    node.evicted(2)
    assert scrub.walk(node.database, node.store, rate_bytes_s=1e12).object_count == 0
    assert scrub.damaged(node.database) == []


def test_the_numbers_of_a_study_are_as_before(node: Node) -> None:
    (uid,) = node.evicted()
    assert deliveries.of_studies(node.database, [node.store.require(uid).study_instance_uid]) == {
        node.store.require(uid).study_instance_uid: ("arrived", 1, 1)
    }
