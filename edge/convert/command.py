"""`edge convert` and `edge verify`: slides to DICOM from the command line, without a server or a configuration."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.convert.cluster import Outcome, convert_on_cluster
from wsi.errors import MetadataFileError, SlideError

if TYPE_CHECKING:
    from rich.progress import Progress

    from wsi.convert import Conversion
    from wsi.metadata import SlideMetadata
    from wsi.report import VerificationReport
    from wsi.writer import Progress as SlideProgress

# numpy starts a thread per core for linear algebra, which nothing here does; it costs start-up time and memory.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_DONE, _WRONG_USE, _BAD_INPUT, _REFUSED = 0, 2, 4, 6
_LEVELS = ("native", "all")
_FORMS = ("", "jpeg-ls", "jpeg2000", "htj2k")
_READERS = ("", "openslide")
_STAGES = {"encode": "encoding", "write": "writing", "verify": "proving"}


def convert_slides(
    slides: list[Path],
    out_dir: Path,
    *,
    metadata: Path | None,
    levels: str,
    workers: int,
    resume: bool,
    as_json: bool,
    is_proven: bool = True,
    lossless: str = "",
    through: str = "",
    max_part_bytes: int = 0,
    sparse: bool = False,
    dask: str = "",
) -> int:
    """Convert slides one after the other, or on a cluster, and return the exit status: 0, or that of the first failure.

    One slide goes straight into `out_dir`, several into a folder each, named after the scan. A slide that fails does
    not keep the next from being converted. Results go to stdout, everything else to stderr.
    """
    _import_lightly()
    if levels not in _LEVELS or workers < 1 or not slides or through not in _READERS or lossless not in _FORMS:
        sys.stderr.write(f"Give at least one slide, --levels {' or '.join(_LEVELS)}, and --workers of 1 or more.\n")
        return _WRONG_USE
    try:
        given = _metadata(metadata, slides)
    except SlideError as error:
        return _complain(error, slide=None, as_json=as_json)
    options: dict[str, Any] = {
        "metadata": given,
        "levels": levels,
        "lossless": lossless,
        "through": through,
        "max_part_bytes": max_part_bytes,
        "sparse": sparse,
        "workers": workers,
        "resume": resume,
        "verify": is_proven,
    }
    jobs = list(zip(slides, _folders(slides, out_dir), strict=True))
    status = _DONE
    try:
        for slide, folder, outcome in convert_on_cluster(dask, jobs, options) if dask else _one_by_one(jobs, options):
            if isinstance(outcome, SlideError):
                status = status or _complain(outcome, slide=slide, as_json=as_json)
            else:
                _tell(slide, folder, outcome, as_json=as_json)
    except SlideError as error:
        return _complain(error, slide=None, as_json=as_json)
    return status


def _one_by_one(jobs: list[tuple[Path, Path]], options: dict[str, Any]) -> Iterator[Outcome]:
    from wsi.convert import convert

    for slide, folder in jobs:
        try:
            with _bar() as bar:
                show = None if bar is None else _progress_shower(bar, slide.name)
                outcome = convert(slide, folder, progress=show, **options)
        except SlideError as error:
            yield slide, folder, error
        else:
            yield slide, folder, outcome


def verify_slide(slide: Path, directory: Path, *, as_json: bool) -> int:
    """Prove a conversion against its scan and return the exit status: 0 only if all holds."""
    _import_lightly()
    from wsi.convert import open_slide
    from wsi.proof import verify_source

    try:
        if not directory.is_dir():
            raise SlideError(f"{directory} is no folder.", next_step="Give the folder the slide was converted into.")
        with open_slide(slide) as source, _bar() as bar:
            report = verify_source(source, directory, on_frames=_frame_counter(bar, slide.name))
    except SlideError as error:
        return _complain(error, slide=slide, as_json=as_json)
    if as_json:
        _say(json.dumps({"slide": str(slide), **report.manifest()}))
    else:
        _tell_proof(slide, report)
    return _DONE if report.is_proven else _BAD_INPUT


def check_folder(directory: Path, *, as_json: bool) -> int:
    """Look for faults in a folder of DICOM slides, without their scans; return the exit status: 0 only without any."""
    _import_lightly()
    from wsi.check import check_objects

    if not directory.is_dir():
        error = SlideError(f"{directory} is no folder.", next_step="Give a folder of slides, or a scan and its folder.")
        return _complain(error, slide=None, as_json=as_json)
    problems = check_objects(directory)
    if as_json:
        _say(json.dumps({"folder": str(directory), "problems": problems}))
    else:
        for problem in problems:
            _say(problem)
        _say(f"{directory}: {'no fault found' if not problems else f'{len(problems)} faults'}")
    return _BAD_INPUT if problems else _DONE


def _metadata(path: Path | None, slides: list[Path]) -> SlideMetadata:
    from wsi.metadata import SlideMetadata, load_metadata

    if path is None:
        return SlideMetadata()
    given = load_metadata(path)
    if len(slides) > 1 and given.series_instance_uid:
        raise MetadataFileError(f"{path} names one series_instance_uid for {len(slides)} slides.")
    return given


def _folders(slides: list[Path], out_dir: Path) -> list[Path]:
    if len(slides) == 1:
        return [out_dir]
    names: list[str] = []
    for slide in slides:
        stem = slide.name.split(".")[0] or slide.name
        names.append(stem if stem not in names else f"{stem}-{len(names) + 1}")
    return [out_dir / name for name in names]


def send_slides(slides: list[Path], address: str, *, metadata: Path | None, workers: int, as_json: bool) -> int:
    """Send the objects slides become, without writing them; return the exit status: 0, or that of the first failure.

    Raises: BadInputError for an address that is none, EdgeError where nobody answers
    """
    _import_lightly()
    from edge.convert.direct import read_address, send_slide
    from edge.core.delivery import Outcome

    peer = read_address(address)
    status = _DONE
    for slide in slides:
        try:
            for sent in send_slide(slide, peer, metadata=_metadata(metadata, slides), workers=workers):
                is_there = sent.outcome is Outcome.ACCEPTED
                status = status or (_DONE if is_there else _REFUSED)
                said = {"slide": str(slide), **asdict(sent), "outcome": sent.outcome.value}
                words = "accepted" if is_there else f"{sent.outcome.value}: {sent.reason}"
                _say(json.dumps(said) if as_json else f"{slide.name}: {sent.kind} {sent.sop_instance_uid} {words}")
        except SlideError as error:
            status = status or _complain(error, slide=slide, as_json=as_json)
    return status


def _import_lightly() -> None:
    """Import pydicom and tifffile without what they only want for sample files and drawing.

    They try requests, tqdm and Pillow and go on without; together these take as long to import as all else.
    """
    gc.disable()
    unwanted = [name for name in ("requests", "tqdm", "PIL") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(unwanted))  # type: ignore[arg-type]  # None makes an import fail
    try:
        import pydicom  # noqa: F401
        import tifffile  # noqa: F401
    finally:
        for name in unwanted:
            del sys.modules[name]
        # What was imported stays: looking through it again and again would only take time.
        gc.freeze()
        gc.enable()


def _bar() -> AbstractContextManager[Progress | None]:
    """Return a progress bar for a person at a terminal, nothing for a program."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        TextColumn("{task.fields[stage]}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _progress_shower(bar: Progress, name: str) -> Callable[[SlideProgress], None]:
    task = bar.add_task(name, total=None, stage="opening")

    def show(progress: SlideProgress) -> None:
        # Frames count both passes, writing and proving; bytes only the first.
        share = progress.frames_done / max(progress.frames_total, 1)
        bar.update(
            task,
            total=progress.bytes_total,
            completed=share * progress.bytes_total,
            stage=_STAGES.get(progress.stage, progress.stage),
        )

    return show


def _frame_counter(bar: Progress | None, name: str) -> Callable[[int, int], None] | None:
    if bar is None:
        return None
    task = bar.add_task(name, total=None, stage="proving")
    return lambda _, size_bytes: bar.advance(task, size_bytes)


def _tell(slide: Path, folder: Path, result: Conversion, *, as_json: bool) -> None:
    proof = result.verification
    if as_json:
        files = [{**asdict(file), "path": str(file.path)} for file in result.files]
        _say(
            json.dumps(
                {
                    "slide": str(slide),
                    "study_instance_uid": result.study_instance_uid,
                    "series_instance_uid": result.series_instance_uid,
                    "is_proven": proof is not None and proof.is_proven,
                    "notes": list(result.notes),
                    "defects": result.defects,
                    "files": files,
                }
            )
        )
        return
    size_mib = sum(file.bytes for file in result.files) / (1 << 20)
    frames = sum(file.frames for file in result.files)
    state = "proven" if proof is not None and proof.is_proven else "not proven"
    _say(f"{slide.name}: {len(result.files)} objects, {frames} frames, {size_mib:.1f} MiB in {folder}, {state}")
    for note in result.notes:
        _say(f"  note: {note}")


def _tell_proof(slide: Path, report: VerificationReport) -> None:
    for file in report.files:
        closeness = "" if file.psnr_db is None else f", worst frame {file.psnr_db:.1f} dB"
        verdict = "differs" if file.problems else "holds"
        _say(f"{file.path.name}: {file.kind.lower()}, {file.frames} frames {file.origin}{closeness}: {verdict}")
        for problem in file.problems:
            _say(f"  {problem}")
    for problem in report.problems:
        _say(problem)
    _say(f"{slide.name}: {'proven' if report.is_proven else 'NOT proven'}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _complain(error: SlideError, *, slide: Path | None, as_json: bool) -> int:
    if as_json:
        said = {"slide": str(slide) if slide else None, "code": error.code, "error": error.what, "next": error.advice}
        _say(json.dumps(said))
    sys.stderr.write(f"{error}\n")
    return error.exit_code
