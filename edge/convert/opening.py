"""The child process that opens scans and tells what they will become: `python -m edge.convert.opening`.

One JSON line in, one out, until stdin ends: a `Wish`, then {"opened": …} or {"error": …}. The headers of the objects to
be are left as files in the folder of the wish. A scan that kills its reader kills only this process.
"""

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edge.convert.worker import die_with_parent

if TYPE_CHECKING:
    from wsi.series import Levels


class Wish(msgspec.Struct, kw_only=True):
    """Which scan to open, and how it will be converted."""

    path: str
    metadata: str = ""
    levels: str = "native"
    folder: str
    """Empty; headers are written into it."""
    parent_process_id: int
    is_searched: bool = False
    """Look at every tile for damage, too, which may take seconds: other UIDs follow from what is found."""
    is_glance: bool = False
    """Only what the scan itself says of whose it is; nothing is written."""


class OpenedObject(msgspec.Struct, kw_only=True):
    """One object to be."""

    name: str
    """Of the file with its header."""
    size_bytes: int
    """Of the whole file to be; 0 where its frames must be made first."""


class Opened(msgspec.Struct, kw_only=True):
    """What a scan will become."""

    study_instance_uid: str
    series_instance_uid: str
    objects: list[OpenedObject]
    damaged_count: int = 0
    """Tiles that are damaged in the scan, as far as it was searched."""
    is_taken_as_sound: bool = False
    """It was not searched, and a search may find damage."""


def main() -> int:
    """Answer wishes until there are no more."""
    _import_early()
    for line in sys.stdin.buffer:
        wish = msgspec.json.decode(line, type=Wish)
        die_with_parent(wish.parent_process_id)
        sys.stdout.write(json.dumps(_answer(wish)) + "\n")
        sys.stdout.flush()
    return 0


def _import_early() -> None:
    """What opening takes, loaded before the first scan has come."""
    import wsi.convert
    import wsi.dataset
    import wsi.tiff_source
    import wsi.virtual  # noqa: F401


def _answer(wish: Wish) -> dict[str, Any]:
    from wsi.errors import SlideError

    try:
        if wish.is_glance:
            return {"glance": {"barcode": _barcode(Path(wish.path))}}
        return {"opened": msgspec.to_builtins(_open(wish))}
    except SlideError as error:
        return {"error": {"code": error.code}}
    except OSError as error:
        return {"error": {"code": f"errno {error.errno}"}}


def _barcode(path: Path) -> str:
    from wsi.convert import open_slide

    with open_slide(path) as source:
        return source.metadata.barcode


def _open(wish: Wish) -> Opened:
    from wsi.convert import open_slide
    from wsi.defects import can_be_searched
    from wsi.errors import UnsupportedSlideError
    from wsi.metadata import SlideMetadata, load_metadata
    from wsi.virtual import VirtualSlide

    metadata = load_metadata(Path(wish.metadata)) if wish.metadata else SlideMetadata()
    objects = []
    with open_slide(Path(wish.path)) as source:
        levels: Levels = "all" if wish.levels == "all" else "native"
        slide = VirtualSlide(source, metadata, levels=levels, is_searched=wish.is_searched)
        for number, instance in enumerate(slide.instances):
            name = f"{number}.dcm"
            (Path(wish.folder) / name).write_bytes(instance.header_file())
            size_bytes = 0
            with contextlib.suppress(UnsupportedSlideError):
                size_bytes = instance.size_bytes()
            objects.append(OpenedObject(name=name, size_bytes=size_bytes))
    return Opened(
        study_instance_uid=slide.plan.study_instance_uid, series_instance_uid=slide.plan.series_instance_uid,
        objects=objects, damaged_count=sum(len(image.defects) for image in source.images),
        is_taken_as_sound=not wish.is_searched and any(map(can_be_searched, source.images)),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
