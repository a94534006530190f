"""`edge convert` and `edge verify`: slides to DICOM without a server or a configuration."""

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import JsonOption
from edge.errors import BadInputError


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command()(convert)
    app.command()(verify)


def convert(
    slides: Annotated[list[Path], typer.Argument(help="Whole-slide scans.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the DICOM files; made if absent.")] = None,
    to: Annotated[
        str, typer.Option(help="Send instead of writing: dimse://TITLE@HOST:PORT, or https://HOST/dicom-web.")
    ] = "",
    metadata: Annotated[Path | None, typer.Option(help="JSON file with patient, study and specimen.")] = None,
    levels: Annotated[str, typer.Option(help="native: the scanner's; all: missing ones are made.")] = "native",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Threads that encode.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Keep what an interrupted run has finished.")] = False,
    proof: Annotated[bool, typer.Option("--proof/--no-proof", help="Read every frame back and compare.")] = True,
    lossless: Annotated[
        str, typer.Option(help="jpeg-ls, jpeg2000 or htj2k: the form of what cannot be copied; else JPEG.")
    ] = "",
    max_part_bytes: Annotated[int, typer.Option(min=0, help="Larger images become several objects; 0: never.")] = 0,
    sparse: Annotated[bool, typer.Option("--sparse", help="Leave out the tiles that the scanner left out.")] = False,
    dask: Annotated[str, typer.Option(help="tcp://…: a dask.distributed scheduler that converts many slides.")] = "",
    through: Annotated[str, typer.Option(hidden=True, help="openslide: decode and encode every tile.")] = "",
    json: JsonOption = False,
) -> None:
    """Convert slides to DICOM WSI and prove the result."""
    from edge.convert.command import convert_slides, send_slides

    if levels not in ("native", "all"):
        raise BadInputError(f"--levels {levels} is not known.", next_step="Say native or all.")
    if lossless not in ("", "jpeg-ls", "jpeg2000", "htj2k"):
        raise BadInputError(f"--lossless {lossless} is not known.", next_step="Say jpeg-ls, jpeg2000 or htj2k.")
    if (out is None) == (not to):
        raise BadInputError("A slide is written or sent.", next_step="Give --out FOLDER, or --to ADDRESS.")
    if to and (levels != "native" or lossless or max_part_bytes or sparse or dask or resume):
        raise BadInputError("--to sends the scanner's own levels, whole.", next_step="Leave the other options out.")
    if out is None:
        raise typer.Exit(send_slides(slides, to, metadata=metadata, workers=workers, as_json=json))
    raise typer.Exit(
        convert_slides(
            slides,
            out,
            metadata=metadata,
            levels=levels,
            workers=workers,
            resume=resume,
            is_proven=proof,
            lossless=lossless,
            dask=dask,
            through=through,
            max_part_bytes=max_part_bytes,
            sparse=sparse,
            as_json=json,
        )
    )


def verify(
    slide: Annotated[Path, typer.Argument(help="The scan; or a folder of DICOM slides, to be checked on their own.")],
    directory: Annotated[Path | None, typer.Argument(help="The folder it was converted to.")] = None,
    json: JsonOption = False,
) -> None:
    """Prove a conversion: every frame's bytes against its source, offsets, pixels."""
    from edge.convert.command import check_folder, verify_slide

    if directory is None:
        raise typer.Exit(check_folder(slide, as_json=json))
    raise typer.Exit(verify_slide(slide, directory, as_json=json))
