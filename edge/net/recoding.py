"""An object in a plain form, without loss, for a peer that does not take it as it is stored.

Standard: PS3.5 10, A.1, A.2
"""

import io
import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO

import pydicom
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from edge.net.parcel import PIXEL_BYTES_MAX, Parcel
from edge.net.unpacking import LOSSLESS, unpack

PLAIN = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
_RECODABLE = frozenset({*PLAIN, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian})
UNREADABLE = (
    ValueError, RuntimeError, AttributeError, LookupError, TypeError, ArithmeticError, OSError, EOFError, MemoryError,
    struct.error, zlib.error, pydicom.errors.InvalidDicomError,
)  # fmt: skip
"""What decoders raise at pixels that are not what they claim."""


def recode(parcel: Parcel, syntax: str, target: BinaryIO) -> bool:
    """Write the object as a file in another plain transfer syntax; tell whether it has that form without loss.

    Raises: what pydicom and the codecs raise at broken pixels, see UNREADABLE.
    """
    if parcel.transfer_syntax_uid in LOSSLESS:
        ds = unpack(parcel.path)
    elif parcel.transfer_syntax_uid in _RECODABLE and parcel.path.stat().st_size <= PIXEL_BYTES_MAX:
        ds = pydicom.dcmread(parcel.path)
    else:
        return False
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    implicit = syntax == ImplicitVRLittleEndian
    pydicom.dcmwrite(target, ds, implicit_vr=implicit, little_endian=True, enforce_file_format=True)
    return True


def plain_file(parcel: Parcel) -> bytes | None:
    """Return the object as a file with plain pixels; None when it has no such form without loss.

    Raises: what pydicom and the codecs raise at broken pixels, see UNREADABLE.
    """
    if parcel.transfer_syntax_uid not in LOSSLESS:
        return None
    stream = io.BytesIO()
    recode(parcel, PLAIN[0], stream)
    return stream.getvalue()


def why_not(parcel: Parcel, accepted: Iterable[tuple[str, str]]) -> str:
    """Say why an object does not go to a peer that takes these (SOP class, transfer syntax) pairs."""
    if not any(sop_class == parcel.sop_class_uid for sop_class, _ in accepted):
        return f"it does not take the SOP class {UID(parcel.sop_class_uid).name}"
    name = UID(parcel.transfer_syntax_uid).name
    return f"it does not take {name}, and this object cannot be sent in another form without loss"
