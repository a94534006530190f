"""What is shown of one frame, held against hand-made pictures."""

from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from edge.dicom.codestream import describe
from edge.dicom.decode import NotDecodableError, decode, encode_native
from edge.dicom.pixel_layout import PixelLayout
from edge.dicom.presentation import Presentation, Window, read_presentation
from edge.dicom.render import Viewport, Wish, render
from edge.errors import BadInputError

NATIVE, JPEG, JPEG_LS, JPEG_2000, HTJ2K, RLE = (
    f"1.2.840.10008.1.2{part}" for part in (".1", ".4.50", ".4.80", ".4.90", ".4.201", ".5")
)
PNG = Wish(media_type="image/png")


def _layout(pixels: np.ndarray[Any, Any], **changed: Any) -> PixelLayout:
    bits = pixels.dtype.itemsize * 8
    facts: dict[str, Any] = {
        "rows": pixels.shape[0], "columns": pixels.shape[1], "samples_per_pixel": 1 if pixels.ndim == 2 else 3,
        "bits_allocated": bits, "bits_stored": bits, "high_bit": bits - 1, "is_signed": pixels.dtype.kind == "i",
        "photometric_interpretation": "MONOCHROME2" if pixels.ndim == 2 else "RGB", "planar_configuration": 0,
        "frame_count": 1, "transfer_syntax_uid": NATIVE, "is_big_endian": False,
        "is_float": pixels.dtype.kind == "f", "word_bytes": 1,
    }  # fmt: skip
    facts.update(changed)
    if "bits_stored" in changed and "high_bit" not in changed:
        facts["high_bit"] = changed["bits_stored"] - 1
    return PixelLayout(**facts)


def _show(data: bytes, presentation: Presentation, wish: Wish = PNG, number: int = 1) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(BytesIO(render(data, number, presentation, wish))))


def _ramp(dtype: str = "u2", top: int = 4095) -> np.ndarray[Any, Any]:
    return np.linspace(0, top, 64 * 48).astype(dtype).reshape(48, 64)


def _colours() -> np.ndarray[Any, Any]:
    return np.random.default_rng(3).integers(0, 256, (32, 40, 3), dtype=np.uint8)


def test_grey_of_8_bits_is_shown_as_it_is() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (_show(pixels.tobytes(), Presentation(_layout(pixels))) == pixels).all()


def test_deep_grey_without_a_window_uses_its_whole_range() -> None:
    pixels = _ramp()
    shown = _show(pixels.tobytes(), Presentation(_layout(pixels, bits_stored=12)))
    assert (shown.min(), shown.max()) == (0, 255)
    assert np.abs(shown - pixels / 4095 * 255).max() <= 0.51


def test_padding_does_not_stretch_the_range() -> None:
    pixels = np.full((8, 8), 1000, np.int16)
    pixels[0, 0], pixels[0, 1], pixels[0, 2] = -2000, 900, 1100
    dataset = Dataset()
    dataset.PixelPaddingValue = -2000
    dataset["PixelPaddingValue"].VR = "SS"
    shown = _show(pixels.tobytes(), read_presentation(dataset, _layout(pixels)))
    assert (shown[0, 0], shown[0, 1], shown[0, 2], shown[4, 4]) == (0, 0, 255, 128)


def test_the_windows_of_the_standard() -> None:
    pixels = np.array([[-160, -60, 40, 140, 239, 240]], np.int16)
    presentation = Presentation(_layout(pixels))
    for window, expected in (
        (Window(40, 400), [0, 64, 128, 192, 255, 255]),
        (Window(40, 400, "LINEAR_EXACT"), [0, 64, 128, 191, 254, 255]),
        (Window(40, 200, "SIGMOID"), [5, 30, 128, 225, 250, 250]),
    ):
        shown = _show(pixels.tobytes(), presentation, Wish(media_type="image/png", window=window))
        assert np.abs(shown[0].astype(int) - expected).max() <= 1, window


def test_rescale_and_the_windows_of_the_object() -> None:
    pixels = _ramp()
    dataset = Dataset()
    dataset.RescaleSlope, dataset.RescaleIntercept = 2, -1000
    dataset.WindowCenter, dataset.WindowWidth = [3000.5, 1], [1001, 1]
    presentation = read_presentation(dataset, _layout(pixels, bits_stored=12))
    real = pixels * 2.0 - 1000
    expected = np.clip((real - 3000) / 1000 + 0.5, 0, 1) * 255
    assert np.abs(_show(pixels.tobytes(), presentation) - expected).max() <= 0.51


def test_windows_may_differ_from_frame_to_frame() -> None:
    pixels = _ramp()
    dataset = Dataset()

    def group(center: float) -> Dataset:
        window, item = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth, window.VOILUTFunction = center, 10, "LINEAR_EXACT"
        item.FrameVOILUTSequence = Sequence([window])
        return item

    dataset.PerFrameFunctionalGroupsSequence = Sequence([group(1000), group(3000)])
    presentation = read_presentation(dataset, _layout(pixels, bits_stored=12))
    for number, center in ((1, 1000), (2, 3000)):
        assert (((_show(pixels.tobytes(), presentation, number=number)) > 127) == (pixels >= center)).mean() > 0.999


def test_monochrome1_is_inverse_and_so_is_an_inverse_presentation() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    first = read_presentation(Dataset(), _layout(pixels, photometric_interpretation="MONOCHROME1"))
    assert (_show(pixels.tobytes(), first) == 255 - pixels).all()
    dataset = Dataset()
    dataset.PresentationLUTShape = "INVERSE"
    both = read_presentation(dataset, _layout(pixels, photometric_interpretation="MONOCHROME1"))
    assert (_show(pixels.tobytes(), both) == 255 - pixels).all()


def test_palettes_become_colour() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    dataset = Dataset()
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    tables = {"Red": np.arange(256), "Green": 255 - np.arange(256), "Blue": np.full(256, 7)}
    for name, table in tables.items():
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(dataset, f"{name}PaletteColorLookupTableData", (table * 257).astype("<u2").tobytes())
    layout = _layout(pixels, photometric_interpretation="PALETTE COLOR")
    shown = _show(pixels.tobytes(), read_presentation(dataset, layout))
    for channel, table in enumerate(tables.values()):
        assert (shown[..., channel] == table[pixels]).all()


def test_a_look_up_table_stands_in_for_the_window_unless_one_is_asked_for() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [256, 0, 8], (255 - np.arange(256)).astype("<u2").tobytes()
    table["LUTData"].VR = "OW"
    dataset = Dataset()
    dataset.VOILUTSequence = Sequence([table])
    presentation = read_presentation(dataset, _layout(pixels))
    assert (_show(pixels.tobytes(), presentation) == 255 - pixels).all()
    asked = Wish(media_type="image/png", window=Window(128, 256))
    assert (_show(pixels.tobytes(), presentation, asked) == pixels).all()


def test_values_are_cut_to_the_stored_bits_and_signed() -> None:
    stored = np.array([[0x0001, 0xF7FF, 0x0800, 0xFFFF]], np.uint16)
    unsigned = decode(stored.tobytes(), _layout(stored, bits_stored=12))
    assert unsigned.tolist() == [[1, 0x7FF, 0x800, 0xFFF]]
    signed = decode(stored.tobytes(), _layout(stored, bits_stored=12, is_signed=True))
    assert signed.tolist() == [[1, 2047, -2048, -1]]
    shifted = decode((stored << 4).tobytes(), _layout(stored, bits_stored=12, high_bit=15))
    assert shifted.tolist() == unsigned.tolist()


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_lossless_codecs_give_back_every_value(dtype: str) -> None:
    pixels = _ramp(dtype, 250 if dtype == "u1" else 30_000)
    encoders = {
        JPEG_2000: lambda values: imagecodecs.jpeg2k_encode(values, level=0, codecformat="j2k"),
        HTJ2K: imagecodecs.htj2k_encode,
    }
    if dtype != "i2":
        encoders[JPEG_LS] = imagecodecs.jpegls_encode
    for syntax, encode in encoders.items():
        got = decode(encode(pixels), _layout(pixels, transfer_syntax_uid=syntax))
        assert (got == pixels).all(), syntax
        assert encode_native(got, _layout(pixels)) == pixels.tobytes()


def test_run_lengths_of_colour_and_of_words() -> None:
    def segments(planes: list[bytes]) -> bytes:
        packed = [imagecodecs.packbits_encode(plane) for plane in planes]
        packed = [part + b"\0" * (len(part) % 2) for part in packed]
        starts = [64 + sum(len(part) for part in packed[:index]) for index in range(len(packed))]
        header = np.zeros(16, "<u4")
        header[: 1 + len(starts)] = [len(starts), *starts]
        return header.tobytes() + b"".join(packed)

    colours = _colours()
    data = segments([colours[..., channel].tobytes() for channel in range(3)])
    assert (decode(data, _layout(colours, transfer_syntax_uid=RLE)) == colours).all()
    words = _ramp()
    data = segments([(words >> 8).astype("u1").tobytes(), (words & 255).astype("u1").tobytes()])
    assert (decode(data, _layout(words, transfer_syntax_uid=RLE)) == words).all()


def test_planes_and_shared_chrominance_are_put_together() -> None:
    colours = _colours()
    planar = colours.transpose(2, 0, 1).tobytes()
    assert (decode(planar, _layout(colours, planar_configuration=1)) == colours).all()
    luma = np.full((2, 4), 90, np.uint8)
    packed = np.array([[90, 90, 128, 128] * 2] * 2, np.uint8)
    layout = _layout(np.zeros((2, 4, 3), np.uint8), photometric_interpretation="YBR_FULL_422")
    assert (decode(packed.tobytes(), layout) == luma[..., None]).all()


@pytest.mark.parametrize(("space", "said"), [("RGB", "RGB"), ("RGB", "YBR_FULL_422"), ("YCBCR", "YBR_FULL_422")])
def test_the_colour_of_a_jpeg_is_what_its_codestream_says(space: str, said: str) -> None:
    smooth = np.full((16, 16, 3), (200, 60, 30), np.uint8)
    data = imagecodecs.jpeg8_encode(smooth, level=98, colorspace="RGB", outcolorspace=space)
    layout = _layout(smooth, transfer_syntax_uid=JPEG, photometric_interpretation=said)
    assert np.abs(decode(data, layout).astype(int) - smooth).max() <= 4


def test_a_colour_jpeg_is_passed_on_untouched_unless_something_else_is_asked_for() -> None:
    colours = _colours()
    data = imagecodecs.jpeg8_encode(colours, level=90)
    layout = _layout(colours, transfer_syntax_uid=JPEG, photometric_interpretation="YBR_FULL_422")
    presentation = Presentation(layout)
    assert render(data, 1, presentation, Wish()) is data
    assert render(data, 1, presentation, Wish(quality=40)) != data
    assert _show(data, presentation, Wish(viewport=Viewport(width_px=20, height_px=20))).shape == (16, 20, 3)


def test_a_viewport_cuts_and_keeps_the_proportions() -> None:
    pixels = np.arange(240, dtype=np.uint8).reshape(12, 20)
    presentation = Presentation(_layout(pixels))

    def shape(*viewport: int, part: tuple[float, float, float, float] | None = None) -> tuple[int, ...]:
        view = Viewport(width_px=viewport[0], height_px=viewport[1], source=part)
        return tuple(_show(pixels.tobytes(), presentation, Wish(media_type="image/png", viewport=view)).shape)

    assert shape(10, 10) == (6, 10)
    assert shape(40, 24) == (24, 40)
    assert shape(4, 4, part=(2, 3, 4, 4)) == (4, 4)
    with pytest.raises(BadInputError):
        shape(4, 4, part=(50, 50, 4, 4))


@pytest.mark.parametrize("syntax", [JPEG, JPEG_LS, JPEG_2000, HTJ2K, RLE, "1.2.840.10008.1.2.4.70", "9.9.9"])
def test_rubbish_is_refused_and_never_crashes(syntax: str) -> None:
    layout = _layout(np.zeros((8, 8), np.uint8), transfer_syntax_uid=syntax)
    good = {JPEG: imagecodecs.jpeg8_encode, JPEG_LS: imagecodecs.jpegls_encode}.get(syntax)
    whole = good(_ramp("u1", 255)) if good is not None else b"\xff\x4f\xff\x51" + bytes(60)
    for data in (b"", b"\0" * 200, whole[:20], b"\xff\xd8\xff" * 30, whole[: len(whole) // 2][::-1]):
        with pytest.raises(NotDecodableError):
            decode(data, layout)


def test_a_picture_that_would_fill_the_memory_is_refused_before_decoding() -> None:
    bomb = bytearray(imagecodecs.jpeg8_encode(np.zeros((8, 8), np.uint8)))
    frame = bomb.index(b"\xff\xc0")
    bomb[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    described = describe(bytes(bomb))
    assert described is not None and described.width_px == 65535
    with pytest.raises(NotDecodableError, match="65535"):
        decode(bytes(bomb), _layout(np.zeros((8, 8), np.uint8), transfer_syntax_uid=JPEG))


def test_numbers_with_fractions_are_shown_over_their_range() -> None:
    pixels = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    pixels[0, 0] = np.nan
    shown = _show(pixels.tobytes(), read_presentation(Dataset(), _layout(pixels)))
    assert (shown[0, 0], shown[-1, -1]) == (0, 255)
