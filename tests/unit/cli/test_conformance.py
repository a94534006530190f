"""The conformance statement says what the code does."""

from pathlib import Path
from typing import get_args

from edge.cli import statement
from edge.config import RecordSyntax
from edge.dicom.character_set import TERMS
from edge.net import offers, services

STATEMENT = Path(__file__).parents[3] / "docs" / "conformance.md"


def test_the_statement_in_the_documentation_is_that_of_the_code() -> None:
    assert STATEMENT.read_text(encoding="utf-8") == statement.statement(), "run: edge conformance > docs/conformance.md"


def test_every_class_service_and_character_set_is_named() -> None:
    text = statement.statement()
    assert "{{" not in text
    for uid in (*services.PROVIDED, *offers.STORED, *TERMS):
        assert f"| {uid} |" in text, uid
    for number in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.5"):
        assert f"| {number} |" in text
    assert set(statement.RECORDED) == set(get_args(RecordSyntax))
