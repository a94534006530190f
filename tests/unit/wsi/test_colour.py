"""The profile written where a scan has none."""

from io import BytesIO

from PIL import Image, ImageCms

from wsi.colour import srgb_profile


def test_the_profile_is_srgb_to_a_colour_engine_of_others() -> None:
    ours = ImageCms.ImageCmsProfile(BytesIO(srgb_profile()))
    picture = Image.new("RGB", (4, 1))
    picture.putdata([(255, 0, 0), (0, 200, 30), (17, 90, 240), (128, 128, 128)])
    same = ImageCms.profileToProfile(picture, ours, ImageCms.createProfile("sRGB"))
    assert same is not None
    for before, after in zip(picture.tobytes(), same.tobytes(), strict=True):
        assert abs(before - after) <= 2


def test_the_profile_is_the_same_every_time() -> None:
    first = srgb_profile()
    srgb_profile.cache_clear()
    assert srgb_profile() == first
    assert int.from_bytes(first[:4], "big") == len(first)
