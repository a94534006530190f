"""Worklist entries from datasets."""

from datetime import datetime

from pydicom import Dataset
from pydicom.sequence import Sequence

from edge.core.worklist import from_dataset
from edge.demo.archive import worklist


def test_everything_the_hospital_says_is_there() -> None:
    entry = from_dataset(worklist(datetime(2026, 3, 4, 12, 0))[1])
    assert entry.patient.name == "Mock^Little^Tomas"
    assert entry.patient.responsible_person_role == "PARENT"
    assert (entry.patient.size_m, entry.patient.weight_kg) == (0.89, 12.6)
    assert entry.order.accession_number == "D26030402"
    assert entry.scheduled_at == "20260304120500"
    assert entry.modality == "US"


def test_what_is_absent_stays_empty_and_nothing_is_invented() -> None:
    entry = from_dataset(Dataset())
    assert entry.patient.name == "" and entry.patient.size_m is None
    assert entry.order.accession_number == "" and entry.order.study_instance_uid == ""
    assert entry.scheduled_at == ""


def test_the_same_step_has_the_same_identity_at_every_refresh_and_others_another() -> None:
    now = datetime(2026, 3, 4, 12, 0)
    first, second = ([from_dataset(ds) for ds in worklist(now.replace(minute=minute))] for minute in (0, 30))
    assert [entry.worklist_id for entry in first] == [entry.worklist_id for entry in second]
    assert len({entry.worklist_id for entry in first}) == len(first)


def test_a_list_where_one_value_belongs_gives_the_first() -> None:
    ds, step = Dataset(), Dataset()
    step.Modality = "US"
    step.ScheduledStationAETitle = ["ONE", "TWO"]
    ds.ScheduledProcedureStepSequence = Sequence([step])
    assert from_dataset(ds).station_ae_title == "ONE"


def test_the_demo_names_are_plainly_invented_and_one_is_a_child() -> None:
    entries = [from_dataset(ds) for ds in worklist(datetime(2026, 3, 4, 23, 50))]
    assert {entry.patient.name.partition("^")[0] for entry in entries} <= {
        "Sample",
        "Mock",
        "Invented",
        "Example",
        "Specimen",
    }
    assert all(entry.scheduled_at.startswith("20260304") for entry in entries)
    assert any(entry.patient.birth_date > "20230101" for entry in entries)
