"""Receiving from real peers: what is answered 0000 is on the disk, byte for byte; the rest is refused with a reason."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pynetdicom import AE, _config
from pynetdicom.dsutils import split_dataset
from pynetdicom.sop_class import SecondaryCaptureImageStorage, Verification

from edge.dicom import frame_index
from edge.dicom.frame_index import pack_item
from edge.dicom.items import items
from edge.errors import BadInputError
from edge.store.database import Database
from edge.store.header import Header, read
from edge.store.instances import Instances
from tests.support.objects import dataset_bytes, make_dataset, write_object
from tests.support.orthanc import free_port
from tests.support.services import Service, write_config


@pytest.fixture
def folder() -> Iterator[Path]:
    outer = Path(tempfile.mkdtemp(prefix="edge-"))
    path = outer / "g"  # Inside a folder that is the test's alone: what escapes from it is seen.
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(outer, ignore_errors=True)


class Gateway:
    """A running receive service and its store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.config = write_config(folder, "", receive_port=self.port)
        self.service = Service("receive", self.config)

    def store(self) -> Instances:
        return Instances(Database(self.folder / "data" / "edge.db"), self.folder / "data")

    def leftovers(self) -> list[Path]:
        return list((self.folder / "data" / "incoming").iterdir())

    def object_count(self) -> int:
        return sum(1 for path in (self.folder / "data" / "objects").rglob("*") if path.is_file())


@pytest.fixture
def gateway(folder: Path) -> Iterator[Gateway]:
    made = Gateway(folder)
    with made.service:
        yield made


def send(gateway: Gateway, *datasets: object) -> list[int]:
    """Send over one association and return the statuses."""
    ae = AE("CART")
    ae.add_requested_context(SecondaryCaptureImageStorage, "1.2.840.10008.1.2.1")
    assoc = ae.associate("127.0.0.1", gateway.port)
    assert assoc.is_established
    statuses = [assoc.send_c_store(ds).get("Status", -1) for ds in datasets]
    assoc.release()
    return statuses


def test_where_each_frame_lies_is_noted_while_the_object_comes_in(gateway: Gateway) -> None:
    ds = make_dataset(frames=7, rows=64, columns=64)
    ds.PixelData = b"".join(map(pack_item, (b"", *(bytes([number]) * 90_000 for number in range(7)))))
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50"
    ae = AE("CART")
    ae.add_requested_context(SecondaryCaptureImageStorage, "1.2.840.10008.1.2.4.50")
    assoc = ae.associate("127.0.0.1", gateway.port)
    assert assoc.send_c_store(ds).Status == 0
    assoc.release()
    store = gateway.store()
    kept = store.require(ds.SOPInstanceUID)
    table = store.items_of(kept.digest)
    assert table is not None
    walked = frame_index.rebuild_by_walking(store.path_of(kept))
    assert [offset for offset, _ in items(table)][1:] == walked.offsets.tolist()
    assert [extent for _, extent in items(table)][1:] == walked.extents.tolist()


@pytest.mark.skipif(shutil.which("storescu") is None, reason="DCMTK is not installed: apt-get install dcmtk")
def test_what_dcmtk_sends_is_kept_with_the_same_dataset_bytes(gateway: Gateway) -> None:
    path = gateway.folder / "sent.dcm"
    ds = write_object(path)
    subprocess.run(["echoscu", "127.0.0.1", str(gateway.port)], check=True, timeout=20)
    subprocess.run(["storescu", "-xe", "127.0.0.1", str(gateway.port), str(path)], check=True, timeout=20)
    store = gateway.store()
    kept = store.require(ds.SOPInstanceUID)
    assert kept.source == "dimse:STORESCU"
    assert dataset_bytes(store.path_of(kept).read_bytes()) == dataset_bytes(path.read_bytes())
    assert gateway.leftovers() == []


def test_the_same_object_again_is_a_success_without_a_second_copy(gateway: Gateway) -> None:
    ds = make_dataset()
    assert send(gateway, ds, ds) == [0, 0]
    assert send(gateway, ds) == [0]
    assert gateway.object_count() == 1


def test_other_bytes_under_a_known_uid_are_refused_and_put_aside(gateway: Gateway) -> None:
    ds = make_dataset()
    other = make_dataset(SOPInstanceUID=ds.SOPInstanceUID, pixel_seed=5)
    assert send(gateway, ds, other) == [0, 0xC111]
    assert gateway.object_count() == 1
    assert len(list((gateway.folder / "data" / "aside").iterdir())) == 1


def test_a_path_as_a_uid_is_refused_and_writes_nothing_anywhere(gateway: Gateway) -> None:
    _config.VALIDATORS["UI"] = lambda _: (True, "")  # Our own side must be able to send it.
    before = sorted(gateway.folder.parent.iterdir())
    ds = make_dataset()
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "../../x"
    statuses = send(gateway, ds)
    assert statuses[0] != 0
    assert gateway.object_count() == 0
    assert gateway.leftovers() == []
    assert sorted(gateway.folder.parent.iterdir()) == before
    assert send(gateway, make_dataset()) == [0]


def test_an_object_cut_off_in_its_middle_leaves_nothing_and_what_came_before_stays(gateway: Gateway) -> None:
    whole, cut = make_dataset(), make_dataset(rows=2048, columns=2048)
    ae = AE("CART")
    ae.dimse_timeout = 5  # For what it cut off itself no answer comes.
    ae.add_requested_context(SecondaryCaptureImageStorage, "1.2.840.10008.1.2.1")
    assoc = ae.associate("127.0.0.1", gateway.port)
    assert assoc.send_c_store(whole).Status == 0
    raw = assoc.dul.socket.socket
    sent = 0
    real_send = raw.send

    class Cutting:
        """The socket, which breaks after 300 kB."""

        def __getattr__(self, name: str) -> object:
            return getattr(raw, name)

        def send(self, data: bytes) -> int:
            nonlocal sent
            sent += len(data)
            if sent > 300_000:
                raw.shutdown(socket.SHUT_RDWR)
                raise ConnectionResetError
            return real_send(data)

    assoc.dul.socket.socket = Cutting()
    assert "Status" not in assoc.send_c_store(cut)
    deadline_s = time.monotonic() + 10
    while gateway.leftovers():
        assert time.monotonic() < deadline_s, gateway.leftovers()
        time.sleep(0.05)
    assert gateway.object_count() == 1
    assert send(gateway, make_dataset()) == [0]


def test_an_acknowledged_object_survives_a_kill_at_once(gateway: Gateway) -> None:
    datasets = [make_dataset(pixel_seed=number) for number in range(5)]
    assert send(gateway, *datasets) == [0] * 5
    gateway.service.kill()
    store = gateway.store()
    assert all(store.find(ds.SOPInstanceUID) for ds in datasets)
    gateway.service.start()
    assert send(gateway, *datasets) == [0] * 5
    assert gateway.object_count() == 5


def test_an_address_in_use_ends_with_a_message_that_says_so(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = write_config(folder, "", receive_port=taken.getsockname()[1])
        service = Service("receive", config)
        with pytest.raises(AssertionError, match="Cannot listen"):
            service.start()


def test_more_associations_than_allowed_are_rejected_not_queued(folder: Path) -> None:
    port = free_port()
    config = write_config(folder, "", receive_port=port)
    config.write_text(config.read_text().replace("[receive]\n", "[receive]\nassociation_count_max = 2\n"))
    with Service("receive", config):
        ae = AE("CART")
        ae.add_requested_context(Verification)
        open_ones = [ae.associate("127.0.0.1", port) for _ in range(2)]
        assert all(assoc.is_established for assoc in open_ones)
        assert ae.associate("127.0.0.1", port).is_rejected
        for assoc in open_ones:
            assoc.release()


def is_sendable(path: Path, said: Header) -> bool:
    """Tell whether the library, for its part, sees the same object in the file."""
    try:
        meta, _ = split_dataset(path)
        named = (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID)
    except (KeyError, AttributeError, ValueError, OSError, NotImplementedError, pydicom.errors.InvalidDicomError):
        return False
    same = named == (said.sop_class_uid, said.sop_instance_uid, said.transfer_syntax_uid)
    return same and bool(named[2].is_transfer_syntax)


def test_every_real_object_is_stored_as_it_is_or_refused(gateway: Gateway, real_data: Path) -> None:
    """Malformed and fuzzed ones too: nothing crashes, nothing hangs, nothing stays half-written."""
    kept_count = 0
    store = gateway.store()
    _config.STORE_SEND_CHUNKED_DATASET = True
    for path in sorted((real_data / "dicom" / "fuzz").rglob("*.dcm"))[::8] + sorted(
        (real_data / "dicom" / "ts").rglob("*.dcm")
    ):
        try:
            said = read(path)
        except BadInputError:
            continue
        if not is_sendable(path, said) or store.find(said.sop_instance_uid):
            continue
        ae = AE("CART")
        ae.add_requested_context(said.sop_class_uid, said.transfer_syntax_uid)
        assoc = ae.associate("127.0.0.1", gateway.port)
        assert assoc.is_established, path
        status = assoc.send_c_store(path).get("Status", -1)
        assoc.release()
        assert status in (0x0000, 0xC000), path
        if status != 0:
            assert store.find(said.sop_instance_uid) is None
            continue
        stored = store.path_of(store.require(said.sop_instance_uid)).read_bytes()
        offset = read(store.path_of(store.require(said.sop_instance_uid))).dataset_offset
        assert stored[offset:] == path.read_bytes()[said.dataset_offset :], path
        kept_count += 1
    assert kept_count > 30
    assert gateway.leftovers() == []
