"""What can go wrong with a slide: each message says what, which thing, and what to do next.

The class fields decide a retry and the exit status; `edge.convert` maps them one to one to the product's own errors.
"""

from __future__ import annotations

from typing import ClassVar


class SlideError(Exception):
    """A slide, its output or its proof is not in order."""

    code: ClassVar[str] = "slide.error"
    exit_code: ClassVar[int] = 4
    http_status: ClassVar[int] = 422
    is_temporary: ClassVar[bool] = False
    next_step: ClassVar[str] = "Look at the message above; the scan itself was not changed."

    def __init__(self, what: str, *, next_step: str | None = None) -> None:
        self.what = what
        self.advice = next_step or self.next_step
        super().__init__(f"{what}\n{self.advice}  [{self.code}]")


class NotASlideError(SlideError):
    """The file is no scan in any format read here."""

    code = "slide.not_a_slide"
    next_step = "Check that this is the file the scanner wrote, and that it was copied whole."


class UnreadableSlideError(SlideError):
    """The format is known but the content contradicts itself or cannot be decoded."""

    code = "slide.unreadable"
    next_step = "Open the scan in the scanner's own viewer; if it fails there too, scan the glass again."


class TruncatedSlideError(SlideError):
    """The file ends before the data it promises."""

    code = "slide.truncated"
    next_step = "Copy the scan again from the scanner, and compare the file sizes."


class UnsupportedSlideError(SlideError):
    """The scan is sound, but of a kind that cannot be converted here."""

    code = "slide.unsupported"
    next_step = "Export the scan as SVS, OME-TIFF or tiled TIFF with 8-bit colour, and convert that."


class MetadataFileError(SlideError):
    """The metadata given with a slide cannot be used."""

    code = "slide.metadata"
    next_step = "Correct the metadata file and convert again."


class OutputError(SlideError):
    """The result cannot be written where it should go."""

    code = "slide.output"
    exit_code = 5
    http_status = 507
    is_temporary = True
    next_step = "Free some room or choose another folder, then convert again."


class ConversionStoppedError(SlideError):
    """Somebody asked the conversion to stop; nothing of it was kept in the output folder."""

    code = "slide.stopped"
    exit_code = 5
    http_status = 409
    is_temporary = True
    next_step = "Start it again when you want the result."


class VerificationError(SlideError):
    """What was written is not what the scan holds."""

    code = "slide.verification"
    exit_code = 1
    http_status = 500
    next_step = "Do not use the result. Check the disk, then convert the scan again."
