"""Many slides on a dask.distributed cluster: the same conversion, once a slide, wherever there is room.

Slides and results lie on storage that every worker sees under the same path. An extra of the package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsi.errors import OutputError, SlideError

if TYPE_CHECKING:
    from wsi.convert import Conversion

CONNECT_S_MAX = 20.0

Outcome = tuple[Path, Path, "Conversion | SlideError"]


def convert_on_cluster(address: str, jobs: Iterable[tuple[Path, Path]], options: dict[str, Any]) -> Iterator[Outcome]:
    """Convert (slide, folder) pairs with the options of `wsi.convert.convert`; yield each as soon as it is done.

    Raises: OutputError when the cluster cannot be reached
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise OutputError("--dask needs dask.distributed.", next_step="Install edge-appliance[dask].") from error
    try:
        client = Client(address, timeout=CONNECT_S_MAX, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"No cluster answers at {address}.", next_step="Start its scheduler, or correct the address."
        ) from error
    with client:
        places = [(slide.resolve(), folder.resolve()) for slide, folder in jobs]
        futures = {
            client.submit(convert_one, str(slide), str(folder), options, pure=False): (slide, folder)
            for slide, folder in places
        }
        for future in as_completed(futures, loop=client.loop):
            yield (*futures[future], _outcome(future.result()))


def convert_one(slide: str, folder: str, options: dict[str, Any]) -> Any:
    """Convert one slide, in a worker; an error comes back as its parts, for exceptions travel badly."""
    from wsi.convert import convert

    try:
        return convert(Path(slide), Path(folder), **options)
    except SlideError as error:
        return type(error), error.what, error.advice


def _outcome(result: Any) -> Conversion | SlideError:
    if isinstance(result, tuple):
        kind, what, advice = result
        error: SlideError = kind(what, next_step=advice)
        return error
    done: Conversion = result
    return done
