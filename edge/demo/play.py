"""The demonstration: the whole appliance on an embedded default, until Ctrl-C.

Real parts throughout: the probe replays a real ultrasound loop, the hospital is a storage SCP with commitment in a
process of its own, the slide goes through the inbox like any other.
"""

import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edge import services
from edge.config import Config, load
from edge.errors import BadInputError, EdgeError
from edge.net.local_api import ask
from edge.supervise import Supervisor

log = logging.getLogger(__name__)
READY_TIMEOUT_S = 60.0
DRAW_TIMEOUT_S = 120.0
LOOK_S = 0.1
PORT_TRIES_MAX = 20
MARKER = ".edge-demo"
LOG_NAME = "demo.log"

PEOPLE = (
    ("operator", "operator", "bedside tablet"),
    ("specialist", "specialist", "remote doctor"),
    ("pathologist", "pathologist", "slides"),
    ("admin", "admin", "everything"),
    ("auditor", "auditor", "who did what"),
)
PASSWORD = "demo-only"


@dataclass(frozen=True)
class Ports:
    """Where the demo listens, on loopback."""

    web: int
    dimse: int
    archive: int


def play(folder: Path, *, port: int) -> int:
    """Set up, start everything, print where to look, and wait for Ctrl-C; return the exit status."""
    folder = folder.resolve()
    _empty(folder)
    ports = _free_ports(port)
    run_dir = _run_dir(folder)
    config_path = folder / "edge.toml"
    config_path.write_text(_config_text(folder, run_dir, ports), encoding="utf-8")
    config = load(config_path)
    with (folder / LOG_NAME).open("ab") as output:
        archive = _start_archive(folder, ports, output)
        try:
            slide = _draw_slide(folder)
            threading.Thread(target=_prepare, args=(config, ports, folder, slide), daemon=True).start()
            return Supervisor(services.NAMES, config_path, output=output).run()
        finally:
            archive.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                archive.wait(10)
            shutil.rmtree(run_dir, ignore_errors=True)


def _empty(folder: Path) -> None:
    """Begin afresh, but never in a folder that is not the demo's."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise BadInputError(f"{folder} holds other things.", next_step="Name an empty folder with --folder.")
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("data", "scans", "hospital"):
        (folder / part).mkdir(parents=True)
    (folder / MARKER).touch()


def _run_dir(folder: Path) -> Path:
    """Return a short folder in memory: rings are large, and the name of a Unix socket may have 107 bytes."""
    memory = Path("/dev/shm")
    root = memory if memory.is_dir() and os.access(memory, os.W_OK) else folder
    run_dir = root / f"edge-demo-{os.getpid()}"
    run_dir.mkdir(mode=0o700)
    return run_dir


def _free_ports(web: int) -> Ports:
    taken: list[int] = []
    for first in (web, 11112, 11113):
        near = range(first, first + PORT_TRIES_MAX)
        taken.append(next(port for port in near if port not in taken and _is_free(port)))
    return Ports(*taken)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _config_text(folder: Path, run_dir: Path, ports: Ports) -> str:
    from pydicom.examples import get_path

    return f"""\
# Written by `edge demo`; an appliance reads /etc/edge/edge.toml.
[node]
name = "demo-clinic"
ae_title = "DEMOCLINIC"
data_dir = "{folder / "data"}"
run_dir = "{run_dir}"
institution = "Demo Clinic"

[api]
listen = "127.0.0.1:{ports.web}"

[receive]
listen = "127.0.0.1:{ports.dimse}"

[[source]]
name = "probe"
kind = "dicom"
path = "{get_path("ybr_color")}"

[[destination]]
name = "hospital"
kind = "dimse"
host = "127.0.0.1"
port = {ports.archive}
ae_title = "HOSPITAL"

[worklist]
host = "127.0.0.1"
port = {ports.archive}
ae_title = "HOSPITAL"

[inbox]
slides = "{folder / "scans"}"
"""


def _start_archive(folder: Path, ports: Ports, output: IO[bytes]) -> subprocess.Popen[bytes]:
    options = ["--port", str(ports.archive), "--folder", str(folder / "hospital")]
    return subprocess.Popen(
        [sys.executable, "-m", "edge.demo.archive", *options], stdout=output, stderr=output, start_new_session=True
    )


def _draw_slide(folder: Path) -> subprocess.Popen[bytes]:
    """Begin to draw the slide beside the start of the services, in a process of its own."""
    program = (
        "import sys; from pathlib import Path; from edge.demo.slide import write_demo_slide; "
        "write_demo_slide(Path(sys.argv[1]))"
    )
    return subprocess.Popen([sys.executable, "-c", program, str(folder / "slide.part")], start_new_session=True)


def _prepare(config: Config, ports: Ports, folder: Path, slide: subprocess.Popen[bytes]) -> None:
    """Once the node answers: add the people, say where to look, and drop the slide into the inbox."""
    try:
        _wait_until_ready(config)
        for name, role, _ in PEOPLE:
            ask(config, "POST", "/api/v1/users", {"name": name, "password": PASSWORD, "role": role})
        print(_welcome(ports, config), flush=True)
        if slide.wait(DRAW_TIMEOUT_S) == 0:
            (folder / "slide.part").rename(folder / "scans" / "DEMO-24-0001 HE.svs")
    except EdgeError as error:
        print(f"edge demo: {error}", file=sys.stderr, flush=True)


def _wait_until_ready(config: Config) -> None:
    deadline_s = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            ask(config, "GET", "/readyz")
            return
        except EdgeError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(LOOK_S)


def _welcome(ports: Ports, config: Config) -> str:
    url = f"http://127.0.0.1:{ports.web}"
    people = "\n".join(f"    {name:<12} {PASSWORD:<10}  {what}" for name, _, what in PEOPLE)
    return f"""
  The appliance runs. Everything in it is invented or public; nothing leaves this computer.

    Clinic    {url}/          today's patients, exams, the live picture, the record
    Slides    {url}/slides    a slide is being converted now
    Studies   {url}/studies   what was recorded, and a player
    Sync      {url}/sync      what has arrived at the hospital (an archive on port {ports.archive})
    Health    {url}/admin

  Sign in as (name, password)
{people}

  To guide an exam as the specialist: start one as the operator, press Invite, open the link in another window.
  Command line: EDGE_CONFIG={config.data_dir.parent / "edge.toml"} .venv/bin/edge status
  What the services say: {config.data_dir.parent / LOG_NAME}
  Ctrl-C ends it.
"""
