"""The picture on poor links: 300 kbit/s, 1 Mbit/s, a loss, a poor viewer beside a good one."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from edge.runtime.rpc import call, events
from tests.bench.live_content import Source, source
from tests.bench.live_latency import COLUMNS, row_of
from tests.bench.live_net import Cable
from tests.bench.live_screen import Screen, View, view, watch
from tests.bench.table import Promise, Table
from tests.support.browser import chromiums
from tests.support.live import LiveService

CONTROL_COUNT = 200
CONTROL_GAP_MS = 100
START_S = 3.0
"""From the first picture; after that the promises hold."""
WINDOW_S = 20.0
POOR_BPS = 300_000
MIDDLE_BPS = 1_000_000
GOOD_BPS = 10_000_000
LOSS = 0.05
LEARN_S = 10.0
STEADY_S = 10.0


class EchoService(LiveService):
    """A live service beside which somebody answers every control, as the node does."""

    async def _listen(self) -> None:
        path = self.config.socket_path("live")
        async for name, values in events(path):
            self.events.append((name, values))
            if name == "ctl" and values["message"]["type"] == "bench":
                echo = {"type": "echo", "number": values["message"]["number"]}
                await call(path, "room.tell", session_id="exam", message=echo, peer_id=values["peer_id"])


class Scene:
    """The service, its source, and browsers on cables."""

    def __init__(self, live: LiveService, playing: Source, stack: ExitStack) -> None:
        """Browsers end with the stack."""
        self.live = live
        self.playing = playing
        self._launch = stack.enter_context(chromiums())
        self._port = live.url.rstrip("/").rsplit(":", 1)[1]

    def join(self, cable: Cable, name: str) -> Screen:
        url = f"http://{cable.host}:{self._port}/"
        # As trustworthy as loopback: reading pictures is for secure pages only.
        trusted = f"--unsafely-treat-insecure-origin-as-secure={url.rstrip('/')}"
        browser = self._launch(wrap=cable.wrap, arguments=[trusted])
        return watch(browser, url, name)

    def row(self, name: str) -> dict[str, Any]:
        """Return what the node says of a viewer now."""
        return next(row for row in self.live.ask("room.state", session_id="exam")["peers"] if row["peer_id"] == name)

    def history(self, name: str) -> list[tuple[str, int, float]]:
        """Return rung, estimate and round trip of every second so far."""
        found = []
        for values in self.live.seen("peer.stats"):
            for row in values["peers"]:
                if row["peer_id"] == name:
                    found.append((row["rung"], row["estimate_bps"], row["bitrate_bps"], row["rtt_ms"], row["loss"]))
        return found  # type: ignore[return-value]

    def look(self, screen: Screen, window_s: float = WINDOW_S) -> View:
        begin_s = time.time()
        time.sleep(window_s)
        return view(screen.shown(), self.playing, begin_s=begin_s, end_s=begin_s + window_s)


@contextmanager
def scene(kind: str) -> Iterator[Scene]:
    """Play a kind of content to whoever joins."""
    with ExitStack() as stack:
        live = stack.enter_context(EchoService(host="0.0.0.0", live_keys="bitrate_bps_max = 2500000"))
        playing = stack.enter_context(source(live.run_dir, kind=kind))
        yield Scene(live, playing, stack)


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)] if values else float("inf")


def poor() -> Table:
    """Guide over 300 kbit/s, worst-case content."""
    table = Table(title="300 kbit/s, speckle over the whole sector", columns=COLUMNS)
    with Cable(rate_bps=POOR_BPS) as cable, scene("speckle") as stage:
        screen = stage.join(cable, "poor")
        time.sleep(START_S)
        begin_s = time.time()
        took_ms = screen.controls(CONTROL_COUNT, CONTROL_GAP_MS)
        seen = view(screen.shown(), stage.playing, begin_s=begin_s, end_s=time.time() - 2)
        _explain(stage, "poor")
    table.rows.append(row_of("300 kbit/s", "poor", seen))
    table.promises = [
        Promise(name="fps", measured=seen.fps, limit=14.0, is_upper=False),
        Promise(name="capture to screen p50, ms", measured=seen.p50_ms, limit=80.0),
        Promise(name="capture to screen p95, ms", measured=seen.p95_ms, limit=200.0),
        Promise(name="longest gap, s", measured=seen.freeze_s_max, limit=1.0),
        Promise(name="control and its answer p95, ms", measured=p95(took_ms), limit=120.0),
        Promise(name="controls answered", measured=len(took_ms), limit=CONTROL_COUNT, is_upper=False),
    ]
    return table


def middle() -> Table:
    """1 Mbit/s: how much of it is used, and how soon."""
    table = Table(title="1 Mbit/s, a real clip", columns=COLUMNS)
    with Cable(rate_bps=MIDDLE_BPS) as cable, scene("clip") as stage:
        screen = stage.join(cable, "middle")
        time.sleep(LEARN_S - 2)
        begun_s, passed = time.monotonic(), cable.passed_bytes()
        time.sleep(4)
        used_part = (cable.passed_bytes() - passed) * 8 / (time.monotonic() - begun_s) / MIDDLE_BPS
        time.sleep(STEADY_S - 2)
        keyframes = screen.stats()["keyFramesDecoded"]
        seen = stage.look(screen, STEADY_S * 2)
        keyframes = screen.stats()["keyFramesDecoded"] - keyframes
        _explain(stage, "middle")
    table.rows.append(row_of("1 Mbit/s", "middle", seen))
    table.promises = [
        Promise(name="fps", measured=seen.fps, limit=29.0, is_upper=False),
        Promise(name="capture to screen p95, ms", measured=seen.p95_ms, limit=120.0),
        Promise(name="part of the link used after 10 s", measured=used_part, limit=0.6, is_upper=False),
        Promise(name="keyframes in 10 s", measured=keyframes / 2, limit=1.0),
    ]
    return table


def lossy() -> Table:
    """5 % of the packets lost, no narrow place."""
    table = Table(title="5 % loss, a real clip", columns=COLUMNS)
    with Cable(loss=LOSS) as cable, scene("clip") as stage:
        screen = stage.join(cable, "lossy")
        time.sleep(LEARN_S)
        seen = stage.look(screen)
        sys.stderr.write(f"{screen.stats()}\n")
        _explain(stage, "lossy")
    table.rows.append(row_of("5 % loss", "lossy", seen))
    table.promises = [
        Promise(name="fps", measured=seen.fps, limit=29.0, is_upper=False),
        Promise(name="capture to screen p95, ms", measured=seen.p95_ms, limit=100.0),
        Promise(name="longest gap, s", measured=seen.freeze_s_max, limit=1.0),
    ]
    return table


def mixed() -> Table:
    """A viewer at 300 kbit/s beside one at 10 Mbit/s."""
    table = Table(title="A poor viewer beside a good one, a real clip", columns=COLUMNS)
    with Cable(rate_bps=POOR_BPS) as narrow, Cable(rate_bps=GOOD_BPS) as wide, scene("clip") as stage:
        good = stage.join(wide, "good")
        worse = stage.join(narrow, "poor")
        time.sleep(LEARN_S)
        seen = stage.look(good)
        rungs = {rung for rung, *_ in stage.history("good")[-int(WINDOW_S) :]}
        other = view(worse.shown(), stage.playing, begin_s=time.time() - WINDOW_S, end_s=time.time())
        _explain(stage, "good")
        _explain(stage, "poor")
    table.rows += [row_of("mixed", "good", seen), row_of("mixed", "poor", other)]
    table.promises = [
        Promise(name="the good one's fps", measured=seen.fps, limit=29.0, is_upper=False),
        Promise(name="the good one's p95, ms", measured=seen.p95_ms, limit=100.0),
        Promise(name="seconds below the top rung, 1 if any", measured=float(rungs != {"720p30"}), limit=0.0),
        Promise(name="the poor one's fps", measured=other.fps, limit=14.0, is_upper=False),
    ]
    return table


def _explain(stage: Scene, name: str) -> None:
    """Say what the node thought, for whoever asks why."""
    for second, row in enumerate(stage.history(name)):
        sys.stderr.write(f"  {name} {second:3d} s {row}\n")
