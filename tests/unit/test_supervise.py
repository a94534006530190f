"""The supervisor of `edge up`: what dies is started again, what cannot start is said, what is stopped ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from edge.errors import EXIT_CONFIG
from edge.supervise import RESTART_S_FIRST, _Child
from tests.support.node import wait_until


def test_a_child_that_dies_is_due_again_after_a_growing_pause() -> None:
    child = _Child("x", [sys.executable, "-c", "raise SystemExit(7)"])
    now_s = 100.0
    child.look(now_s)
    pauses = []
    for _ in range(3):
        assert child.process is not None
        child.process.wait()
        child.look(now_s)
        pauses.append(child.pause_s)
        now_s = child.due_s
        child.look(now_s - 0.001)
        assert child.process is None
        child.look(now_s)
    assert pauses == [RESTART_S_FIRST * 2, RESTART_S_FIRST * 4, RESTART_S_FIRST * 8]
    assert child.exit_statuses == [7, 7, 7]
    assert child.process is not None
    child.process.wait()


def test_a_wrong_configuration_ends_up_at_once_with_its_status(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text('[nod]\nname = "x"\n')
    command = [sys.executable, "-m", "edge", "up", "--config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == EXIT_CONFIG
    assert "Did you mean node?" in done.stderr


def test_stop_ends_every_child(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from edge.supervise import Supervisor, _Child\n"
        "s = Supervisor([], Path('x'))\n"
        "s._children = [_Child(str(n), [sys.executable, '-c', 'import time; print(flush=True); time.sleep(60)'])"
        " for n in range(2)]\n"
        "sys.exit(s.run())"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 2
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(20) == 0
    wait_until(
        lambda: not any(Path(f"/proc/{child}").exists() for child in children), timeout_s=5, what="the children ended"
    )
