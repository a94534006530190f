"""Searching as QIDO-RS and C-FIND do, and as people type."""

import pytest

from edge.errors import BadInputError
from edge.store import index
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import make_dataset

ROWS = [
    # study, name, patient, date, modality, accession, description
    ("1.1", "Müller^Änne", "P1", "20260101", "US", "A1", "Abdomen"),
    ("1.2", "Sample^Amina", "P2", "20260102", "US", "A2", "Obstetric ultrasound"),
    ("1.3", "Sample^Bruno", "P22", "20260103", "SM", "A3", "Skin [biopsy]"),
    ("1.4", "Østergård^Łukasz", "P3", "20251231", "CT", "", "Head"),
    ("1.5", "Яковлева^Ирина", "P4", "20260102", "US", "A5", "Thyroid"),
    ("1.6", "Yamada^Tarou=山田^太郎=やまだ^たろう", "J1", "20250101", "US", "A6", "Liver"),
]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("index")
    made = Database(folder / "edge.db")
    store = Instances(made, folder)
    for study, name, patient, date, modality, accession, description in ROWS:
        for number in (1, 2):
            temp = store.new_temp()
            make_dataset(
                StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", PatientName=name, PatientID=patient,
                StudyDate=date, Modality=modality, AccessionNumber=accession, StudyDescription=description,
                InstanceNumber=number, pixel_seed=number, SOPInstanceUID=f"{study}.1.{number}",
            ).save_as(temp, enforce_file_format=True)  # fmt: skip
            store.keep(temp, source="test")
    return made


def studies(database: Database, fuzzy: bool = False, text: str = "", **filters: str) -> list[str]:
    found = index.search_studies(database, filters, fuzzy=fuzzy, text=text)
    assert found.total == len(found.rows)
    return [row["StudyInstanceUID"] for row in found.rows]


def test_without_filters_all_come_the_newest_first(database: Database) -> None:
    assert studies(database) == ["1.3", "1.5", "1.2", "1.1", "1.4", "1.6"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"PatientID": "P2"}, ["1.2"]),
        ({"PatientID": "P2*"}, ["1.3", "1.2"]),
        ({"PatientID": "P?"}, ["1.5", "1.2", "1.1", "1.4"]),
        ({"PatientID": "p2"}, []),
        ({"PatientName": "sample*"}, ["1.3", "1.2"]),
        ({"PatientName": "MULLER^ANNE"}, ["1.1"]),
        ({"PatientName": "*bruno"}, ["1.3"]),
        ({"PatientName": "ostergard*"}, ["1.4"]),
        ({"PatientName": "яковлева*"}, ["1.5"]),
        ({"PatientName": "yamada^tarou"}, ["1.6"]),
        ({"PatientName": "yamada*"}, ["1.6"]),
        ({"PatientName": "山田^太郎"}, ["1.6"]),
        ({"PatientName": "山田*"}, ["1.6"]),
        ({"PatientName": "?田*"}, ["1.6"]),
        ({"PatientName": "やまだ*"}, ["1.6"]),
        ({"PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"}, ["1.6"]),
        ({"PatientName": "Yamada^Tarou=山田^太郎"}, ["1.6"]),
        ({"PatientName": "Yamada*=山*"}, ["1.6"]),
        ({"PatientName": "=山田*"}, ["1.6"]),
        ({"PatientName": "*=山田*"}, ["1.6"]),
        ({"PatientName": "==やまだ*"}, ["1.6"]),
        ({"PatientName": "Yamada*=川*"}, []),
        ({"PatientName": "tarou"}, []),
        ({"StudyDate": "20260102"}, ["1.5", "1.2"]),
        ({"StudyDate": "2026-01-02"}, ["1.5", "1.2"]),
        ({"StudyDate": "20260102-"}, ["1.3", "1.5", "1.2"]),
        ({"StudyDate": "-20260101"}, ["1.1", "1.4", "1.6"]),
        ({"StudyDate": "20260101-20260102"}, ["1.5", "1.2", "1.1"]),
        ({"StudyTime": "10"}, ["1.3", "1.5", "1.2", "1.1", "1.4", "1.6"]),
        ({"StudyTime": "1015-1015"}, ["1.3", "1.5", "1.2", "1.1", "1.4", "1.6"]),
        ({"StudyTime": "1016-"}, []),
        ({"StudyInstanceUID": "1.1,1.4"}, ["1.1", "1.4"]),
        ({"StudyInstanceUID": "1.1\\1.4"}, ["1.1", "1.4"]),
        ({"ModalitiesInStudy": "SM"}, ["1.3"]),
        ({"ModalitiesInStudy": "SM\\CT"}, ["1.3", "1.4"]),
        ({"Modality": "US", "StudyDate": "20260101"}, ["1.1"]),
        ({"SOPInstanceUID": "1.4.1.2"}, ["1.4"]),
        ({"StudyDescription": "Skin [biopsy]"}, ["1.3"]),
        ({"StudyDescription": "*[biopsy*"}, ["1.3"]),
        ({"AccessionNumber": ""}, ["1.3", "1.5", "1.2", "1.1", "1.4", "1.6"]),
        ({"AccessionNumber": "A1' OR '1'='1"}, []),
    ],
)
def test_matching_is_that_of_the_standard(database: Database, filters: dict[str, str], expected: list[str]) -> None:
    assert studies(database, **filters) == expected


def test_fuzzy_names_match_the_beginnings_of_words_in_any_order(database: Database) -> None:
    assert studies(database, fuzzy=True, PatientName="am sam") == ["1.2"]
    assert studies(database, fuzzy=True, PatientName="anne mul") == ["1.1"]
    assert studies(database, fuzzy=True, PatientName="ina") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sam", ["1.3", "1.2"]),
        ("amina obs", ["1.2"]),
        ("a3", ["1.3"]),
        ("ÄNNE", ["1.1"]),
        ("ири", ["1.5"]),
        ('"*()', []),
        ("p22", ["1.3"]),
    ],
)
def test_what_people_type_matches_the_beginning_of_any_word(database: Database, text: str, expected: list[str]) -> None:
    assert studies(database, text=text) == expected


def test_pages_do_not_overlap_and_the_total_stays(database: Database) -> None:
    pages = [index.search_studies(database, {}, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [page.total for page in pages] == [6] * 4
    assert [row["StudyInstanceUID"] for page in pages for row in page.rows] == studies(database)
    assert studies(database) == ["1.3", "1.5", "1.2", "1.1", "1.4", "1.6"]


def test_a_study_row_tells_its_counts_and_modalities(database: Database) -> None:
    row = index.find_study(database, "1.2")
    assert row is not None
    assert row["ModalitiesInStudy"] == ["US"]
    assert (row["NumberOfStudyRelatedSeries"], row["NumberOfStudyRelatedInstances"]) == (1, 2)
    assert row["PatientName"] == "Sample^Amina" and row["size_bytes"] > 8192
    assert index.find_study(database, "9.9") is None


def test_series_and_instances_are_found_within_their_study(database: Database) -> None:
    series = index.search_series(database, {"StudyInstanceUID": "1.1"}).rows
    assert [(row["SeriesInstanceUID"], row["Modality"], row["NumberOfSeriesRelatedInstances"]) for row in series] == [
        ("1.1.1", "US", 2)
    ]
    instances = index.search_instances(database, {"SeriesInstanceUID": "1.1.1"}).rows
    assert [row["SOPInstanceUID"] for row in instances] == ["1.1.1.1", "1.1.1.2"]
    assert instances[0]["Rows"] == 64 and instances[0]["PhotometricInterpretation"] == "MONOCHROME2"
    assert instances[0]["AvailableTransferSyntaxUID"] == "1.2.840.10008.1.2.1"


@pytest.mark.parametrize(
    "filters", [{"Nonsense": "1"}, {"StudyDate": "yesterday"}, {"SeriesNumber": "one"}, {"StudyDate": "-"}]
)
def test_a_question_that_cannot_be_read_is_refused(database: Database, filters: dict[str, str]) -> None:
    with pytest.raises(BadInputError):
        index.search_series(database, filters)
