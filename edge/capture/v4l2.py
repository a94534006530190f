"""A USB probe, a frame grabber: a Video4Linux device."""

from pathlib import Path

from edge.capture.device import LiveInput
from edge.capture.source import SourceAbsent
from edge.config import Source

READ_TIMEOUT_S = 5.0
ABSENT = "The probe is not connected. Check the cable."


def open_v4l2(settings: Source) -> LiveInput:
    """Open the device node at the size and rate asked for.  Raises: SourceAbsent."""
    if not Path(settings.device).exists():
        raise SourceAbsent(ABSENT)
    return LiveInput(
        settings,
        settings.device,
        form="v4l2",
        options={"video_size": f"{settings.width_px}x{settings.height_px}", "framerate": f"{settings.fps:g}"},
        timeout_s=(READ_TIMEOUT_S, READ_TIMEOUT_S),
        absent="The probe is connected but does not answer. Switch it off and on again.",
        lost=ABSENT,
    )
