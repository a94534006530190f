"""Asking a peer for studies, and having it send them to this node: prior exams, and what was lost here.

Standard: PS3.4 C.4.1 (C-FIND), C.4.2 (C-MOVE), as user
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydicom import Dataset
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from edge.errors import NotFoundError, RefusedError, UnreachableError
from edge.net.association import Association, Peer

MATCH_COUNT_MAX = 500
"""Studies that one question may find; more is a question too wide."""
_PENDING = frozenset({0xFF00, 0xFF01})
_DESTINATION_UNKNOWN = 0xA801
_RETURNED = ("StudyInstanceUID", "PatientID", "StudyDate", "StudyDescription", "ModalitiesInStudy")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStudy:
    """A study that a peer has."""

    study_instance_uid: str
    study_date: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How many objects a peer has sent."""

    completed_count: int
    failed_count: int


def find_studies(peer: Peer, keys: Mapping[str, str]) -> list[RemoteStudy]:
    """Return the studies that match, each key as in a query.

    Raises: UnreachableError, NotAcceptedError, RefusedError when there are too many.
    """
    ds = Dataset()
    ds.SpecificCharacterSet, ds.QueryRetrieveLevel = "ISO_IR 192", "STUDY"
    for keyword in _RETURNED:
        setattr(ds, keyword, None)
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    found: list[RemoteStudy] = []
    with Association(peer, [build_context(StudyRootQueryRetrieveInformationModelFind)]) as association:
        for status, row in association.inner.send_c_find(ds, StudyRootQueryRetrieveInformationModelFind):
            if "Status" not in status or status.Status not in (0x0000, *_PENDING):
                raise UnreachableError(f"{peer.name} broke off the query{_said(status)}.")
            if row is not None:
                found.append(
                    RemoteStudy(
                        study_instance_uid=str(row.get("StudyInstanceUID", "")),
                        study_date=str(row.get("StudyDate", "") or ""),
                        description=str(row.get("StudyDescription", "") or ""),
                    )
                )
            if len(found) > MATCH_COUNT_MAX:
                association.abort()
                raise RefusedError(
                    f"{peer.name} has more than {MATCH_COUNT_MAX} such studies.", next_step="Ask for less."
                )
    return found


def move_study(peer: Peer, study_instance_uid: str) -> Moved:
    """Let a peer send a study to this node's own listener; return when it has.

    Raises: UnreachableError, NotAcceptedError, RefusedError when it does not know where this node listens.
    """
    ds = Dataset()
    ds.QueryRetrieveLevel, ds.StudyInstanceUID = "STUDY", study_instance_uid
    moved = Moved(completed_count=0, failed_count=0)
    with Association(peer, [build_context(StudyRootQueryRetrieveInformationModelMove)]) as association:
        answers = association.inner.send_c_move(ds, peer.own_ae_title, StudyRootQueryRetrieveInformationModelMove)
        for status, _ in answers:
            if "Status" not in status:
                raise UnreachableError(f"{peer.name} broke off sending {study_instance_uid}.")
            if status.Status == _DESTINATION_UNKNOWN:
                raise RefusedError(
                    f"{peer.name} does not know where {peer.own_ae_title!r} listens.",
                    next_step="Have this node's AE title, address and `receive.listen` port entered there.",
                )
            moved = Moved(
                completed_count=int(status.get("NumberOfCompletedSuboperations") or 0)
                + int(status.get("NumberOfWarningSuboperations") or 0),
                failed_count=int(status.get("NumberOfFailedSuboperations") or 0),
            )
            if status.Status not in (0x0000, 0xB000, *_PENDING) and not moved.failed_count:
                raise UnreachableError(f"{peer.name} could not send {study_instance_uid}{_said(status)}.")
    return moved


def require_one(found: list[RemoteStudy], peer: Peer) -> list[RemoteStudy]:
    """Return what was found.  Raises: NotFoundError when that is nothing."""
    if not found:
        raise NotFoundError(f"{peer.name} has no such study.")
    return found


def _said(status: Dataset) -> str:
    return f" with status 0x{status.Status:04X}" if "Status" in status else ""
