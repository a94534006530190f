"""From stored values to what a screen shows: modality, window, palette, polarity.  Standard: PS3.4 N.2

Everything needed is taken out of the header once; whole numbers up to 16 bits are then shown through one table.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut

from edge.dicom.pixel_layout import PARSE_FAULTS, PixelLayout

Curve = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
TABLE_COUNT_MAX = 8
FRAME_VALUES_COUNT_MAX = 20_000
"""Per-frame windows are read for so many frames; slides have none."""
Floats = NDArray[Any]
Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Window:
    """Which values become black and which white."""

    center: float
    width: float
    curve: Curve = "LINEAR"


@dataclass(frozen=True, slots=True)
class FrameValues:
    """What may differ from frame to frame."""

    slope: float = 1.0
    intercept: float = 0.0
    window: Window | None = None


@dataclass(slots=True)
class Presentation:
    """How one object is shown."""

    layout: PixelLayout
    shared: FrameValues = field(default_factory=FrameValues)
    per_frame: dict[int, FrameValues] = field(default_factory=dict)
    """By frame number, from 1."""
    modality_table: Floats | None = None
    """Real-world value of every stored value, lowest first; replaces slope and intercept."""
    voi_table: Floats | None = None
    """0 to 1 for every stored value; used when no window is asked for."""
    palette: Grey | None = None
    """Red, green, blue for every stored value."""
    is_inverse: bool = False
    padding: int | None = None
    _tables: OrderedDict[tuple[FrameValues, bool], Grey] = field(default_factory=OrderedDict, repr=False)

    def show(self, pixels: NDArray[Any], number: int, window: Window | None) -> Grey:
        """Return 8-bit grey or RGB of decoded values of frame `number`."""
        if pixels.ndim == 3:
            return _show_colour(pixels, self.layout.bits_stored)
        if self.palette is not None:
            places = np.clip(pixels.astype(np.int64) - _lowest(self.layout), 0, len(self.palette) - 1)
            return np.asarray(self.palette[places])
        values = self.per_frame.get(number, self.shared)
        chosen = window or values.window
        if pixels.dtype.kind in "iu" and self.layout.bits_stored <= 16:
            return self._show_by_table(pixels, values, chosen, is_asked=window is not None)
        return self._finish(pixels.astype(np.float32) * values.slope + values.intercept, chosen)

    def _show_by_table(
        self, pixels: NDArray[Any], values: FrameValues, window: Window | None, *, is_asked: bool
    ) -> Grey:
        lowest = _lowest(self.layout)
        if self.voi_table is not None and not is_asked:
            table = self._polarise(self.voi_table)
        elif window is None and self.layout.bits_stored > 8:
            table = self._make_table(values, self._find_range(pixels, values))
        else:
            key = (FrameValues(values.slope, values.intercept, window), is_asked)
            found = self._tables.get(key)
            table = found if found is not None else self._make_table(values, window)
            self._tables[key] = table
            while len(self._tables) > TABLE_COUNT_MAX:
                self._tables.popitem(last=False)
        if lowest == 0:
            return np.asarray(table[np.minimum(pixels, len(table) - 1)])
        return np.asarray(table[pixels.astype(np.int32) - lowest])

    def _make_table(self, values: FrameValues, window: Window | None) -> Grey:
        lowest = _lowest(self.layout)
        if self.modality_table is not None:
            real = self.modality_table
        else:
            stored = np.arange(lowest, lowest + (1 << self.layout.bits_stored), dtype=np.float32)
            real = stored * values.slope + values.intercept
        return self._finish(real, window)

    def _find_range(self, pixels: NDArray[Any], values: FrameValues) -> Window:
        used = pixels[pixels != self.padding] if self.padding is not None else pixels
        low, high = (int(used.min()), int(used.max())) if used.size else (0, 1)
        if self.modality_table is not None:
            ends = self.modality_table[[low - _lowest(self.layout), high - _lowest(self.layout)]]
        else:
            ends = np.array([low, high], dtype=np.float32) * values.slope + values.intercept
        return Window(float(ends.sum()) / 2, max(float(abs(ends[1] - ends[0])), 1e-6), "LINEAR_EXACT")

    def _finish(self, real: Floats, window: Window | None) -> Grey:
        if window is None:
            finite = real[np.isfinite(real)]
            low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
            window = Window((low + high) / 2, max(high - low, 1e-6), "LINEAR_EXACT")
        return self._polarise(_apply_window(real, window))

    def _polarise(self, shown: Floats) -> Grey:
        grey: Grey = np.rint(np.clip(np.nan_to_num(shown), 0, 1) * 255).astype(np.uint8)
        return np.asarray(255 - grey) if self.is_inverse else grey


def _apply_window(real: Floats, window: Window) -> Floats:
    """Return 0 (black) to 1 (white).  Standard: PS3.3 C.11.2.1.2"""
    center, width = window.center, window.width
    if window.curve == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (real - center) / max(width, 1e-6), -80, 80)))
    if window.curve == "LINEAR" and width >= 1:  # narrower ones mean values with fractions: taken as exact
        center, width = center - 0.5, width - 1
    if width <= 0:
        return (real > center).astype(np.float32)
    return np.clip((real - center) / width + 0.5, 0, 1)


def _show_colour(pixels: NDArray[Any], bits_stored: int) -> Grey:
    colours = pixels[..., :3]
    if colours.dtype == np.uint8 and bits_stored == 8:
        return np.ascontiguousarray(colours)
    shift = bits_stored - 8
    scaled = colours >> shift if shift > 0 else colours.astype(np.uint16) * 255 // max(1, (1 << bits_stored) - 1)
    return np.ascontiguousarray(scaled.astype(np.uint8))


def _lowest(layout: PixelLayout) -> int:
    return -(1 << (layout.bits_stored - 1)) if layout.is_signed else 0


def read_presentation(dataset: Dataset, layout: PixelLayout) -> Presentation:
    """Take what is needed out of a header; what is malformed there is left out."""
    shape = str(_value(dataset, "PresentationLUTShape") or "").strip().upper()
    polarity = {"INVERSE": True, "IDENTITY": False}.get(shape, layout.photometric_interpretation == "MONOCHROME1")
    presentation = Presentation(layout, is_inverse=polarity)
    if layout.samples_per_pixel > 1:
        return presentation
    padding = _value(dataset, "PixelPaddingValue")
    presentation.padding = padding if isinstance(padding, int) else None
    if layout.bits_stored <= 16 and not layout.is_float:
        stored = np.arange(1 << layout.bits_stored) + _lowest(layout)
        typed = stored.astype(f"{'i' if layout.is_signed else 'u'}{max(8, layout.bits_allocated) // 8}")
        if layout.photometric_interpretation == "PALETTE COLOR":
            presentation.palette = _read_palette(dataset, typed)
            return presentation
        _read_tables(dataset, stored, presentation)
    _read_frame_values(dataset, presentation)
    return presentation


def _read_palette(dataset: Dataset, stored: NDArray[Any]) -> Grey | None:
    try:
        colours = apply_color_lut(stored, dataset)[..., :3]
    except PARSE_FAULTS:
        return None
    if colours.dtype == np.uint8:
        return np.asarray(colours)
    # Some writers put 8-bit colours into 16-bit entries.
    return np.asarray(colours >> 8 if int(colours.max()) > 255 else colours, np.uint8)


def _read_tables(dataset: Dataset, stored: NDArray[Any], presentation: Presentation) -> None:
    """Make tables over every stored value of the modality and VOI look-up tables.  Standard: PS3.3 C.11.1, C.11.2"""
    real = _rescaled(stored, dataset)
    is_signed = presentation.layout.is_signed
    try:
        for item in _items(dataset, "ModalityLUTSequence")[:1]:
            table, first, _ = _read_table(item, is_signed=is_signed)
            real = table[np.clip(stored - first, 0, len(table) - 1)]
            presentation.modality_table = real.astype(np.float32)
        for item in _items(dataset, "VOILUTSequence")[:1]:
            table, first, top = _read_table(item, is_signed=bool(real.min() < 0))
            presentation.voi_table = table[np.clip(np.rint(real).astype(np.int64) - first, 0, len(table) - 1)] / top
    except PARSE_FAULTS:
        return


def _read_table(item: Dataset, *, is_signed: bool) -> tuple[Floats, int, float]:
    """Return a look-up table's entries, the value its first entry is for, and its largest possible entry."""
    count, first, bits = (int(value) for value in item.LUTDescriptor)
    count = count or 65536
    if is_signed and first > 32767:  # the parser took it for unsigned
        first -= 65536
    data = item.LUTData
    if isinstance(data, bytes):  # 8-bit entries come one a byte or one a word
        entries = np.frombuffer(data, "<u2" if len(data) >= 2 * count else "u1")
    else:
        entries = np.atleast_1d(np.asarray(data))
    table = entries[:count].astype(np.float32)
    return table, first, max(float((1 << min(bits, 16)) - 1), float(table.max()))


def _rescaled(stored: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    values = _frame_values(dataset, FrameValues())
    return np.asarray(stored.astype(np.float64) * values.slope + values.intercept)


def _read_frame_values(dataset: Dataset, presentation: Presentation) -> None:
    values = _frame_values(dataset, FrameValues())
    for group in _items(dataset, "SharedFunctionalGroupsSequence")[:1]:
        values = _group_values(group, values)
    presentation.shared = values
    for number, group in enumerate(_items(dataset, "PerFrameFunctionalGroupsSequence")[:FRAME_VALUES_COUNT_MAX], 1):
        own = _group_values(group, values)
        if own != values:
            presentation.per_frame[number] = own


def _group_values(group: Dataset, values: FrameValues) -> FrameValues:
    for keyword in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
        for inner in _items(group, keyword)[:1]:
            values = _frame_values(inner, values)
    return values


def _frame_values(dataset: Dataset, default: FrameValues) -> FrameValues:
    slope, intercept = _float(dataset, "RescaleSlope"), _float(dataset, "RescaleIntercept")
    center, width = _float(dataset, "WindowCenter"), _float(dataset, "WindowWidth")
    curve = str(_value(dataset, "VOILUTFunction") or "LINEAR").strip().upper()
    window = default.window
    if center is not None and width is not None and width > 0:
        window = Window(center, width, curve if curve in ("LINEAR_EXACT", "SIGMOID") else "LINEAR")  # type: ignore[arg-type]
    return FrameValues(
        default.slope if slope is None else slope or 1.0, default.intercept if intercept is None else intercept, window
    )


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    value = _value(dataset, keyword)
    return list(value) if value is not None and not isinstance(value, (str, bytes)) else []


def _float(dataset: Dataset, keyword: str) -> float | None:
    value = _value(dataset, keyword)
    try:
        if value is None or value == "":
            return None
        first = value[0] if hasattr(value, "__len__") and not isinstance(value, (str, bytes)) else value
        number = float(first)
    except PARSE_FAULTS:
        return None
    return number if np.isfinite(number) else None


def _value(dataset: Dataset, keyword: str) -> Any:
    try:
        return dataset.get(keyword)
    except PARSE_FAULTS:
        return None
