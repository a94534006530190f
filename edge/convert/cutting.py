"""Cuts slides into parts for whoever sends them: the slide library is loaded with the first that is large enough."""

from pathlib import Path

from edge.errors import EdgeError


class CutError(EdgeError):
    """A part cannot be written."""

    code = "slide.cut"


class SlideCut:
    """One object and its parts, of the kind `edge.uplink.parts.Cut`."""

    def __init__(self, path: Path, part_bytes_max: int) -> None:
        """Read where the frames lie."""
        from wsi.cutting import cut_object

        self._cut = cut_object(path, max_bytes=part_bytes_max)

    @property
    def uids(self) -> list[str]:
        return self._cut.uids if self._cut is not None else []

    @property
    def firsts(self) -> list[int]:
        return self._cut.firsts if self._cut is not None else []

    def write(self, number: int, target: Path) -> None:
        """Write one part, from 1.  Raises: CutError."""
        from wsi.errors import SlideError

        assert self._cut is not None
        try:
            self._cut.write(number, target)
        except SlideError as error:
            raise CutError(f"Part {number} cannot be written: {error.what}", next_step=error.advice) from error


def cut(path: Path, part_bytes_max: int) -> SlideCut | None:
    """Return how a file is cut; None for what is no slide, or goes whole."""
    made = SlideCut(path, part_bytes_max)
    return made if made.uids else None
