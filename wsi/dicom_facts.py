"""What a DICOM slide says about itself: scanner, scale, channels, and who it is of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset

from wsi.errors import SlideError, UnsupportedSlideError
from wsi.frames import FrameIndex
from wsi.metadata import SlideMetadata
from wsi.source import Channel, SlideDescription
from wsi.tiff_facts import MPP_ASSUMED, MPP_NOTE

_FLUORESCENT = ("111743", "111742")
"""Epifluorescence and transmitted fluorescence.  Standard: PS3.16 CID 8123"""


def is_many(value: object) -> bool:
    """Tell whether a value is several."""
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


def mpp_of(ds: Dataset) -> tuple[float, float]:
    """Return micrometres per pixel across and down; assumed where the object does not say."""
    try:
        spacing = ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing
        mpp = float(spacing[1]) * 1000, float(spacing[0]) * 1000
    except (AttributeError, IndexError, TypeError, ValueError):
        return MPP_ASSUMED, MPP_ASSUMED
    return mpp if min(mpp) > 0 else (MPP_ASSUMED, MPP_ASSUMED)


def describe(path: Path, base: FrameIndex, identity: str, notes: tuple[str, ...]) -> SlideDescription:
    """Return what a slide's base level says about itself."""
    ds = base.dataset
    optical = (ds.get("OpticalPathSequence") or [Dataset()])[0]
    power = optical.get("ObjectiveLensPower")
    software = ds.get("SoftwareVersions") or ""
    mpp = mpp_of(ds)
    return SlideDescription(
        format="DICOM",
        identity=identity,
        name=path.name.removesuffix(".dcm"),
        manufacturer=str(ds.get("Manufacturer") or ""),
        model=str(ds.get("ManufacturerModelName") or ""),
        serial=str(ds.get("DeviceSerialNumber") or ""),
        software=", ".join(software)[:64] if is_many(software) else str(software),
        acquired_at=_time(str(ds.get("AcquisitionDateTime") or "")),
        objective_power=float(power) if power else None,
        mpp=mpp,
        icc_profile=optical.get("ICCProfile"),
        channels=_channels(ds),
        notes=notes if _has_spacing(ds) else (*notes, MPP_NOTE),
    )


def focal_spacing_um(ds: Dataset) -> float:
    """Return the distance of focal planes; 0 unknown, or for one."""
    if int(ds.get("TotalPixelMatrixFocalPlanes", 1) or 1) == 1:
        return 0.0
    try:
        measures = ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        return float(measures.SpacingBetweenSlices) * 1000
    except (AttributeError, IndexError, TypeError, ValueError):
        return 0.0


def _channels(ds: Dataset) -> tuple[Channel, ...]:
    """Return the optical paths where there are several, or the one is fluorescent; else none."""
    paths = list(ds.get("OpticalPathSequence") or [])
    found = tuple(
        Channel(
            name=str(path.get("OpticalPathDescription") or "")[:64],
            excitation_nm=float(path.get("IlluminationWaveLength") or 0.0),
            is_fluorescent=any(
                code.get("CodeValue") in _FLUORESCENT for code in path.get("IlluminationTypeCodeSequence") or []
            ),
        )
        for path in paths
    )
    return found if len(found) > 1 or any(channel.is_fluorescent for channel in found) else ()


def _has_spacing(ds: Dataset) -> bool:
    try:
        return bool(ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing)
    except (AttributeError, IndexError):
        return False


def _time(text: str) -> datetime | None:
    for length, form in ((14, "%Y%m%d%H%M%S"), (8, "%Y%m%d")):
        try:
            return datetime.strptime(text[:length], form)
        except ValueError:
            continue
    return None


def metadata_of(ds: Dataset) -> SlideMetadata:
    """Return who the slide is of.  Raises: UnsupportedSlideError"""

    def text(keyword: str) -> str:
        return str(ds.get(keyword) or "")

    specimen = (ds.get("SpecimenDescriptionSequence") or [Dataset()])[0]
    try:
        return SlideMetadata(
            patient_name=text("PatientName"),
            patient_id=text("PatientID"),
            patient_birth_date=text("PatientBirthDate"),
            patient_sex=text("PatientSex"),
            study_instance_uid=text("StudyInstanceUID"),
            study_id=text("StudyID"),
            study_date=text("StudyDate"),
            study_time=text("StudyTime"),
            study_description=text("StudyDescription"),
            accession_number=text("AccessionNumber"),
            referring_physician_name=text("ReferringPhysicianName"),
            series_description=text("SeriesDescription"),
            container_id=text("ContainerIdentifier"),
            specimen_id=str(specimen.get("SpecimenIdentifier") or ""),
            institution_name=text("InstitutionName"),
        )
    except SlideError as error:
        raise UnsupportedSlideError(f"The slide's own identity is not in order: {error.what}") from error
