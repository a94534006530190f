"""One service in a process of its own, on a configuration written by the test; killed where it hurts."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import pytest

START_S_MAX = 30.0
_RUN = (
    "import sys; from pathlib import Path; from edge import services; from edge.config import load;"
    " from edge.runtime import log; log.set_up(sys.argv[1]); services.run(sys.argv[1], load(Path(sys.argv[2])))"
)


class Service:
    """`edge run NAME`, as a context."""

    def __init__(self, name: str, config: Path) -> None:
        self.name = name
        self._config = config
        self.log_path = config.with_name(f"{name}.log")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Service":
        self.start()
        return self

    def __exit__(self, *_: "type[BaseException] | BaseException | TracebackType | None") -> None:
        self.kill()

    def start(self) -> None:
        """Start it (again) and wait until it is ready."""
        ready_before = self.log().count("service.ready")
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-c", _RUN, self.name, self._config], stderr=log)
        deadline_s = time.monotonic() + START_S_MAX
        while self.log().count("service.ready") == ready_before:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.log()[-3000:]}"
            assert time.monotonic() < deadline_s, "not ready in time"
            time.sleep(0.02)

    def stop(self) -> int:
        """SIGTERM; return the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=30)
        self.process = None
        return status

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    def log(self) -> str:
        return self.log_path.read_text() if self.log_path.exists() else ""


def write_config(folder: Path, sections: str, *, receive_port: int = 0) -> Path:
    """Write a configuration below `folder` and return its path."""
    run_dir = folder / "run"
    if len(str(run_dir)) > 60:  # The name of a Unix socket may have 107 bytes.
        pytest.fail(f"{run_dir} is too long for sockets")
    path = folder / "edge.toml"
    path.write_text(
        f'[node]\nname = "test"\nae_title = "CLINIC7"\ndata_dir = "{folder / "data"}"\nrun_dir = "{run_dir}"\n'
        f'disk_reserve_mb = 0\n[receive]\nlisten = "127.0.0.1:{receive_port}"\n{sections}\n'
    )
    return path
