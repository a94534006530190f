"""The dataset of a clip (Ultrasound Multi-frame Image) or a still (Ultrasound Image), all but the pixels.

What the standard has no place for is in a private block of group 0021, creator `EDGE_APPLIANCE 1`, and again in words
in ImageComments:

    xx01 SQ  one item a gap:  xx02 UL frame number before it,  xx03 UV frames missing at least,  xx04 FD ms from the
             frame before to the frame after
    xx05 CS  YES when the clip was finished after a crash or a power cut
    xx06 OB  SHA-256 of each frame as captured, 32 bytes each, in order
    xx07 US  samples per pixel as captured: 3 in a MONOCHROME2 object means that all three channels were equal
    xx08 UV  index of the first frame in the node's stream
Standard: PS3.3 A.6, A.7, C.7.6.5, C.7.6.6, C.8.5.5, C.8.5.6
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from edge.core.clip import Gap, Moment, Timing
from edge.core.frame import Calibration
from edge.core.session import Session
from edge.dicom.codec import Encoder
from edge.dicom.header import UTF_8, contributing_equipment, file_meta
from edge.dicom.identity import describe_patient, describe_study, dicom_date, dicom_time, local_time

MULTI_FRAME_CLASS_UID = "1.2.840.10008.5.1.4.1.1.3.1"
SINGLE_FRAME_CLASS_UID = "1.2.840.10008.5.1.4.1.1.6.1"
PRIVATE_GROUP = 0x0021
PRIVATE_CREATOR = "EDGE_APPLIANCE 1"
COMMENT_GAP_COUNT_MAX = 20
"""More gaps than this are counted in the comment, not listed; the private block has them all."""
COMMENT_CHARS_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """The probe, and the node that listened."""

    manufacturer: str = ""
    model: str = ""
    institution: str = ""
    station: str = ""
    regions: tuple[Calibration, ...] = ()
    lossy_method: str = ""
    """Not empty when the probe's pixels had gone through a lossy codec before they came here."""
    lossy_ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the pixels are like, the same in every frame."""

    width_px: int
    height_px: int
    channel_count: int
    captured_channel_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One clip or still."""

    sop_instance_uid: str
    instance_number: int
    is_still: bool
    session: Session
    equipment: Equipment
    picture: Picture
    encoder: Encoder
    moments: Sequence[Moment]
    timing: Timing
    gaps: tuple[Gap, ...] = ()
    is_recovered: bool = False
    digests: Sequence[bytes] = field(default_factory=tuple)


def build(content: Content) -> Dataset:
    """Return everything but the pixel data."""
    ds = Dataset()
    class_uid = SINGLE_FRAME_CLASS_UID if content.is_still else MULTI_FRAME_CLASS_UID
    ds.file_meta = file_meta(class_uid, content.sop_instance_uid, content.encoder.syntax_uid)
    ds.SpecificCharacterSet = UTF_8
    ds.SOPClassUID = class_uid
    ds.SOPInstanceUID = content.sop_instance_uid
    describe_patient(ds, content.session.patient, local_time(content.session.opened_s).date())
    describe_study(ds, content.session)
    _describe_equipment(ds, content.equipment)
    _describe_image(ds, content)
    _describe_pixels(ds, content.picture, content.encoder)
    if not content.is_still:
        _describe_cine(ds, content)
    if content.equipment.regions:
        picture = content.picture
        ds.SequenceOfUltrasoundRegions = Items([_region(part, picture) for part in content.equipment.regions])
    _describe_record(ds, content)
    return ds


def read_gaps(ds: Dataset) -> tuple[Gap, ...]:
    """Return the gap list of an object of ours; empty for any other."""
    try:
        block = ds.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)
    except KeyError:
        return ()
    if 0x01 not in block:
        return ()
    gaps = []
    for item in block[0x01].value:
        part = item.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)
        gaps.append(
            Gap(
                after_number=int(part[0x02].value), missing_count=int(part[0x03].value),
                duration_ns=round(float(part[0x04].value) * 1e6),
            )
        )  # fmt: skip
    return tuple(gaps)


def read_is_recovered(ds: Dataset) -> bool:
    """Tell whether an object of ours was finished after a crash."""
    try:
        block = ds.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)
    except KeyError:
        return False
    return 0x05 in block and block[0x05].value == "YES"


def _describe_equipment(ds: Dataset, equipment: Equipment) -> None:
    ds.Manufacturer = equipment.manufacturer[:64]
    if equipment.model:
        ds.ManufacturerModelName = equipment.model[:64]
    if equipment.institution:
        ds.InstitutionName = equipment.institution[:64]
    if equipment.station:
        ds.StationName = equipment.station[:16]
    ds.ContributingEquipmentSequence = contributing_equipment(equipment.institution, equipment.station)


def _describe_image(ds: Dataset, content: Content) -> None:
    taken = local_time(content.moments[0].wall_ns / 1e9)
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.InstanceNumber = content.instance_number
    ds.PatientOrientation = ""
    ds.ContentDate, ds.ContentTime = dicom_date(taken), dicom_time(taken)
    ds.AcquisitionDate, ds.AcquisitionTime = ds.ContentDate, ds.ContentTime
    ds.AcquisitionDateTime = f"{ds.ContentDate}{ds.ContentTime}{ds.TimezoneOffsetFromUTC}"
    ds.InstanceCreationDate, ds.InstanceCreationTime = ds.ContentDate, ds.ContentTime
    _describe_loss(ds, content.equipment)


def _describe_loss(ds: Dataset, equipment: Equipment) -> None:
    """Say what happened to the pixels before they came here; here nothing is lost.  Standard: PS3.3 C.7.6.1.1.5"""
    ds.LossyImageCompression = "01" if equipment.lossy_method else "00"
    if not equipment.lossy_method:
        return
    if equipment.lossy_ratio:
        ds.LossyImageCompressionRatio = f"{equipment.lossy_ratio:.6g}"
    if equipment.lossy_method != "UNKNOWN":
        ds.LossyImageCompressionMethod = equipment.lossy_method[:16]


def _describe_pixels(ds: Dataset, picture: Picture, encoder: Encoder) -> None:
    ds.SamplesPerPixel = picture.channel_count
    ds.PhotometricInterpretation = encoder.photometric(picture.channel_count)
    if picture.channel_count > 1:
        ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = picture.height_px, picture.width_px
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.UltrasoundColorDataPresent = int(picture.channel_count > 1)


def _describe_cine(ds: Dataset, content: Content) -> None:
    timing = content.timing
    ds.NumberOfFrames = len(content.moments)
    if timing.is_even:
        ds.FrameTime = f"{timing.frame_time_ms:.10g}"
        ds.FrameIncrementPointer = 0x00181063
    else:
        ds.add_new(0x00181065, "DS", list(timing.vector))
        ds.FrameIncrementPointer = 0x00181065
    if timing.frame_time_ms > 0:
        rate = max(1, round(1000 / timing.frame_time_ms))
        ds.RecommendedDisplayFrameRate = ds.CineRate = rate
    duration_s = (content.moments[-1].mono_ns - content.moments[0].mono_ns) / 1e9 + timing.frame_time_ms / 1e3
    ds.EffectiveDuration = f"{duration_s:.6f}"
    ds.PreferredPlaybackSequencing = 0
    ds.StartTrim, ds.StopTrim = 1, len(content.moments)


def _region(calibration: Calibration, picture: Picture) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat = calibration.spatial_format
    item.RegionDataType = calibration.data_type
    item.RegionFlags = calibration.flags
    item.RegionLocationMinX0, item.RegionLocationMinY0 = calibration.min_x_px, calibration.min_y_px
    item.RegionLocationMaxX1 = min(calibration.max_x_px, picture.width_px - 1)
    item.RegionLocationMaxY1 = min(calibration.max_y_px, picture.height_px - 1)
    item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = calibration.unit_x, calibration.unit_y
    item.PhysicalDeltaX, item.PhysicalDeltaY = calibration.delta_x, calibration.delta_y
    if calibration.reference_x_px is not None and calibration.reference_y_px is not None:
        item.ReferencePixelX0, item.ReferencePixelY0 = calibration.reference_x_px, calibration.reference_y_px
    if calibration.transducer_frequency_khz is not None:
        item.TransducerFrequency = calibration.transducer_frequency_khz
    return item


def _describe_record(ds: Dataset, content: Content) -> None:
    """Say how the record came about: gaps, recovery, digests; for programs and in words."""
    block = ds.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    if content.gaps:
        block.add_new(0x01, "SQ", Items([_gap_item(gap) for gap in content.gaps]))
    block.add_new(0x05, "CS", "YES" if content.is_recovered else "NO")
    if content.digests:
        block.add_new(0x06, "OB", b"".join(content.digests))
    block.add_new(0x07, "US", content.picture.captured_channel_count)
    block.add_new(0x08, "UV", content.moments[0].index)
    if comment := _comment(content):
        ds.ImageComments = comment[:COMMENT_CHARS_MAX]


def _gap_item(gap: Gap) -> Dataset:
    item = Dataset()
    block = item.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    block.add_new(0x02, "UL", gap.after_number)
    block.add_new(0x03, "UV", gap.missing_count)
    block.add_new(0x04, "FD", gap.duration_ns / 1e6)
    return item


def _comment(content: Content) -> str:
    parts = []
    if content.is_recovered:
        parts.append("Recovered after a power cut or crash: the recording may have gone on longer.")
    parts += [gap.sentence() for gap in content.gaps[:COMMENT_GAP_COUNT_MAX]]
    if len(content.gaps) > COMMENT_GAP_COUNT_MAX:
        parts.append(f"{len(content.gaps)} gaps in all.")
    return " ".join(parts)
