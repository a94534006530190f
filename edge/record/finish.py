"""From a spool to a kept object: written, read back, every frame compared with its capture digest, kept; only then
does the spool go.
"""

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.core.clip import NOMINAL_INTERVAL_MS, EndReason, Gap, find_gaps, timing_of
from edge.core.frame import Calibration
from edge.dicom import frame_index
from edge.dicom.codec import JPEG_LS, CodecError, Encoder, decode, encoder_for
from edge.dicom.encapsulate import fits_native, write_object
from edge.dicom.ultrasound import Content, Equipment, Picture, build
from edge.errors import EdgeError
from edge.record.packed import DigestMismatch, check, unpack
from edge.record.spool import Spool, cut_torn_tail, read_spool
from edge.store.durable import full_disk_explained, sync_folder
from edge.store.instances import Instance, Kept

SOURCE = "record"
_UNWRITABLE = (
    ValueError, TypeError, KeyError, AttributeError, OverflowError, struct.error, RuntimeError, msgspec.MsgspecError,
)  # fmt: skip
"""What pydicom and the codecs raise for values that they cannot take."""

Progress = Callable[[int, int], None]


class Store(Protocol):
    """What is needed of `edge.store.instances.Instances`."""

    def new_temp(self) -> Path: ...
    def keep(self, temp: Path, *, digest: bytes | None = None, source: str) -> Kept: ...
    def find(self, sop_instance_uid: str) -> Instance | None: ...
    def in_series(self, series_instance_uid: str) -> list[Instance]: ...
    def require_room(self) -> None: ...


class NothingRecorded(EdgeError):
    """A spool without one whole frame: there is nothing to keep."""

    code = "record.empty"
    next_step = "Record again."


class ObjectFault(EdgeError):
    """The dataset cannot be written: a fault of ours, or words in the session that DICOM cannot hold."""

    code = "record.fault"
    next_step = "The spool stays on the disk; keep it for support."


class ObjectConflict(EdgeError):
    """The store has other bytes under our UID."""

    code = "record.conflict"
    next_step = "The spool stays on the disk; look at the audit log."


@dataclass(frozen=True, slots=True)
class Finished:
    """An object that is in the store."""

    spool: Spool
    frame_count: int
    gaps: tuple[Gap, ...]
    is_recovered: bool


def finish_spool(
    path: Path, store: Store, *, syntax_uid: str, institution: str, station: str,
    ended: EndReason | None = None, progress: Progress = lambda done_count, frame_count: None,
) -> Finished:  # fmt: skip
    """Make the object of a spool and keep it; the spool is gone when this returns.

    `ended`: why the clip ended, where the spool itself had no room to say so.
    Raises: NothingRecorded (the spool is gone), SpoolDamaged, DigestMismatch, CodecError, StorageFullError.
    """
    spool = read_spool(path)
    is_recovered = spool.end is None and ended is None
    if is_recovered:
        cut_torn_tail(spool)
    if not spool.entries:
        _remove(path)
        raise NothingRecorded("The recording holds no picture.")
    gaps = find_gaps([entry.moment for entry in spool.entries])
    finished = Finished(spool, len(spool.entries), gaps, is_recovered)
    # A crash between keeping and removing: the object is there already.
    if store.find(spool.header.sop_instance_uid) is None:
        _make_object(finished, store, syntax_uid, institution, station, progress)
    _remove(path)
    return finished


def _make_object(
    finished: Finished, store: Store, syntax_uid: str, institution: str, station: str, progress: Progress
) -> None:
    spool = finished.spool
    picture = _picture(spool)
    frame_bytes = picture.width_px * picture.height_px * picture.channel_count
    encoder = encoder_for(syntax_uid)
    if not encoder.is_encapsulated and not fits_native(frame_bytes, finished.frame_count):
        encoder = encoder_for(JPEG_LS)
    temp = store.new_temp()
    try:
        with full_disk_explained(temp):
            _write(temp, finished, picture, encoder, institution, station, progress)
            _verify(temp, spool, picture, encoder)
            kept = store.keep(temp, source=SOURCE)
    finally:
        temp.unlink(missing_ok=True)
    if kept.outcome == "conflict":
        raise ObjectConflict(f"Another object has the UID {spool.header.sop_instance_uid}.")


def _write(
    temp: Path, finished: Finished, picture: Picture, encoder: Encoder, institution: str, station: str,
    progress: Progress,
) -> None:  # fmt: skip
    """Write the file.  Raises: ObjectFault, so that one odd session never ends the thread that serves all."""
    try:
        ds = build(_content(finished, picture, encoder, institution, station))
        write_object(
            temp, ds, _pixels(finished.spool, picture, progress), encoder, frame_count=finished.frame_count,
            frame_bytes=picture.width_px * picture.height_px * picture.channel_count,
        )  # fmt: skip
    except _UNWRITABLE as error:
        raise ObjectFault(f"The object of a recording cannot be written ({type(error).__name__}).") from error


def _picture(spool: Spool) -> Picture:
    info = spool.entries[0].info
    is_grey = all(entry.is_grey for entry in spool.entries)
    return Picture(
        width_px=info.width_px, height_px=info.height_px, channel_count=1 if is_grey else info.channel_count,
        captured_channel_count=info.channel_count,
    )  # fmt: skip


def _content(finished: Finished, picture: Picture, encoder: Encoder, institution: str, station: str) -> Content:
    spool, row = finished.spool, finished.spool.header.source
    moments = [entry.moment for entry in spool.entries]
    fps = float(row.get("fps") or 0.0)
    return Content(
        sop_instance_uid=spool.header.sop_instance_uid, instance_number=spool.header.instance_number,
        is_still=spool.header.kind == "still", session=spool.header.session,
        equipment=_equipment(row, picture, institution, station), picture=picture, encoder=encoder, moments=moments,
        timing=timing_of(moments, nominal_ms=round(1000 / fps, 6) if fps > 0 else NOMINAL_INTERVAL_MS),
        gaps=finished.gaps, is_recovered=finished.is_recovered,
        digests=[entry.info.digest for entry in spool.entries],
    )  # fmt: skip


def _equipment(row: dict[str, Any], picture: Picture, institution: str, station: str) -> Equipment:
    ratio = row.get("lossy_ratio")
    return Equipment(
        manufacturer=str(row.get("manufacturer") or ""), model=str(row.get("model") or ""), institution=institution,
        station=station, regions=regions_of(row, picture.width_px, picture.height_px),
        lossy_method=str(row.get("lossy_method") or ""), lossy_ratio=float(ratio) if ratio else None,
    )  # fmt: skip


def regions_of(row: dict[str, Any], width_px: int, height_px: int) -> tuple[Calibration, ...]:
    """Return the calibration of a picture of that size.

    The row is of the clip's start; a picture of another size has lost its calibration.
    """
    if (row.get("width_px"), row.get("height_px")) != (width_px, height_px):
        return ()
    return msgspec.convert(row.get("regions") or [], tuple[Calibration, ...])


def _pixels(spool: Spool, picture: Picture, progress: Progress) -> Iterator[NDArray[np.uint8]]:
    for done_count, frame in enumerate(spool.frames()):
        yield unpack(frame, channel_count=picture.channel_count)
        progress(done_count + 1, len(spool.entries))


def _verify(path: Path, spool: Spool, picture: Picture, encoder: Encoder) -> None:
    """Read the file back as a stranger would and compare every frame with its digest.  Raises: DigestMismatch."""
    index = frame_index.build(path)
    if index.frame_count != len(spool.entries) or (
        encoder.is_encapsulated and index.frame_count > 1 and index.is_walked
    ):
        raise DigestMismatch("The offset table of the object is wrong.")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for number, entry in enumerate(spool.entries, start=1):
            data = index.read(descriptor, number)
            try:
                pixels = decode(
                    encoder.syntax_uid, data, width_px=picture.width_px, height_px=picture.height_px,
                    channel_count=picture.channel_count,
                )  # fmt: skip
            except CodecError as error:
                raise DigestMismatch(f"Frame {entry.info.index} cannot be read back.") from error
            check(pixels, entry.info)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
