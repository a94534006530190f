"""Fetching one object back by WADO-RS.  Standard: PS3.18 10.4 (Retrieve)"""

from pathlib import Path
from typing import Any

import aiohttp

from edge.errors import UnreachableError
from edge.net.fetching import Fetch, NotGivenError, NotThereError, bytes_max
from edge.net.parcel import Parcel
from edge.net.peer import NotAcceptedError
from edge.net.web import WebClient

__all__ = ["Fetch", "NotGivenError", "NotThereError", "by_wado"]

CHUNK_BYTES = 256 * 1024
_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'


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
