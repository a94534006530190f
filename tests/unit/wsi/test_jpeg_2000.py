"""What JPEG 2000 codestreams say of their colours."""

import imagecodecs
import pytest

from tests.support.scans import picture
from wsi import jpeg_2000
from wsi.errors import UnsupportedSlideError

PIXELS = picture(64, 64)


@pytest.mark.parametrize(
    ("mct", "reversible", "photometric", "expected"),
    [(True, True, 2, "YBR_RCT"), (True, False, 2, "YBR_ICT"), (False, True, 2, "RGB"), (False, True, 6, "YBR_FULL")],
)
def test_a_jpeg_2000_codestream_names_its_colours(mct: bool, reversible: bool, photometric: int, expected: str) -> None:
    data = imagecodecs.jpeg2k_encode(
        PIXELS, codecformat="j2k", mct=mct, reversible=reversible, level=0 if reversible else 40
    )
    assert jpeg_2000.encoding_of(data, tiff_photometric=photometric).photometric_interpretation == expected


def test_a_subsampled_jpeg_2000_is_not_copied() -> None:
    data = bytearray(imagecodecs.jpeg2k_encode(PIXELS, codecformat="j2k", mct=False))
    data[46] = 2
    with pytest.raises(UnsupportedSlideError, match="subsampled"):
        jpeg_2000.encoding_of(bytes(data), tiff_photometric=6)


def test_a_left_out_jpeg_2000_tile_is_white_in_its_neighbours_form() -> None:
    data = jpeg_2000.white_tile(64, 64, "YBR_RCT")
    assert jpeg_2000.encoding_of(data, tiff_photometric=2).photometric_interpretation == "YBR_RCT"
    assert int(imagecodecs.jpeg2k_decode(data).min()) == 255
