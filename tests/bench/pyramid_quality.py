"""How close made levels are to the scan shrunk by plain averaging, the reference nobody disputes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

_SIDE_PX_MAX = 10_000


def quality_of_levels(slide: Path, folder: Path) -> dict[int, float]:
    """Return what `measure` finds, found by a process of its own: its memory must not be inherited by the next."""
    command = [sys.executable, "-m", "tests.bench.pyramid_quality", slide, folder]
    done = subprocess.run(command, check=True, capture_output=True)
    return {int(width): float(decibels) for width, decibels in json.loads(done.stdout).items()}


def measure(slide: Path, folder: Path) -> dict[int, float]:
    """Return, per level in `folder` that the scan itself lacks, its width and its peak signal to noise ratio in dB.

    The reference is the scan's next larger level, averaged down by a power of two. Padding is left out.
    """
    import numpy as np
    import openslide
    from wsidicom import WsiDicom

    found: dict[int, float] = {}
    with openslide.OpenSlide(slide) as scan, WsiDicom.open(folder) as made:
        own = [width for width, _ in scan.level_dimensions]
        assert max(scan.dimensions) <= _SIDE_PX_MAX, "too large to be held in memory"
        for level in made.levels:
            width, height = level.size.width, level.size.height
            if width in own:
                continue
            above = max((index for index, own_width in enumerate(own) if own_width > width))
            times = round(own[above] / width)
            larger = np.asarray(scan.read_region((0, 0), above, scan.level_dimensions[above]).convert("RGB"))
            pixels = np.asarray(made.read_region((0, 0), level.level, (width, height)).convert("RGB"))
            found[width] = _decibels(_averaged(larger, times)[:height, :width], pixels)
    return found


def _averaged(pixels: Any, times: int) -> Any:
    import numpy as np

    height, width = pixels.shape[0] // times, pixels.shape[1] // times
    cut = pixels[: height * times, : width * times].reshape(height, times, width, times, 3)
    return cut.mean(axis=(1, 3), dtype=np.float32)


def _decibels(expected: Any, found: Any) -> float:
    import numpy as np

    height, width = min(expected.shape[0], found.shape[0]), min(expected.shape[1], found.shape[1])
    error = float(np.mean(np.square(expected[:height, :width] - found[:height, :width].astype(np.float32))))
    return 10 * math.log10(255 * 255 / error) if error else 999.0


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]))))
