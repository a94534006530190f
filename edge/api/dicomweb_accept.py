"""What a DICOMweb client accepts, and which form of a stored frame fits it best.

Clients differ: OHIF asks for any transfer syntax, dicom-microscopy-viewer lists every one it can decode,
dicomweb-client names one, an <img> says image/*.  Standard: PS3.18 8.7
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from edge.errors import EdgeError

OCTETS = "application/octet-stream"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
NATIVE = frozenset({"1.2.840.10008.1.2", EXPLICIT_LITTLE, "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"})
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
ACCEPT_CHARS_MAX = 4096

_UID = "1.2.840.10008.1.2."
MEDIA_TYPES: dict[str, tuple[str, ...]] = {
    f"{_UID}5": ("image/dicom-rle", "image/x-dicom-rle"),
    **{f"{_UID}4.{number}": ("image/jpeg",) for number in (50, 51, 53, 55, 57, 70)},
    **{f"{_UID}4.{number}": ("image/jls", "image/x-jls") for number in (80, 81)},
    **{f"{_UID}4.{number}": ("image/jp2", "image/jpeg2000") for number in (90, 91)},
    **{f"{_UID}4.{number}": ("image/jpx",) for number in (92, 93)},
    **{f"{_UID}4.{number}": ("image/jphc", "image/jph") for number in (201, 202, 203)},
    **{f"{_UID}4.{number}": ("video/mpeg", "video/mpeg2") for number in (100, 101)},
    **{f"{_UID}4.{number}": ("video/mp4", "video/H264") for number in (102, 103, 104, 105, 106)},
    **{f"{_UID}4.{number}": ("video/mp4", "video/H265") for number in (107, 108)},
}
"""Transfer syntax to media types, ours first.  Standard: PS3.18 8.7.3.3"""


class NotAcceptableError(EdgeError):
    """The object exists, but in none of the forms that the client accepts."""

    code = "media.unacceptable"
    http_status = 406
    exit_code = 4
    next_step = 'Accept multipart/related; type="application/octet-stream"; transfer-syntax=*.'


class Form(StrEnum):
    """What is done to a stored frame before it is sent."""

    STORED = "stored"
    NATIVE = "native"
    """Decoded, little endian."""
    JPEG = "jpeg"
    PNG = "png"


@dataclass(frozen=True, slots=True)
class Accepted:
    """One entry of an Accept header."""

    media_type: str
    is_multipart: bool
    transfer_syntax: str | None
    quality: float


@dataclass(frozen=True, slots=True)
class Choice:
    """How frames are sent."""

    form: Form
    media_type: str
    transfer_syntax: str
    is_multipart: bool

    @property
    def part_type(self) -> str:
        """The Content-Type of one frame."""
        is_plain = self.form in (Form.JPEG, Form.PNG)
        return self.media_type if is_plain else f"{self.media_type}; transfer-syntax={self.transfer_syntax}"


@lru_cache(maxsize=256)
def parse_accept(header: str) -> tuple[Accepted, ...]:
    """Split an Accept header, the best first; an empty one accepts anything."""
    entries = []
    for text in _split(header[:ACCEPT_CHARS_MAX], ","):
        name, *parameters = (part.strip() for part in _split(text, ";"))
        values = dict(_parse_parameter(parameter) for parameter in parameters)
        is_multipart = name.lower() == "multipart/related"
        media_type = (values.get("type") or "*/*") if is_multipart else name
        if media_type:
            entries.append(Accepted(media_type.lower(), is_multipart, values.get("transfer-syntax"), _quality(values)))
    entries = [entry for entry in entries if entry.quality > 0] or [Accepted("*/*", True, "*", 1.0)]
    return tuple(sorted(entries, key=lambda entry: -entry.quality))


def _split(text: str, separator: str) -> list[str]:
    """Split outside of quotes."""
    parts, start, is_quoted = [], 0, False
    for position, character in enumerate(text):
        if character == '"':
            is_quoted = not is_quoted
        elif character == separator and not is_quoted:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def _parse_parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _quality(values: dict[str, str]) -> float:
    try:
        return float(values.get("q", "1"))
    except ValueError:
        return 1.0


@lru_cache(maxsize=1024)
def choose_frame_form(header: str, stored_syntax: str) -> Choice:
    """Choose how to send frames stored in a transfer syntax: as stored if that fits at all, else converted.

    Raises: NotAcceptableError.
    """
    entries = parse_accept(header)
    # An <img> adds */* at the end; it can still show only pictures.
    if any(entry.media_type.startswith("image/") and not entry.is_multipart for entry in entries):
        entries = tuple(entry for entry in entries if entry.media_type != "*/*" or entry.is_multipart)
    for choose in (_choose_stored, _choose_converted):
        for entry in entries:
            choice = choose(entry, stored_syntax)
            if choice is not None:
                return choice
    raise NotAcceptableError(f"The frames are stored in {stored_syntax}, which the client does not accept.")


def _choose_stored(entry: Accepted, stored: str) -> Choice | None:
    wanted = entry.transfer_syntax
    is_native = stored in NATIVE
    sent_syntax = EXPLICIT_LITTLE if is_native else stored
    own_types = MEDIA_TYPES.get(stored, ())
    if entry.media_type == OCTETS:
        if wanted in ("*", sent_syntax) or (wanted is None and is_native):
            return Choice(Form.STORED, OCTETS, sent_syntax, entry.is_multipart)
        return None
    if wanted not in (None, "*", stored):
        return None
    if entry.media_type == "*/*":
        return Choice(Form.STORED, own_types[0] if own_types else OCTETS, sent_syntax, True)
    if entry.media_type in own_types:
        return Choice(Form.STORED, entry.media_type, stored, entry.is_multipart)
    is_kind = entry.media_type in ("image/*", "video/*") and own_types
    if is_kind and own_types[0].startswith(entry.media_type[:-1]) and (entry.is_multipart or stored == JPEG_BASELINE):
        return Choice(Form.STORED, own_types[0], stored, entry.is_multipart)
    return None


def _choose_converted(entry: Accepted, stored: str) -> Choice | None:
    if MEDIA_TYPES.get(stored, ("",))[0].startswith("video/"):
        return None
    wanted = entry.transfer_syntax
    if entry.media_type == OCTETS and wanted in (None, EXPLICIT_LITTLE):
        return Choice(Form.NATIVE, OCTETS, EXPLICIT_LITTLE, entry.is_multipart)
    if entry.media_type == "image/jpeg" and wanted in (None, "*", JPEG_BASELINE):
        return Choice(Form.JPEG, "image/jpeg", JPEG_BASELINE, entry.is_multipart)
    if entry.media_type in ("image/png", "image/*"):
        return Choice(Form.PNG, "image/png", "", entry.is_multipart)
    return None


@lru_cache(maxsize=256)
def choose_picture_type(header: str) -> str:
    """Choose the media type of a rendered picture.  Raises: NotAcceptableError."""
    for entry in parse_accept(header):
        if entry.media_type in ("image/jpeg", "image/png"):
            return entry.media_type
        if entry.media_type in ("image/*", "*/*"):
            return "image/jpeg"
    raise NotAcceptableError("Pictures are rendered as JPEG or PNG.", next_step="Accept image/jpeg or image/png.")


@dataclass(frozen=True, slots=True)
class ObjectChoice:
    """How a whole object is sent."""

    is_multipart: bool
    transfer_syntax: str
    is_transcoded: bool


@lru_cache(maxsize=256)
def choose_object_form(header: str, stored_syntax: str) -> ObjectChoice:
    """Choose how to send a whole object: as stored if that fits at all, else uncompressed.

    A client that names no transfer syntax gets it as stored.  Raises: NotAcceptableError.
    """
    entries = [
        entry for entry in parse_accept(header) if entry.media_type in ("application/dicom", "application/*", "*/*")
    ]
    is_video = MEDIA_TYPES.get(stored_syntax, ("",))[0].startswith("video/")
    for entry in entries:
        if entry.transfer_syntax in (None, "*", stored_syntax):
            return ObjectChoice(entry.is_multipart or entry.media_type == "*/*", stored_syntax, False)
    for entry in entries:
        if entry.transfer_syntax == EXPLICIT_LITTLE and not is_video:
            return ObjectChoice(entry.is_multipart or entry.media_type == "*/*", EXPLICIT_LITTLE, True)
    raise NotAcceptableError(
        f"The object is stored in {stored_syntax}.",
        next_step='Accept multipart/related; type="application/dicom"; transfer-syntax=*, or ask for frames.',
    )
