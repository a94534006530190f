"""The DICOM header of one planned image: VL Whole Slide Microscopy Image, all but the pixels.

Type 2 attributes that nobody gave stay empty. What the scan itself does not say and the standard demands is said to be
unknown, in words.  Standard: PS3.3 A.32.8
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.sequence import Sequence
from pydicom.valuerep import DSfloat

from wsi.colour import srgb_profile
from wsi.geometry import Level
from wsi.metadata import SlideMetadata
from wsi.plan import Part, Plan, PlannedInstance
from wsi.source import Channel, SlideDescription

SOP_CLASS_UID = "1.2.840.10008.5.1.4.1.1.77.1.6"
IMPLEMENTATION_CLASS_UID = "2.25.305828488182831875890203105390285383139"
IMPLEMENTATION_VERSION = "EDGE_WSI_1"
_UNKNOWN = "Unknown"
_ORIENTATION = [0, -1, 0, -1, 0, 0]
"""Rows run towards the glass's lower end, as the usual slide holder shows it.  Standard: PS3.3 C.8.12.2.1"""
_THICKNESS_MM = 0.001
"""The standard demands a depth; scanners of one plane do not say theirs. One micrometre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """All that the images of one series share."""

    description: SlideDescription
    metadata: SlideMetadata
    plan: Plan
    acquired_at: datetime

    @property
    def container_id(self) -> str:
        """What the glass is called: as given, else as the scan file is."""
        return (self.metadata.container_id or re.sub(r"[\\\x00-\x1f]", "_", self.description.name))[:64]


def header_bytes(subject: Subject, instance: PlannedInstance, *, lossy_ratios: tuple[float, ...]) -> bytes:
    """Return the file from its preamble up to, not including, the pixels; one ratio per lossy step, oldest first."""
    ds = build_dataset(subject, instance, lossy_ratios=lossy_ratios)
    return encode(ds, instance.encoding.transfer_syntax_uid)


def encode(ds: Dataset, transfer_syntax_uid: str) -> bytes:
    """Return a file of this dataset, explicit VR little endian, from its preamble on."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = transfer_syntax_uid
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    # Not dcmwrite, which copies the dataset first.
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    buffer.write(bytes(128) + b"DICM")
    write_file_meta_info(buffer, meta, enforce_standard=True)
    write_dataset(buffer, ds)
    return bytes(buffer.getvalue())


def build_dataset(subject: Subject, instance: PlannedInstance, *, lossy_ratios: tuple[float, ...]) -> Dataset:
    """Return the dataset without pixels, character set UTF-8."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    _patient_and_study(ds, subject)
    _series_and_equipment(ds, subject, instance)
    _acquisition(ds, subject, instance)
    _pixels(ds, instance, lossy_ratios)
    _matrix(ds, subject, instance)
    _part(ds, instance)
    _functional_groups(ds, subject, instance)
    _specimen(ds, subject)
    _optical_path(ds, subject.description, instance)
    _label(ds, subject, instance)
    return ds


def _patient_and_study(ds: Dataset, subject: Subject) -> None:
    given, when = subject.metadata, subject.acquired_at
    ds.PatientName = given.patient_name
    ds.PatientID = given.patient_id
    ds.PatientBirthDate = given.patient_birth_date
    ds.PatientSex = given.patient_sex
    ds.StudyInstanceUID = subject.plan.study_instance_uid
    ds.StudyID = given.study_id
    # Only the scan's own word makes a study's day; the file's date, good enough for the acquisition, does not.
    is_said = subject.description.acquired_at is not None
    ds.StudyDate = given.study_date or (f"{when:%Y%m%d}" if is_said else "")
    ds.StudyTime = given.study_time or (f"{when:%H%M%S}" if is_said and not given.study_date else "")
    ds.AccessionNumber = given.accession_number
    ds.ReferringPhysicianName = given.referring_physician_name
    if given.study_description:
        ds.StudyDescription = given.study_description
    if given.institution_name:
        ds.InstitutionName = given.institution_name


def _series_and_equipment(ds: Dataset, subject: Subject, instance: PlannedInstance) -> None:
    description = subject.description
    ds.Modality = "SM"
    ds.SeriesInstanceUID = instance.series_instance_uid
    ds.SeriesNumber = subject.metadata.series_number + instance.region
    if subject.metadata.series_description:
        ds.SeriesDescription = subject.metadata.series_description
    ds.FrameOfReferenceUID = instance.frame_of_reference_uid
    ds.PositionReferenceIndicator = "SLIDE_CORNER" if instance.kind in ("VOLUME", "THUMBNAIL") else ""
    given = subject.metadata
    ds.Manufacturer = given.manufacturer or description.manufacturer or _UNKNOWN
    ds.ManufacturerModelName = given.model_name or description.model or _UNKNOWN
    ds.DeviceSerialNumber = given.serial or description.serial or _UNKNOWN
    ds.SoftwareVersions = given.software or description.software or _UNKNOWN
    if instance.pyramid_uid:
        ds.PyramidUID = instance.pyramid_uid


def _acquisition(ds: Dataset, subject: Subject, instance: PlannedInstance) -> None:
    when = subject.acquired_at
    ds.SOPClassUID = SOP_CLASS_UID
    ds.SOPInstanceUID = instance.sop_instance_uid
    ds.InstanceNumber = instance.instance_number
    ds.ImageType = list(instance.image_type)
    ds.AcquisitionDateTime = f"{when:%Y%m%d%H%M%S}"
    ds.ContentDate = f"{when:%Y%m%d}"
    ds.ContentTime = f"{when:%H%M%S}"
    ds.AcquisitionContextSequence = Sequence()
    ds.VolumetricProperties = "VOLUME"
    ds.FocusMethod = "AUTO"
    ds.ExtendedDepthOfField = "NO"
    ds.SpecimenLabelInImage = "YES" if instance.kind in ("LABEL", "OVERVIEW") else "NO"
    ds.BurnedInAnnotation = ds.SpecimenLabelInImage
    if subject.description.notes:
        ds.ImageComments = " ".join(subject.description.notes)[:10240]


def _pixels(ds: Dataset, instance: PlannedInstance, lossy_ratios: tuple[float, ...]) -> None:
    encoding, level = instance.encoding, instance.level
    ds.SamplesPerPixel = encoding.sample_count
    ds.PhotometricInterpretation = encoding.photometric_interpretation
    if encoding.sample_count > 1:
        ds.PlanarConfiguration = 0
    else:
        ds.PresentationLUTShape = "IDENTITY"
        ds.RescaleIntercept, ds.RescaleSlope = 0, 1
    ds.NumberOfFrames = instance.frame_count
    ds.Rows, ds.Columns = level.tile_height_px, level.tile_width_px
    ds.BitsAllocated = ds.BitsStored = encoding.bits
    ds.HighBit = encoding.bits - 1
    ds.PixelRepresentation = 0
    ds.LossyImageCompression = "01" if encoding.lossy_methods else "00"
    if encoding.lossy_methods:
        ds.LossyImageCompressionMethod = list(encoding.lossy_methods)
    if lossy_ratios:
        ds.LossyImageCompressionRatio = [_number(ratio, 6) for ratio in lossy_ratios]


def _matrix(ds: Dataset, subject: Subject, instance: PlannedInstance) -> None:
    level = instance.level
    ds.TotalPixelMatrixColumns, ds.TotalPixelMatrixRows = level.width_px, level.height_px
    ds.ImageOrientationSlide = _ORIENTATION
    origin = Dataset()
    x_mm, y_mm = _origin_mm(subject, instance)
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = _number(x_mm), _number(y_mm)
    ds.TotalPixelMatrixOriginSequence = Sequence([origin])
    organization = Dataset()
    organization.DimensionOrganizationUID = subject.plan.dimension_uid
    ds.DimensionOrganizationSequence = Sequence([organization])
    ds.NumberOfOpticalPaths = level.optical_path_count
    if instance.is_tiled_full:
        ds.DimensionOrganizationType = "TILED_FULL"
        ds.TotalPixelMatrixFocalPlanes = level.focal_plane_count
    else:
        if instance.kept is not None:
            ds.DimensionOrganizationType = "TILED_SPARSE"
        ds.DimensionIndexSequence = Sequence(
            _index(subject.plan.dimension_uid, tag) for tag in (0x0048021E, 0x0048021F)
        )
    if level.mpp_x:
        ds.ImagedVolumeWidth = _single(level.width_px * level.mpp_x / 1000)
        ds.ImagedVolumeHeight = _single(level.height_px * level.mpp_y / 1000)
        ds.ImagedVolumeDepth = _single(_THICKNESS_MM * 1000 + _spacing_mm(level) * 1000 * (level.focal_plane_count - 1))


def _part(ds: Dataset, instance: PlannedInstance) -> None:
    if instance.part is not None:
        name_part(ds, instance.part)


def name_part(ds: Dataset, part: Part) -> None:
    """Say which part of an image this is.  Standard: PS3.3 C.7.6.16.2.2.4"""
    ds.ConcatenationUID = part.concatenation_uid
    ds.SOPInstanceUIDOfConcatenationSource = part.source_uid
    ds.InConcatenationNumber, ds.InConcatenationTotalNumber = part.number, part.total
    ds.ConcatenationFrameOffsetNumber = part.first


def _spacing_mm(level: Level) -> float:
    """Return the distance of focal planes; where the scan does not say it, that of planes that touch."""
    return level.focal_spacing_um / 1000 or _THICKNESS_MM


def _index(dimension_uid: str, tag: int) -> Dataset:
    index = Dataset()
    index.DimensionOrganizationUID = dimension_uid
    index.DimensionIndexPointer = tag
    index.FunctionalGroupPointer = 0x0048021A
    return index


def _origin_mm(subject: Subject, instance: PlannedInstance) -> tuple[float, float]:
    if instance.kind not in ("VOLUME", "THUMBNAIL"):
        return 0.0, 0.0
    if instance.origin_mm is not None:
        return instance.origin_mm
    # Where on the glass the scan lies is not known: its far corner is put on the slide's origin, every level alike.
    base = subject.plan.instances[0].level
    return base.height_px * base.mpp_y / 1000, base.width_px * base.mpp_x / 1000


def _functional_groups(ds: Dataset, subject: Subject, instance: PlannedInstance) -> None:
    shared, level = Dataset(), instance.level
    if level.mpp_x:
        measures = Dataset()
        measures.PixelSpacing = [_number(level.mpp_y / 1000), _number(level.mpp_x / 1000)]
        measures.SliceThickness = _number(_THICKNESS_MM)
        if level.focal_plane_count > 1:
            measures.SpacingBetweenSlices = _number(_spacing_mm(level))
        shared.PixelMeasuresSequence = Sequence([measures])
    else:
        shared.PixelMeasuresSequence = Sequence([Dataset()])
    frame_type = Dataset()
    frame_type.FrameType = list(instance.image_type)
    shared.WholeSlideMicroscopyImageFrameTypeSequence = Sequence([frame_type])
    if level.optical_path_count == 1:
        path = Dataset()
        path.OpticalPathIdentifier = "1"
        shared.OpticalPathIdentificationSequence = Sequence([path])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    if not instance.is_tiled_full:
        origin_mm = _origin_mm(subject, instance)
        kept = (0,) if instance.kept is None else instance.kept
        ds.PerFrameFunctionalGroupsSequence = Sequence(_frame_position(level, index, *origin_mm) for index in kept)


def _frame_position(level: Level, index: int, x_mm: float, y_mm: float) -> Dataset:
    """Return where a level's frame, by index from 0, lies in the matrix and on the glass."""
    tile = level.tile(index + 1)
    column_px, row_px = tile.column_index * level.tile_width_px, tile.row_index * level.tile_height_px
    content = Dataset()
    content.DimensionIndexValues = [tile.column_index + 1, tile.row_index + 1]
    position = Dataset()
    # Columns run against the glass's X, rows against its Y.
    position.XOffsetInSlideCoordinateSystem = _number(x_mm - row_px * level.mpp_y / 1000)
    position.YOffsetInSlideCoordinateSystem = _number(y_mm - column_px * level.mpp_x / 1000)
    position.ZOffsetInSlideCoordinateSystem = _number(0.0)
    position.ColumnPositionInTotalImagePixelMatrix = column_px + 1
    position.RowPositionInTotalImagePixelMatrix = row_px + 1
    frame = Dataset()
    frame.FrameContentSequence = Sequence([content])
    frame.PlanePositionSlideSequence = Sequence([position])
    return frame


def _specimen(ds: Dataset, subject: Subject) -> None:
    given = subject.metadata
    ds.ContainerIdentifier = subject.container_id
    ds.IssuerOfTheContainerIdentifierSequence = Sequence()
    ds.ContainerTypeCodeSequence = Sequence([_code("433466003", "SCT", "Microscope slide")])
    specimen = Dataset()
    specimen.SpecimenIdentifier = given.specimen_id or subject.container_id
    specimen.SpecimenUID = subject.plan.specimen_uid
    specimen.IssuerOfTheSpecimenIdentifierSequence = Sequence()
    specimen.SpecimenPreparationSequence = Sequence()
    if given.specimen_description:
        specimen.SpecimenShortDescription = given.specimen_description[:64]
        specimen.SpecimenDetailedDescription = given.specimen_description
    ds.SpecimenDescriptionSequence = Sequence([specimen])
    if given.slide:
        from wsi.metadata_model import specimen_dataset

        ds.update(
            specimen_dataset(
                given.slide,
                container_id=subject.container_id,
                specimen_id=specimen.SpecimenIdentifier,
                specimen_uid=subject.plan.specimen_uid,
            )
        )


def _optical_path(ds: Dataset, description: SlideDescription, instance: PlannedInstance) -> None:
    if channels := _channels(description, instance):
        ds.OpticalPathSequence = Sequence(
            _fluorescent_path(number, channel, description) for number, channel in enumerate(channels, 1)
        )
        return
    path = Dataset()
    path.OpticalPathIdentifier = "1"
    path.IlluminationTypeCodeSequence = Sequence([_code("111744", "DCM", "Brightfield illumination")])
    path.IlluminationColorCodeSequence = Sequence([_code("414298005", "SCT", "Full Spectrum")])
    is_level = instance.kind in ("VOLUME", "THUMBNAIL")
    if instance.encoding.sample_count > 1:
        own = description.icc_profile if is_level else None
        path.ICCProfile = own or srgb_profile()
        path.OpticalPathDescription = (
            "Profile of the scanner" if own else "The scan has no colour profile, sRGB assumed"
        )
        if not own:
            path.ColorSpace = "SRGB"
    if is_level and description.objective_power:
        path.ObjectiveLensPower = _number(description.objective_power)
    ds.OpticalPathSequence = Sequence([path])


def _channels(description: SlideDescription, instance: PlannedInstance) -> tuple[Channel, ...]:
    """Return the channels of a grey level; pictures, and levels in colour, have none."""
    count = instance.level.optical_path_count
    if instance.kind != "VOLUME" or instance.encoding.sample_count > 1:
        return ()
    return description.channels if len(description.channels) == count else (Channel(),) * (count if count > 1 else 0)


def _fluorescent_path(number: int, channel: Channel, description: SlideDescription) -> Dataset:
    path = Dataset()
    path.OpticalPathIdentifier = str(number)
    if channel.name:
        path.OpticalPathDescription = channel.name
    if channel.is_fluorescent:
        path.IlluminationTypeCodeSequence = Sequence([_code("111743", "DCM", "Epifluorescence illumination")])
    else:
        path.IlluminationTypeCodeSequence = Sequence([_code("111744", "DCM", "Brightfield illumination")])
    if channel.excitation_nm:
        path.IlluminationWaveLength = _single(channel.excitation_nm)
    else:
        path.IlluminationColorCodeSequence = Sequence([_code("414298005", "SCT", "Full Spectrum")])
    if description.objective_power:
        path.ObjectiveLensPower = _number(description.objective_power)
    return path


def _label(ds: Dataset, subject: Subject, instance: PlannedInstance) -> None:
    if instance.kind == "LABEL":
        ds.BarcodeValue = subject.metadata.barcode
        ds.LabelText = subject.metadata.label_text


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _single(value: float) -> float:
    """Return a value as single precision keeps it, so that a header in memory equals the one in the file."""
    kept: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return kept


def _number(value: float, digits: int = 10) -> DSfloat:
    """Return a decimal string of at most 16 characters.  Standard: PS3.5 6.2"""
    return DSfloat(f"{value:.{digits}g}" if value else "0")
