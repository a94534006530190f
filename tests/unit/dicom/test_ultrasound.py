"""The dataset of a clip and of a still."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from edge.core.clip import Moment, find_gaps, timing_of
from edge.core.frame import Calibration
from edge.core.session import Order, Patient, Session
from edge.dicom.codec import JPEG_LS, encoder_for
from edge.dicom.encapsulate import write_object
from edge.dicom.ultrasound import Content, Equipment, Picture, build, read_gaps, read_is_recovered
from tests.support.judges import dciodvfy_errors

PEDIATRIC = Patient(
    patient_id="7", name="Zebra^Test=斑馬^測試", birth_date="20230101", sex="F", size_m=0.61, weight_kg=6.2,
    responsible_person="Zebra^Parent", responsible_person_role="PARENT", issuer_of_patient_id="CLINIC",
)  # fmt: skip
ORDER = Order(
    accession_number="A1", requested_procedure_id="R1", requested_procedure_description="Chest",
    scheduled_procedure_step_id="S1", referring_physician_name="Zebra^Doctor",
)  # fmt: skip
REGION = Calibration(min_x_px=1, min_y_px=2, max_x_px=40, max_y_px=30, delta_x=0.05, delta_y=0.04, reference_x_px=3,
                     reference_y_px=4, transducer_frequency_khz=5000)  # fmt: skip


def content(**changes: Any) -> Content:
    moments = changes.pop("moments", [Moment(10 + n, n * 40_000_000, 1_700_000_000 * 10**9 + n) for n in range(4)])
    picture = Picture(width_px=40, height_px=30, channel_count=changes.pop("channels", 3), captured_channel_count=3)
    session = Session(
        session_id="s", source="probe", patient=changes.pop("patient", PEDIATRIC), order=changes.pop("order", ORDER),
        study_instance_uid="2.25.11", series_instance_uid="2.25.12", opened_s=1_700_000_000.0, operator_name="Nurse^A",
    )  # fmt: skip
    values: dict[str, Any] = {
        "sop_instance_uid": "2.25.13", "instance_number": 2, "is_still": False, "session": session,
        "equipment": Equipment(manufacturer="Maker", model="Probe 1", regions=(REGION,)), "picture": picture,
        "encoder": encoder_for(JPEG_LS), "moments": moments, "timing": timing_of(moments),
        "gaps": find_gaps(moments), "digests": [bytes([n % 256]) * 32 for n in range(len(moments))],
    }  # fmt: skip
    return Content(**(values | changes))


def whole(given: Content, folder: Path) -> Path:
    """Write it with pixels, so that the judge sees all of it."""
    picture = given.picture
    shape = (30, 40) if picture.channel_count == 1 else (30, 40, 3)
    pixels = np.arange(np.prod(shape), dtype=np.uint32).astype(np.uint8).reshape(shape)
    path = folder / "whole.dcm"
    write_object(path, build(given), [pixels] * len(given.moments), given.encoder, frame_count=len(given.moments),
                 frame_bytes=pixels.nbytes)  # fmt: skip
    return path


GAPPED = [Moment(0, 0, 10**18), Moment(1, 40_000_000, 10**18), Moment(7, 280_000_000, 10**18)]
ONE = [Moment(5, 0, 1_700_000_000 * 10**9)]


@pytest.mark.parametrize(
    "given",
    [
        content(),
        content(channels=1),
        content(patient=Patient(), order=Order(), equipment=Equipment()),
        content(moments=GAPPED, is_recovered=True),
        content(equipment=Equipment(lossy_method="ISO_14496_10", lossy_ratio=120.5)),
        content(equipment=Equipment(lossy_method="UNKNOWN")),
        content(is_still=True, moments=ONE),
        content(is_still=True, moments=ONE, channels=1, patient=Patient(responsible_person="A^B")),
    ],
    ids=["clip", "grey", "nobody", "gaps", "lossy", "lossy-unknown", "still", "still-grey"],
)
def test_the_standard_s_checker_finds_no_error(given: Content, tmp_path: Path) -> None:
    assert dciodvfy_errors(whole(given, tmp_path), tmp_path) == []


def reread(given: Content, folder: Path) -> Dataset:
    return dcmread(whole(given, folder), stop_before_pixels=True)


def test_a_clip_says_who_when_and_how_fast(tmp_path: Path) -> None:
    ds = reread(content(), tmp_path)
    assert ds.PatientName.ideographic == "斑馬^測試"
    assert (ds.PatientAge, ds.PatientSize, ds.PatientWeight) == ("010M", 0.61, 6.2)
    assert (ds.FrameTime, ds.NumberOfFrames, ds.FrameIncrementPointer) == (40, 4, 0x00181063)
    assert (ds.RecommendedDisplayFrameRate, ds.CineRate, ds.EffectiveDuration) == (25, 25, pytest.approx(0.16))
    assert ds.LossyImageCompression == "00"
    (region,) = ds.SequenceOfUltrasoundRegions
    assert (region.PhysicalDeltaX, region.PhysicalUnitsXDirection) == (0.05, 3)
    assert region.RegionLocationMaxX1 == 39


def test_gaps_and_recovery_are_told_to_programs_and_to_people(tmp_path: Path) -> None:
    given = content(moments=GAPPED, is_recovered=True)
    ds = reread(given, tmp_path)
    assert read_gaps(ds) == given.gaps
    assert read_gaps(ds)[0].missing_count == 5
    assert read_is_recovered(ds)
    assert "power cut" in ds.ImageComments
    assert "5 frames are missing after frame 2 (0.24 s)" in ds.ImageComments
    assert ds.FrameTimeVector == [0, 40, 240]


def test_a_whole_record_and_a_stranger_s_object_have_neither(tmp_path: Path) -> None:
    ds = reread(content(), tmp_path)
    assert read_gaps(ds) == ()
    assert not read_is_recovered(ds)
    assert "ImageComments" not in ds
    assert read_gaps(Dataset()) == ()
    assert not read_is_recovered(Dataset())


def test_a_lossy_source_is_called_lossy_although_nothing_is_lost_here(tmp_path: Path) -> None:
    ds = reread(content(equipment=Equipment(lossy_method="ISO_14496_10", lossy_ratio=120.5)), tmp_path)
    assert (ds.LossyImageCompression, ds.LossyImageCompressionMethod) == ("01", "ISO_14496_10")
    assert ds.LossyImageCompressionRatio == 120.5
    assert ds.file_meta.TransferSyntaxUID == JPEG_LS


def test_the_digests_of_every_frame_travel_with_the_object(tmp_path: Path) -> None:
    block = reread(content(), tmp_path).private_block(0x0021, "EDGE_APPLIANCE 1")
    assert block[0x06].value == b"".join(bytes([n]) * 32 for n in range(4))
    assert block[0x08].value == 10


@pytest.mark.filterwarnings("ignore:The value for the data element")
def test_a_vector_too_long_for_its_length_field_is_written_as_the_standard_says(tmp_path: Path) -> None:
    moments = [Moment(n, n * 16_700_000 + n % 3 * 2_000_000, 10**18) for n in range(40_000)]
    given = content(moments=moments, channels=1, digests=())
    path = tmp_path / "long.dcm"
    build(given).save_as(path, enforce_file_format=True)
    element = dcmread(path)[0x00181065]
    assert element.VR == "UN"  # PS3.5 6.2.2: a short length field does not hold it.
    vector = element.value.decode().split("\\")
    assert len(vector) == 40_000
    assert sum(map(float, vector)) == pytest.approx(moments[-1].mono_ns / 1e6, abs=1)


def test_a_still_has_no_cine(tmp_path: Path) -> None:
    ds = reread(content(is_still=True, moments=ONE), tmp_path)
    assert ds.SOPClassUID == "1.2.840.10008.5.1.4.1.1.6.1"
    for keyword in ("NumberOfFrames", "FrameTime", "FrameIncrementPointer", "CineRate"):
        assert keyword not in ds
