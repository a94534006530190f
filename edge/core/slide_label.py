"""What a slide's label says, by the laboratory's own rule, and which order of the worklist that is.

Pure. The rule is a regular expression with named groups, searched for in the barcode; what does not match names nobody.
"""

import re
from collections.abc import Iterable

from edge.core.worklist import WorklistEntry

FIELDS = ("accession_number", "container_id", "patient_id", "specimen_id", "study_id")
"""What a rule's groups may be called."""
RULE_CHARS_MAX = 500
LABEL_CHARS_MAX = 256


class LabelRuleError(ValueError):
    """A rule cannot be used."""


def read_rule(text: str) -> re.Pattern[str]:
    """Return a rule.  Raises: LabelRuleError, saying what is wrong"""
    if len(text) > RULE_CHARS_MAX:
        raise LabelRuleError(f"it is longer than {RULE_CHARS_MAX} characters")
    try:
        rule = re.compile(text)
    except re.error as error:
        raise LabelRuleError(f"it is no regular expression: {error}") from error
    unknown = sorted(rule.groupindex.keys() - set(FIELDS))
    if unknown or not rule.groupindex:
        wrong = f"the group {unknown[0]!r} is unknown" if unknown else "it names no group"
        raise LabelRuleError(f"{wrong}; groups are called {', '.join(FIELDS)}")
    return rule


def read_label(rule: re.Pattern[str], label: str) -> dict[str, str]:
    """Return what a label says, by field; empty where it does not follow the rule."""
    found = rule.search(label[:LABEL_CHARS_MAX])
    return {name: value.strip() for name, value in found.groupdict("").items() if value.strip()} if found else {}


def find_order(said: dict[str, str], entries: Iterable[WorklistEntry]) -> WorklistEntry | None:
    """Return the order a label belongs to: by its accession number, else by a patient with one order only."""
    every = list(entries)
    if number := said.get("accession_number"):
        named = [entry for entry in every if entry.order.accession_number == number]
        return named[0] if len({(entry.patient, entry.order.study_instance_uid) for entry in named}) == 1 else None
    if patient_id := said.get("patient_id"):
        of_patient = [entry for entry in every if entry.patient.patient_id == patient_id]
        return of_patient[0] if len(of_patient) == 1 else None
    return None


def metadata_fields(said: dict[str, str], entry: WorklistEntry | None) -> dict[str, str]:
    """Return the fields of a slide's metadata that a label and its order give; what neither says is left out."""
    if entry is None:
        return dict(said)
    patient, order = entry.patient, entry.order
    from_order = {
        "patient_id": patient.patient_id,
        "patient_name": patient.name,
        "patient_birth_date": patient.birth_date,
        "patient_sex": patient.sex,
        "accession_number": order.accession_number,
        "study_instance_uid": order.study_instance_uid,
        "study_description": order.requested_procedure_description,
        "study_id": order.requested_procedure_id[:16],
        "referring_physician_name": order.referring_physician_name,
    }
    return {**said, **{name: value for name, value in from_order.items() if value}}
