"""What a TIFF scan says about its scanner, its scale and its day, in each maker's own dialect."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from pathlib import Path

import tifffile

from wsi.source import Channel, Kind, SlideDescription

MPP_MIN, MPP_MAX = 0.02, 25.0
"""Outside is no microscope: 72 dpi, for instance, is 353 µm a pixel."""
MPP_ASSUMED = 0.5
MPP_NOTE = "The scan gives no pixel size, 0.5 micrometres assumed; do not measure on it."
_ICC_TAG = 34675
_PICTURE_WORDS = {
    "label": Kind.LABEL,
    "macro": Kind.OVERVIEW,
    "overview": Kind.OVERVIEW,
    "thumbnail": Kind.THUMBNAIL,
}
_LOSSY = {6: "ISO_10918_1", 7: "ISO_10918_1", 33003: "ISO_15444_1", 33005: "ISO_15444_1", 34712: "ISO_15444_1"}
"""By TIFF compression: what loses something; of JPEG 2000 it is assumed."""
_UNIT_UM = {2: 25_400.0, 3: 10_000.0}
_OME_UM = {"": 1.0, "µm": 1.0, "um": 1.0, "μm": 1.0, "nm": 0.001, "mm": 1000.0}


def describe(path: Path, tiff: tifffile.TiffFile, page: tifffile.TiffPage, *, identity: str) -> SlideDescription:
    """Return what the scan says; a missing scale is replaced by a stated assumption."""
    facts: dict[str, object] = {}
    if tiff.is_svs:
        facts = _aperio(page.description)
    elif tiff.is_philips:
        facts = _philips(page.description)
    elif tiff.is_ome:
        facts = _ome(page.description)
    mpp = facts.pop("mpp", None) or _resolution_mpp(page)
    notes: tuple[str, ...] = ()
    if not isinstance(mpp, tuple) or not all(MPP_MIN <= value <= MPP_MAX for value in mpp):
        mpp, notes = (MPP_ASSUMED, MPP_ASSUMED), (MPP_NOTE,)
    icc = page.tags.valueof(_ICC_TAG)
    return SlideDescription(
        format=_format(tiff),
        identity=identity,
        name=path.name.split(".")[0] or path.name,
        mpp=mpp,
        icc_profile=icc if isinstance(icc, bytes) and len(icc) > 128 else None,
        notes=notes,
        **facts,  # type: ignore[arg-type]  # each reader below returns fields of this class only
    )


def _format(tiff: tifffile.TiffFile) -> str:
    for name in ("svs", "philips", "ome", "scn", "bif"):
        if getattr(tiff, f"is_{name}"):
            return {"svs": "Aperio SVS", "philips": "Philips TIFF", "ome": "OME-TIFF"}.get(name, name.upper())
    return "tiled TIFF"


def _aperio(text: str) -> dict[str, object]:
    """Read Aperio's `|key = value` pairs; the last of a repeated key counts, as the scanner's own viewer does."""
    pairs = _aperio_pairs(text)
    facts: dict[str, object] = {
        "manufacturer": "Aperio",
        "model": pairs.get("ScannerType", "")[:64],
        "serial": pairs.get("ScanScope ID", "")[:64],
        "software": text.split("\n", 1)[0].strip()[:64],
        "acquired_at": _aperio_time(pairs),
        "objective_power": positive(pairs.get("AppMag")),
    }
    if (mpp := positive(pairs.get("MPP"))) is not None:
        facts["mpp"] = (mpp, mpp)
    return facts


def _aperio_pairs(text: str) -> dict[str, str]:
    return {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in text.split("|")[1:])}


def aperio_barcode(text: str) -> str:
    """Return what the scanner read off the label; most say nothing."""
    return _aperio_pairs(text).get("Barcode", "")[:64]


def _aperio_time(pairs: dict[str, str]) -> datetime | None:
    day, time = pairs.get("Date", ""), pairs.get("Time", "")
    for form in ("%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S"):
        try:
            return datetime.strptime(f"{day} {time}", form)
        except ValueError:
            continue
    return None


def _philips(text: str) -> dict[str, object]:
    def attribute(name: str) -> str:
        found = re.search(rf'Name="{name}"[^>]*>([^<]*)<', text)
        return found.group(1).strip() if found else ""

    spacing = [positive(part) for part in re.findall(r"[0-9.eE+-]+", attribute("DICOM_PIXEL_SPACING"))[:2]]
    facts: dict[str, object] = {
        "manufacturer": attribute("DICOM_MANUFACTURER") or "Philips",
        "serial": attribute("DICOM_DEVICE_SERIAL_NUMBER"),
        "software": attribute("DICOM_SOFTWARE_VERSIONS").strip('"').replace('" "', ", ")[:64],
    }
    if len(spacing) == 2 and spacing[0] and spacing[1]:
        facts["mpp"] = (spacing[1] * 1000, spacing[0] * 1000)
    try:
        facts["acquired_at"] = datetime.strptime(attribute("DICOM_ACQUISITION_DATETIME")[:14], "%Y%m%d%H%M%S")
    except ValueError:
        facts["acquired_at"] = None
    return facts


def _ome(text: str) -> dict[str, object]:
    def attribute(name: str) -> str:
        found = re.search(rf'\b{name}="([^"]*)"', text)
        return found.group(1).strip() if found else ""

    device = re.search(r"<(?:\w+:)?Microscope\b([^>]*)>", text)
    said = dict(re.findall(r'(\w+)="([^"]*)"', device.group(1))) if device else {}
    facts: dict[str, object] = {
        "objective_power": positive(attribute("NominalMagnification")),
        "manufacturer": said.get("Manufacturer", "")[:64],
        "model": said.get("Model", "")[:64],
        "serial": said.get("SerialNumber", "")[:64],
    }
    sizes = []
    for axis in "XY":
        size, unit = positive(attribute(f"PhysicalSize{axis}")), attribute(f"PhysicalSize{axis}Unit")
        sizes.append(size * _OME_UM[unit] if size and unit in _OME_UM else None)
    if sizes[0] and sizes[1]:
        facts["mpp"] = (sizes[0], sizes[1])
    found = re.search(r"<(?:\w+:)?AcquisitionDate>([^<]{19})", text)
    if found:
        try:
            facts["acquired_at"] = datetime.fromisoformat(found.group(1))
        except ValueError:
            facts["acquired_at"] = None
    return facts


def _resolution_mpp(page: tifffile.TiffPage) -> tuple[float, float] | None:
    unit_um = _UNIT_UM.get(int(page.tags.valueof(296) or 0))
    values = page.tags.valueof(282), page.tags.valueof(283)
    if unit_um is None or not all(isinstance(value, tuple) and value[0] and value[1] for value in values):
        return None
    (x_top, x_bottom), (y_top, y_bottom) = values
    return unit_um * x_bottom / x_top, unit_um * y_bottom / y_top


def positive(text: str | None) -> float | None:
    """Return a number above 0, or None."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value < 1e9 else None


History = tuple[tuple[str, ...], tuple[float, ...]]
"""Lossy steps, oldest first, and how much each compressed."""


def lossy_history(page: tifffile.TiffPage, stored_bytes: int, page_count: int = 1) -> History:
    """Return the loss that pages of one form went through, and how much they were compressed; empty: none known."""
    if (method := _LOSSY.get(int(page.compression))) is None:
        return (), ()
    depth_bytes = page.dtype.itemsize if page.dtype is not None else 1
    raw_bytes = page.imagewidth * page.imagelength * int(page.samplesperpixel) * depth_bytes * page_count
    return (method,), (raw_bytes / max(stored_bytes, 1),)


def description_of(page: tifffile.TiffPage) -> str:
    """Return a page's description; some makers write it in UTF-16."""
    value = page.tags.valueof(270)
    if isinstance(value, bytes):
        return value.decode("utf-16" if value[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
    return str(value or "")


def from_base64(text: str) -> str:
    """Return what a text in base 64 says, or the text itself where it is none."""
    try:
        return base64.b64decode(text.strip(), validate=True).decode("ascii").strip()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return text.strip()


def ome_pictures(xml: str) -> dict[int, Kind]:
    """Return the pages, by their number from 0, of images that are called label, macro, overview or thumbnail."""
    found: dict[int, Kind] = {}
    for image in re.split(r"<(?:\w+:)?Image\b", xml)[1:]:
        name = re.search(r'\bName="([^"]*)"', image.partition(">")[0])
        kind = next((kind for word, kind in _PICTURE_WORDS.items() if name and word in name.group(1).lower()), None)
        data = re.search(r"<(?:\w+:)?TiffData\b([^>]*)", image)
        if kind is not None and data:
            page = re.search(r'\bIFD="(\d+)"', data.group(1))
            found.setdefault(int(page.group(1)) if page else 0, kind)
    return found


def ome_planes(xml: str, count: int) -> tuple[float, tuple[Channel, ...]]:
    """Return the distance of focal planes in micrometres, 0 unknown, and what is said of each of the channels."""
    found = []
    for text in re.findall(r"<(?:\w+:)?Channel\b([^>]*)>", xml)[:count]:
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', text))
        wavelength_nm = positive(attributes.get("ExcitationWavelength")) or 0.0
        found.append(Channel(name=attributes.get("Name", "")[:64], excitation_nm=wavelength_nm))
    size = re.search(r'\bPhysicalSizeZ="([^"]*)"', xml)
    unit = re.search(r'\bPhysicalSizeZUnit="([^"]*)"', xml)
    spacing = positive(size.group(1)) if size else None
    scale = _OME_UM.get(unit.group(1) if unit else "", 0.0)
    return (spacing or 0.0) * scale, tuple(found) + (Channel(),) * (count - len(found))
