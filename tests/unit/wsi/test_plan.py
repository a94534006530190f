"""What a conversion will write, decided beforehand."""

from dataclasses import replace

import pytest

from wsi.encoding import JPEG_BASELINE, Encoding, Origin
from wsi.geometry import Level
from wsi.plan import ImageOutline, make_plan, needs_extended_table

COPIED = Encoding(transfer_syntax_uid=JPEG_BASELINE, photometric_interpretation="RGB", lossy_methods=("ISO_10918_1",))


def outline(kind: str = "VOLUME", width_px: int = 1000, *, is_resampled: bool = False) -> ImageOutline:
    level = Level(width_px=width_px, height_px=500, tile_width_px=100, tile_height_px=100)
    return ImageOutline(kind=kind, level=level, encoding=COPIED, is_resampled=is_resampled)


OUTLINES = [outline(), outline(width_px=250, is_resampled=True), outline("THUMBNAIL", 80), outline("LABEL", 90)]


def test_the_same_conversion_twice_gives_the_same_uids() -> None:
    assert make_plan(OUTLINES, identity="a", content_digest="b") == make_plan(
        OUTLINES, identity="a", content_digest="b"
    )


def test_uids_are_unique_and_legal() -> None:
    plan = make_plan(OUTLINES, identity="a", content_digest="b")
    uids = [plan.study_instance_uid, plan.series_instance_uid, plan.specimen_uid, plan.dimension_uid]
    uids += [instance.sop_instance_uid for instance in plan.instances]
    assert len(set(uids)) == len(uids)
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in uids)


@pytest.mark.parametrize(("identity", "content"), [("x", "b"), ("a", "x")])
def test_another_scan_or_other_content_never_shares_an_instance_uid(identity: str, content: str) -> None:
    first = make_plan(OUTLINES, identity="a", content_digest="b")
    second = make_plan(OUTLINES, identity=identity, content_digest=content)
    uids = [{instance.sop_instance_uid for instance in plan.instances} for plan in (first, second)]
    assert not uids[0] & uids[1]


def test_levels_share_coordinates_and_pyramid_and_label_does_not() -> None:
    base, small, thumbnail, label = make_plan(OUTLINES, identity="a", content_digest="b").instances
    assert base.frame_of_reference_uid == small.frame_of_reference_uid == thumbnail.frame_of_reference_uid
    assert base.pyramid_uid == small.pyramid_uid != ""
    assert label.frame_of_reference_uid != base.frame_of_reference_uid
    assert label.pyramid_uid == ""


def test_only_levels_are_tiled_full() -> None:
    plan = make_plan(OUTLINES, identity="a", content_digest="b")
    assert [instance.is_tiled_full for instance in plan.instances] == [True, True, False, False]


def test_only_untouched_pixels_are_original() -> None:
    decoded = replace(OUTLINES[0], encoding=replace(COPIED, origin=Origin.REENCODED))
    types = [
        instance.image_type for instance in make_plan([*OUTLINES, decoded], identity="a", content_digest="b").instances
    ]
    assert types == [
        ("ORIGINAL", "PRIMARY", "VOLUME", "NONE"),
        ("DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"),
        ("ORIGINAL", "PRIMARY", "THUMBNAIL", "NONE"),
        ("ORIGINAL", "PRIMARY", "LABEL", "NONE"),
        ("DERIVED", "PRIMARY", "VOLUME", "NONE"),
    ]


def test_given_uids_are_kept() -> None:
    plan = make_plan(OUTLINES, identity="a", content_digest="b", study_instance_uid="1.2", series_instance_uid="1.3")
    assert (plan.study_instance_uid, plan.series_instance_uid) == ("1.2", "1.3")


def test_a_plan_without_a_base_level_is_refused() -> None:
    with pytest.raises(ValueError, match="base level"):
        make_plan([outline("LABEL")], identity="a", content_digest="b")


def test_offsets_of_32_bits_are_used_as_far_as_they_reach() -> None:
    assert not needs_extended_table((1 << 32) - 1)
    assert needs_extended_table(1 << 32)
