"""What codestreams say, and how they are joined, framed and whitened."""

import imagecodecs
import numpy as np
import pytest

from tests.support.scans import jpeg, picture
from wsi import codec
from wsi.encoding import Encoding
from wsi.errors import UnreadableSlideError, UnsupportedSlideError

PIXELS = picture(64, 64)


def without_colour_marks(data: bytes) -> bytes:
    """Return a JPEG without JFIF and Adobe markers, its components numbered 0, 1, 2: as Aperio writes tiles."""
    for marker in (b"\xff\xe0", b"\xff\xee"):
        if (at := data.find(marker)) >= 0:
            data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    changed = bytearray(data)
    sof = data.index(b"\xff\xc0")
    sos = data.index(b"\xff\xda")
    for index in range(3):
        changed[sof + 10 + 3 * index] = index
        changed[sos + 5 + 2 * index] = index
    return bytes(changed)


def test_a_subsampled_jpeg_is_ycbcr_whatever_the_tiff_says() -> None:
    header = codec.parse_jpeg(without_colour_marks(jpeg(PIXELS, subsampling="422")))
    encoding = codec.jpeg_encoding(header, tiff_photometric=codec.PHOTOMETRIC_RGB)
    assert encoding.photometric_interpretation == "YBR_FULL_422"


@pytest.mark.parametrize(("photometric", "expected"), [(2, "RGB"), (6, "YBR_FULL_422"), (None, "YBR_FULL_422")])
def test_a_silent_codestream_is_what_the_tiff_says(photometric: int | None, expected: str) -> None:
    header = codec.parse_jpeg(without_colour_marks(jpeg(PIXELS, subsampling="444", colour="RGB")))
    assert (header.is_jfif, header.adobe_transform) == (False, None)
    assert codec.jpeg_encoding(header, tiff_photometric=photometric).photometric_interpretation == expected


def test_the_codestreams_own_colour_mark_beats_the_tiff() -> None:
    rgb = codec.parse_jpeg(jpeg(PIXELS, subsampling="444", colour="RGB"))
    ycbcr = codec.parse_jpeg(jpeg(PIXELS, subsampling="444"))
    assert codec.jpeg_encoding(rgb, tiff_photometric=6).photometric_interpretation == "RGB"
    assert codec.jpeg_encoding(ycbcr, tiff_photometric=2).photometric_interpretation == "YBR_FULL_422"


def test_an_unmarked_rgb_tile_gets_the_mark_and_decodes_in_its_colours_everywhere() -> None:
    original = jpeg(PIXELS, subsampling="444", colour="RGB")
    bare = without_colour_marks(original)
    prefix = codec.jpeg_prefix(codec.parse_jpeg(bare), None, is_rgb=True)
    framed = prefix + bare[2:]
    assert np.array_equal(imagecodecs.jpeg8_decode(framed), imagecodecs.jpeg8_decode(original))
    assert not np.array_equal(imagecodecs.jpeg8_decode(bare), imagecodecs.jpeg8_decode(original))


def test_shared_tables_go_before_the_tile_without_their_ends() -> None:
    tables = b"\xff\xd8\xff\xdb\x00\x03\x00\xff\xd9"
    header = codec.parse_jpeg(jpeg(PIXELS))
    assert codec.jpeg_prefix(header, tables, is_rgb=False) == b"\xff\xd8\xff\xdb\x00\x03\x00"
    assert codec.jpeg_prefix(header, None, is_rgb=False) == b""


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"II*\0", b"\xff\xd8\xff\xc0\x00\x04\x08\x00\xff\xda\x00\x02"])
def test_a_broken_jpeg_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableSlideError):
        codec.parse_jpeg(data)


@pytest.mark.parametrize("cut", range(2, 600, 7))
def test_a_jpeg_cut_anywhere_in_its_header_is_unreadable_or_whole(cut: int) -> None:
    data = jpeg(PIXELS)[:cut]
    try:
        header = codec.parse_jpeg(data)
    except UnreadableSlideError:
        return
    assert header.scan_offset < cut


def test_a_progressive_or_12_bit_jpeg_is_not_copied() -> None:
    header = codec.parse_jpeg(jpeg(PIXELS).replace(b"\xff\xc0", b"\xff\xc2", 1))
    with pytest.raises(UnsupportedSlideError):
        codec.jpeg_encoding(header, tiff_photometric=6)


@pytest.mark.parametrize("subsampling", ["444", "422"])
def test_joined_strips_decode_to_the_strips_pixels(subsampling: str) -> None:
    whole = picture(72, 96)
    strips = [jpeg(np.ascontiguousarray(whole[y : y + 16]), subsampling=subsampling) for y in range(0, 72, 16)]
    joined = codec.join_jpeg_strips(strips, height_px=72)
    expected = np.concatenate([imagecodecs.jpeg8_decode(strip) for strip in strips])
    assert np.array_equal(imagecodecs.jpeg8_decode(joined), expected)
    assert codec.is_join_of(joined, strips)
    assert not codec.is_join_of(joined, strips[::-1])


def test_more_than_eight_strips_number_their_markers_round() -> None:
    whole = picture(16 * 19, 32)
    strips = [jpeg(np.ascontiguousarray(whole[y : y + 16])) for y in range(0, 16 * 19, 16)]
    joined = codec.join_jpeg_strips(strips, height_px=16 * 19)
    assert np.array_equal(
        imagecodecs.jpeg8_decode(joined), np.concatenate([imagecodecs.jpeg8_decode(strip) for strip in strips])
    )


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422", "MONOCHROME2"])
def test_a_left_out_tile_is_white(photometric: str) -> None:
    data = codec.white_jpeg(64, 64, photometric, ((2, 1), (1, 1), (1, 1)))
    count = 1 if photometric == "MONOCHROME2" else 3
    encoding = Encoding(
        transfer_syntax_uid="1.2.840.10008.1.2.4.50", photometric_interpretation=photometric, sample_count=count
    )
    assert int(codec.decode_frame(data, encoding, width_px=64, height_px=64).min()) >= 254
