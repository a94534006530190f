"""Doorbells: a ring wakes, never waits, and a dead bell is taken down."""

from pathlib import Path

from edge.runtime.doorbell import Doorbell, ring


def test_a_ring_wakes_every_bell(tmp_path: Path) -> None:
    bells = [Doorbell(tmp_path, "one"), Doorbell(tmp_path, "two")]
    ring(tmp_path)
    assert [bell.wait(0.01) for bell in bells] == [True, True]


def test_nobody_rings_and_the_wait_ends(tmp_path: Path) -> None:
    assert Doorbell(tmp_path, "one").wait(0.01) is False


def test_many_rings_never_block_the_ringer_and_wake_once(tmp_path: Path) -> None:
    bell = Doorbell(tmp_path, "slow")
    for _ in range(5000):
        ring(tmp_path)
    assert bell.wait(0.01) is True
    assert bell.wait(0.01) is False


def test_a_bell_left_by_a_dead_process_is_taken_down(tmp_path: Path) -> None:
    bell = Doorbell(tmp_path, "dead")
    bell._socket.close()
    ring(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_bells_is_no_error(tmp_path: Path) -> None:
    ring(tmp_path / "none")
