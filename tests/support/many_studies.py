"""An index with as many studies as a busy clinic has in years: rows as `keep()` writes them, without files."""

import hashlib
import random
from pathlib import Path

from edge.store import deliveries, rows
from edge.store.database import Database
from edge.store.header import Header
from edge.store.rows import Instance

FAMILIES = (
    "Mwangi", "Otieno", "Garcia", "Müller", "Okafor", "Nguyen", "Haddad", "Kowalski", "Silva", "Tanaka", "Andersson",
    "Ivanov", "Banda", "Achterberg", "Zulu", "Ødegård", "Petit", "Rossi", "Novak", "Abebe", "Chen", "Diallo", "Kamau",
)  # fmt: skip
GIVEN = ("Amina", "John", "Grace", "José", "Fatima", "Li", "Anna", "Peter", "Wanjiru", "Samuel", "Ruth", "Ibrahim")
MODALITIES = ("US", "US", "US", "CT", "MR", "DX", "SM", "CR")
DESCRIPTIONS = ("Abdomen", "Obstetric", "Lung POCUS", "Cardiac", "Chest PA", "Head CT", "H&E section", "Knee")
UID_ROOT = "1.2.826.0.1.3680043.10.1"
DESTINATION = "vna"


def fill(database: Database, study_count: int, *, seed: int = 7) -> None:
    """Write studies of one to three objects each, in one transaction; the same seed makes the same rows."""
    random_ = random.Random(seed)
    with database.write() as connection:
        for number in range(study_count):
            values = _study(random_, number)
            for object_number in range(random_.choice((1, 1, 2, 3))):
                instance, header = _object(values, number, object_number)
                rows.insert(connection, instance, header)
                deliveries.insert(connection, instance, [DESTINATION])
        connection.execute("UPDATE deliveries SET state = 'safe' WHERE study_instance_uid NOT LIKE '%77'")


def _study(random_: random.Random, number: int) -> dict[str, str]:
    year, month, day = random_.randint(2012, 2026), random_.randint(1, 12), random_.randint(1, 28)
    return {
        "PatientName": f"{random_.choice(FAMILIES)}{number % 97}^{random_.choice(GIVEN)}",
        "PatientID": f"P{random_.randint(0, 60_000):06d}",
        "PatientBirthDate": f"{random_.randint(1930, 2025)}0{random_.randint(1, 9)}11",
        "PatientSex": random_.choice("MFO"),
        "StudyDate": f"{year}{month:02d}{day:02d}",
        "StudyTime": f"{random_.randint(6, 20):02d}{random_.randint(0, 59):02d}00",
        "AccessionNumber": f"A{number:07d}",
        "StudyDescription": random_.choice(DESCRIPTIONS),
        "ReferringPhysicianName": f"{random_.choice(FAMILIES)}^Dr",
        "Modality": random_.choice(MODALITIES),
        "SeriesDescription": "as acquired",
        "Manufacturer": "Invented",
    }


def _object(values: dict[str, str], number: int, object_number: int) -> tuple[Instance, Header]:
    study = f"{UID_ROOT}.{number}"
    series = f"{study}.{object_number % 2}"
    sop = f"{series}.{object_number}"
    syntax, sop_class = "1.2.840.10008.1.2.4.80", "1.2.840.10008.5.1.4.1.1.3.1"
    header = Header(
        sop_class_uid=sop_class, sop_instance_uid=sop, study_instance_uid=study, series_instance_uid=series,
        transfer_syntax_uid=syntax, dataset_offset=400,
        values={**values, "SeriesNumber": object_number % 2 + 1, "InstanceNumber": object_number + 1, "Rows": 720,
                "Columns": 1280, "NumberOfFrames": 90, "BitsAllocated": 8, "ImageType": ["ORIGINAL", "PRIMARY"]},
    )  # fmt: skip
    instance = Instance(
        sop_instance_uid=sop, sop_class_uid=sop_class, series_instance_uid=series, study_instance_uid=study,
        digest=hashlib.sha256(sop.encode()).hexdigest(), size_bytes=12_000_000, transfer_syntax_uid=syntax,
        frame_count=90, kept_s=1.7e9 + number, source="bench",
    )  # fmt: skip
    return instance, header


def make(path: Path, study_count: int) -> Path:
    """Return an index file with so many studies, made if it is not there yet."""
    if not path.exists():
        scratch = path.with_suffix(".part")
        for old in path.parent.glob(f"{scratch.name}*"):
            old.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        database = Database(scratch)
        fill(database, study_count)
        database.close()
        scratch.rename(path)
    return path
