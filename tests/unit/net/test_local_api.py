"""What the command line says when the node refuses, fails or is not there."""

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config import Config, load
from edge.errors import UnreachableError
from edge.net.local_api import ask
from edge.runtime.rpc import RemoteError
from tests.support.services import write_config


@pytest.fixture
def config() -> Iterator[Config]:
    folder = Path(tempfile.mkdtemp(prefix="edge-"))  # A short path: the names of Unix sockets are.
    found = load(write_config(folder, ""))
    found.socket_path("api").parent.mkdir(parents=True, exist_ok=True)
    yield found
    shutil.rmtree(folder)


def answer_once(path: Path, answer: bytes) -> threading.Thread:
    """Answer the first request at a socket, whatever it asks."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)

    def serve() -> None:
        with listener, listener.accept()[0] as peer:
            peer.recv(65_536)
            peer.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def test_a_failure_inside_the_node_is_told_in_words_though_its_answer_is_no_json(config: Config) -> None:
    body = b"500 Internal Server Error"
    thread = answer_once(
        config.socket_path("api"),
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),
    )
    with pytest.raises(RemoteError) as failed:
        ask(config, "GET", "/api/v1/health")
    thread.join(5)
    assert failed.value.message == "The node answered 500."
    assert "log" in failed.value.advice


def test_a_node_that_is_not_there_is_said_to_be_with_what_to_do(config: Config) -> None:
    with pytest.raises(UnreachableError) as failed:
        ask(config, "GET", "/api/v1/health")
    assert "edge up" in failed.value.advice
