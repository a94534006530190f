"""Asking a DICOMweb peer to take responsibility for objects, and looking again when it needs longer.

Standard: PS3.18 13 (Storage Commitment)
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from edge.errors import UnreachableError
from edge.net.commitment import REASONS, Report
from edge.net.peer import NotAcceptedError
from edge.net.web import WebClient

ANSWER_BYTES_MAX = 4 * 1024 * 1024
LOOK_S = 0.5
_JSON = "application/dicom+json"
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
_FAILED, _COMMITTED = "00081198", "00081199"


def ask(
    client: WebClient, transaction_uid: str, references: Sequence[tuple[str, str]], *, wait_s: float
) -> Report | None:  # fmt: skip
    """Ask for (SOP class, SOP instance) pairs; return the result if it comes within `wait_s`, else see `look_up`.

    Raises: UnreachableError, NotAcceptedError, NotLetInError.
    """
    items = [
        {"00081150": {"vr": "UI", "Value": [sop_class]}, "00081155": {"vr": "UI", "Value": [uid]}}
        for sop_class, uid in references
    ]
    body = msgspec.json.encode([{_COMMITTED: {"vr": "SQ", "Value": items}}])

    async def work(session: aiohttp.ClientSession) -> tuple[int, bytes]:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + wait_s
        status, said = await _request(session, client, "POST", transaction_uid, body)
        while status == 202 and loop.time() < until_s:
            await asyncio.sleep(LOOK_S)
            status, said = await _request(session, client, "GET", transaction_uid)
        return status, said

    with client:
        return _judge(client, transaction_uid, *client.ask(work))


def look_up(client: WebClient, transaction_uid: str) -> Report | None:
    """Return the result of a request that was accepted before; None: not yet.  Raises: as `ask`, and when forgotten."""
    with client:
        found = client.ask(lambda session: _request(session, client, "GET", transaction_uid))
    return _judge(client, transaction_uid, *found)


async def _request(
    session: aiohttp.ClientSession, client: WebClient, method: str, transaction_uid: str, body: bytes | None = None
) -> tuple[int, bytes]:
    headers = {"Accept": _JSON, **({"Content-Type": _JSON} if body is not None else {})}
    address = f"{client.peer.url}/commitment-requests/{transaction_uid}"
    async with session.request(method, address, data=body, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.content.read(ANSWER_BYTES_MAX)


def _judge(client: WebClient, transaction_uid: str, status: int, body: bytes) -> Report | None:
    client.require_let_in(status)
    if status == 202:
        return None
    if status in _LATER:
        raise UnreachableError(f"{client.peer.name} cannot look at what it has now (HTTP {status}).")
    report = read_report(transaction_uid, body) if status in (200, 409) else None
    if report is None:
        raise NotAcceptedError(f"{client.peer.name} does not offer storage commitment over HTTP (HTTP {status}).")
    return report


def read_report(transaction_uid: str, body: bytes) -> Report | None:
    """Read a result in DICOM JSON; None for anything else.  Standard: PS3.18 13.2.4"""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    said = said[0] if isinstance(said, list) and len(said) == 1 else said
    if not isinstance(said, dict) or not (_FAILED in said or _COMMITTED in said):
        return None
    failed = {_text(row, "00081155"): _reason(row) for row in _rows(said, _FAILED)}
    return Report(
        transaction_uid=transaction_uid, committed=frozenset(_text(row, "00081155") for row in _rows(said, _COMMITTED)),
        failed={uid: reason for uid, reason in failed.items() if uid},
    )  # fmt: skip


def _rows(said: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    element = said.get(tag)
    found = element.get("Value") if isinstance(element, dict) else None
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _reason(row: dict[str, Any]) -> str:
    text = _text(row, "00081197")
    number = int(text) if text.isdigit() else 0x0110
    return REASONS.get(number, f"reason 0x{number:04X}")


def _text(row: dict[str, Any], tag: str) -> str:
    element = row.get(tag)
    found = element.get("Value") if isinstance(element, dict) else None
    return str(found[0]).strip() if isinstance(found, list) and found else ""
