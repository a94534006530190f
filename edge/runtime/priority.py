"""Who goes first on a busy machine: on Linux every thread has a priority of its own.

Under systemd the slices decide; this is for `edge up`, and within a process.
"""

import contextlib
import os
import threading

NICENESS_FIRST = -10
NICENESS_LAST = 10


def go_first() -> None:
    """Let this thread go before others, where that is allowed: what it does cannot be done later."""
    _set(NICENESS_FIRST)


def go_last() -> None:
    """Let every other thread go before this one."""
    _set(NICENESS_LAST)


def _set(niceness: int) -> None:
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
