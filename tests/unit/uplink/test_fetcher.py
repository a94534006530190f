"""The way back: the very bytes, or nothing."""

import time
from pathlib import Path

import pydicom
import pytest

from edge.core.link import Link
from edge.core.retention import Limits
from edge.store import audit_log, evictions, fetches, index, scrub
from edge.store.rebuild import rebuild
from edge.uplink.carrier import FolderCarrier
from edge.uplink.prober import Prober
from tests.support.away import Node


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def ask(node: Node, *uids: str) -> None:
    for uid in uids:
        fetches.ask_study(node.database, node.store.require(uid).study_instance_uid, now_s=time.time())


def rewrite(node: Node, uid: str, **values: object) -> None:
    """Let the archive write its copy anew, as archives do."""
    ds = pydicom.dcmread(node.far / uid)
    ds.file_meta.ImplementationVersionName = "SOMEBODY ELSE"
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    ds.save_as(node.far / uid, enforce_file_format=True)


def test_an_object_comes_back_byte_for_byte(node: Node) -> None:
    (uid,) = node.safe()
    before = node.path(uid).read_bytes()
    node.janitor().step()
    ask(node, uid)
    assert fetches.away(node.database, node.store.require(uid).study_instance_uid).wanted_count == 1  # type: ignore[union-attr]
    assert node.fetcher().step()
    assert not node.is_away(uid) and node.path(uid).read_bytes() == before
    assert fetches.away(node.database, node.store.require(uid).study_instance_uid) is None
    assert evictions.remains_of(node.database, uid) is None
    assert [row.object for row in audit_log.list_rows(node.database, action="object.returned")] == [uid]
    assert list((node.folder / "incoming").iterdir()) == []


def test_an_archive_that_writes_the_header_anew_still_gives_the_very_bytes_back(node: Node) -> None:
    (uid,) = node.safe()
    before = node.path(uid).read_bytes()
    rewrite(node, uid, PatientName="Set^Right", AccessionNumber="A-4711")
    node.janitor().step()
    ask(node, uid)
    node.fetcher().step()
    assert node.path(uid).read_bytes() == before


def test_what_comes_back_changed_or_cut_is_not_taken_and_is_asked_for_again(node: Node) -> None:
    cut, changed, lost = node.evicted(3)
    (node.far / cut).write_bytes((node.far / cut).read_bytes()[:-7])
    rewrite(node, changed, PixelData=bytes(len(pydicom.dcmread(node.far / changed).PixelData)))
    (node.far / lost).unlink()
    ask(node, cut, changed, lost)
    fetcher = node.fetcher()
    assert not fetcher.step()
    assert all(map(node.is_away, (cut, changed, lost)))
    (reason,) = {fetches.away(node.database, node.store.require(uid).study_instance_uid).reason for uid in (cut,)}  # type: ignore[union-attr]
    assert reason.startswith("vna: ")
    assert fetches.due(node.database, now_s=time.time(), limit=9) == []  # Not at once, but:
    assert len(fetches.due(node.database, now_s=time.time() + 400, limit=9)) == 3
    assert list((node.folder / "incoming").iterdir()) == []


def test_what_somebody_waits_for_is_fetched_at_once_when_the_link_is_back(node: Node) -> None:
    (uid,) = node.evicted(1)
    ask(node, uid)
    kept = (node.far / uid).rename(node.far / "out of reach")
    assert not node.fetcher().step()
    kept.rename(node.far / uid)
    assert not node.fetcher().step(), "it waits for its next try"
    carrier = FolderCarrier("vna", node.far)
    for destination, is_due in (("another", False), ("vna", True)):
        prober = Prober(node.database, destination, carrier, Link().failed("gone", now_s=time.time() - 900))
        assert prober.look().is_usable
        assert bool(fetches.due(node.database, now_s=time.time(), limit=9)) is is_due
    assert node.fetcher().step() and not node.is_away(uid)


def test_the_study_that_was_opened_last_comes_first(node: Node) -> None:
    first, second = node.evicted(2)
    ask(node, first)
    ask(node, second)
    fetches.open_study(node.database, node.store.require(first).study_instance_uid, now_s=time.time() - 9)
    fetches.open_study(node.database, node.store.require(second).study_instance_uid, now_s=time.time())
    due = fetches.due(node.database, now_s=time.time(), limit=9)
    assert [one.sop_instance_uid for one in due] == [second, first]


def test_an_object_that_rotted_here_is_made_whole_from_there(node: Node) -> None:
    (uid,) = node.safe()
    whole = node.path(uid).read_bytes()
    rewrite(node, uid, PatientName="Set^Right")
    node.path(uid).chmod(0o600)
    node.path(uid).write_bytes(whole[:-9] + b"x" + whole[-8:])
    assert not scrub.examine(node.database, node.store, node.store.require(uid))
    assert node.fetcher().step()
    assert node.path(uid).read_bytes() == whole and scrub.damaged(node.database) == []


def test_the_same_object_sent_here_again_is_here_again(node: Node) -> None:
    (uid,) = node.safe()
    whole = node.path(uid).read_bytes()
    rewrite(node, uid)  # Another writer of the same object.
    node.janitor().step()
    for copy in (whole, (node.far / uid).read_bytes()):
        temp = node.store.new_temp()
        temp.write_bytes(copy)
        assert node.store.keep(temp, source="cart").outcome == "known"
        assert not node.is_away(uid) and node.path(uid).read_bytes() == whole
        node.janitor().step()
        assert node.is_away(uid)


def test_an_object_that_came_back_is_young_again(node: Node) -> None:
    old, young = node.evicted(2)
    ask(node, old)
    node.fetcher().step()
    ask(node, young)
    node.fetcher().step()
    found = evictions.candidates(node.database, before_s=time.time() + 9, after=(0.0, ""), limit=9)
    assert [one.instance.sop_instance_uid for one in found] == [old, young]


def test_a_rebuilt_index_still_knows_what_is_away_and_how_to_have_it_back(node: Node, tmp_path: Path) -> None:
    study = "1.2.3"
    uids = node.safe(3, StudyInstanceUID=study)
    whole = {uid: node.path(uid).read_bytes() for uid in uids}
    node.janitor(limits=Limits(budget_bytes=1 + int(len(whole[uids[2]]) / 0.9))).step()
    assert [node.is_away(uid) for uid in uids] == [True, True, False]
    node.database.close()
    rebuild(tmp_path / "edge.db", tmp_path, destinations=node.routing)
    again = Node(tmp_path)
    assert [again.is_away(uid) for uid in uids] == [True, True, False]
    row = index.find_study(again.database, study)
    assert row is not None and row["NumberOfStudyRelatedInstances"] == 3
    assert index.search_studies(again.database, {}, text="test").total == 1
    ask(again, *uids)
    again.fetcher().step()
    assert {uid: again.path(uid).read_bytes() for uid in uids} == whole


def test_an_object_that_is_away_is_found_by_its_digest(node: Node) -> None:
    here, away = node.safe(2)
    digests = {uid: node.store.require(uid).digest for uid in (here, away)}
    size = node.path(here).stat().st_size
    with node.database.write() as connection:
        connection.execute("UPDATE instances SET kept_s = 1 WHERE sop_instance_uid = ?", (away,))
    node.janitor(limits=Limits(budget_bytes=int((size + 1) / 0.9) + 1)).step()
    assert evictions.study_away(node.database, digests[here]) is None
    assert evictions.study_away(node.database, digests[away]) == node.store.require(away).study_instance_uid
