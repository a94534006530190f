"""A DICOM listener: echo and storage of every SOP class and transfer syntax, and what else it is given to offer.

Standard: PS3.4 A (Verification), B (Storage)
"""

import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.sop_class import Verification

from edge.dicom.header import IMPLEMENTATION_CLASS_UID
from edge.errors import ConfigError
from edge.net import incoming
from edge.net.association import IMPLEMENTATION_VERSION, PDU_BYTES_MAX, Handlers, switch_nagle_off
from edge.runtime.log import event as log_event

NETWORK_S = 120.0
"""A peer that is silent for so long, between or within messages, is left."""
STOP_S = 10.0
log = logging.getLogger(__name__)

_config.UNRESTRICTED_STORAGE_SERVICE = True
"""Private and unknown SOP classes are stored like any other: it is not ours to judge them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An object a peer has sent whole. `path` is the taker's to consume."""

    path: Path
    digest: bytes
    """SHA-256 of the file at `path`."""
    sop_class_uid: str
    sop_instance_uid: str
    """As the command said; the dataset may say otherwise."""
    calling_ae_title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAnswer:
    """What the peer is told."""

    status: int
    comment: str = ""
    """At most 64 characters, without patient data.  Standard: PS3.7 C"""


NO_ROOM = StoreAnswer(status=0xA700, comment="No room on the disk")
NO_DATASET = StoreAnswer(status=0xC000, comment="The message had no dataset")
_COMMENT_CHARS_MAX = 64


class Provider:
    """A listener. Give it what to do with an object; it answers nothing before that has returned."""

    def __init__(
        self,
        *,
        ae_title: str,
        new_temp: Callable[[], Path],
        take: Callable[[Received], StoreAnswer],
        has_room: Callable[[], bool] = lambda: True,
        association_count_max: int = 16,
        tls: ssl.SSLContext | None = None,
        handlers: Handlers | None = None,
        other_services: list[str] | None = None,
    ) -> None:
        """Nothing is opened yet; see `start`."""
        self._take = take
        self._has_room = has_room
        self._tls = tls
        self._more_handlers = handlers or []
        self._storing_count = 0
        incoming.use(new_temp)
        self._ae = AE(ae_title)
        self._ae.maximum_associations = association_count_max
        self._ae.maximum_pdu_size = PDU_BYTES_MAX
        self._ae.network_timeout = NETWORK_S
        self._ae.acse_timeout = 30.0
        self._ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        self._ae.implementation_version_name = IMPLEMENTATION_VERSION
        for service in (Verification, *(other_services or [])):
            self._ae.add_supported_context(service, scu_role=True, scp_role=True)
        self._server: Any = None

    def start(self, host: str, port: int) -> int:
        """Listen, and return the port (port 0: a free one).  Raises: ConfigError."""
        handlers = [
            (evt.EVT_CONN_OPEN, lambda event: switch_nagle_off(event.assoc)), (evt.EVT_C_STORE, self._store),
            (evt.EVT_CONN_CLOSE, lambda event: incoming.abandon(event.assoc.dul)),
            *self._more_handlers,
        ]  # fmt: skip
        try:
            self._server = self._ae.start_server(
                (host, port), block=False, evt_handlers=handlers, ssl_context=self._tls
            )
        except OSError as error:
            raise ConfigError(
                f"Cannot listen for DICOM on {host}:{port}: {error.strerror}.",
                next_step="Choose another address, or stop the program that has this one.",
            ) from error
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Take no new associations, let objects under way be answered, then close."""
        if self._server is None:
            return
        deadline_s = time.monotonic() + STOP_S
        while self._storing_count and time.monotonic() < deadline_s:
            time.sleep(0.02)
        self._ae.shutdown()
        self._server = None

    def _store(self, event: Any) -> Dataset:
        self._storing_count += 1
        file = incoming.take(event.dataset_path)
        try:
            answer = self._answer(event, file) if file is not None else NO_DATASET
        finally:
            if file is not None:
                file.discard()
            self._storing_count -= 1
        ds = Dataset()
        ds.Status = answer.status
        if answer.comment:
            ds.ErrorComment = answer.comment[:_COMMENT_CHARS_MAX]
        return ds

    def _answer(self, event: Any, file: incoming.IncomingFile) -> StoreAnswer:
        if not self._has_room():
            return NO_ROOM
        try:
            digest = file.complete()
        except OSError as error:
            log_event(log, "receive.failed", level=logging.ERROR, errno=error.errno, reason=error.strerror)
            return NO_ROOM
        return self._take(
            Received(
                path=file.path, digest=digest, sop_class_uid=str(event.request.AffectedSOPClassUID),
                sop_instance_uid=str(event.request.AffectedSOPInstanceUID),
                calling_ae_title=str(event.assoc.requestor.ae_title).strip(),
            )
        )  # fmt: skip
