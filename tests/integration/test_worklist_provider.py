"""The worklist for local carts: what the hospital said last, also while it is out of reach."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from edge.core.session import Order, Patient
from edge.core.worklist import WorklistEntry
from edge.net import worklist as hospital
from edge.net.association import Peer
from edge.store import worklist
from tests.support.gateway import AE_TITLE, Gateway, run

ENTRIES = [
    # id, name, patient, date and time, modality, station, step
    ("w1", "Müller^Änne", "P1", "20260105093000", "US", "CART1", "Abdomen"),
    ("w2", "Yamada^Tarou=山田^太郎", "P2", "20260105110000", "US", "CART2", "Schilddrüse"),
    ("w3", "Яковлева^Ирина", "P3", "20260106080000", "SM", "SCANNER", "Biopsy"),
]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    folder = Path(tempfile.mkdtemp(prefix="edge-"))
    with Gateway(folder) as made:
        worklist.replace(
            made.database,
            [
                WorklistEntry(
                    worklist_id=number, scheduled_at=at, modality=modality, station_ae_title=station,
                    patient=Patient(patient_id=patient, name=name, birth_date="19800101", sex="F"),
                    order=Order(
                        accession_number=f"A{number}", study_instance_uid=f"1.2.{number[1]}",
                        requested_procedure_id="R1", scheduled_procedure_step_id=f"S{number}",
                        scheduled_procedure_step_description=step,
                    ),
                )
                for number, name, patient, at, modality, station, step in ENTRIES
            ],
            now_s=1.0,
        )  # fmt: skip
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def findscu(gateway: Gateway, *keys: str) -> list[Dataset]:
    with tempfile.TemporaryDirectory() as folder:
        words = [word for key in ("PatientName", "AccessionNumber", *keys) for word in ("-k", key)]
        done = run("findscu", "-W", "-X", "-od", folder, "-aec", AE_TITLE, "127.0.0.1", gateway.port, *words)
        assert done.returncode == 0, done.stderr
        return [pydicom.dcmread(path) for path in sorted(Path(folder).glob("*.dcm"))]


STEP = "ScheduledProcedureStepSequence[0]."


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((f"{STEP}ScheduledProcedureStepStartDate=20260105",), ["Aw1", "Aw2"]),
        ((f"{STEP}ScheduledProcedureStepStartDate=20260105-20260106", f"{STEP}Modality=SM"), ["Aw3"]),
        ((f"{STEP}ScheduledStationAETitle=CART*",), ["Aw1", "Aw2"]),
        ((f"{STEP}ScheduledProcedureStepStartTime=100000-",), ["Aw2"]),
        (("PatientName=muller*",), ["Aw1"]),
        (("SpecificCharacterSet=ISO_IR 192", "PatientName=山田*"), ["Aw2"]),
        (("PatientID=P3",), ["Aw3"]),
        (("AccessionNumber=Aw?",), ["Aw1", "Aw2", "Aw3"]),
        (("PatientID=nobody",), []),
    ],
)
def test_a_cart_finds_its_exams(gateway: Gateway, keys: tuple[str, ...], expected: list[str]) -> None:
    assert [ds.AccessionNumber for ds in findscu(gateway, *keys)] == expected


def test_an_answer_holds_the_keys_that_were_asked_for(gateway: Gateway) -> None:
    (ds,) = findscu(
        gateway, "PatientID=P2", "PatientBirthDate", "StudyInstanceUID", f"{STEP}ScheduledProcedureStepDescription",
        f"{STEP}Modality", f"{STEP}ScheduledProcedureStepStartTime", f"{STEP}ScheduledProcedureStepID",
    )  # fmt: skip
    assert str(ds.PatientName) == "Yamada^Tarou=山田^太郎" and ds.StudyInstanceUID == "1.2.2"
    (step,) = ds.ScheduledProcedureStepSequence
    assert (step.ScheduledProcedureStepDescription, step.Modality) == ("Schilddrüse", "US")
    assert (step.ScheduledProcedureStepStartTime, step.ScheduledProcedureStepID) == ("110000", "Sw2")


def test_our_own_client_reads_what_we_serve(gateway: Gateway) -> None:
    """One node's worklist can be another's hospital."""
    peer = Peer(name="clinic", host="127.0.0.1", port=gateway.port, ae_title=AE_TITLE, own_ae_title="OTHER")
    found = hospital.query(peer, date_from="20260105", date_to="20260105", modality="US")
    assert [(entry.patient.name, entry.scheduled_at, entry.station_ae_title) for entry in found] == [
        ("Müller^Änne", "20260105093000", "CART1"), ("Yamada^Tarou=山田^太郎", "20260105110000", "CART2"),
    ]  # fmt: skip
