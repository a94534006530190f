"""kill -9 at every step of leaving and coming back: an object is here, or proven away and comes back the same."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from edge.runtime import kernel
from edge.store import audit_log, evictions, fetches
from tests.support.away import Node


def run_killed(folder: Path, work: Callable[[Node], None], *, kill_at: int) -> bool:
    """Do `work` in a process of its own that dies at a step; tell whether it died."""
    child = os.fork()
    if child == 0:
        taken = 0

        def hook(name: str, size_bytes: int) -> int:
            nonlocal taken
            if taken == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            taken += 1
            return size_bytes

        try:
            node = Node(folder)
            kernel.hook = hook
            work(node)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL)
    return code != 0


def restart(folder: Path) -> Node:
    """Be the process that comes after: what was left in the middle is settled."""
    node = Node(folder)
    evictions.settle(node.database, node.store.path_of)
    node.store.sweep(grace_s=0.0, now_s=time.time() + 60)
    return node


def test_a_node_killed_while_an_object_leaves_has_it_here_or_away_and_loses_nothing(tmp_path: Path) -> None:
    made = Node(tmp_path / "made")
    (uid,) = made.safe()
    whole = made.path(uid).read_bytes()
    made.database.close()
    is_killed, kill_at, outcomes = True, 0, set()
    while is_killed:
        folder = tmp_path / f"killed-{kill_at}"
        shutil.copytree(tmp_path / "made", folder)
        is_killed = run_killed(folder, lambda node: node.janitor().step() and None, kill_at=kill_at)
        node = restart(folder)
        is_away = node.is_away(uid)  # Index and disk agree.
        outcomes.add(is_away)
        assert len(audit_log.list_rows(node.database, action="object.evicted")) == is_away
        if is_away:
            fetches.ask(node.database, [uid], why="opened", now_s=time.time())
            assert node.fetcher().step()
        assert node.path(uid).read_bytes() == whole
        node.database.close()
        kill_at += 1
    assert kill_at > 6 and outcomes == {True, False}


def test_a_node_killed_while_an_object_comes_back_has_it_or_fetches_it_again(tmp_path: Path) -> None:
    made = Node(tmp_path / "made")
    (uid,) = made.safe()
    whole = made.path(uid).read_bytes()
    made.janitor().step()
    fetches.ask(made.database, [uid], why="opened", now_s=time.time())
    made.database.close()
    is_killed, kill_at, outcomes = True, 0, set()
    while is_killed:
        folder = tmp_path / f"killed-{kill_at}"
        shutil.copytree(tmp_path / "made", folder)
        is_killed = run_killed(folder, lambda node: node.fetcher().step() and None, kill_at=kill_at)
        node = restart(folder)
        outcomes.add(node.is_away(uid))
        if node.is_away(uid):
            assert node.fetcher().step()  # It is still wanted.
        assert node.path(uid).read_bytes() == whole
        assert [path.name for path in (folder / "objects").glob("*/*")] == [node.path(uid).name]
        node.database.close()
        kill_at += 1
    assert kill_at > 4 and outcomes == {True, False}
