"""`edge import` and `edge export`: DICOM files in and out of the store."""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from edge.cli import show
from edge.cli.options import ConfigOption, JsonOption
from edge.config import Config, load_default
from edge.errors import EXIT_BAD_INPUT, EXIT_DONE, BadInputError, NotFoundError

if TYPE_CHECKING:
    from edge.store.instances import Instances

COPY_BYTES = 1024 * 1024
REFUSED_SHOWN_MAX = 20


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("import")(import_files)
    app.command("export")(export_study)


def import_files(
    paths: Annotated[list[Path], typer.Argument(help="Files, folders or zip files; everything DICOM in them is kept.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take DICOM files into the store; what is not DICOM is named and left."""
    counts = {"kept": 0, "known": 0, "conflict": 0, "refused": 0}
    refused: list[str] = []
    with _store(load_default(config)) as instances:
        for name, file in _files(paths):
            temporary = instances.new_temp()
            try:
                with temporary.open("wb") as out:
                    shutil.copyfileobj(file, out, COPY_BYTES)
                counts[instances.keep(temporary, source="import").outcome] += 1
            except BadInputError as error:
                counts["refused"] += 1
                refused.append(f"{name}: {error.message}")
            finally:
                temporary.unlink(missing_ok=True)
    if json:
        show.as_json({**counts, "reasons": refused})
    else:
        show.as_lines(counts)
        for line in refused[:REFUSED_SHOWN_MAX]:
            typer.echo(line, err=True)
    taken = counts["kept"] + counts["known"]
    raise typer.Exit(EXIT_DONE if taken and not counts["conflict"] else EXIT_BAD_INPUT)


def export_study(
    study: Annotated[str, typer.Option("--study", help="StudyInstanceUID.")],
    out: Annotated[Path, typer.Option("--out", help="An empty or new folder.")],
    config: ConfigOption = None,
) -> None:
    """Write a study as DICOM media: the files, untouched, and a DICOMDIR."""
    from pydicom.fileset import FileSet

    if out.exists() and any(out.iterdir()):
        raise BadInputError(f"{out} is not empty.", next_step="Name a new folder.")
    with _store(load_default(config)) as instances:
        found = instances.in_study(study)
        if not found:
            raise NotFoundError(f"The study {study} is not here.")
        media = FileSet()
        for instance in found:
            media.add(instances.path_of(instance))
        media.write(out)
    show.as_lines({"written": len(found), "to": out})


@contextmanager
def _store(config: Config) -> Iterator["Instances"]:
    from edge.store.database import Database
    from edge.store.instances import Instances

    database = Database(config.database_path)
    try:
        yield Instances(
            database,
            config.data_dir,
            destinations=[destination.name for destination in config.destination],
            bells=config.run_dir / "bells" / "uplink",
            reserve_bytes=config.node.disk_reserve_mb * 1024 * 1024,
        )
    finally:
        database.close()


def _files(paths: list[Path]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield every file by name, from folders and zip files too; DICOMDIR itself is only an index."""
    for path in paths:
        if not path.exists():
            raise NotFoundError(f"{path} does not exist.")
        if path.is_dir():
            yield from _files(
                sorted(inner for inner in path.rglob("*") if inner.is_file() and inner.name != "DICOMDIR")
            )
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    if not member.is_dir() and not member.filename.endswith("DICOMDIR"):
                        with archive.open(member) as file:
                            yield f"{path}:{member.filename}", file
        else:
            with path.open("rb") as file:
                yield str(path), file
