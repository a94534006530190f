"""Storage commitment: yes only after every byte was read again; who has left hears on an association of its own."""

import queue
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom.sop_class import (
    SecondaryCaptureImageStorage,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from edge.dicom.identity import new_uid
from edge.net.association import Peer
from edge.net.commitment import Report, ask
from edge.net.commitment_listener import Listener
from edge.store import scrub, vouchings
from tests.support.gateway import AE_TITLE, Gateway
from tests.support.objects import make_dataset
from tests.support.orthanc import free_port

CLASS = str(SecondaryCaptureImageStorage)


@pytest.fixture(scope="module")
def report_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def gateway(report_port: int) -> Iterator[Gateway]:
    folder = Path(tempfile.mkdtemp(prefix="edge-"))
    peer = f'[[peer]]\nname = "cart"\nae_title = "CART"\nhost = "127.0.0.1"\nport = {report_port}\n'
    with Gateway(folder, peer) as made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def us(gateway: Gateway) -> Peer:
    return Peer(name="clinic", host="127.0.0.1", port=gateway.port, ae_title=AE_TITLE, own_ae_title="CART")


def test_an_object_that_is_whole_is_vouched_for_on_the_same_association(gateway: Gateway) -> None:
    uid, transaction = gateway.keep(), new_uid()
    report = ask(us(gateway), transaction, [(CLASS, uid)], wait_s=10)
    assert report == Report(transaction_uid=transaction, committed=frozenset({uid}), failed={})


def test_what_is_not_here_or_of_another_class_is_refused_with_its_reason(gateway: Gateway) -> None:
    uid = gateway.keep()
    report = ask(us(gateway), new_uid(), [(CLASS, uid), (CLASS, "9.9"), ("1.2.840.10008.5.1.4.1.1.2", uid)], wait_s=10)
    assert report is not None
    assert report.failed["9.9"] == "it does not have the object"
    assert report.failed[uid] == "the SOP class is not the one it has"


def test_what_left_the_disk_because_it_is_proven_elsewhere_is_still_vouched_for(gateway: Gateway) -> None:
    uid = gateway.keep()
    with gateway.database.write() as connection:
        connection.execute("UPDATE instances SET evicted_s = 1 WHERE sop_instance_uid = ?", (uid,))
    gateway.file_of(uid).unlink()
    report = ask(us(gateway), new_uid(), [(CLASS, uid)], wait_s=10)
    assert report is not None and report.committed == {uid}


@pytest.mark.parametrize("damage", ["one bit", "half of it", "gone"])
def test_rotten_bytes_are_not_vouched_for_until_the_object_comes_again(gateway: Gateway, damage: str) -> None:
    ds = make_dataset(pixel_seed=3)
    temp = gateway.store.new_temp()
    ds.save_as(temp, enforce_file_format=True)
    whole = temp.read_bytes()
    uid = gateway.store.keep(temp, source="test").instance.sop_instance_uid
    path = gateway.file_of(uid)
    path.chmod(0o644)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[: len(whole) // 2] if damage == "half of it" else whole[:-9] + b"\xff" + whole[-8:])
    report = ask(us(gateway), new_uid(), [(CLASS, uid)], wait_s=10)
    assert report is not None and set(report.failed) == {uid}
    assert uid in scrub.damaged(gateway.database)
    again = gateway.store.new_temp()
    again.write_bytes(whole)
    assert gateway.store.keep(again, source="test").outcome == "known"
    assert uid not in scrub.damaged(gateway.database)
    report = ask(us(gateway), new_uid(), [(CLASS, uid)], wait_s=10)
    assert report is not None and report.committed == {uid}


def test_a_peer_that_left_hears_on_an_association_of_its_own(gateway: Gateway, report_port: int) -> None:
    reports: queue.Queue[Report] = queue.Queue()
    listener = Listener("CART", reports.put)
    listener.start("127.0.0.1", report_port)
    try:
        uid, transaction = gateway.keep(frames=200, rows=512, columns=512), new_uid()
        assert ask(us(gateway), transaction, [(CLASS, uid)] * 20, wait_s=0) is None
        report = reports.get(timeout=20)
    finally:
        listener.stop()
    assert (report.transaction_uid, report.committed) == (transaction, {uid})


def test_a_report_that_cannot_be_delivered_is_tried_again(gateway: Gateway, report_port: int) -> None:
    uid = gateway.keep()
    assert ask(us(gateway), new_uid(), [(CLASS, uid)] * 3, wait_s=0) is None
    reports: queue.Queue[Report] = queue.Queue()
    deadline_s = time.monotonic() + 40
    while "commitment.unreported" not in gateway.service.log():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    listener = Listener("CART", reports.put)
    listener.start("127.0.0.1", report_port)
    try:
        assert reports.get(timeout=40).committed == {uid}
    finally:
        listener.stop()


def test_a_request_that_was_answered_outlives_the_node_and_is_reported_by_the_next() -> None:
    folder, port = Path(tempfile.mkdtemp(prefix="edge-")), free_port()
    peer = f'[[peer]]\nname = "cart"\nae_title = "CART"\nhost = "127.0.0.1"\nport = {port}\n'
    try:
        with Gateway(folder, peer) as gateway:
            uid, transaction = gateway.keep(), new_uid()
            assert ask(us(gateway), transaction, [(CLASS, uid)], wait_s=0) is None
            gateway.service.kill()  # The cart has left, and nobody listens there yet: the report is still owed.
            assert [one.transaction_uid for one in vouchings.list_open(gateway.database, limit=9)] == [transaction]
            reports: queue.Queue[Report] = queue.Queue()
            listener = Listener("CART", reports.put)
            listener.start("127.0.0.1", port)
            try:
                gateway.service.start()
                report = reports.get(timeout=40)
                assert (report.transaction_uid, report.committed) == (transaction, {uid})
                # The listener stays until the node has heard that its report arrived.
                deadline_s = time.monotonic() + 40
                while vouchings.is_any(gateway.database):
                    assert time.monotonic() < deadline_s
                    time.sleep(0.02)
            finally:
                listener.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def act(gateway: Gateway, ds: Dataset, action: int = 1, instance: str = StorageCommitmentPushModelInstance) -> int:
    assoc: Any = gateway.associate(str(StorageCommitmentPushModel), ae_title="CART")
    assert assoc.is_established
    status, _ = assoc.send_n_action(ds, action, StorageCommitmentPushModel, instance)
    assoc.release()
    return int(status.Status)


def test_a_request_that_makes_no_sense_is_refused(gateway: Gateway) -> None:
    ds = Dataset()
    ds.TransactionUID = new_uid()
    assert act(gateway, ds) == 0x0115
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CLASS, "1.2"
    ds.ReferencedSOPSequence = Sequence([item])
    assert act(gateway, ds, action=2) == 0x0123
    assert act(gateway, ds, instance="1.2.3") == 0x0112
    del ds.TransactionUID
    assert act(gateway, ds) == 0x0115
