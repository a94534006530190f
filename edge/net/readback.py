"""Fetching one object back from where it was sent: by WADO-RS, or by C-GET.

Standard: PS3.18 10.4 (Retrieve), PS3.4 C.4.3 (C-GET)
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as STUDY_ROOT_GET

from edge.errors import EdgeError, UnreachableError
from edge.net.association import Association, NotAcceptedError, Peer, contexts_for
from edge.net.parcel import Parcel
from edge.net.unpacking import PIXEL_BYTES_MAX
from edge.net.web import WebClient

CHUNK_BYTES = 256 * 1024
_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_PENDING = frozenset({0xFF00, 0xFF01})

Fetch = Callable[[Parcel, Path], None]
"""Write the object as the destination gives it back. Raises: NotThereError, NotGivenError, NotAcceptedError (it
does not give objects back at all), UnreachableError (nothing is known)."""


class NotThereError(EdgeError):
    """The destination does not have the object."""

    code = "readback.absent"
    next_step = "It is sent again."


class NotGivenError(EdgeError):
    """The destination has the object, or says so, and cannot give it back."""

    code = "readback.failed"
    next_step = "It is asked for again, then sent again."


def by_wado(client: WebClient) -> Fetch:
    """Return what fetches by DICOMweb."""

    def fetch(parcel: Parcel, target: Path) -> None:
        with client:
            status = client.ask(lambda session: _get(session, client, parcel, target))
        client.require_let_in(status)
        if status in (404, 410):
            raise NotThereError(f"{client.peer.name} does not have {parcel.sop_instance_uid}.")
        if status in (405, 406, 501):
            raise NotAcceptedError(f"{client.peer.name} does not give objects back (HTTP {status}).")
        if status in (408, 429, 502, 503, 504):
            raise UnreachableError(f"{client.peer.name} is busy (HTTP {status}).")
        if status != 200:
            raise NotGivenError(f"{client.peer.name} cannot give {parcel.sop_instance_uid} back (HTTP {status}).")

    return fetch


async def _get(session: aiohttp.ClientSession, client: WebClient, parcel: Parcel, target: Path) -> int:
    address = client.peer.of_instance(
        parcel.study_instance_uid, parcel.series_instance_uid, parcel.sop_instance_uid
    )  # fmt: skip
    async with session.get(address, headers={"Accept": _ACCEPT}, allow_redirects=False) as answer:
        if answer.status == 200:
            await _write(answer, target, bytes_max=bytes_max(parcel))
        return answer.status


async def _write(answer: aiohttp.ClientResponse, target: Path, *, bytes_max: int) -> None:
    """Write the first part of the answer, or all of it when it has no parts."""
    source: Any = answer.content
    if answer.content_type.startswith("multipart/"):
        source = await aiohttp.MultipartReader.from_response(answer).next()
        if source is None:
            target.touch()
            return
    size_bytes = 0
    with target.open("wb") as file:
        while piece := await (source.read_chunk(CHUNK_BYTES) if source is not answer.content else source.readany()):
            size_bytes += len(piece)
            if size_bytes > bytes_max:  # It is not ours: what is here is enough to see that.
                return
            file.write(piece)


def bytes_max(parcel: Parcel) -> int:
    """Return the most that is fetched: the object, or its plain form."""
    return (parcel.size_bytes or parcel.path.stat().st_size) + PIXEL_BYTES_MAX + CHUNK_BYTES


def by_get(peer: Peer) -> Fetch:
    """Return what fetches by C-GET, in the transfer syntax it is kept in here, else plain."""

    def fetch(parcel: Parcel, target: Path) -> None:
        faults: list[OSError] = []

        def take(event: Any) -> int:
            try:
                shutil.copyfile(event.dataset_path, target)
                os.truncate(target, min(target.stat().st_size, bytes_max(parcel)))
            except OSError as error:
                faults.append(error)
                return 0xA700
            return 0x0000

        syntaxes = [parcel.transfer_syntax_uid, ExplicitVRLittleEndian, ImplicitVRLittleEndian]
        contexts = contexts_for(
            [(STUDY_ROOT_GET, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])]
            + [(parcel.sop_class_uid, [syntax]) for syntax in dict.fromkeys(syntaxes)]
        )
        handlers: list[tuple[Any, ...]] = [(evt.EVT_C_STORE, take)]
        with Association(peer, contexts, handlers=handlers, provided=[parcel.sop_class_uid]) as association:
            if not any(cx.abstract_syntax == STUDY_ROOT_GET for cx in association.inner.accepted_contexts):
                raise NotAcceptedError(f"{peer.name} does not offer C-GET.")
            status = None
            for answer, _ in association.inner.send_c_get(_identifier(parcel), STUDY_ROOT_GET):
                status = answer.get("Status")
        if faults:
            raise faults[0]
        _judge(peer, parcel, status, has_come=target.exists())

    return fetch


def _judge(peer: Peer, parcel: Parcel, status: int | None, *, has_come: bool) -> None:
    if status is None:
        raise UnreachableError(f"{peer.name} did not answer the request to give an object back.")
    if has_come:
        return
    if status in (0x0122, 0x0124, 0x0211):
        raise NotAcceptedError(f"{peer.name} does not give objects back (status 0x{status:04X}).")
    if status == 0:
        raise NotThereError(f"{peer.name} does not have {parcel.sop_instance_uid}.")
    raise NotGivenError(f"{peer.name} cannot give {parcel.sop_instance_uid} back (status 0x{status:04X}).")


def _identifier(parcel: Parcel) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = "IMAGE"
    ds.StudyInstanceUID = parcel.study_instance_uid
    ds.SeriesInstanceUID = parcel.series_instance_uid
    ds.SOPInstanceUID = parcel.sop_instance_uid
    return ds
