"""Live first: the uplink pauses while somebody is in a call, and goes on by itself. The live rpc is the real one."""

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.runtime.rpc import Server
from edge.store import deliveries, links
from edge.store.database import Database
from edge.store.instances import Instances
from tests.integration.test_uplink_stow import wait_for
from tests.support.objects import make_dataset
from tests.support.services import Service, write_config


class Sink:
    """Takes whatever it is sent over HTTP, and notes how much and when."""

    def __init__(self) -> None:
        self.taken_bytes = 0
        self.taken_s = 0.0
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._server = self.do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/dicom-web"

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).lower():
                left = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
                while left:
                    piece = await reader.read(min(left, 16384))
                    if not piece:
                        return
                    left -= len(piece)
                    self.taken_bytes += len(piece)
                    self.taken_s = time.monotonic()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


class LiveService:
    """The live service's own rpc server, saying what the test wants."""

    def __init__(self, sink: Sink, path: Path) -> None:
        self._sink = sink
        self._server = Server(path, {})
        sink.do(self._server.start())

    def tell(self, name: str, peer_id: str) -> None:
        async def tell() -> None:
            values: dict[str, Any] = {"session_id": "s", "role": "specialist", "peer_id": peer_id}
            if name == "peer.stats":
                values = {"session_id": "s", "peers": [{"role": "specialist", "peer_id": peer_id}]}
            self._server.tell(name, **values)

        self._sink.do(tell())

    def tell_numbers(self, peer_id: str, **numbers: float) -> None:
        async def tell() -> None:
            self._server.tell(
                "peer.stats", session_id="s", peers=[{"role": "specialist", "peer_id": peer_id, **numbers}]
            )

        self._sink.do(tell())


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the names of Unix sockets are."""
    path = Path(tempfile.mkdtemp(prefix="edge-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def start(folder: Path, sink: Sink, more: str = "") -> tuple[Path, Database]:
    section = f'[[destination]]\nname = "vna"\nkind = "stow"\nurl = "{sink.url}"\nreadback = false\n{more}'
    config = write_config(folder, section)
    database = Database(folder / "data" / "edge.db")
    store = Instances(database, folder / "data", destinations=["vna"])
    for number in range(6):
        temp = store.new_temp()
        make_dataset(pixel_seed=number, rows=1024, columns=1024, frames=48).save_as(temp, enforce_file_format=True)
        store.keep(temp, source="test")
    return config, database


PAUSED = "[uplink]\nlive_share_bps = 0\n"


def taken_in(sink: Sink, duration_s: float) -> int:
    before = sink.taken_bytes
    time.sleep(duration_s)
    return sink.taken_bytes - before


def test_the_uplink_pauses_within_250_ms_of_a_call_in_the_middle_of_an_object_and_resumes_by_itself(
    folder: Path,
) -> None:
    sink = Sink()
    config, database = start(folder, sink, PAUSED)
    live = LiveService(sink, folder / "run" / "live.sock")
    with Service("uplink", config) as uplink:
        wait_for(lambda: sink.taken_bytes > 2**20)
        began_s = time.monotonic()
        live.tell("peer.joined", "a")
        time.sleep(0.25)
        assert taken_in(sink, 1.0) == 0
        assert sink.taken_s - began_s < 0.25
        live.tell("peer.stats", "a")
        wait_for(lambda: "paused for a call" in links.links(database)[0].reason or _is_in_hand(database))
        assert links.links(database)[0].state == "up"
        assert "uplink.yields" in uplink.log()
        live.tell("peer.left", "a")
        wait_for(lambda: deliveries.counts(database)[0].counts["sent"] == 6)
        assert links.links(database)[0].reason == ""


def _is_in_hand(database: Database) -> bool:
    return deliveries.counts(database)[0].counts["sending"] > 0


def test_during_a_call_the_uplink_uses_its_share_and_no_more(folder: Path) -> None:
    sink = Sink()
    config, _ = start(folder, sink, "[uplink]\nlive_share_bps = 8000000\n")
    live = LiveService(sink, folder / "run" / "live.sock")
    with Service("uplink", config):
        wait_for(lambda: sink.taken_bytes > 2**20)
        live.tell("peer.joined", "a")
        time.sleep(0.3)
        rate_bytes_s = taken_in(sink, 2.0) / 2.0
        assert 0.8e6 < rate_bytes_s < 1.05e6
        live.tell("peer.left", "a")
        assert taken_in(sink, 0.5) > 2e6


def test_a_call_that_suffers_stops_the_uplink_and_one_that_does_not_leaves_it_a_share(folder: Path) -> None:
    sink = Sink()
    config, _ = start(folder, sink)
    live = LiveService(sink, folder / "run" / "live.sock")
    with Service("uplink", config):
        wait_for(lambda: sink.taken_bytes > 2**20)
        live.tell("peer.joined", "a")
        live.tell_numbers("a", bitrate_bps=2_000_000, rtt_ms=20.0, loss=0.0)
        before = sink.taken_bytes
        wait_for(lambda: sink.taken_bytes > before)

        def is_still() -> bool:
            live.tell_numbers("a", bitrate_bps=2_000_000, rtt_ms=300.0, loss=0.1)
            return taken_in(sink, 0.3) == 0

        wait_for(is_still)


def test_a_live_service_that_dies_in_a_call_does_not_stop_the_uplink_for_ever(folder: Path) -> None:
    sink = Sink()
    config, database = start(folder, sink, PAUSED)
    live = LiveService(sink, folder / "run" / "live.sock")
    with Service("uplink", config):
        wait_for(lambda: sink.taken_bytes > 2**20)
        live.tell("peer.joined", "a")
        (folder / "run" / "live.sock").unlink()
        wait_for(lambda: deliveries.counts(database)[0].counts["sent"] == 6)
