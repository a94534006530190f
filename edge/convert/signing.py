"""The end of a conversion: what was proven is kept with the study and signed off."""

import logging
from pathlib import Path

from edge.convert.worker import MANIFEST_NAME, Result
from edge.errors import StorageFullError
from edge.runtime import clock
from edge.runtime.log import event
from edge.store import manifests
from edge.store.database import Database

log = logging.getLogger(__name__)


def sign_off(database: Database, staging: Path, job_id: str, result: Result) -> None:
    """Keep a job's manifest for each of its series; `staging` lies in the node's data folder; blocking.

    Raises: StorageFullError
    """
    made = staging / job_id / MANIFEST_NAME
    if not made.is_file():  # Kept already, before a restart.
        return
    series = result.series_instance_uids or [result.series_instance_uid]
    try:
        digest = manifests.keep(
            database, staging.parent, made, series, file_count=len(result.files), at_s=clock.wall_s()
        )  # fmt: skip
        made.unlink()
    except OSError as error:
        raise StorageFullError(f"The manifest cannot be kept: {error.strerror}.") from error
    event(log, "slide.proven", job_id=job_id, manifest_sha256=digest)
