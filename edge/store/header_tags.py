"""The attributes that the index keeps of every object. Add one here and it is kept from then on."""

from dataclasses import dataclass
from typing import Literal

CHARACTER_SET = 0x00080005
STOP_GROUP = 0x5200
"""Groups from here on hold functional groups, waveforms and pixels: nothing for the index."""
NUMBER_COUNT_MAX = 20_000
"""Numbers kept of one attribute (a frame time vector); longer ones are left out."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A tag, what DICOM calls it, and how its bytes are read."""

    tag: int
    keyword: str
    kind: Literal["name", "text", "code", "number"]
    vr: bytes = b""
    """Of numbers, for implicit VR."""


_ALL = (
    Attribute(0x00080008, "ImageType", "code"),
    Attribute(0x00080016, "SOPClassUID", "code"),
    Attribute(0x00080018, "SOPInstanceUID", "code"),
    Attribute(0x00080020, "StudyDate", "code"),
    Attribute(0x00080021, "SeriesDate", "code"),
    Attribute(0x00080022, "AcquisitionDate", "code"),
    Attribute(0x00080023, "ContentDate", "code"),
    Attribute(0x0008002A, "AcquisitionDateTime", "code"),
    Attribute(0x00080030, "StudyTime", "code"),
    Attribute(0x00080031, "SeriesTime", "code"),
    Attribute(0x00080032, "AcquisitionTime", "code"),
    Attribute(0x00080033, "ContentTime", "code"),
    Attribute(0x00080050, "AccessionNumber", "text"),
    Attribute(0x00080060, "Modality", "code"),
    Attribute(0x00080070, "Manufacturer", "text"),
    Attribute(0x00080080, "InstitutionName", "text"),
    Attribute(0x00080090, "ReferringPhysicianName", "name"),
    Attribute(0x00080201, "TimezoneOffsetFromUTC", "code"),
    Attribute(0x00081010, "StationName", "text"),
    Attribute(0x00081030, "StudyDescription", "text"),
    Attribute(0x0008103E, "SeriesDescription", "text"),
    Attribute(0x00081090, "ManufacturerModelName", "text"),
    Attribute(0x00082111, "DerivationDescription", "text"),
    Attribute(0x00082142, "StartTrim", "number", b"IS"),
    Attribute(0x00082143, "StopTrim", "number", b"IS"),
    Attribute(0x00082144, "RecommendedDisplayFrameRate", "number", b"IS"),
    Attribute(0x00100010, "PatientName", "name"),
    Attribute(0x00100020, "PatientID", "text"),
    Attribute(0x00100021, "IssuerOfPatientID", "text"),
    Attribute(0x00100030, "PatientBirthDate", "code"),
    Attribute(0x00100040, "PatientSex", "code"),
    Attribute(0x00101010, "PatientAge", "code"),
    Attribute(0x00180015, "BodyPartExamined", "code"),
    Attribute(0x00180040, "CineRate", "number", b"IS"),
    Attribute(0x00181063, "FrameTime", "number", b"DS"),
    Attribute(0x00181065, "FrameTimeVector", "number", b"DS"),
    Attribute(0x00181066, "FrameDelay", "number", b"DS"),
    Attribute(0x0020000D, "StudyInstanceUID", "code"),
    Attribute(0x0020000E, "SeriesInstanceUID", "code"),
    Attribute(0x00200010, "StudyID", "text"),
    Attribute(0x00200011, "SeriesNumber", "number", b"IS"),
    Attribute(0x00200012, "AcquisitionNumber", "number", b"IS"),
    Attribute(0x00200013, "InstanceNumber", "number", b"IS"),
    Attribute(0x00200020, "PatientOrientation", "code"),
    Attribute(0x00200052, "FrameOfReferenceUID", "code"),
    Attribute(0x00200060, "Laterality", "code"),
    Attribute(0x00204000, "ImageComments", "text"),
    Attribute(0x00209161, "ConcatenationUID", "code"),
    Attribute(0x00280002, "SamplesPerPixel", "number", b"US"),
    Attribute(0x00280004, "PhotometricInterpretation", "code"),
    Attribute(0x00280008, "NumberOfFrames", "number", b"IS"),
    Attribute(0x00280010, "Rows", "number", b"US"),
    Attribute(0x00280011, "Columns", "number", b"US"),
    Attribute(0x00280030, "PixelSpacing", "number", b"DS"),
    Attribute(0x00280100, "BitsAllocated", "number", b"US"),
    Attribute(0x00280101, "BitsStored", "number", b"US"),
    Attribute(0x00280301, "BurnedInAnnotation", "code"),
    Attribute(0x00281050, "WindowCenter", "number", b"DS"),
    Attribute(0x00281051, "WindowWidth", "number", b"DS"),
    Attribute(0x00282110, "LossyImageCompression", "code"),
    Attribute(0x00282112, "LossyImageCompressionRatio", "number", b"DS"),
    Attribute(0x00282114, "LossyImageCompressionMethod", "code"),
    Attribute(0x00400244, "PerformedProcedureStepStartDate", "code"),
    Attribute(0x00400245, "PerformedProcedureStepStartTime", "code"),
    Attribute(0x00400254, "PerformedProcedureStepDescription", "text"),
    Attribute(0x00400512, "ContainerIdentifier", "text"),
    Attribute(0x0040A491, "CompletionFlag", "code"),
    Attribute(0x00480001, "ImagedVolumeWidth", "number", b"FL"),
    Attribute(0x00480002, "ImagedVolumeHeight", "number", b"FL"),
    Attribute(0x00480006, "TotalPixelMatrixColumns", "number", b"UL"),
    Attribute(0x00480007, "TotalPixelMatrixRows", "number", b"UL"),
)
ATTRIBUTES: dict[int, Attribute] = {attribute.tag: attribute for attribute in _ALL}
