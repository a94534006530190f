"""Names of every character set through QIDO-RS and the metadata: found as they are written, shown as they are."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from edge.errors import BadInputError
from edge.store.header import read
from tests.support.dicomweb import Served, serve
from tests.support.foreign import NAMES, labels, object_in, study_uid

GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("store")) as made:
        for terms in NAMES:
            made.keep_bytes(object_in(terms))
        yield made


def get(address: str) -> Any:
    request = urllib.request.Request(address, headers={"Accept": "application/dicom+json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def name_of(row: dict[str, Any]) -> str:
    groups = row["00100010"]["Value"][0]
    return "=".join(groups.get(group, "") for group in GROUPS).rstrip("=")


@pytest.mark.parametrize("terms", NAMES, ids=labels())
def test_a_name_is_found_by_itself_and_by_each_of_its_groups(served: Served, terms: tuple[str, ...]) -> None:
    name = NAMES[terms]
    for asked in (name, *(group for group in name.split("=") if group)):
        for question in (asked, asked[:-1] + "*"):
            rows = get(f"{served.root}/studies?PatientName={urllib.parse.quote(question)}")
            found = {row["0020000D"]["Value"][0]: name_of(row) for row in rows}
            assert found.get(study_uid(terms)) == name, (asked, found)


@pytest.mark.parametrize("terms", NAMES, ids=labels())
def test_the_metadata_says_the_name_in_unicode(served: Served, terms: tuple[str, ...]) -> None:
    (row,) = get(f"{served.root}/studies/{study_uid(terms)}/metadata")
    assert name_of(row) == NAMES[terms]


def test_every_real_sample_is_found_by_its_name(tmp_path: Path, real_data: Path) -> None:
    seen_count = 0
    for path in sorted((real_data / "dicom" / "charset").rglob("*.dcm")):
        with serve(tmp_path / path.stem) as served:
            try:
                served.keep(path)
            except BadInputError:  # One of them is no whole object.
                assert path.stem == "chrSQEncoding"
                continue
            name = str(pydicom.dcmread(path).PatientName).strip().rstrip("=")
            rows = get(f"{served.root}/studies?PatientName={urllib.parse.quote(name)}")
            assert [row["0020000D"]["Value"][0] for row in rows] == [read(path).study_instance_uid], path.name
            assert name_of(rows[0]).rstrip("=") == name
            seen_count += 1
    assert seen_count == 11
