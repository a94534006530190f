"""The library's private names that we hold on to, and its dictionaries that our tables stand for.

Another version of pynetdicom fails here, and says what to look at, before anything fails in a clinic.
"""

import inspect
import queue
import socket
import threading
from importlib.metadata import version

import pynetdicom
import pytest
from pydicom.uid import UID_dictionary
from pynetdicom import AE, _config, sop_class
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dul import DULServiceProvider
from pynetdicom.service_class import ServiceClass, StorageServiceClass, VerificationServiceClass
from pynetdicom.sop_class import uid_to_service_class
from pynetdicom.timer import Timer
from pynetdicom.transport import AssociationServer, RequestHandler

from edge.net import library, partner, services

KNOWN = "3.0."


def test_the_library_is_a_version_whose_insides_were_read() -> None:
    assert version("pynetdicom").startswith(KNOWN), (
        "read edge/net/{partner,library,exchange,association,vouching}.py against the new version, then raise KNOWN"
    )


@pytest.fixture
def assoc() -> Association:
    """An association that was made, as `partner` and `exchange` find it."""
    return Association(AE("EDGE"), "acceptor")


def test_an_association_can_be_put_to_rest_and_woken(assoc: Association) -> None:
    assert isinstance(assoc._reactor_checkpoint, threading.Event)
    assert assoc.dul._run_loop_delay == pytest.approx(partner.AWAKE_LOOK_S)
    assert "self._reactor_checkpoint.wait()" in inspect.getsource(Association._run_reactor)
    assert "self._run_loop_delay" in inspect.getsource(DULServiceProvider.run_reactor)


def test_requests_can_be_answered_by_us(assoc: Association) -> None:
    assert list(inspect.signature(assoc._serve_request).parameters) == ["msg", "context_id"]
    assert "self._serve_request(" in inspect.getsource(Association._run_reactor)
    assert assoc._accepted_cx == {} and assoc._is_paused is False
    assert isinstance(assoc.dul._idle_timer, Timer) and callable(assoc.dul._idle_timer.restart)
    assert assoc.dimse.cancel_req == {}
    assert list(inspect.signature(DIMSEServiceProvider.send_msg).parameters) == ["self", "primitive", "context_id"]


def test_what_waits_to_be_sent_can_be_bounded(assoc: Association) -> None:
    assert isinstance(assoc.dul.to_provider_queue, queue.Queue)
    assert list(inspect.signature(assoc.dul.send_pdu).parameters) == ["primitive"]
    assert callable(assoc.dul.peek_next_pdu) and callable(assoc.acse.is_aborted)
    for name in ("STORE_SEND_CHUNKED_DATASET", "STORE_RECV_CHUNKED_DATASET", "UNRESTRICTED_STORAGE_SERVICE"):
        assert isinstance(getattr(_config, name), bool)


def test_a_server_can_be_handed_its_connections() -> None:
    assert issubclass(library._Server, AssociationServer)
    assert list(inspect.signature(AssociationServer.__init__).parameters)[:6] == [
        "self", "ae", "address", "ae_title", "contexts", "ssl_context"
    ]  # fmt: skip
    assert "self._create_association()" in inspect.getsource(RequestHandler.handle)
    ours = library.build("EDGE", [], [])
    opened = ours.open(("127.0.0.1", 104))
    try:
        assert opened._assoc.requestor.address == "127.0.0.1"
    finally:
        opened.close()


def test_a_pair_of_sockets_serves_the_library_as_a_connection_does() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert pynetdicom.transport.AssociationSocket(Association(AE("EDGE"), "acceptor"), client_socket=theirs)


def test_every_storage_class_of_the_dictionaries_is_stored_and_no_service_is() -> None:
    names = {uid: entry[0] for uid, entry in UID_dictionary.items() if entry[1] in ("SOP Class", "Meta SOP Class")}
    names |= {str(uid): name for name, uid in sop_class._STORAGE_CLASSES.items()}
    others = 0
    for uid, name in names.items():
        service = uid_to_service_class(uid)
        is_object = issubclass(service, StorageServiceClass) or (
            service is ServiceClass and "Storage" in name and not name.startswith(("Storage", "Media", "Stored Print"))
        )
        is_other = issubclass(service, VerificationServiceClass) or (service is not ServiceClass and not is_object)
        if is_object and "Media Storage Directory" not in name:
            assert services.is_storage(uid), (uid, name)
        elif is_other and "Storage" not in name:
            assert not services.is_storage(uid), (uid, name)
            others += 1
    assert others > 50


def test_the_services_we_provide_are_the_ones_of_these_names() -> None:
    for uid, word in [
        *((uid, "FIND") for uid in services.FINDS), *((uid, "MOVE") for uid in services.MOVES),
        *((uid, "GET") for uid in services.GETS), (services.WORKLISTS[0], "Modality Worklist"),
        (services.COMMITMENTS[0], "Storage Commitment Push Model"), (services.VERIFICATION, "Verification"),
    ]:  # fmt: skip
        assert word in UID_dictionary[uid][0]
