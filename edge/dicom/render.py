"""One frame as a picture any browser shows: decoded, windowed, cut, scaled, written as JPEG or PNG."""

from dataclasses import dataclass
from typing import Literal

import imagecodecs
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from edge.dicom.codestream import describe
from edge.dicom.decode import JPEG_LOSSY, NotDecodableError, decode, is_rgb_jpeg
from edge.dicom.pixel_layout import PixelLayout
from edge.dicom.presentation import Presentation, Window
from edge.errors import BadInputError

VIEWPORT_PX_MAX = 8192
QUALITY_DEFAULT = 90
JPEG_SIDE_PX_MAX = 65500
Picture = NDArray[np.uint8]
MediaType = Literal["image/jpeg", "image/png"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewport:
    """The box a picture must fit into, and the part of it that is wanted.  Standard: PS3.18 8.3.5.1.3"""

    width_px: int
    height_px: int
    source: tuple[float, float, float, float] | None = None
    """Left, top, width, height in pixels of the stored picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a picture is asked for."""

    media_type: MediaType = "image/jpeg"
    quality: int | None = None
    """1 to 100, for JPEG."""
    window: Window | None = None
    viewport: Viewport | None = None


def render(data: bytes, number: int, presentation: Presentation, wish: Wish) -> bytes:
    """Return frame `number`, given as stored, as a JPEG or PNG.  Raises: NotDecodableError, BadInputError."""
    if _is_shown_as_stored(data, presentation.layout, wish):
        return data
    picture = presentation.show(decode(data, presentation.layout), number, wish.window)
    return finish(picture, wish)


def finish(picture: Picture, wish: Wish) -> bytes:
    """Cut, scale and write a picture as it is asked for.  Raises: NotDecodableError, BadInputError."""
    if wish.viewport is not None:
        picture = _fit(picture, wish.viewport)
    return encode(picture, wish)


def _is_shown_as_stored(data: bytes, layout: PixelLayout, wish: Wish) -> bool:
    """Tell whether the stored JPEG is already what the browser must get: colour, 8 bits, whole."""
    if (
        layout.transfer_syntax_uid not in JPEG_LOSSY
        or layout.samples_per_pixel != 3
        or wish != Wish(media_type="image/jpeg")
    ):
        return False
    described = describe(data)
    if described is None or described.precision_bits != 8 or described.is_lossless_jpeg:
        return False
    # Where the codestream leaves the colour open, a browser takes it for YCbCr.
    return described.is_rgb is not None or not is_rgb_jpeg(described, layout)


def encode(picture: Picture, wish: Wish) -> bytes:
    """Write a grey or RGB picture.  Raises: NotDecodableError when it is too large for the format."""
    if wish.media_type == "image/png":
        return bytes(imagecodecs.png_encode(np.ascontiguousarray(picture), level=1))
    if max(picture.shape[:2]) > JPEG_SIDE_PX_MAX:
        raise NotDecodableError("The picture is too large for JPEG.", next_step="Ask for image/png or a viewport.")
    quality = wish.quality or QUALITY_DEFAULT
    if picture.ndim == 2:
        return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(picture)[..., None], quality, "GRAY", "Gray"))
    return bytes(
        simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality, "RGB", "422" if quality < 95 else "444")
    )


def _fit(picture: Picture, viewport: Viewport) -> Picture:
    """Cut and scale, keeping the proportions.  Raises: BadInputError when the part lies outside."""
    if viewport.source is not None:
        left, top, width, height = viewport.source
        right, bottom = min(left + width, picture.shape[1]), min(top + height, picture.shape[0])
        picture = picture[round(top) : round(bottom), round(left) : round(right)]
        if picture.size == 0:
            raise BadInputError("The part asked for lies outside the picture.")
    height_px, width_px = picture.shape[:2]
    scale = min(viewport.width_px / width_px, viewport.height_px / height_px)
    size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
    if size == (width_px, height_px):
        return picture
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize(size, Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BILINEAR))
