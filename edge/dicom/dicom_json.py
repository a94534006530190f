"""A dataset as DICOM JSON, large values as addresses.  Standard: PS3.18 F"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from edge.dicom import charset_library as _told  # noqa: F401 - before pydicom decodes anything
from edge.dicom.pixel_layout import PARSE_FAULTS

INLINE_BYTES_MAX = 1024
DEPTH_MAX = 32
EMPTY: Mapping[str, str] = MappingProxyType({})
_BINARY = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "UN"})
_SPECIFIC_CHARACTER_SET = 0x00080005

Address = Callable[[str], str]
"""From a path of tags and item numbers, such as 00540220/0/00280010, to an address."""


def encode_dataset(
    dataset: Dataset, address: Address, *, has_pixels_at: int | None, syntax_uid: str, uids: Mapping[str, str] = EMPTY
) -> bytes:
    """Return one JSON object; attributes that cannot be read are left out, but for the `uids` that we know."""
    attributes = {tag: {"vr": "UI", "Value": [uid]} for tag, uid in uids.items()} | to_json(dataset, address)
    attributes["00083002"] = {"vr": "UI", "Value": [syntax_uid]}
    if has_pixels_at is not None:
        tag = f"{has_pixels_at:08X}"
        attributes[tag] = {"vr": "OW", "BulkDataURI": address(tag)}
    return msgspec.json.encode(dict(sorted(attributes.items())), enc_hook=plain)


def to_json(dataset: Dataset, address: Address, *, path: str = "", depth: int = 0) -> dict[str, Any]:
    """Return the DICOM JSON model of a dataset, in UTF-8 whatever it was stored in."""
    attributes: dict[str, Any] = {}
    for tag in list(dataset.keys()):
        if int(tag) & 0xFFFF == 0 or int(tag) >> 16 in (0x0002, 0xFFFE):
            continue
        name = f"{int(tag):08X}"
        try:
            attributes[name] = _element(dataset[tag], address, path + name, depth)
        except PARSE_FAULTS:
            continue
    if _SPECIFIC_CHARACTER_SET in dataset:
        attributes["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    return attributes


def _element(element: DataElement, address: Address, path: str, depth: int) -> dict[str, Any]:
    if element.VR == "SQ":
        if depth >= DEPTH_MAX:
            return {"vr": "SQ"}
        items = [
            to_json(item, address, path=f"{path}/{index}/", depth=depth + 1) for index, item in enumerate(element.value)
        ]
        return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
    if element.VR in _BINARY and isinstance(element.value, bytes) and len(element.value) > INLINE_BYTES_MAX:
        return {"vr": str(element.VR), "BulkDataURI": address(path)}
    answer: dict[str, Any] = element.to_json_dict(None, 1 << 31)
    if answer["vr"] in ("FD", "FL", "DS") and "Value" in answer:
        answer["Value"] = [_finite(value) for value in answer["Value"]]
    return answer


def plain(value: Any) -> Any:
    """The parser has classes of its own for UIDs, numbers and names."""
    return int(value) if isinstance(value, int) else float(value) if isinstance(value, float) else str(value)


def _finite(value: Any) -> Any:
    """JSON knows no infinity; the standard writes it as text."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"


def find_value(dataset: Dataset, path: str) -> DataElement | None:
    """Return the element at a path of tags and item numbers; None when there is none."""
    here: Any = dataset
    steps = path.split("/")
    try:
        for index in range(0, len(steps) - 1, 2):
            here = here[int(steps[index], 16)].value[int(steps[index + 1])]
        found = here[int(steps[-1], 16)]
    except PARSE_FAULTS:
        return None
    return found if isinstance(found, DataElement) else None
