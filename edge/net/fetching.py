"""Fetching one object back from where it was sent: what any way of doing that promises."""

from collections.abc import Callable
from pathlib import Path

from edge.errors import EdgeError
from edge.net.parcel import PIXEL_BYTES_MAX, Parcel

SPARE_BYTES = 256 * 1024


Fetch = Callable[[Parcel, Path], None]
"""Write the object as the destination gives it back. Raises: NotThereError, NotGivenError, NotAcceptedError (it
does not give objects back at all), UnreachableError (nothing is known)."""


class NotThereError(EdgeError):
    """The destination does not have the object."""

    code = "readback.absent"
    next_step = "It is sent again."


class NotGivenError(EdgeError):
    """The destination has the object, or says so, and cannot give it back."""

    code = "readback.failed"
    next_step = "It is asked for again, then sent again."


def size_of(parcel: Parcel) -> int:
    """Return how large the object is, here or away, in bytes."""
    return parcel.size_bytes or parcel.path.stat().st_size


def bytes_max(parcel: Parcel) -> int:
    """Return the most that is fetched: the object, or its plain form."""
    return size_of(parcel) + PIXEL_BYTES_MAX + SPARE_BYTES
