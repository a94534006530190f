"""Outages: the specialist's own page on a cable that is pulled, while the node records."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.ring import FrameGap, Reader
from tests.bench.live_net import Cable
from tests.bench.table import Promise, Table
from tests.support.browser import chromiums
from tests.support.node import Node, wait_until
from tests.support.recording import decoded_digests

OUTAGES_S = tuple(float(word) for word in os.environ.get("EDGE_BENCH_OUTAGES", "3,10,20,60").split(","))
REST_S = 12.0
"""Between two outages; the page's patience begins anew after ten seconds of a good call."""
BACK_S_MAX = 2.5
FINISH_S_MAX = 400.0
"""Finished at the lowest priority: on a busy machine it takes its time."""
MOVES = 3
"""So many new pictures are a picture that moves."""
SOURCE = """
[[source]]
name = "probe"
kind = "synthetic"
width_px = 320
height_px = 240
fps = 25.0
"""
_COUNT = """() => {
  window.moved = [];
  let before = -1;
  setInterval(() => {
    const count = document.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames ?? -1;
    if (count > 0 && count !== before) window.moved.push(Date.now() / 1000);
    before = count;
  }, 10);
}"""


class Witness(threading.Thread):
    """Reads the ring beside the record: the digest of every frame, in order."""

    def __init__(self, path: Path) -> None:
        """Begins with `start`."""
        super().__init__(daemon=True)
        self._path = path
        self._end = threading.Event()
        self.digests: list[bytes] = []
        self.gap_count = 0

    def run(self) -> None:
        reader = Reader(self._path)
        index = reader.next_index - 1
        while not self._end.is_set():
            try:
                frame = reader.after(index)
            except FrameGap as gap:
                self.gap_count += 1
                index = gap.next_index - 1
                continue
            if frame is None:
                time.sleep(0.005)
                continue
            index = frame.info.index
            self.digests.append(frame.info.digest)
        reader.close()

    def finish(self) -> None:
        self._end.set()
        self.join(5)

    def has(self, run: list[bytes]) -> bool:
        """Tell whether these were captured one after the other."""
        starts = [at for at, digest in enumerate(self.digests) if digest == run[0]]
        return any(self.digests[at : at + len(run)] == run for at in starts)


@contextmanager
def door(host: str, port: int) -> Iterator[str]:
    """Let a browser in another network reach the node's own page; yields the URL."""
    listener = socket.create_server((host, 0))

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                end.close()

    def serve() -> None:
        while True:
            try:
                guest, _ = listener.accept()
            except OSError:
                return
            try:
                inner = socket.create_connection(("127.0.0.1", port))
            except OSError:
                guest.close()
                continue
            for pair in ((guest, inner), (inner, guest)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        listener.close()


def outage() -> Table:
    """Pull the cable for a while, again and again."""
    table = Table(title="Outages on the specialist's page", columns=("outage s", "picture back after s"))
    with (
        tempfile.TemporaryDirectory(prefix="edge-outage-") as folder,
        Node(Path(folder), sections=SOURCE) as node,
        Cable() as cable,
        door(cable.host, node.web_port) as url,
        chromiums() as launch,
    ):
        ring = node.config.ring_path("probe")
        wait_until(ring.exists, timeout_s=20, what="the ring")
        opened = node.ask("POST", "/api/v1/sessions", {"source": "probe", "patient": {"patient_id": "T-1"}})
        session = opened["session_id"]
        browser = launch(wrap=cable.wrap, arguments=[f"--unsafely-treat-insecure-origin-as-secure={url}"])
        page = browser.new_page()
        _join(page, opened["specialist_url"].replace(node.url, url))
        witness = Witness(ring)
        witness.start()
        time.sleep(0.5)
        node.ask("POST", f"/api/v1/sessions/{session}/record/start", {})
        back_s = [_pull(page, cable, outage_s) for outage_s in OUTAGES_S]
        time.sleep(1)
        node.ask("POST", f"/api/v1/sessions/{session}/record/stop", {})
        recorded = _recorded(node, session)
        witness.finish()
    table.rows = [(seconds, back) for seconds, back in zip(OUTAGES_S, back_s, strict=True)]
    lost = 0.0 if witness.has(recorded) and not witness.gap_count else 1.0
    table.promises = [
        Promise(name="picture back, the longest, s", measured=max(back_s), limit=BACK_S_MAX),
        Promise(name="recorded frames lost, 1 if any", measured=lost, limit=0.0),
    ]
    table.notes.append(f"{len(recorded)} frames recorded meanwhile, one unbroken run of those captured: {not lost}")
    return table


def _join(page: Any, url: str) -> None:
    page.goto(url)
    page.get_by_label("Your name").fill("Dr Remote")
    page.get_by_role("button", name="Join", exact=False).first.click()
    page.wait_for_function(
        "() => document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames > 20", timeout=30_000
    )
    page.evaluate(_COUNT)


def _pull(page: Any, cable: Cable, outage_s: float) -> float:
    time.sleep(REST_S)
    cable.pull()
    time.sleep(outage_s)
    cable.plug()
    plugged_s = time.time()
    deadline_s = plugged_s + 40
    while time.time() < deadline_s:
        moved = page.evaluate("since => moved.filter(at => at > since)", plugged_s)
        if len(moved) >= MOVES:
            sys.stderr.write(f"  outage {outage_s:g} s: back after {moved[MOVES - 1] - plugged_s:.2f} s\n")
            return float(moved[MOVES - 1] - plugged_s)
        time.sleep(0.05)
    return float("inf")


def _recorded(node: Node, session: str) -> list[bytes]:
    """Return the digests of the frames of the one clip."""
    ask = f"/api/v1/sessions/{session}"
    wait_until(lambda: node.ask("GET", ask)["objects"], timeout_s=FINISH_S_MAX, what="the clip")
    uid = node.ask("GET", ask)["objects"][0]["sop_instance_uid"]
    [row] = node.rows("SELECT digest FROM instances WHERE sop_instance_uid = ?", uid)
    digest = row["digest"]
    return decoded_digests(Path(node.config.node.data_dir) / "objects" / digest[:2] / digest)
