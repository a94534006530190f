"""Words that people put on studies, to find them again. They are the node's own: no object is changed by one."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.errors import BadInputError, NotFoundError
from edge.store.database import Database

LABEL_CHARS_MAX = 40
LABELS_PER_STUDY_MAX = 20
LABEL_COUNT_MAX = 500
"""Different words on the whole node that are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A word, and how many studies have it."""

    label: str
    study_count: int


def clean(labels: Sequence[str]) -> list[str]:
    """Return labels in order, each once, without space around.  Raises: BadInputError."""
    found = sorted({" ".join(label.split()) for label in labels} - {""}, key=str.casefold)
    if len(found) > LABELS_PER_STUDY_MAX:
        raise BadInputError(f"A study has at most {LABELS_PER_STUDY_MAX} labels.")
    for label in found:
        if len(label) > LABEL_CHARS_MAX or not label.isprintable() or "," in label:
            raise BadInputError(f"A label is at most {LABEL_CHARS_MAX} letters, and has no comma.")
    return found


def put(database: Database, study_instance_uid: str, labels: Sequence[str], *, now_s: float) -> list[str]:
    """Give a study these labels and no others; return them.  Raises: NotFoundError, BadInputError."""
    wanted = clean(labels)
    with database.write() as connection:
        is_here = connection.execute("SELECT 1 FROM studies WHERE study_instance_uid = ?", (study_instance_uid,))
        if is_here.fetchone() is None:
            raise NotFoundError(f"The study {study_instance_uid} is not on this node.")
        marks = ",".join("?" * len(wanted))
        connection.execute(
            f"DELETE FROM labels WHERE study_instance_uid = ? AND label NOT IN ({marks})",
            (study_instance_uid, *wanted),
        )
        connection.executemany(
            "INSERT OR IGNORE INTO labels (label, study_instance_uid, made_s) VALUES (?, ?, ?)",
            [(label, study_instance_uid, now_s) for label in wanted],
        )
    return wanted


def of_studies(database: Database, study_instance_uids: Sequence[str]) -> dict[str, list[str]]:
    """Return the labels of each study."""
    answer: dict[str, list[str]] = {uid: [] for uid in study_instance_uids}
    marks = ",".join("?" * len(study_instance_uids))
    with database.read() as connection:
        for row in connection.execute(
            f"SELECT study_instance_uid, label FROM labels WHERE study_instance_uid IN ({marks}) ORDER BY label",
            tuple(study_instance_uids),
        ):
            answer[row["study_instance_uid"]].append(row["label"])
    return answer


def list_all(database: Database) -> list[Label]:
    """Return every label in use, the most used first."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT label, count(*) AS study_count FROM labels GROUP BY label ORDER BY 2 DESC, 1 LIMIT ?",
            (LABEL_COUNT_MAX,),
        )
        return [Label(**row) for row in found]
