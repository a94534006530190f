"""A browser on a poor link that asks for the very frame it shows, again and again, and what the node made of it."""

import statistics
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from edge.capture.synthetic import read_number
from edge.dicom.codec import decode
from edge.dicom.frame_index import build
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.browser import chromium
from tests.support.exam import open_exam, playing_node, probe
from tests.support.link import Link
from tests.support.node import Node, wait_until

PAGE = Path(__file__).with_name("exact.html")
WEB = Path(__file__).parents[2] / "web"
FREEZER = WEB / "src/lib/shown-frame.ts"
SOURCE_HEIGHT_PX = 480
RUNG = "360p15"
SECTIONS = probe(fps=30.0, more='model = "grey"')
SETTLED_S_MAX = 40.0
ANSWERED_S_MIN = 60.0
KEPT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Exactness:
    """What came of it."""

    answers: list[dict[str, Any]]
    errors: list[Any]
    kept: list[tuple[int, int]]
    """Of each still that was kept: the number on the screen, the number in the lossless object."""
    fps: float
    height_px: int

    @property
    def offsets(self) -> set[int]:
        """Frame index less the number in the picture: one and the same for all, if every frame was named right."""
        return {answer["frame"] - answer["number"] for answer in self.answers}

    @property
    def exact_count(self) -> int:
        common = statistics.mode(answer["frame"] - answer["number"] for answer in self.answers)
        return sum(answer["frame"] - answer["number"] == common for answer in self.answers)

    @property
    def times_ms(self) -> list[float]:
        return sorted(answer["ms"] for answer in self.answers)


def measure(folder: Path, *, count: int, keep_every: int, rate_bps: float) -> Exactness:
    """Ask for `count` frames as they are shown at 360p15 behind a link of that rate; keep some of them."""
    with (
        playing_node(folder, SECTIONS) as node, open_exam(node) as exam, Link(rate_bps=rate_bps) as link,
        chromium() as browser,
    ):  # fmt: skip
        with _door(link, exam["whep_url"], exam["token"]) as url:
            page = browser.new_page()  # type: ignore[attr-defined]
            page.goto(url)
            page.evaluate("height => join(height)", SOURCE_HEIGHT_PX)
            place = f"/api/v1/sessions/{exam['session_id']}"
            wait_until(lambda: _is_settled(node.ask("GET", place)), timeout_s=SETTLED_S_MAX, what=RUNG)
            page.wait_for_function("document.querySelector('video').videoHeight === 360", timeout=10_000)
            page.evaluate("([wanted, every]) => Object.assign(run, {wanted, keepEvery: every})", [count, keep_every])
            began_count, began_s = page.evaluate("run.frames.length"), time.monotonic()
            done = "run.answers.length + run.errors.length"
            timeout_s = ANSWERED_S_MIN + count / 8
            wait_until(lambda: page.evaluate(done) >= count, timeout_s=timeout_s, what="all answers", pause_s=0.5)
            fps = (page.evaluate("run.frames.length") - began_count) / (time.monotonic() - began_s)
            answers, errors = page.evaluate("[run.answers, run.errors]")
            height_px = page.evaluate("document.querySelector('video').videoHeight")
        stills = [(answer["number"], answer["still"]) for answer in answers if answer["still"]]
        wait_until(lambda: _are_kept(node, [uid for _, uid in stills]), timeout_s=KEPT_S, what="the stills are kept")
        kept = [(number, _number_in(node, uid)) for number, uid in stills]
    return Exactness(answers=answers, errors=errors, kept=kept, fps=fps, height_px=height_px)


def _is_settled(view: Any) -> bool:
    return [peer["rung"] for peer in view["peers"]] == [RUNG]


def _are_kept(node: Node, uids: list[str]) -> bool:
    store = Instances(Database(node.config.database_path), node.config.data_dir)
    return all(store.find(uid) is not None for uid in uids)


def _number_in(node: Node, uid: str) -> int:
    """Return the number written in a kept still, from its own bytes."""
    store = Instances(Database(node.config.database_path), node.config.data_dir)
    instance = store.find(uid)
    assert instance is not None
    path = store.path_of(instance)
    ds, index = dcmread(path, stop_before_pixels=True), build(path)
    with open(path, "rb") as file:
        pixels = decode(
            str(ds.file_meta.TransferSyntaxUID), index.read(file.fileno(), 1), width_px=ds.Columns, height_px=ds.Rows,
            channel_count=ds.SamplesPerPixel,
        )  # fmt: skip
    return read_number(pixels)


def _freezer() -> bytes:
    """Return the pages' own way of taking the very frame of a callback, as a browser reads it."""
    found = next(WEB.glob("node_modules/@esbuild/*/bin/esbuild"), None)
    if found is None:
        pytest.skip("esbuild absent: run make setup")
    return subprocess.run([found, FREEZER, "--format=esm"], check=True, capture_output=True).stdout


@contextmanager
def _door(link: Link, whep_url: str, token: str) -> Iterator[str]:
    """Serve the page, and hand its offer on so that both ends see only the link."""
    freezer = _freezer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == f"/{FREEZER.stem}.js":
                self._answer(freezer, "text/javascript")
            else:
                self._answer(PAGE.read_bytes(), "text/html")

        def do_POST(self) -> None:
            offer = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
            request = urllib.request.Request(whep_url, link.tidy_offer(offer).encode(), headers, method="POST")
            with urllib.request.urlopen(request, timeout=10) as reply:
                self._answer(link.tidy_answer(reply.read().decode()).encode(), "application/sdp")

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
