"""The child process that converts one scan: `python -m edge.convert.worker` with the task as JSON on stdin.

It writes JSON lines to stdout: {"progress": …}, then {"done": …} or {"error": …}. What it has finished it also leaves
in the staging folder as result.json, so that a killed parent does not have it made again.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

RESULT_NAME = "result.json"
MANIFEST_NAME = "manifest.json"
"""What was proven, beside the result."""
NICENESS = 10
TELL_INTERVAL_S = 0.2
_PR_SET_PDEATHSIG = 1


class Task(msgspec.Struct, kw_only=True):
    """What to convert."""

    path: str
    out_dir: str
    metadata: str = ""
    levels: str = "native"
    worker_count: int = 2
    parent_process_id: int


class WrittenObject(msgspec.Struct, kw_only=True):
    """One file of the result."""

    name: str
    sop_instance_uid: str
    sha256: str
    size_bytes: int


class Result(msgspec.Struct, kw_only=True):
    """What a conversion wrote."""

    study_instance_uid: str
    series_instance_uid: str
    frame_count: int
    files: list[WrittenObject]
    notes: list[str] = []
    series_instance_uids: list[str] = []


class Progress(msgspec.Struct, kw_only=True):
    """How far it is."""

    stage: str
    share: float
    """0 to 1."""
    bytes_total: int
    frames_total: int


def main() -> int:
    """Convert as told and return the exit status."""
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    die_with_parent(task.parent_process_id)
    os.nice(NICENESS)
    is_stopped = [False]
    signal.signal(signal.SIGTERM, lambda *_: is_stopped.__setitem__(0, True))
    from wsi.errors import SlideError

    try:
        _say({"done": msgspec.to_builtins(_convert(task, lambda: is_stopped[0]))})
    except SlideError as error:
        # `what` may hold the path of the scan, which people name after patients: it goes to the page, not to a log.
        _say({"error": {"code": error.code, "message": error.what, "next_step": error.advice,
                        "is_temporary": error.is_temporary}})  # fmt: skip
        return error.exit_code
    return 0


def _convert(task: Task, should_stop: Callable[[], bool]) -> Result:
    from wsi.convert import convert, open_slide
    from wsi.metadata import SlideMetadata, load_metadata

    path, out_dir = Path(task.path), Path(task.out_dir)
    metadata = load_metadata(Path(task.metadata)) if task.metadata else SlideMetadata()
    with open_slide(path) as source:
        frames_total = sum(image.level.frame_count for image in source.images)
    made = convert(
        path, out_dir, metadata=metadata, levels="all" if task.levels == "all" else "native",
        workers=task.worker_count, progress=_teller(frames_total), should_stop=should_stop, resume=True,
    )  # fmt: skip
    result = Result(
        study_instance_uid=made.study_instance_uid,
        series_instance_uid=made.series_instance_uid,
        frame_count=frames_total,
        files=[
            WrittenObject(
                name=file.path.name, sop_instance_uid=file.sop_instance_uid, sha256=file.sha256, size_bytes=file.bytes
            )
            for file in made.files
        ],
        notes=list(made.notes),
        series_instance_uids=list(made.series_instance_uids),
    )
    if made.verification is not None:
        with (out_dir / MANIFEST_NAME).open("w") as manifest:
            manifest.writelines(made.verification.manifest_json())
    _leave(out_dir / RESULT_NAME, msgspec.json.encode(result))
    return result


def _teller(frames_total: int) -> Callable[[Any], None]:
    from edge.runtime.clock import mono_s

    told: tuple[str, float] = ("", 0.0)

    def tell(progress: Any) -> None:
        nonlocal told
        now_s = mono_s()
        if progress.stage == told[0] and now_s - told[1] < TELL_INTERVAL_S:
            return
        told = (progress.stage, now_s)
        share = progress.frames_done / max(1, progress.frames_total)
        said = Progress(
            stage=progress.stage, share=min(1.0, share), bytes_total=progress.bytes_total, frames_total=frames_total
        )
        _say({"progress": msgspec.to_builtins(said)})

    return tell


def _leave(path: Path, data: bytes) -> None:
    temp = path.with_suffix(".part")
    with open(temp, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temp.replace(path)


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def die_with_parent(parent_process_id: int) -> None:
    """A service that is killed takes its children along, at once: two must never write into one staging folder."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_process_id:  # It died before we asked.
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
