"""The running node, asked over its Unix socket: whoever may open the file is its local administrator."""

import http.client
import json
import socket
from typing import Any

from edge.config import Config
from edge.errors import EdgeError, UnreachableError
from edge.runtime.rpc import RemoteError

TIMEOUT_S = 30.0
ANSWER_BYTES_MAX = 64 * 1024 * 1024


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._path)


def ask(config: Config, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Send one request to the node's API and return its JSON.  Raises: UnreachableError, RemoteError."""
    connection = _UnixConnection(str(config.socket_path("api")))
    try:
        connection.request(
            method,
            path,
            json.dumps(body) if body is not None else None,
            {"Content-Type": "application/json", "X-Edge-Request": "1"},
        )
        response = connection.getresponse()
        text = response.read(ANSWER_BYTES_MAX)
    except OSError as error:
        raise UnreachableError(
            f"The node does not answer at {config.socket_path('api')}.",
            next_step="Start it with `edge up` or `systemctl start edge.target`, or name its file with --config.",
        ) from error
    finally:
        connection.close()
    if response.status >= 400:
        raise _refusal(response.status, _fields_of(text))
    return json.loads(text) if text else None


def _fields_of(text: bytes) -> Any:
    """Return what a refusal says; a failure inside the node answers in plain words, which are no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _refusal(status: int, answer: Any) -> EdgeError:
    fields = answer if isinstance(answer, dict) else {}
    exit_code = 6 if status in (401, 403, 409) else 5 if status in (429, 503, 507) else 4 if status < 500 else 1
    return RemoteError(
        {
            "code": fields.get("code", "api.refused"),
            "message": fields.get("message", f"The node answered {status}."),
            "next_step": fields.get("next_step", "" if fields else "Look into the node's log."),
            "http_status": status,
            "exit_code": fields.get("exit_code", exit_code),
        }
    )
