"""Sending objects from disk: as they are stored if the peer takes that, else decompressed without loss, else not.

Standard: PS3.4 B (Storage), PS3.7 9.1.1
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom.sop_class import Verification

from edge.core.delivery import Outcome
from edge.net.association import CONTEXT_MAX, Association, Peer, contexts_for
from edge.net.status import judge_store
from edge.net.unpacking import LOSSLESS, PIXEL_BYTES_MAX, unpack
from edge.runtime.gate import OPEN, Gate

_PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_RECODABLE = frozenset({*_PLAIN, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One object to send."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    study_instance_uid: str = ""
    series_instance_uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of it."""

    outcome: Outcome
    reason: str = ""
    is_link_fault: bool = False
    """The association is gone: it says nothing about the object."""
    is_proven: bool = False
    """It was read back there and was the same."""
    is_syntax_refused: bool = False
    """Only its transfer syntax is not taken."""


class Storage:
    """An association for sending; a context manager."""

    def __init__(
        self, peer: Peer, kinds: Iterable[tuple[str, str]], *, originator: tuple[str, int] | None = None,
        gate: Gate = OPEN,
    ) -> None:  # fmt: skip
        """Open it for these (SOP class, transfer syntax) pairs; see `fits`.  Raises: UnreachableError."""
        self.kinds = fitting(kinds)
        self.is_batched = False
        # Echo is always among them: the association opens also when the peer takes none of these kinds, and each
        # object is then refused with its own reason.
        pairs: list[tuple[str, list[str]]] = [(Verification, [ImplicitVRLittleEndian])]
        pairs += [(sop_class, [syntax]) for sop_class, syntax in sorted(self.kinds)]
        for sop_class in sorted({sop_class for sop_class, _ in self.kinds}):
            pairs += [(sop_class, [syntax]) for syntax in _PLAIN if (sop_class, syntax) not in self.kinds]
        self._association = Association(peer, contexts_for(pairs), gate=gate)
        self._sender = Sender(
            self._association.inner,
            (
                (context.abstract_syntax, context.transfer_syntax[0])
                for context in self._association.inner.accepted_contexts
            ),
            abort=self.abort,
            originator=originator,
        )

    def __enter__(self) -> "Storage":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        return self._association.is_open

    def close(self) -> None:
        self._association.close()

    def abort(self) -> None:
        """Leave at once; from any thread."""
        self._association.abort()

    def fits(self, parcel: Parcel) -> bool:
        """Tell whether the association was opened for such an object."""
        return (parcel.sop_class_uid, parcel.transfer_syntax_uid) in self.kinds

    def send(self, parcel: Parcel) -> Answer:
        """Send one object and wait for the answer. Its outcome is the peer's word, or that it could not be asked."""
        return self._sender.send(parcel)

    def send_each(self, parcels: Iterable[Parcel]) -> Iterator[Answer]:
        """Send one after the other, each when it is asked for."""
        return map(self.send, parcels)


class Sender:
    """Sends objects over an association that is open already, whoever opened it."""

    def __init__(
        self,
        assoc: Any,
        accepted: Iterable[tuple[str, str]],
        *,
        abort: Callable[[], None],
        originator: tuple[str, int] | None = None,
    ) -> None:
        """Use these accepted (SOP class, transfer syntax) pairs. `originator`: AE title and message of a C-MOVE."""
        self._assoc = assoc
        self._accepted = frozenset(accepted)
        self._abort = abort
        self._originator = originator or (None, None)
        self._message_count = 0

    def send(self, parcel: Parcel) -> Answer:
        """Send one object and wait for the answer. Its outcome is the peer's word, or that it could not be asked."""
        try:
            content = self._content(parcel)
        except UNREADABLE as error:
            return Answer(outcome=Outcome.REFUSED, reason=f"it cannot be unpacked here: {error}")
        if content is None:
            return Answer(outcome=Outcome.REFUSED, reason=self._why_not(parcel))
        self._message_count = self._message_count % 65535 + 1
        try:
            status = self._assoc.send_c_store(
                content, msg_id=self._message_count, originator_aet=self._originator[0],
                originator_id=self._originator[1],
            )  # fmt: skip
        except UNREADABLE as error:
            if not self._assoc.is_established:
                return Answer(outcome=Outcome.FAILED, reason="the association is closed", is_link_fault=True)
            self._abort()  # Whether it began to send is not known.
            return Answer(outcome=Outcome.REFUSED, reason=f"it cannot be sent: {error}")
        if "Status" not in status:
            return Answer(outcome=Outcome.FAILED, reason="the connection broke or no answer came", is_link_fault=True)
        outcome, reason = judge_store(status.Status)
        comment = str(status.get("ErrorComment", "")).strip()
        return Answer(outcome=outcome, reason=f"{reason} ({comment})" if reason and comment else reason)

    def _content(self, parcel: Parcel) -> "Path | pydicom.Dataset | None":
        """Return what to send: the file, or the dataset in a plain form; None when the peer takes neither."""
        if (parcel.sop_class_uid, parcel.transfer_syntax_uid) in self._accepted:
            return parcel.path if _is_as_its_meta_says(parcel) else pydicom.dcmread(parcel.path)
        syntax = next((s for s in _PLAIN if (parcel.sop_class_uid, s) in self._accepted), None)
        if syntax is None:
            return None
        if parcel.transfer_syntax_uid in LOSSLESS:
            return _recoded(unpack(parcel.path), syntax)
        if parcel.transfer_syntax_uid in _RECODABLE and parcel.path.stat().st_size <= PIXEL_BYTES_MAX:
            return _recoded(pydicom.dcmread(parcel.path), syntax)
        return None

    def _why_not(self, parcel: Parcel) -> str:
        name = pydicom.uid.UID(parcel.transfer_syntax_uid).name
        if not any(sop_class == parcel.sop_class_uid for sop_class, _ in self._accepted):
            return f"it does not take the SOP class {pydicom.uid.UID(parcel.sop_class_uid).name}"
        return f"it does not take {name}, and this object cannot be sent in another form without loss"


def fitting(kinds: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Return as many of the kinds as one association has room for, plain forms of each SOP class included."""
    fitted: set[tuple[str, str]] = set()
    for kind in dict.fromkeys(kinds):
        classes = {sop_class for sop_class, _ in {*fitted, kind}}
        if len(fitted) + 2 + 2 * len(classes) <= CONTEXT_MAX:
            fitted.add(kind)
    return frozenset(fitted)


UNREADABLE = (
    ValueError, RuntimeError, AttributeError, LookupError, TypeError, ArithmeticError, OSError, EOFError, MemoryError,
    struct.error, zlib.error, pydicom.errors.InvalidDicomError,
)  # fmt: skip
"""What decoders raise at pixels that are not what they claim."""


def plain_file(parcel: Parcel) -> bytes | None:
    """Return the object as a file with plain pixels; None when it has no such form without loss.

    Raises: what pydicom and the codecs raise at broken pixels, see UNREADABLE.
    """
    if parcel.transfer_syntax_uid not in LOSSLESS:
        return None
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, unpack(parcel.path), implicit_vr=False, little_endian=True, enforce_file_format=True)
    return stream.getvalue()


def _is_as_its_meta_says(parcel: Parcel) -> bool:
    """Tell whether the file meta names the same object; if not, the dataset is sent, whose UIDs are the index's."""
    try:
        meta = pydicom.filereader.read_file_meta_info(parcel.path)
        said = (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID)
    except UNREADABLE:
        return False
    return said == (parcel.sop_class_uid, parcel.sop_instance_uid, parcel.transfer_syntax_uid)


def _recoded(ds: pydicom.Dataset, syntax: str) -> pydicom.Dataset:
    """Return the dataset as it reads back from the other transfer syntax."""
    stream = io.BytesIO()
    implicit = syntax == ImplicitVRLittleEndian
    ds.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(stream, ds, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    stream.seek(0)
    return pydicom.dcmread(stream)
