"""Patient Root and Study Root: what a query finds, and which objects a retrieval means. All of it from the index.

Relational queries are answered as hierarchical ones are: a key of a level above or below narrows the answer, and the
unique keys of the levels above may be left out.  Standard: PS3.4 C.4.1, C.4.2, C.6
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edge.core.callers import Callers
from edge.dicom import keys
from edge.dicom.keys import Identifier
from edge.errors import BadInputError, BusyError
from edge.net.finding import Matches
from edge.net.parcel import Parcel
from edge.net.retrieving import SUBOPERATION_COUNT_MAX
from edge.runtime.clock import wall_s
from edge.store import fetches, index
from edge.store.database import Database
from edge.store.instances import Instances

PAGE_ROWS = 500
"""So many rows are in memory at once."""

PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1"
STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2"

_PATIENT = frozenset({"PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex"})
_PATIENT_COUNTS = frozenset(
    {"NumberOfPatientRelatedStudies", "NumberOfPatientRelatedSeries", "NumberOfPatientRelatedInstances"}
)
_STUDY = _PATIENT | {
    "StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "StudyID", "StudyDescription",
    "ReferringPhysicianName", "ModalitiesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances",
}  # fmt: skip
_SERIES = _STUDY | {
    "SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription", "BodyPartExamined", "Laterality",
    "SeriesDate", "SeriesTime", "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime", "Manufacturer",
    "StationName", "NumberOfSeriesRelatedInstances",
}  # fmt: skip
_INSTANCE = _SERIES - {
    "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "NumberOfSeriesRelatedInstances"
} | {
    "SOPInstanceUID", "SOPClassUID", "InstanceNumber", "NumberOfFrames", "AvailableTransferSyntaxUID", "ContentDate",
    "ContentTime", "AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime", "AcquisitionNumber", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "SamplesPerPixel", "PhotometricInterpretation", "ImageType", "ImageComments",
    "PixelSpacing", "FrameOfReferenceUID", "ContainerIdentifier", "TotalPixelMatrixColumns", "TotalPixelMatrixRows",
}  # fmt: skip
_ALWAYS = frozenset({"QueryRetrieveLevel", "RetrieveAETitle", "InstanceAvailability", "SpecificCharacterSet"})


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the information models."""

    name: str
    unique_key: str
    search: Callable[..., index.Found]
    returned: frozenset[str]
    """Keywords it can return; of these the index matches those in `index.SEARCHABLE`."""


LEVELS = {
    "PATIENT": Level("PATIENT", "PatientID", index.search_patients, _PATIENT | _PATIENT_COUNTS),
    "STUDY": Level("STUDY", "StudyInstanceUID", index.search_studies, _STUDY),
    "SERIES": Level("SERIES", "SeriesInstanceUID", index.search_series, _SERIES),
    "IMAGE": Level("IMAGE", "SOPInstanceUID", index.search_instances, _INSTANCE),
}
_ABOVE = ("PATIENT", "STUDY", "SERIES", "IMAGE")


class Catalogue:
    """Answers queries of both roots."""

    def __init__(self, database: Database, ae_title: str) -> None:
        """`ae_title`: where what is found can be retrieved, which is here."""
        self._database = database
        self._ae_title = ae_title

    def search(self, sop_class_uid: str, asked: Identifier) -> Matches:
        """Search as `finding.Search` wants it.  Raises: BadInputError."""
        level = _level_of(sop_class_uid, asked)
        filters = {
            key.keyword: key.value
            for key in asked.keys
            if key.value and key.keyword in index.SEARCHABLE["study"] and key.keyword not in _ALWAYS
        }
        unknown = [key for key in asked.keys if not self._is_known(key, level)]
        # The first page is asked for now, so that a value that cannot be read is refused before the first answer.
        first = self._page(level, filters, 0)
        return Matches(rows=self._rows(level, filters, first, asked), are_all_keys_known=not unknown)

    def _is_known(self, key: keys.Key, level: Level) -> bool:
        if key.keyword in _ALWAYS:
            return True
        if key.value:
            return key.keyword in index.SEARCHABLE["study"]
        return key.keyword in level.returned

    def _page(self, level: Level, filters: Mapping[str, str], offset: int) -> list[index.Row]:
        more = {} if level.name == "PATIENT" else {"count": False}
        return level.search(self._database, filters, limit=PAGE_ROWS, offset=offset, **more).rows

    def _rows(
        self, level: Level, filters: Mapping[str, str], page: list[index.Row], asked: Identifier
    ) -> Iterator[keys.Keys]:
        """Yield the answers, page by page, on one snapshot of the index."""
        with self._database.read():
            offset = 0
            while page:
                for row in page:
                    yield self._answer(level, row, asked)
                offset += PAGE_ROWS
                page = self._page(level, filters, offset) if len(page) == PAGE_ROWS else []

    def _answer(self, level: Level, row: index.Row, asked: Identifier) -> keys.Keys:
        """Return what was asked for, the unique keys down to this level, and where to get it."""
        found: dict[str, Any] = {
            key.keyword: row.get(key.keyword, "")
            for key in asked.keys
            if key.keyword and key.vr != "SQ" and key.tag >> 16 > 2
        }
        for name in _ABOVE[: _ABOVE.index(level.name) + 1]:
            found[LEVELS[name].unique_key] = row.get(LEVELS[name].unique_key, "")
        found |= {"QueryRetrieveLevel": level.name, "RetrieveAETitle": self._ae_title, "InstanceAvailability": "ONLINE"}
        found.pop("SpecificCharacterSet", None)
        return found


class Shelf:
    """Finds the objects that a retrieval means."""

    def __init__(self, database: Database, instances: Instances, callers: Callers) -> None:
        self._database = database
        self._instances = instances
        self._callers = callers

    def select(self, sop_class_uid: str, asked: Identifier, caller: str) -> list[Parcel]:
        """Select as `retrieving.Select` wants it; SOP classes the caller may not have are left out.

        Raises: BadInputError.
        """
        level = _level_of(sop_class_uid, asked)
        filters: dict[str, str] = {}
        for name in _ABOVE[: _ABOVE.index(level.name) + 1]:
            keyword = LEVELS[name].unique_key
            value = asked.text(keyword)
            if name == level.name and (not value or "*" in value or "?" in value):
                raise BadInputError(f"A retrieval at the level {level.name} needs {keyword}.")
            if value:
                filters[keyword] = value
        found = index.select_instances(self._database, filters, limit=SUBOPERATION_COUNT_MAX + 1)
        self._call_back([one.sop_instance_uid for one in found if one.evicted_s is not None])
        allowed = self._callers.sop_classes_of(caller)
        return [
            Parcel(
                path=self._instances.path_of(one), sop_class_uid=one.sop_class_uid,
                sop_instance_uid=one.sop_instance_uid, transfer_syntax_uid=one.transfer_syntax_uid,
            )
            for one in found
            if not allowed or one.sop_class_uid in allowed
        ]  # fmt: skip

    def _call_back(self, away: list[str]) -> None:
        """Have fetched back what has left this disk; asked for again in a while, it is here.  Raises: BusyError."""
        if away:
            fetches.ask(self._database, away, why="opened", now_s=wall_s())
            self._instances.ring()
            raise BusyError(f"{len(away)} objects are being fetched back from where they are kept. Ask again soon.")


def _level_of(sop_class_uid: str, asked: Identifier) -> Level:
    name = asked.text("QueryRetrieveLevel").strip()
    level = LEVELS.get(name)
    if level is None or (name == "PATIENT" and not sop_class_uid.startswith(PATIENT_ROOT + ".")):
        raise BadInputError(f"There is no level {name[:16]!r} in this information model.")
    return level
