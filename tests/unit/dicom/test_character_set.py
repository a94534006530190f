"""Every character set of the standard: in, out, and back."""

from pathlib import Path

import pydicom
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.valuerep import PersonName

import edge.dicom.charset_library  # noqa: F401 - tells pydicom what it does not know yet
from edge.dicom import character_set
from edge.dicom.character_set import choose, decode, encode, encodings_of, fits
from tests.support.foreign import NAMES, labels


@pytest.mark.parametrize("terms", NAMES, ids=labels())
def test_every_set_gives_back_its_own_language(terms: tuple[str, ...]) -> None:
    name, encodings = NAMES[terms], encodings_of(terms)
    assert fits(name, encodings, is_name=True)
    assert decode(encode(name, encodings, is_name=True), encodings, is_name=True) == name


def test_no_set_of_the_standard_is_forgotten() -> None:
    assert {term for terms in NAMES for term in terms if term} == character_set.TERMS


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


_PIECES = st.one_of(
    st.binary(max_size=6),
    st.sampled_from(
        [b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x1b)I", b"\x1b$)C", b"\x1b$)A", b"\x1b-F", b"\x1b-b", b"^", b"=", b"\\"]
    ),
)


@given(st.lists(_PIECES, max_size=8).map(b"".join), st.sampled_from(sorted(NAMES)))
@example(b"\x1b(B^\x80", ("GB18030",))
def test_any_bytes_are_read_as_the_library_reads_them(raw: bytes, terms: tuple[str, ...]) -> None:
    encodings, raw = encodings_of(terms), raw.rstrip(b"\0 ")
    assert list(encodings) == convert_encodings(list(terms))
    assert decode(raw, encodings, is_name=False) == decode_bytes(raw, list(encodings), {0x0A, 0x0C, 0x0D, 0x09, 0x5C})
    assert decode(raw, encodings, is_name=True) == str(PersonName(raw, list(encodings)))


@pytest.mark.parametrize(
    ("said", "meant"), [("ISO-IR 100", "ISO_IR 100"), ("ISO_2022_IR_87", "ISO 2022 IR 87"), ("UTF-8", "ISO_IR 192")]
)
def test_terms_that_are_often_misspelt_are_understood(said: str, meant: str) -> None:
    assert encodings_of([said]) == encodings_of([meant])
