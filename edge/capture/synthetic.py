"""A moving phantom whose frames say which they are: for tests, demonstrations and checks of a link.

The top band is a barcode of 32 cells, the picture's number in binary, most significant bit first, black 0, white 1.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge.capture.source import Description, Picture, Pixels, calibrations
from edge.config import Source

BARCODE_BITS = 32
BARCODE_PX = 16
"""Height of the band."""
SEED = 7
TEXTURE_COUNT = 8


class Synthetic:
    """Speckle with a bright disc that goes round, at an even rate."""

    def __init__(self, settings: Source) -> None:
        self._width_px, self._height_px, self._fps = settings.width_px, settings.height_px, settings.fps
        # The model's name chooses: the configuration needs no key for this alone.
        self._is_grey = settings.model.lower().startswith("grey")
        self._limit = None if settings.loop else round(settings.fps * 10)
        self.reason = ""
        self.description = Description(
            fps=settings.fps, manufacturer=settings.manufacturer, model=settings.model, regions=calibrations(settings)
        )
        rng = np.random.default_rng(SEED)
        shape = (TEXTURE_COUNT, self._height_px, self._width_px)
        self._textures = rng.rayleigh(28.0, shape).clip(0, 200).astype(np.uint8)

    def pictures(self) -> Iterator[Picture]:
        """Yield pictures for ever, or ten seconds of them when not looped."""
        number = 0
        while self._limit is None or number < self._limit:
            yield Picture(self.draw(number), round(number * 1_000_000_000 / self._fps))
            number += 1

    def draw(self, number: int) -> Pixels:
        """Return picture `number`: the same number gives the same pixels."""
        grey: Pixels = self._textures[number % TEXTURE_COUNT].copy()
        radius_px = max(4, self._height_px // 8)
        angle = 2 * np.pi * number / 120
        centre_x = int(self._width_px * (0.5 + 0.3 * np.cos(angle)))
        centre_y = int(self._height_px * (0.55 + 0.25 * np.sin(angle)))
        left, top = max(0, centre_x - radius_px), max(0, centre_y - radius_px)
        rows, columns = np.ogrid[top : centre_y + radius_px, left : centre_x + radius_px]
        disc = (columns - centre_x) ** 2 + (rows - centre_y) ** 2 < radius_px**2
        window = grey[top : centre_y + radius_px, left : centre_x + radius_px]
        window[disc[: window.shape[0], : window.shape[1]]] = 220
        grey[:BARCODE_PX] = _barcode(number, self._width_px)
        if self._is_grey:
            return grey
        colour = np.repeat(grey[:, :, None], 3, axis=2)
        # A patch of colour flow, so that nothing takes the picture for grey.
        colour[-radius_px:, -radius_px:, 0] = 200
        return colour

    def close(self) -> None:
        """Nothing is open."""


def read_number(pixels: NDArray[np.uint8]) -> int:
    """Return the number in the barcode of a picture, even one that went through a video encoder."""
    grey = pixels if pixels.ndim == 2 else pixels[:, :, 1]
    width_px = grey.shape[1]
    middles = (np.arange(BARCODE_BITS) * 2 + 1) * width_px // (2 * BARCODE_BITS)
    number = 0
    for bit in grey[BARCODE_PX // 2, middles] > 127:
        number = number << 1 | int(bit)
    return number


def _barcode(number: int, width_px: int) -> NDArray[np.uint8]:
    columns = np.arange(width_px) * BARCODE_BITS // width_px
    bits = np.array([(number >> (BARCODE_BITS - 1 - bit)) & 1 for bit in range(BARCODE_BITS)], np.uint8)
    return (bits[columns] * 255).astype(np.uint8)
