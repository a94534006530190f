"""Which form of a frame each kind of client gets."""

import pytest

from edge.api.dicomweb_accept import (
    Form,
    NotAcceptableError,
    ObjectChoice,
    choose_frame_form,
    choose_object_form,
    choose_picture_type,
    parse_accept,
)

JPEG, JLS, J2K, HTJ2K, RLE, H264 = (
    f"1.2.840.10008.1.2{part}" for part in (".4.50", ".4.80", ".4.90", ".4.201", ".5", ".4.102")
)
LITTLE, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
OCTETS = 'multipart/related; type="application/octet-stream"'
IMG = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def test_quoted_parameters_may_hold_separators() -> None:
    (entry,) = parse_accept('multipart/related; type="image/jls;a=1,b"; transfer-syntax=1.2')
    assert (entry.media_type, entry.is_multipart, entry.transfer_syntax) == ("image/jls;a=1,b", True, "1.2")


def test_the_best_quality_comes_first_and_zero_is_a_refusal() -> None:
    types = [entry.media_type for entry in parse_accept("image/png;q=0.5, image/jpeg, image/gif;q=0, */*;q=0.1")]
    assert types == ["image/jpeg", "image/png", "*/*"]


@pytest.mark.parametrize("stored", [JPEG, JLS, J2K, HTJ2K, RLE, LITTLE, H264])
@pytest.mark.parametrize("accept", ["", "*/*", f"{OCTETS}; transfer-syntax=*", "multipart/related"])
def test_a_client_that_takes_anything_gets_what_is_stored(accept: str, stored: str) -> None:
    choice = choose_frame_form(accept, stored)
    assert (choice.form, choice.transfer_syntax, choice.is_multipart) == (Form.STORED, stored, True)


@pytest.mark.parametrize(
    ("accept", "stored", "form", "media_type", "is_multipart"),
    [
        (OCTETS, JLS, Form.NATIVE, "application/octet-stream", True),
        (f"{OCTETS}; transfer-syntax={LITTLE}", JPEG, Form.NATIVE, "application/octet-stream", True),
        (f"{OCTETS}; transfer-syntax={JLS}", JLS, Form.STORED, "application/octet-stream", True),
        ("application/octet-stream", IMPLICIT, Form.STORED, "application/octet-stream", False),
        ("application/octet-stream; transfer-syntax=*", J2K, Form.STORED, "application/octet-stream", False),
        ("image/jpeg", JPEG, Form.STORED, "image/jpeg", False),
        ("image/jls", JLS, Form.STORED, "image/jls", False),
        ("image/x-jls", JLS, Form.STORED, "image/x-jls", False),
        ("image/jpeg", JLS, Form.JPEG, "image/jpeg", False),
        ("image/png", LITTLE, Form.PNG, "image/png", False),
        (IMG, JPEG, Form.STORED, "image/jpeg", False),
        (IMG, JLS, Form.PNG, "image/png", False),
        (IMG, LITTLE, Form.PNG, "image/png", False),
        ('multipart/related; type="image/*"', JLS, Form.STORED, "image/jls", True),
        ("video/mp4", H264, Form.STORED, "video/mp4", False),
        (f'multipart/related; type="image/jp2"; transfer-syntax={J2K}, {OCTETS}', JLS, Form.NATIVE,
         "application/octet-stream", True),
    ],
)  # fmt: skip
def test_each_client_gets_the_form_that_fits(
    accept: str, stored: str, form: Form, media_type: str, is_multipart: bool
) -> None:
    choice = choose_frame_form(accept, stored)
    assert (choice.form, choice.media_type, choice.is_multipart) == (form, media_type, is_multipart)


def test_the_stored_form_is_preferred_to_a_conversion_wherever_it_stands() -> None:
    jls = f'multipart/related; type="image/jls"; transfer-syntax={JLS}; q=0.2'
    accept = f'multipart/related; type="image/jpeg"; q=1.0, {jls}'
    assert choose_frame_form(accept, JLS).media_type == "image/jls"


def test_native_frames_are_always_said_to_be_explicit_little_endian() -> None:
    for stored in (IMPLICIT, BIG, LITTLE):
        assert choose_frame_form(OCTETS, stored).part_type == f"application/octet-stream; transfer-syntax={LITTLE}"


@pytest.mark.parametrize(
    ("accept", "stored"),
    [
        ("text/html", JPEG),
        ("image/jls", J2K),
        (f'multipart/related; type="image/jls"; transfer-syntax={JLS}', LITTLE),
        ("image/jpeg", H264),
        (OCTETS, H264),
        ("application/json", JPEG),
    ],
)
def test_nothing_that_fits_is_not_acceptable(accept: str, stored: str) -> None:
    with pytest.raises(NotAcceptableError):
        choose_frame_form(accept, stored)


def test_whole_objects_and_pictures() -> None:
    any_syntax = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    for accept, is_multipart in (("application/dicom", False), ("", True), (any_syntax, True)):
        assert choose_object_form(accept, JLS) == ObjectChoice(is_multipart, JLS, False)
    assert choose_object_form(f"application/dicom; transfer-syntax={JLS}", JLS) == ObjectChoice(False, JLS, False)
    uncompressed = f"application/dicom; transfer-syntax={LITTLE}"
    assert choose_object_form(uncompressed, JLS) == ObjectChoice(False, LITTLE, True)
    assert choose_object_form(uncompressed, LITTLE) == ObjectChoice(False, LITTLE, False)
    assert choose_object_form(f"{uncompressed}, {any_syntax}; q=0.1", JLS) == ObjectChoice(True, JLS, False)
    for accept, stored in ((f"application/dicom; transfer-syntax={J2K}", JLS), (uncompressed, H264)):
        with pytest.raises(NotAcceptableError):
            choose_object_form(accept, stored)
    assert choose_picture_type(IMG) == "image/jpeg"
    assert choose_picture_type("image/png") == "image/png"
    with pytest.raises(NotAcceptableError):
        choose_picture_type("video/mp4")


def test_a_header_of_any_length_and_shape_is_survived() -> None:
    for header in ('"' * 5000, ",;=," * 900, "multipart/related; type=", "image/jpeg;q=abc", "\x00"):
        parse_accept(header)
