"""On request: what cannot be copied is stored without loss, instead of being encoded once more as JPEG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from wsi import codec
from wsi import encoding as forms
from wsi.encoding import Origin
from wsi.source import Image, MadeImage, OpenSource, Pixels

Lossless = Literal["", "jpeg-ls", "jpeg2000", "htj2k"]
_FORMS: dict[str, tuple[str, str, Callable[[Pixels], bytes]]] = {
    "jpeg-ls": (forms.JPEG_LS_LOSSLESS, "RGB", codec.encode_jpeg_ls),
    "jpeg2000": (forms.JPEG_2000_LOSSLESS, "YBR_RCT", codec.encode_jpeg_2000),
    "htj2k": (forms.HTJ2K_LOSSLESS, "YBR_RCT", codec.encode_htj2k),
}
"""Transfer syntax, photometric interpretation of colour, encoder."""


def keep_all(source: OpenSource, form: Lossless) -> None:
    """Have a scan's images stored without loss where they would have been re-encoded with loss."""
    if form:
        source.images = tuple(_kept(image, form) for image in source.images)


def _kept(image: Image, form: Lossless) -> Image:
    if not isinstance(image, MadeImage) or image.psnr_db_min is None:
        return image
    syntax, colour, encode = _FORMS[form]
    read_pixels = image.read_pixels
    encoding = replace(
        image.encoding,
        transfer_syntax_uid=syntax,
        photometric_interpretation=colour if image.encoding.sample_count > 1 else "MONOCHROME2",
        lossy_methods=image.encoding.lossy_methods[:-1],
        origin=Origin.LOSSLESS,
    )
    return replace(
        image, encoding=encoding, make_frame=lambda index: encode(read_pixels(index)), psnr_db_min=None, is_same=None
    )
