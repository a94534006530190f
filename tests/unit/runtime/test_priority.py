"""Threads say who goes first."""

import os
import threading

from edge.runtime.priority import NICENESS_LAST, go_first, go_last


def _niceness_after(action) -> int:
    found: list[int] = []

    def run() -> None:
        action()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_a_thread_that_can_wait_steps_back_alone() -> None:
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert _niceness_after(go_last) == NICENESS_LAST
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_going_first_is_never_an_error_and_never_a_step_back() -> None:
    assert _niceness_after(go_first) <= os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
