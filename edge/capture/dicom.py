"""An ultrasound object as the probe: its frames at its own times, with its calibration."""

import logging
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.errors import InvalidDicomError
from pydicom.pixels import apply_color_lut, convert_color_space, iter_pixels

from edge.capture.source import Description, Picture, Pixels, SourceAbsent, calibrations, fits
from edge.config import Source
from edge.core.frame import Calibration
from edge.dicom.codec import CodecError, decode_any
from edge.runtime.log import event

log = logging.getLogger(__name__)
FILE_BYTES_MAX = 2 * 1024**3
CACHE_BYTES_MAX = 256 * 1024**2
"""Decoded frames kept for the next lap."""
FPS_FALLBACK = 25.0
INTERVAL_MS_MAX = 10_000.0
_UNREADABLE = (
    InvalidDicomError, OSError, EOFError, AttributeError, KeyError, ValueError, TypeError, IndexError,
    NotImplementedError, RuntimeError, struct.error,
)  # fmt: skip
"""What pydicom raises for bytes that are not what they claim."""
_DECODED_TO_RGB = ("YBR_RCT", "YBR_ICT", "RGB", "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")


class DicomFile:
    """A DICOM object, opened."""

    def __init__(self, settings: Source) -> None:
        """Read it.  Raises: SourceAbsent, in words."""
        self._path = Path(settings.path)
        self._is_looped = settings.loop
        self.reason = ""
        self._ds = self._read()
        try:
            self._frame_count = max(1, int(self._ds.get("NumberOfFrames") or 1))
            self._offsets_ms, self._lap_ms = frame_times(self._ds, self._frame_count)
            self.description = self._describe(settings)
        except _UNREADABLE as error:
            raise self._broken() from error
        self._cache: list[Pixels] = []
        size_bytes = self._frame_count * int(self._ds.Rows) * int(self._ds.Columns) * 3
        self._is_cached = size_bytes <= CACHE_BYTES_MAX

    def _read(self) -> Dataset:
        try:
            if self._path.stat().st_size > FILE_BYTES_MAX:
                raise SourceAbsent(f"The object {self._path.name} is too large to be played.", next_step="Use another.")
            ds = dcmread(self._path)
        except FileNotFoundError as error:
            raise SourceAbsent(
                f"The file {self._path.name} is not there.", next_step="Check `path` of this source."
            ) from error
        except _UNREADABLE as error:
            raise SourceAbsent(f"The file {self._path.name} is not DICOM.", next_step="Choose another file.") from error
        if "PixelData" not in ds or "Rows" not in ds or "Columns" not in ds:
            raise SourceAbsent(f"The object {self._path.name} holds no pictures.", next_step="Choose another file.")
        return ds

    def _broken(self) -> SourceAbsent:
        return SourceAbsent(
            f"The object {self._path.name} is damaged: no picture can be read.", next_step="Copy the file again."
        )

    def _describe(self, settings: Source) -> Description:
        ds = self._ds
        interval_ms = self._lap_ms / self._frame_count
        methods = ds.get("LossyImageCompressionMethod") or ""
        ratios = ds.get("LossyImageCompressionRatio") or None
        return Description(
            fps=1000.0 / interval_ms,
            manufacturer=settings.manufacturer or str(ds.get("Manufacturer") or ""),
            model=settings.model or str(ds.get("ManufacturerModelName") or ""),
            regions=calibrations(settings) or regions_of(ds, self._path.name),
            lossy_method=_last(methods) if methods else _lossy_by_syntax(ds),
            lossy_ratio=float(_last(ratios)) if ratios else None,
        )

    def pictures(self) -> Iterator[Picture]:
        """Yield the frames, lap after lap.  Raises: SourceAbsent when none can be decoded."""
        start_ms = 0.0
        while True:
            count = 0
            for index, pixels in self._lap():
                yield Picture(pixels, round((start_ms + self._offsets_ms[index]) * 1_000_000))
                count += 1
            if count == 0:
                raise self._broken()
            if count < self._frame_count:
                self.reason = (
                    f"The object {self._path.name} is damaged: {count} of {self._frame_count} pictures can be read."
                )
            if not self._is_looped:
                return
            start_ms += self._lap_ms

    def _lap(self) -> Iterator[tuple[int, Pixels]]:
        if len(self._cache) == self._frame_count:
            yield from enumerate(self._cache)
            return
        self._cache.clear()
        frames = self._stored_frames()
        for index in range(self._frame_count):
            try:
                pixels = to_picture(next(frames), self._ds)
            except StopIteration:
                return
            except (CodecError, *_UNREADABLE) as error:
                event(log, "frame.undecodable", level=logging.WARNING, frame_index=index, why=type(error).__name__)
                continue
            if self._is_cached:
                self._cache.append(pixels)
            yield index, pixels

    def _stored_frames(self) -> Iterator[NDArray[np.generic]]:
        """Yield what is stored, decoded but not yet turned into a picture."""
        syntax = self._ds.file_meta.TransferSyntaxUID
        if not syntax.is_encapsulated or syntax == "1.2.840.10008.1.2.5":
            native: Iterator[NDArray[np.generic]] = iter_pixels(self._ds, raw=True)
            return native
        is_rgb = self._ds.PhotometricInterpretation == "RGB"
        data = generate_frames(self._ds.PixelData, number_of_frames=self._frame_count)
        return _Decoder(data, str(syntax), is_rgb=is_rgb)

    def close(self) -> None:
        self._cache.clear()


class _Decoder:
    """Like a generator, but one frame that cannot be decoded does not end it."""

    def __init__(self, frames: Iterator[bytes], syntax_uid: str, *, is_rgb: bool) -> None:
        self._frames, self._syntax_uid, self._is_rgb = frames, syntax_uid, is_rgb

    def __iter__(self) -> "_Decoder":
        return self

    def __next__(self) -> NDArray[np.generic]:
        return decode_any(self._syntax_uid, next(self._frames), is_rgb=self._is_rgb)


def to_picture(stored: NDArray[np.generic], ds: Dataset) -> Pixels:
    """Return grey or RGB, 8 bits, from stored values.  Standard: PS3.3 C.7.6.3.1.2"""
    photometric = str(ds.PhotometricInterpretation)
    is_jpeg = str(ds.file_meta.TransferSyntaxUID) in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
    if photometric == "PALETTE COLOR":
        return _to_8_bits(apply_color_lut(np.asarray(stored), ds), 16)
    if photometric not in _DECODED_TO_RGB and not is_jpeg:
        return np.ascontiguousarray(convert_color_space(np.asarray(stored), photometric, "RGB"), np.uint8)
    pixels = _to_8_bits(np.asarray(stored), int(ds.get("BitsStored", 8)))
    if photometric == "MONOCHROME1":
        pixels = 255 - pixels
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return np.ascontiguousarray(pixels)


def _to_8_bits(values: NDArray[np.generic], bits: int) -> Pixels:
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values, np.uint8)
    shift = max(0, bits - 8)
    if int(values.max(initial=0)) <= 255 and bits == 16:
        shift = 0  # Some palettes claim 16 bits and use 8.
    return np.ascontiguousarray((values.astype(np.int64) >> shift).clip(0, 255), dtype=np.uint8)


def frame_times(ds: Dataset, frame_count: int) -> tuple[list[float], float]:
    """Return each frame's milliseconds from the first, and the length of a lap.  Standard: PS3.3 C.7.6.5.1"""
    interval_ms = _usual_interval_ms(ds)
    steps = _steps(ds.get("FrameTimeVector"))
    if len(steps) < frame_count:
        return [index * interval_ms for index in range(frame_count)], frame_count * interval_ms
    offsets = [0.0]
    for step in steps[1:frame_count]:
        offsets.append(offsets[-1] + (step if 0 < step <= INTERVAL_MS_MAX else interval_ms))
    usual_ms = offsets[-1] / (frame_count - 1) if frame_count > 1 else interval_ms
    return offsets, offsets[-1] + usual_ms


def _steps(vector: object) -> list[float]:
    """Return a time vector's values, also of one too long for its length field, which comes as bytes."""
    if isinstance(vector, bytes):
        vector = vector.decode("ascii").strip("\0 ").split("\\")
    if isinstance(vector, str | float | int) or vector is None:
        return [] if vector is None else [float(vector)]
    return [float(step) for step in vector]  # type: ignore[attr-defined]


def _usual_interval_ms(ds: Dataset) -> float:
    frame_time = ds.get("FrameTime")
    if frame_time and 0 < float(frame_time) <= INTERVAL_MS_MAX:
        return float(frame_time)
    for keyword in ("CineRate", "RecommendedDisplayFrameRate"):
        rate = ds.get(keyword)
        if rate and 0 < float(rate) <= 1000:
            return 1000.0 / float(rate)
    return 1000.0 / FPS_FALLBACK


def regions_of(ds: Dataset, name: str) -> tuple[Calibration, ...]:
    """Return the calibrated regions that lie inside the picture.  Standard: PS3.3 C.8.5.5"""
    found = []
    for part in ds.get("SequenceOfUltrasoundRegions") or []:
        region = Calibration(
            min_x_px=int(part.RegionLocationMinX0), min_y_px=int(part.RegionLocationMinY0),
            max_x_px=int(part.RegionLocationMaxX1), max_y_px=int(part.RegionLocationMaxY1),
            spatial_format=int(part.RegionSpatialFormat), data_type=int(part.RegionDataType),
            flags=int(part.get("RegionFlags", 0)), unit_x=int(part.PhysicalUnitsXDirection),
            unit_y=int(part.PhysicalUnitsYDirection), delta_x=float(part.PhysicalDeltaX),
            delta_y=float(part.PhysicalDeltaY), reference_x_px=_integer(part.get("ReferencePixelX0")),
            reference_y_px=_integer(part.get("ReferencePixelY0")),
            transducer_frequency_khz=_integer(part.get("TransducerFrequency")),
        )  # fmt: skip
        if fits(region, int(ds.Columns), int(ds.Rows)):
            found.append(region)
        else:
            # The picture was scaled after it was calibrated: a length measured with this would be wrong.
            event(log, "region.dropped", level=logging.WARNING, file=name, why="outside the picture")
    return tuple(found)


def _integer(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _last(values: object) -> str:
    return str(values) if isinstance(values, str | float | int) else str(list(values)[-1])  # type: ignore[call-overload]


def _lossy_by_syntax(ds: Dataset) -> str:
    """Return the method of a transfer syntax that loses, or of an object that only says that it lost."""
    syntax = str(ds.file_meta.TransferSyntaxUID)
    by_syntax = {
        "1.2.840.10008.1.2.4.50": "ISO_10918_1", "1.2.840.10008.1.2.4.51": "ISO_10918_1",
        "1.2.840.10008.1.2.4.81": "ISO_14495_1", "1.2.840.10008.1.2.4.91": "ISO_15444_1",
        "1.2.840.10008.1.2.4.203": "ISO_15444_15",
    }  # fmt: skip
    return by_syntax.get(syntax, "UNKNOWN" if ds.get("LossyImageCompression") == "01" else "")
