"""What was proven of each slide: its manifest, with a digest per file and per frame, kept as long as the node's data.

A file a series, named by a digest of its UID; the audit log holds the digest of its content. Written by `convert`.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from edge.store import audit_log, durable
from edge.store.database import Database

FOLDER = "manifests"


def path_of(data_dir: Path, series_instance_uid: str) -> Path:
    """Return where a series' manifest lies, if there is one."""
    name = hashlib.sha256(series_instance_uid.encode()).hexdigest()[:32]
    return data_dir / FOLDER / name[:2] / f"{name}.json"


def keep(
    database: Database, data_dir: Path, made: Path, series_instance_uids: Sequence[str], *, file_count: int, at_s: float
) -> str:
    """Keep a manifest for its series, and sign it off in the audit log; return its SHA-256; blocking.

    Raises: OSError
    """
    digest = durable.digest_of(made).hex()
    for uid in series_instance_uids:
        durable.place(made, path_of(data_dir, uid), below=data_dir)
        audit_log.add(
            database, actor="convert", action="slide.proven", object=uid,
            detail={"manifest_sha256": digest, "files": file_count}, at_s=at_s,
        )  # fmt: skip
    return digest
