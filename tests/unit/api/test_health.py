"""Health in words."""

import os
import socket
from pathlib import Path

import pytest

from edge.api import health, tls
from edge.api.node_shapes import DestinationView, LinkView
from edge.api.situation import Situation
from edge.config import Api, Config, Destination, Node, Source
from edge.runtime.doorbell import Doorbell


def config(tmp_path: Path, **more: object) -> Config:
    return Config(node=Node(data_dir=str(tmp_path), run_dir=str(tmp_path)), **more)  # type: ignore[arg-type]


def destination(**more: object) -> DestinationView:
    values: dict[str, object] = {
        "name": "vna", "kind": "dimse", "is_required": True, "counts": {}, "bytes_left": 0, "bytes_done": 0,
        "eta_s": None, "sentence": "Up to date", "history": [],
        "link": LinkView(state="up", rate_bytes_s=0, since_s=None, next_try_s=None, reason=""),
    }  # fmt: skip
    return DestinationView(**{**values, **more})  # type: ignore[arg-type]


def test_a_full_disk_is_red_and_says_what_is_refused(tmp_path: Path) -> None:
    full = config(tmp_path)
    full.node.disk_reserve_mb = 10**9
    [line] = health.of_disk(full)
    assert line.level == "red"
    assert "refused" in line.sentence
    assert line.next_step


def test_a_probe_without_a_picture_is_amber_with_the_words_of_capture(tmp_path: Path) -> None:
    situation = Situation()
    situation.take_sources([{"name": "probe", "state": "waiting", "reason": "No device at /dev/video0."}])
    [line] = health.of_sources(config(tmp_path, source=[Source(name="probe", kind="synthetic")]), situation)
    assert (line.level, line.sentence) == ("amber", "No device at /dev/video0.")
    situation.take_sources([{"name": "probe", "state": "live", "fps": 29.97}])
    [line] = health.of_sources(config(tmp_path, source=[Source(name="probe", kind="synthetic")]), situation)
    assert (line.level, line.sentence) == ("green", "Live, 30 frames a second.")


def test_a_link_that_is_down_worries_less_than_what_is_held() -> None:
    down = LinkView(state="down", rate_bytes_s=0, since_s=1, next_try_s=2, reason="refused")
    assert health.of_destination(destination(link=down)).level == "amber"
    assert health.of_destination(destination(counts={"held": 1}, link=down)).level == "red"
    assert health.of_destination(destination()).level == "green"


def test_the_bell_of_a_dead_process_is_no_life_sign(tmp_path: Path) -> None:
    folder = tmp_path / "bells" / "uplink"
    bell = Doorbell(folder, "sender-vna")
    try:
        assert health.has_living_bell(folder)
    finally:
        bell.close()
    (folder / f"sender-vna-{2**22 + os.getpid()}.bell").touch()
    assert not health.has_living_bell(folder)
    assert not health.has_living_bell(tmp_path / "nowhere")


def test_only_a_node_that_forwards_needs_uplink(tmp_path: Path) -> None:
    def names(node: Config) -> set[str]:
        return {line.name for line in health.of_services(node, Situation())}

    assert "service uplink" not in names(config(tmp_path))
    assert "service uplink" in names(config(tmp_path, destination=[Destination(name="vna")]))


def test_a_listening_port_is_seen_without_knocking() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert not health.is_listening(port)
        listener.listen()
        assert health.is_listening(port)


@pytest.mark.parametrize(("left_days", "level"), [(-1, "red"), (10, "amber"), (200, "green")])
def test_a_certificate_is_watched_until_it_ends(tmp_path: Path, left_days: float, level: str) -> None:
    certificate = tmp_path / "c.pem"
    tls.make_pair(certificate, tmp_path / "c.key", names=["x"])
    now_s = tls.expiry_s(certificate) - left_days * health.DAY_S
    [line] = health.of_certificate(config(tmp_path, api=Api(tls_cert=str(certificate))), now_s=now_s)
    assert line.level == level


def test_a_certificate_that_cannot_be_read_is_red(tmp_path: Path) -> None:
    [line] = health.of_certificate(config(tmp_path, api=Api(tls_cert=str(tmp_path / "none.pem"))), now_s=0)
    assert line.level == "red"
