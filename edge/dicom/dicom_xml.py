"""The Native DICOM Model: a dataset as XML, made from its DICOM JSON.  Standard: PS3.19 A.1, PS3.18 F"""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pydicom.datadict import keyword_for_tag

NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">'
)
_FORBIDDEN = {number: None for number in range(32) if chr(number) not in "\t\n\r"} | {0xFFFE: None, 0xFFFF: None}
"""Characters that XML 1.0 cannot hold at all."""


def encode(dataset: Mapping[str, Any]) -> bytes:
    """Return one document."""
    body = "".join(_attributes(dataset))
    return f"{_DOCUMENT}{body}</NativeDicomModel>".encode("utf-8", "replace")


def _attributes(dataset: Mapping[str, Any]) -> Iterator[str]:
    for tag, element in dataset.items():
        keyword = keyword_for_tag(int(tag, 16))
        said = f" keyword={quoteattr(keyword)}" if keyword else ""
        yield f'<DicomAttribute tag="{tag}" vr="{element["vr"]}"{said}>'
        if "BulkDataURI" in element:
            yield f"<BulkData uri={quoteattr(element['BulkDataURI'])}/>"
        elif "InlineBinary" in element:
            yield f"<InlineBinary>{_text(element['InlineBinary'])}</InlineBinary>"
        else:
            for number, value in enumerate(element.get("Value", ()), 1):
                yield from _value(element["vr"], number, value)
        yield "</DicomAttribute>"


def _value(vr: str, number: int, value: Any) -> Iterator[str]:
    if vr == "SQ":
        yield f'<Item number="{number}">'
        yield from _attributes(value or {})
        yield "</Item>"
    elif vr == "PN" and isinstance(value, Mapping):
        yield f'<PersonName number="{number}">'
        for group in ("Alphabetic", "Ideographic", "Phonetic"):
            if value.get(group):
                parts = zip(NAME_PARTS, str(value[group]).split("^"), strict=False)
                inner = "".join(f"<{name}>{_text(part)}</{name}>" for name, part in parts if part)
                yield f"<{group}>{inner}</{group}>"
        yield "</PersonName>"
    elif value is not None:
        yield f'<Value number="{number}">{_text(value)}</Value>'


def _text(value: Any) -> str:
    return escape(str(value).translate(_FORBIDDEN))
