"""Sending objects over an association that the peer opened: the answer to its C-GET.

Standard: PS3.4 C.4.3 (C-GET)
"""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pydicom

from edge.core.delivery import Outcome
from edge.net.parcel import Answer, Parcel
from edge.net.recoding import PLAIN, UNREADABLE, recode, why_not
from edge.net.status import judge_store


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
            return Answer(outcome=Outcome.REFUSED, reason=why_not(parcel, self._accepted))
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
        syntax = next((s for s in PLAIN if (parcel.sop_class_uid, s) in self._accepted), None)
        if syntax is None:
            return None
        stream = io.BytesIO()
        if not recode(parcel, syntax, stream):
            return None
        stream.seek(0)
        return pydicom.dcmread(stream)


def _is_as_its_meta_says(parcel: Parcel) -> bool:
    """Tell whether the file meta names the same object; if not, the dataset is sent, whose UIDs are the index's."""
    try:
        meta = pydicom.filereader.read_file_meta_info(parcel.path)
        said = (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID)
    except UNREADABLE:
        return False
    return said == (parcel.sop_class_uid, parcel.sop_instance_uid, parcel.transfer_syntax_uid)
