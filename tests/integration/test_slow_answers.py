"""A peer that waits for us is not taken for one that is silent; and one association is no hurdle for another."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import SecondaryCaptureImageStorage, StudyRootQueryRetrieveInformationModelFind

from edge.core.callers import EVERYBODY
from edge.dicom.identity import new_uid
from edge.net.association import Peer
from edge.net.commitment import ask
from edge.net.finding import Matches
from edge.net.offers import PROVIDED, Offers
from edge.net.provider import Provider, StoreAnswer
from edge.net.vouching import Voucher

FIND = str(StudyRootQueryRetrieveInformationModelFind)
IDLE_S = 1.0
SLOW_S = 3.5


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A listener that leaves the silent soon and looks at objects slowly."""

    def search(*_: object) -> Matches:
        time.sleep(SLOW_S)
        return Matches(rows=iter([{"StudyInstanceUID": "1.2", "QueryRetrieveLevel": "STUDY"}]))

    def check(*_: object) -> int:
        time.sleep(SLOW_S)
        return 0

    voucher = Voucher("CLINIC7", check, lambda _: None)
    voucher.start()
    offers = Offers(
        find=search, schedule=search, select=lambda *_: [], find_destination=lambda _: None, voucher=voucher
    )
    provider = Provider(
        ae_title="CLINIC7", new_temp=lambda: tmp_path / new_uid(), take=lambda _: StoreAnswer(status=0),
        handlers=offers.handlers(EVERYBODY), other_services=tuple(PROVIDED), idle_s=IDLE_S,
    )  # fmt: skip
    yield provider.start("127.0.0.1", 0)
    provider.stop()
    voucher.stop()


def test_a_query_that_takes_longer_than_the_idle_time_is_answered(port: int) -> None:
    ae = AE("VIEWER")
    ae.add_requested_context(FIND)
    assoc = ae.associate("127.0.0.1", port)
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    assert [status.get("Status") for status, _ in assoc.send_c_find(ds, FIND)] == [0xFF00, 0x0000]
    assoc.release()


def test_a_commitment_that_takes_longer_than_the_idle_time_is_reported(port: int) -> None:
    peer = Peer(name="us", host="127.0.0.1", port=port, ae_title="CLINIC7", own_ae_title="CART")
    report = ask(peer, new_uid(), [(str(SecondaryCaptureImageStorage), "1.2")], wait_s=15)
    assert report is not None and report.committed == {"1.2"}


def test_the_silent_are_left(port: int) -> None:
    ae = AE("VIEWER")
    ae.add_requested_context(FIND)
    assoc = ae.associate("127.0.0.1", port)
    deadline_s = time.monotonic() + 10
    while assoc.is_established:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_a_slow_answer_to_one_keeps_nobody_else_waiting(port: int) -> None:
    peer = Peer(name="us", host="127.0.0.1", port=port, ae_title="CLINIC7", own_ae_title="CART")
    slow = threading.Thread(target=ask, args=[peer, new_uid(), [("1.2", "1.2")]], kwargs={"wait_s": 10})
    slow.start()
    started_s = time.monotonic()
    ae = AE("OTHER")
    ae.add_requested_context("1.2.840.10008.1.1")
    assoc = ae.associate("127.0.0.1", port)
    assert assoc.send_c_echo().Status == 0
    assoc.release()
    assert time.monotonic() - started_s < 1.5
    slow.join()
