"""Names in every character set of DICOM, for round trips."""

import pydicom

from edge.dicom import character_set
from tests.support.objects import make_dataset

SINGLE = {
    "6": "Smith^John", "100": "Müller^Änne", "101": "Wałęsa^Łukasz", "109": "Ĝoĉjo^Ħal", "110": "Bērziņš^Jānis",
    "144": "Люкceмбypг", "127": "قباني^لنزار", "126": "Διονυσιος", "138": "שרון^דבורה", "148": "Çavuşoğlu^Şükrü",
    "203": "Cœur^Éloïse", "13": "ﾔﾏﾀﾞ^ﾀﾛｳ", "166": "สมชาย^ใจดี",
}  # fmt: skip
"""By the number of the set."""
NAMES: dict[tuple[str, ...], str] = {
    **{(term,): SINGLE[term.rpartition(" ")[2]] for term in character_set.SINGLE},
    **{("", f"ISO 2022 IR {number}"): name for number, name in SINGLE.items() if number not in ("6", "13")},
    ("", "ISO 2022 IR 87"): "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ("ISO 2022 IR 13", "ISO 2022 IR 87"): "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ("ISO 2022 IR 6", "ISO 2022 IR 159"): "Aoi=丂^侄",
    ("", "ISO 2022 IR 149"): "Hong^Gildong=洪^吉洞=홍^길동",
    ("", "ISO 2022 IR 58"): "Zhang^XiaoDong=张^小东",
    ("ISO 2022 IR 100", "ISO 2022 IR 144"): "Müller=Люкceмбypг",
    ("ISO_IR 192",): "Wang^XiaoDong=王^小東",
    ("GB18030",): "Wang^XiaoDong=王^小东",
    ("GBK",): "Wang^XiaoDong=王^小东",
}
"""SpecificCharacterSet -> a name that needs it."""


def labels() -> list[str]:
    return ["+".join(term or "default" for term in terms) for terms in NAMES]


def study_uid(terms: tuple[str, ...]) -> str:
    return f"1.2.840.1.{list(NAMES).index(terms)}"


def object_in(terms: tuple[str, ...]) -> bytes:
    """Return an object whose patient has that name, in that set."""
    name = character_set.encode(NAMES[terms], character_set.encodings_of(terms), is_name=True)
    ds = make_dataset(StudyInstanceUID=study_uid(terms), PatientName=None)
    ds.SpecificCharacterSet = list(terms)
    out = pydicom.filebase.DicomBytesIO()
    ds.save_as(out, enforce_file_format=True)
    data = out.getvalue()
    # Put in by hand: what the writer thinks of the set does not matter.
    at = data.index(b"\x10\x00\x20\x00LO")
    name += b" " * (len(name) % 2)
    return data[:at] + b"\x10\x00\x10\x00PN" + len(name).to_bytes(2, "little") + name + data[at:]
