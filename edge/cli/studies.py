"""`edge import` and `edge export`: DICOM files in and out of the store."""

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from edge.cli import show
from edge.cli.options import ConfigOption, JsonOption
from edge.config import Config, load_default
from edge.errors import EXIT_BAD_INPUT, EXIT_DONE, AwayError, BadInputError, NotFoundError

if TYPE_CHECKING:
    from edge.store.instances import Instance, Instances

COPY_BYTES = 1024 * 1024
REFUSED_SHOWN_MAX = 20
ZIP_ENCRYPTED = 0x1


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("import")(import_files)
    app.command("export")(export_study)


def import_files(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files, folders, zip files or a DICOMDIR; everything DICOM in them is kept."),
    ],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take DICOM files into the store; what is not DICOM is named and left."""
    counts = {"kept": 0, "known": 0, "conflict": 0, "refused": 0}
    reasons: list[str] = []
    with _store(load_default(config)) as instances:
        for name, file in _files(paths, reasons):
            temporary = instances.new_temp()
            try:
                with temporary.open("wb") as out:
                    _copy(file, out, instances)
                counts[instances.keep(temporary, source="import").outcome] += 1
            except (BadInputError, zipfile.BadZipFile, zlib.error, EOFError) as error:
                reasons.append(f"{name}: {error.message if isinstance(error, BadInputError) else error}")
            finally:
                temporary.unlink(missing_ok=True)
    counts["refused"] = len(reasons)
    if json:
        show.as_json({**counts, "reasons": reasons})
    else:
        show.as_lines(counts)
        for line in reasons[:REFUSED_SHOWN_MAX]:
            typer.echo(line, err=True)
    taken = counts["kept"] + counts["known"]
    raise typer.Exit(EXIT_DONE if taken and not counts["conflict"] else EXIT_BAD_INPUT)


def export_study(
    study: Annotated[list[str], typer.Option("--study", help="StudyInstanceUID; may be given several times.")],
    out: Annotated[Path, typer.Option("--out", help="An empty or new folder.")],
    config: ConfigOption = None,
) -> None:
    """Write studies as DICOM media: the files, untouched, and a DICOMDIR."""
    from edge.store import media

    if out.exists() and any(out.iterdir()):
        raise BadInputError(f"{out} is not empty.", next_step="Name a new folder.")
    with _store(load_default(config)) as instances:
        found = [instance for uid in dict.fromkeys(study) for instance in _require(instances, uid)]
        _require_here(instances, found)
        media.write(instances, found, out)
    show.as_lines({"written": len(found), "to": out})


def _require(instances: "Instances", study_instance_uid: str) -> "list[Instance]":
    found = instances.in_study(study_instance_uid)
    if not found:
        raise NotFoundError(f"The study {study_instance_uid} is not here.")
    return found


def _require_here(instances: "Instances", found: "list[Instance]") -> None:
    """Raises: AwayError when some objects have left this disk; they are wanted back from then on."""
    away = [one for one in found if one.evicted_s is not None]
    for uid in dict.fromkeys(one.study_instance_uid for one in away):
        instances.recall(uid)
    if away:
        raise AwayError(
            f"{len(away)} of {len(found)} objects have left this disk, safe at their destinations."
            " They are being fetched back; nothing is written.",
            next_step="Let the node run and give the same command again later; its sync page shows how far they are.",
        )


@contextmanager
def _store(config: Config) -> Iterator["Instances"]:
    from edge.store.database import Database
    from edge.store.instances import Instances

    database = Database(config.database_path)
    try:
        yield Instances(
            database,
            config.data_dir,
            destinations=config.routing,
            bells=config.run_dir / "bells" / "uplink",
            reserve_bytes=config.node.disk_reserve_mb * 2**20,
            budget_bytes=config.limits.budget_bytes,
        )
    finally:
        database.close()


def _files(paths: Iterable[Path], reasons: list[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield every file by name, from folders and zip files too, and what a DICOMDIR names.

    What cannot be opened, or is named and not there, is added to `reasons`.
    """
    for path in paths:
        if not path.exists():
            raise NotFoundError(f"{path} does not exist.")
        if path.is_dir():
            inner = sorted(one for one in path.rglob("*") if one.is_file() and not _is_directory(one.name))
            yield from _files(inner, reasons)
        elif _is_directory(path.name):
            yield from _files(_named(path, reasons), reasons)
        elif zipfile.is_zipfile(path):
            yield from _members(path, reasons)
        else:
            try:
                with path.open("rb") as file:
                    yield str(path), file
            except OSError as error:
                reasons.append(f"{path}: {error.strerror}")


def _is_directory(name: str) -> bool:
    """Tell whether a file is the index of a medium, however it was mounted."""
    return name.rpartition("/")[2].upper().partition(";")[0].rstrip(".") == "DICOMDIR"


def _named(path: Path, reasons: list[str]) -> Iterator[Path]:
    from edge.dicom import directory

    for file_id in directory.files_of(path):
        found = directory.resolve(path.parent, file_id)
        if found is None:
            reasons.append(f"{path}: names {'/'.join(file_id)}, which is not there")
        else:
            yield found


def _members(path: Path, reasons: list[str]) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.is_dir() or _is_directory(member.filename):
                    continue
                if member.flag_bits & ZIP_ENCRYPTED:
                    reasons.append(f"{path}:{member.filename}: is encrypted")
                    continue
                with archive.open(member) as file:
                    yield f"{path}:{member.filename}", file
    except (zipfile.BadZipFile, NotImplementedError) as error:
        reasons.append(f"{path}: {error}")


def _copy(file: IO[bytes], out: IO[bytes], instances: "Instances") -> None:
    """Copy as long as there is room: what a zip file unpacks to is not known before.  Raises: StorageFullError."""
    while piece := file.read(COPY_BYTES):
        instances.require_room()
        out.write(piece)
