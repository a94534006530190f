"""Who and when."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from edge.core.session import Order, Patient, Session
from edge.dicom.identity import check_session, describe_patient, describe_study, new_uid, patient_age
from edge.errors import BadInputError

DAY = date(2024, 3, 1)


@pytest.mark.parametrize(
    ("birth_date", "age"),
    [
        ("20240301", "000D"),
        ("20240229", "001D"),
        ("20240203", "027D"),
        ("20240202", "004W"),
        ("20231202", "012W"),
        ("20231201", "003M"),
        ("20230301", "012M"),
        ("20230302", "011M"),
        ("20210302", "035M"),
        ("20210301", "003Y"),
        ("20200229", "004Y"),
        ("20200301", "004Y"),
        ("20200302", "003Y"),
        ("19240301", "100Y"),
        ("17000101", ""),
        ("20240302", ""),
        ("", ""),
        ("2024-1-1", ""),
        ("20230230", ""),
    ],
)
def test_ages_are_said_as_paediatricians_say_them(birth_date: str, age: str) -> None:
    assert patient_age(birth_date, DAY) == age


@given(st.dates(date(1900, 1, 1), date(2024, 1, 1)), st.integers(0, 40_000))
def test_every_known_age_is_a_valid_age_string_and_never_shrinks_to_nothing(born: date, days: int) -> None:
    age = patient_age(born.strftime("%Y%m%d"), born + timedelta(days=days))
    assert len(age) == 4
    assert age[:3].isdigit()
    assert age[3] in "DWMY"
    unit_days = {"D": 1, "W": 7, "M": 30.4, "Y": 365.2}[age[3]]
    assert days - 1.1 * unit_days - 3 <= int(age[:3]) * unit_days <= days + 3


def test_uids_are_valid_and_never_the_same() -> None:
    uids = {new_uid() for _ in range(200)}
    assert len(uids) == 200
    assert all(uid.startswith("2.25.") and len(uid) <= 64 and uid[5] != "0" for uid in uids)


def test_a_child_s_measures_and_responsible_person_are_written() -> None:
    ds = Dataset()
    patient = Patient(
        patient_id="7", name="Zebra^Test", birth_date="20240101", sex="F", size_m=0.545, weight_kg=4.25,
        responsible_person="Zebra^Parent", responsible_person_role="parent",
    )  # fmt: skip
    describe_patient(ds, patient, DAY)
    assert (ds.PatientAge, ds.PatientSize, ds.PatientWeight) == ("008W", 0.545, 4.25)
    assert (ds.ResponsiblePerson, ds.ResponsiblePersonRole) == ("Zebra^Parent", "PARENT")


def test_a_responsible_person_of_unknown_role_is_kept_in_words_not_given_a_guessed_role() -> None:
    ds = Dataset()
    describe_patient(ds, Patient(responsible_person="Zebra^Aunt", responsible_person_role="aunt"), DAY)
    assert "ResponsiblePerson" not in ds
    assert "ResponsiblePersonRole" not in ds
    assert ds.PatientComments == "Responsible person: Zebra Aunt (aunt)"


def test_what_is_unknown_stays_empty() -> None:
    ds = Dataset()
    session = Session(
        session_id="s", source="p", patient=Patient(birth_date="unknown", sex="x", size_m=0, weight_kg=-1),
        study_instance_uid="2.25.1", series_instance_uid="2.25.2", opened_s=1_700_000_000.0,
    )  # fmt: skip
    describe_patient(ds, session.patient, DAY)
    describe_study(ds, session)
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
        assert keyword in ds
        assert not ds[keyword].value
    for keyword in ("PatientAge", "PatientSize", "PatientWeight", "RequestAttributesSequence", "StudyDescription"):
        assert keyword not in ds


def test_an_order_is_carried_into_the_object() -> None:
    ds = Dataset()
    order = Order(accession_number="A1", requested_procedure_id="R1", scheduled_procedure_step_id="S1")
    session = Session(
        session_id="s", source="p", patient=Patient(), order=order, study_instance_uid="2.25.1",
        series_instance_uid="2.25.2", opened_s=1_700_000_000.0,
    )  # fmt: skip
    describe_study(ds, session)
    (request,) = ds.RequestAttributesSequence
    assert (ds.AccessionNumber, request.RequestedProcedureID, request.ScheduledProcedureStepID) == ("A1", "R1", "S1")
    assert ds.TimezoneOffsetFromUTC[0] in "+-"
    assert len(ds.TimezoneOffsetFromUTC) == 5


def _session(**changes: object) -> Session:
    values: dict[str, object] = {
        "session_id": "s", "source": "p", "patient": Patient(patient_id="7", name="Zebra^Test=斑馬"),
        "study_instance_uid": "2.25.1", "series_instance_uid": "2.25.2", "opened_s": 0.0,
    }  # fmt: skip
    return Session(**(values | changes))


def test_a_usual_session_passes() -> None:
    check_session(_session())


@pytest.mark.parametrize(
    "changes",
    [
        {"patient": Patient(patient_id="7\\8")},
        {"patient": Patient(patient_id="7" * 65)},
        {"patient": Patient(name="Zebra\n")},
        {"order": Order(accession_number="A" * 17)},
        {"study_instance_uid": ""},
        {"study_instance_uid": "2.25.01"},
        {"series_instance_uid": "1." * 40 + "1"},
        {"series_instance_uid": "../../etc"},
    ],
)
def test_words_that_dicom_cannot_hold_are_refused_before_the_first_frame_and_not_repeated(
    changes: dict[str, object],
) -> None:
    with pytest.raises(BadInputError) as refused:
        check_session(_session(**changes))
    assert "Zebra" not in str(refused.value)
