"""A small archive that plays the hospital: it stores, commits and has a worklist of invented patients for today.

    python -m edge.demo.archive --port 11113 --folder /tmp/hospital

Objects lie in the folder as <SOP instance UID>.dcm, as they were received. For demos and tests, not for patients.
"""

import argparse
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence
from pynetdicom import evt
from pynetdicom.sop_class import (
    ModalityWorklistInformationFind,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelGet,
)

from edge.errors import BadInputError, EdgeError
from edge.net.provider import Provider, Received, StoreAnswer
from edge.store.header import read

_PATIENTS = (
    # Name, identifier, years old, sex, height, weight, who answers for a child, what is to be done, minutes from now
    ("Sample^Amina", "DEMO-1001", 34.0, "F", 1.66, 61.0, "", "Obstetric ultrasound", -40),
    ("Mock^Little^Tomas", "DEMO-1002", 2.4, "M", 0.89, 12.6, "Mock^Elena", "Lung ultrasound, child", 5),
    ("Invented^Kwame", "DEMO-1003", 58.0, "M", 1.74, 80.0, "", "Echocardiography, limited", 35),
    ("Example^Mei-Lin", "DEMO-1004", 71.0, "F", 1.55, 52.0, "", "Abdomen ultrasound, right upper quadrant", 70),
    ("Specimen^Rosa", "DEMO-1005", 0.06, "F", 0.52, 3.7, "Specimen^Carla", "Hip ultrasound, newborn", 110),
)


class Archive:
    """The storage, commitment and worklist sides, over one listener."""

    def __init__(self, folder: Path, ae_title: str = "HOSPITAL", *, say: bool = True) -> None:
        """Keep objects in `folder`; `say` prints one line an object."""
        self._folder = folder
        self._say = say
        folder.mkdir(parents=True, exist_ok=True)
        self.provider = Provider(
            ae_title=ae_title,
            new_temp=lambda: folder / f".{secrets.token_hex(8)}.part",
            take=self._take,
            handlers=[(evt.EVT_N_ACTION, self._commit), (evt.EVT_C_FIND, self._find), (evt.EVT_C_GET, self._give)],
            other_services=[
                StorageCommitmentPushModel,
                ModalityWorklistInformationFind,
                StudyRootQueryRetrieveInformationModelGet,
            ],
        )

    def path_of(self, sop_instance_uid: str) -> Path:
        return self._folder / f"{sop_instance_uid}.dcm"

    def _take(self, received: Received) -> StoreAnswer:
        try:
            uid = read(received.path).sop_instance_uid  # Checked to be a UID: it is safe as the name of a file.
        except BadInputError:
            return StoreAnswer(status=0xC000, comment="Cannot understand the object")
        size = received.path.stat().st_size
        os.replace(received.path, self.path_of(uid))
        if self._say:
            count = sum(1 for path in self._folder.iterdir() if path.suffix == ".dcm")
            print(f"hospital: stored {uid} ({size / 1e6:.1f} MB), {count} in all", flush=True)
        return StoreAnswer(status=0x0000)

    def _commit(self, event: Any) -> tuple[int, None]:
        """Accept, then report on the same association, once the answer has gone."""
        asked = event.action_information
        report = Dataset()
        report.TransactionUID = asked.TransactionUID
        held: list[Dataset] = []
        missing: list[Dataset] = []
        for row in asked.ReferencedSOPSequence:
            name = str(row.ReferencedSOPInstanceUID)
            is_here = "/" not in name and self.path_of(name).is_file()
            if not is_here:
                row.FailureReason = 0x0112
            (held if is_here else missing).append(row)
        if held:
            report.ReferencedSOPSequence = Sequence(held)
        if missing:
            report.FailedSOPSequence = Sequence(missing)
        threading.Timer(0.05, _report, (event.assoc, report, 2 if missing else 1)).start()
        return 0x0000, None

    def _give(self, event: Any) -> Iterator[Any]:
        """Give one object back, as it lies here."""
        name = str(event.identifier.get("SOPInstanceUID", ""))
        is_here = bool(name) and "/" not in name and self.path_of(name).is_file()
        yield int(is_here)
        if is_here:
            yield 0xFF00, dcmread(self.path_of(name))

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        for entry in worklist(datetime.now()):
            if event.is_cancelled:
                yield 0xFE00, None
                return
            yield 0xFF00, entry


def _report(assoc: Any, report: Dataset, kind: int) -> None:
    if assoc.is_established:
        assoc.send_n_event_report(report, kind, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)


def worklist(now: datetime) -> list[Dataset]:
    """Return today's invented patients as worklist answers; the same identifiers all day."""
    entries = []
    for number, (name, identifier, years, sex, height, weight, parent, task, minutes) in enumerate(_PATIENTS, 1):
        planned = now + timedelta(minutes=minutes - now.minute % 5)
        if planned.date() != now.date():
            planned = now
        ds = Dataset()
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.PatientName, ds.PatientID, ds.IssuerOfPatientID = name, identifier, "DEMO"
        ds.PatientBirthDate = (now - timedelta(days=round(years * 365.25))).strftime("%Y%m%d")
        ds.PatientSex, ds.PatientSize, ds.PatientWeight = sex, height, weight
        if parent:
            ds.ResponsiblePerson, ds.ResponsiblePersonRole = parent, "PARENT"
        ds.AccessionNumber = f"D{now:%y%m%d}{number:02d}"
        ds.StudyInstanceUID = f"2.25.{int(f'{now:%Y%m%d}') * 10**12 + number}"
        ds.RequestedProcedureID, ds.RequestedProcedureDescription = f"RP{number:03d}", task
        ds.ReferringPhysicianName = "Fictional^Doctor"
        step = Dataset()
        step.Modality, step.ScheduledStationAETitle = "US", "CLINIC7"
        step.ScheduledProcedureStepStartDate = planned.strftime("%Y%m%d")
        step.ScheduledProcedureStepStartTime = planned.strftime("%H%M00")
        step.ScheduledProcedureStepID, step.ScheduledProcedureStepDescription = f"SPS{number:03d}", task
        step.ScheduledPerformingPhysicianName = ""
        ds.ScheduledProcedureStepSequence = Sequence([step])
        entries.append(ds)
    return entries


def main() -> int:
    """Run until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=11113)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--ae-title", default="HOSPITAL")
    parser.add_argument("--quiet", action="store_true")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    archive = Archive(arguments.folder, arguments.ae_title, say=not arguments.quiet)
    try:
        port = archive.provider.start(arguments.host, arguments.port)
    except EdgeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"hospital: listening on {arguments.host}:{port} as {arguments.ae_title}", flush=True)
    stop.wait()
    archive.provider.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
