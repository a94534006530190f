"""Procedural tissue: seamless squares of what an H&E stain shows under a microscope, from noise alone.

Every texture repeats without a seam after PERIOD_PX, so a scan of any size is laid out from a few hundred tiles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PERIOD_PX = 2048
GLASS = np.array((243, 243, 245), np.float32)
_PINK = np.array((232, 158, 192), np.float32)
_ROSE = np.array((208, 116, 164), np.float32)
_CYTOPLASM = np.array((196, 132, 186), np.float32)
_NUCLEUS = np.array((84, 48, 128), np.float32)
_NUCLEUS_DARK = np.array((58, 32, 98), np.float32)

Field = NDArray[np.float32]
Picture = NDArray[np.uint8]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> Field:
    """Return seamless noise of about unit variance: (height, width), with `cells` bumps down and across."""
    grid = rng.standard_normal(cells).astype(np.float32)
    margin = 3
    wrapped = np.pad(grid, margin, mode="wrap")
    rows, columns = cells
    box = (margin - 0.5, margin - 0.5, margin - 0.5 + columns, margin - 0.5 + rows)
    image = Image.fromarray(wrapped).resize((shape[1], shape[0]), Image.Resampling.BICUBIC, box=box)
    return np.asarray(image, np.float32)


def soft_step(field: Field, width: float) -> Field:
    """Return 0 well below zero, 1 well above, and a ramp of this width between."""
    ramp: Field = np.clip(field / width + 0.5, 0.0, 1.0)
    return ramp


def mix(below: Field, above: Field, weight: Field) -> Field:
    """Lay one colour picture over another with a weight per pixel."""
    return below + (above - below) * weight[..., None]


def stroma(rng: np.random.Generator) -> Picture:
    """Return connective tissue: wavy pink fibres with a few slender nuclei."""
    square = (PERIOD_PX, PERIOD_PX)
    fibres = _waved(smooth_noise(rng, square, (190, 12)), rng, amplitude_px=46)
    weave = soft_step(fibres + 0.4 * smooth_noise(rng, square, (60, 60)), 2.6)
    picture = _PINK + (_ROSE - _PINK) * weave[..., None]
    gaps = soft_step(fibres - 1.7, 0.6) * 0.8
    picture = mix(picture, np.broadcast_to(GLASS, picture.shape), gaps)
    return _finished(picture, _nuclei(rng, count=900, length_px=(9, 15), width_px=(2.2, 3.6)), rng)


def cellular(rng: np.random.Generator) -> Picture:
    """Return dense, round, dark nuclei: lymphoid or tumour tissue."""
    square = (PERIOD_PX, PERIOD_PX)
    shade = soft_step(smooth_noise(rng, square, (40, 40)), 3.0)
    picture = _CYTOPLASM + (_ROSE - _CYTOPLASM) * shade[..., None]
    return _finished(picture, _nuclei(rng, count=9500, length_px=(5, 8.5), width_px=(4.6, 7.5)), rng)


def glandular(rng: np.random.Generator) -> Picture:
    """Return glands: open lumens lined by a wreath of nuclei, set in stroma."""
    square = (PERIOD_PX, PERIOD_PX)
    distance = _distance_to_centres(rng, count_across=9) + 9 * smooth_noise(rng, square, (56, 56))
    fibres = _waved(smooth_noise(rng, square, (150, 14)), rng, amplitude_px=30)
    picture = _PINK + (_ROSE - _PINK) * soft_step(fibres, 3.0)[..., None]
    wall = soft_step(86 - distance, 6)
    picture = mix(picture, np.broadcast_to(_CYTOPLASM, picture.shape), wall)
    picture = mix(picture, np.broadcast_to(GLASS, picture.shape), soft_step(38 - distance, 8))
    wreath = (distance > 60) & (distance < 82)
    inside = _nuclei(rng, count=26_000, length_px=(6, 9.5), width_px=(4.2, 6.2), where=wreath)
    between = _nuclei(rng, count=1100, length_px=(7, 12), width_px=(2.4, 4), where=distance > 96)
    return _finished(picture, np.maximum(inside, between), rng)


def fat(rng: np.random.Generator) -> Picture:
    """Return fat: large empty cells with thin walls."""
    distance = _distance_to_centres(rng, count_across=15, is_border=True)
    wall = soft_step(5.0 - distance, 4)
    glass = np.broadcast_to(GLASS, (PERIOD_PX, PERIOD_PX, 3)).astype(np.float32)
    picture = mix(glass, np.broadcast_to(_PINK, glass.shape), wall * 0.85)
    return _finished(picture, _nuclei(rng, count=350, length_px=(7, 11), width_px=(2, 3), where=distance < 6), rng)


def _waved(field: Field, rng: np.random.Generator, *, amplitude_px: int) -> Field:
    """Bend a field up and down along its width, as fibres run in waves."""
    shift = smooth_noise(rng, (1, PERIOD_PX), (1, 7))[0] * amplitude_px
    rows = (np.arange(PERIOD_PX)[:, None] + shift[None, :].astype(np.int64)) % PERIOD_PX
    bent: Field = field[rows, np.arange(PERIOD_PX)[None, :]]
    return bent


def _distance_to_centres(rng: np.random.Generator, *, count_across: int, is_border: bool = False) -> Field:
    """Return the distance in pixels to the nearest of scattered centres, or to the border between two of them."""
    small = PERIOD_PX // 4
    step = small / count_across
    centres = (np.indices((count_across, count_across)).reshape(2, -1).T + 0.5) * step
    centres += rng.uniform(-0.3, 0.3, centres.shape) * step
    nearest = np.full((small, small), 1e9, np.float32)
    second = nearest.copy()
    reach = int(step * 2)
    for row, column in centres:
        rows = np.arange(int(row) - reach, int(row) + reach)
        columns = np.arange(int(column) - reach, int(column) + reach)
        away = np.hypot((rows - row)[:, None], (columns - column)[None, :]).astype(np.float32)
        at = np.ix_(rows % small, columns % small)
        closest = nearest[at]
        second[at] = np.minimum(second[at], np.maximum(closest, away))
        nearest[at] = np.minimum(closest, away)
    field = (second - nearest if is_border else nearest) * 4
    padded = np.pad(field, 3, mode="wrap")
    box = (3, 3, 3 + small, 3 + small)
    big = Image.fromarray(padded).resize((PERIOD_PX, PERIOD_PX), Image.Resampling.BICUBIC, box=box)
    return np.asarray(big, np.float32)


def _nuclei(
    rng: np.random.Generator,
    *,
    count: int,
    length_px: tuple[float, float],
    width_px: tuple[float, float],
    where: NDArray[np.bool_] | None = None,
) -> Field:
    """Return the darkness of scattered nuclei, 0 to 1: soft ellipses with a paler middle."""
    margin, stamps = 20, []
    y, x = np.mgrid[-margin : margin + 1, -margin : margin + 1].astype(np.float32)
    for _ in range(48):
        angle = rng.uniform(0, np.pi)
        along = (x * np.cos(angle) + y * np.sin(angle)) / rng.uniform(*length_px)
        across = (y * np.cos(angle) - x * np.sin(angle)) / rng.uniform(*width_px)
        radius = np.hypot(along, across)
        stamps.append((np.clip((1.0 - radius) * 4, 0, 1) * (0.72 + 0.28 * radius)).astype(np.float32))
    canvas = np.zeros((PERIOD_PX + 2 * margin, PERIOD_PX + 2 * margin), np.float32)
    side = 2 * margin + 1
    for (row, column), pick in zip(rng.integers(0, PERIOD_PX, (count, 2)), rng.integers(0, 48, count), strict=True):
        if where is None or where[row, column]:
            window = canvas[row : row + side, column : column + side]
            np.maximum(window, stamps[pick], out=window)
    # What hangs over one side comes in again on the other.
    canvas[margin : 2 * margin] = np.maximum(canvas[margin : 2 * margin], canvas[-margin:])
    canvas[-2 * margin : -margin] = np.maximum(canvas[-2 * margin : -margin], canvas[:margin])
    canvas[:, margin : 2 * margin] = np.maximum(canvas[:, margin : 2 * margin], canvas[:, -margin:])
    canvas[:, -2 * margin : -margin] = np.maximum(canvas[:, -2 * margin : -margin], canvas[:, :margin])
    return canvas[margin:-margin, margin:-margin]


def _finished(picture: Field, nuclei: Field, rng: np.random.Generator) -> Picture:
    grain = smooth_noise(rng, (PERIOD_PX, PERIOD_PX), (512, 512))
    colour = _NUCLEUS + (_NUCLEUS_DARK - _NUCLEUS) * soft_step(grain, 2.0)[..., None]
    stained = mix(picture, colour, nuclei * 0.94)
    stained += (grain * 3.0)[..., None]
    return np.clip(stained, 0, 255).astype(np.uint8)
