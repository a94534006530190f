"""A scan sent as the DICOM series it becomes, without writing it: `edge convert --to`.

What is copied goes straight from the scan to the peer; only frames that must be made are made first, in scratch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge.core.delivery import Outcome
from edge.errors import BadInputError
from edge.net.parcel import Answer
from edge.net.peer import Peer
from edge.net.streaming import StreamedObject, store_by_dimse, store_by_web
from edge.net.web import WebPeer
from wsi.convert import open_slide
from wsi.dataset import SOP_CLASS_UID
from wsi.metadata import SlideMetadata
from wsi.virtual import VirtualInstance, VirtualSlide

_DIMSE_PORT, _OWN_TITLE = 104, "EDGE"
_TITLE_CHARS_MAX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one object."""

    sop_instance_uid: str
    kind: str
    size_bytes: int
    outcome: Outcome
    reason: str


def read_address(text: str) -> Peer | WebPeer:
    """Understand dimse://TITLE@HOST:PORT or the http(s) root of a DICOMweb service.  Raises: BadInputError"""
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = -1
    is_title = parts.username is not None and 0 < len(parts.username) <= _TITLE_CHARS_MAX
    if parts.scheme == "dimse" and parts.hostname and is_title and port != -1:
        return Peer(
            name=text, host=parts.hostname, port=port or _DIMSE_PORT, ae_title=parts.username or "",
            own_ae_title=_OWN_TITLE,
        )  # fmt: skip
    if parts.scheme in ("http", "https") and parts.hostname and port != -1:
        return WebPeer(name=text, url=text.rstrip("/"))
    raise BadInputError(
        f"{text!r} is no address to send to.", next_step="Write dimse://TITLE@HOST:PORT or https://HOST/dicom-web."
    )


def send_slide(path: Path, peer: Peer | WebPeer, *, metadata: SlideMetadata | None, workers: int = 2) -> Iterator[Sent]:
    """Send the objects a scan becomes and tell what became of each.  Raises: SlideError, UnreachableError"""
    with open_slide(path) as source, tempfile.TemporaryDirectory(prefix="edge-send-") as scratch:
        slide = VirtualSlide(source, metadata)
        ready = [each.made(Path(scratch), workers=workers) for each in slide.instances]
        objects = [_streamed(each) for each in ready]
        answers = store_by_dimse(peer, objects) if isinstance(peer, Peer) else store_by_web(peer, objects)
        for instance, each, answer in zip(ready, objects, answers, strict=True):
            yield _sent(instance, each, answer)


def _streamed(instance: VirtualInstance) -> StreamedObject:
    return StreamedObject(
        sop_class_uid=SOP_CLASS_UID,
        sop_instance_uid=instance.planned.sop_instance_uid,
        transfer_syntax_uid=instance.planned.encoding.transfer_syntax_uid,
        size_bytes=instance.size_bytes(),
        pieces=instance.stream,
    )


def _sent(instance: VirtualInstance, each: StreamedObject, answer: Answer) -> Sent:
    return Sent(
        sop_instance_uid=each.sop_instance_uid, kind=instance.planned.kind, size_bytes=each.size_bytes,
        outcome=answer.outcome, reason=answer.reason,
    )  # fmt: skip
