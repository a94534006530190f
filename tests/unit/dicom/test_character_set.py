"""Every character set of the standard: in, out, and back."""

from pathlib import Path

import pydicom
import pytest

from edge.dicom import character_set
from edge.dicom.character_set import ALONE, EXTENDED, SINGLE, choose, decode, encode, encodings_of, fits

SAMPLES = {
    "6": "Smith^John", "100": "Müller^Änne", "101": "Wałęsa^Łukasz", "109": "Ĝoĉjo^Ħal", "110": "Bērziņš^Jānis",
    "144": "Люкceмбypг", "127": "قباني^لنزار", "126": "Διονυσιος", "138": "שרון^דבורה", "148": "Çavuşoğlu^Şükrü",
    "203": "Cœur^Éloïse", "13": "ﾔﾏﾀﾞ^ﾀﾛｳ", "166": "สมชาย^ใจดี",
}  # fmt: skip
EXTENSIONS = {
    ("", "ISO 2022 IR 87"): "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ("ISO 2022 IR 13", "ISO 2022 IR 87"): "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ("ISO 2022 IR 6", "ISO 2022 IR 159"): "Aoi=丂^侄",
    ("", "ISO 2022 IR 149"): "Hong^Gildong=洪^吉洞=홍^길동",
    ("", "ISO 2022 IR 58"): "Zhang^XiaoDong=张^小东=",
    ("ISO 2022 IR 100", "ISO 2022 IR 144"): "Müller=Люкceмбypг",
}


@pytest.mark.parametrize("term", [*SINGLE, *(term for term in EXTENDED if term.rpartition(" ")[2] in SAMPLES)])
def test_a_single_byte_set_gives_back_its_own_language(term: str) -> None:
    name = SAMPLES[term.rpartition(" ")[2]]
    encodings = encodings_of([term])
    assert fits(name, encodings, is_name=True)
    assert decode(encode(name, encodings, is_name=True), encodings, is_name=True) == name


@pytest.mark.parametrize("terms", EXTENSIONS)
def test_code_extensions_give_back_what_they_mix(terms: tuple[str, ...]) -> None:
    name = EXTENSIONS[terms]
    encodings = encodings_of(terms)
    assert fits(name, encodings, is_name=True)
    assert decode(encode(name, encodings, is_name=True), encodings, is_name=True) == name.rstrip("=")


@pytest.mark.parametrize("term", ALONE)
def test_the_sets_that_stand_alone_know_chinese(term: str) -> None:
    encodings = encodings_of([term])
    raw = encode("Wang^XiaoDong=王^小东", encodings, is_name=True)
    assert decode(raw, encodings, is_name=True) == "Wang^XiaoDong=王^小东"


def test_what_does_not_fit_is_told() -> None:
    assert not fits("Łukasz", encodings_of(["ISO_IR 100"]), is_name=True)
    assert not fits("Müller", encodings_of([]), is_name=True)
    assert fits("Smith", encodings_of([]), is_name=True)


@pytest.mark.parametrize(
    ("asked", "text", "expected"),
    [
        ((), "Smith", ()),
        ((), "Müller", ("ISO_IR 192",)),
        (("ISO_IR 100",), "Müller", ("ISO_IR 100",)),
        (("ISO_IR 100",), "Łukasz", ("ISO_IR 192",)),
        (("ISO_IR 100",), "Smith", ("ISO_IR 100",)),
        (("", "ISO 2022 IR 87"), "Yamada=山田", ("", "ISO 2022 IR 87")),
        (("", "ISO 2022 IR 87"), "Hong=홍", ("ISO_IR 192",)),
        (("NONSENSE",), "Müller", ("ISO_IR 192",)),
        (("",), "Smith", ()),
    ],
)
def test_an_answer_is_in_the_askers_set_when_it_fits_else_in_utf_8(
    asked: tuple[str, ...], text: str, expected: tuple[str, ...]
) -> None:
    assert choose(asked, [(text, True)]) == expected


def test_the_real_samples_fit_their_own_sets(real_data: Path) -> None:
    seen_count = 0
    for path in sorted((real_data / "dicom" / "charset").rglob("*.dcm")):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        terms = ds.get("SpecificCharacterSet") or [""]
        terms = [terms] if isinstance(terms, str) else list(terms)
        name = str(ds.get("PatientName", ""))
        assert fits(name, encodings_of(terms), is_name=True), path.name
        assert all(term in character_set.TERMS or not term for term in terms), (path.name, terms)
        seen_count += 1
    assert seen_count >= 12
