"""A label names a slide's order by the laboratory's own rule; what does not fit names nobody."""

from dataclasses import replace

import pytest

from edge.core.session import Order, Patient
from edge.core.slide_label import LabelRuleError, find_order, metadata_fields, read_label, read_rule
from edge.core.worklist import WorklistEntry

RULE = read_rule(r"^(?P<accession_number>S\d\d-\d+)-(?P<container_id>[A-Z]-\d+)$")
ADA = WorklistEntry(
    worklist_id="1", scheduled_at="20240102",
    patient=Patient(patient_id="P1", name="Example^Ada", birth_date="19500102", sex="F"),
    order=Order(accession_number="S24-77", study_instance_uid="1.2.3", requested_procedure_description="Skin"),
)  # fmt: skip
BOB = replace(ADA, worklist_id="2", patient=Patient(patient_id="P2"), order=Order(accession_number="S24-78"))


def test_groups_are_fields() -> None:
    assert read_label(RULE, "S24-77-A-1") == {"accession_number": "S24-77", "container_id": "A-1"}


@pytest.mark.parametrize("label", ["", "something else", "S24-77", "x" * 10_000])
def test_what_does_not_follow_the_rule_says_nothing(label: str) -> None:
    assert read_label(RULE, label) == {}


@pytest.mark.parametrize(("rule", "why"), [("(", "no regular"), ("S.*", "no group"), ("(?P<name>.)", "'name'")])
def test_a_rule_that_cannot_be_used_is_refused(rule: str, why: str) -> None:
    with pytest.raises(LabelRuleError, match=why):
        read_rule(rule)


def test_the_order_is_found_by_its_number() -> None:
    assert find_order({"accession_number": "S24-78"}, [ADA, BOB]) is BOB
    assert find_order({"accession_number": "S24-79"}, [ADA, BOB]) is None


def test_two_patients_under_one_number_are_nobody() -> None:
    assert find_order({"accession_number": "S24-77"}, [ADA, replace(BOB, order=ADA.order)]) is None


def test_steps_of_one_order_are_one_order() -> None:
    assert find_order({"accession_number": "S24-77"}, [ADA, replace(ADA, worklist_id="3")]) is ADA


def test_a_patient_with_one_order_is_found_and_one_with_two_is_not() -> None:
    again = replace(BOB, patient=ADA.patient)
    assert find_order({"patient_id": "P1"}, [ADA, BOB]) is ADA
    assert find_order({"patient_id": "P1"}, [ADA, again]) is None


def test_the_order_gives_what_the_label_does_not_and_nothing_is_invented() -> None:
    fields = metadata_fields({"accession_number": "S24-77", "container_id": "A-1"}, ADA)
    assert fields == {
        "accession_number": "S24-77", "container_id": "A-1", "patient_id": "P1", "patient_name": "Example^Ada",
        "patient_birth_date": "19500102", "patient_sex": "F", "study_instance_uid": "1.2.3",
        "study_description": "Skin",
    }  # fmt: skip
    assert metadata_fields({"container_id": "A-1"}, None) == {"container_id": "A-1"}
