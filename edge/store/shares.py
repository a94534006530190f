"""Links to one study for somebody without an account: read-only, and only until they end.

Of a token only its SHA-256 is stored: whoever reads the file cannot use it.
"""

import hashlib
import secrets
from dataclasses import dataclass

from edge.errors import ConflictError, NotFoundError
from edge.store.database import Database

SHARE_S_MAX = 366 * 24 * 3600.0
SHARES_PER_STUDY_MAX = 50
USED_EVERY_S = 600.0
"""A link in use is written down again no more often than this."""
_COLUMNS = "share_id, study_instance_uid, made_by, made_s, expires_s, used_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One link, without its secret."""

    share_id: str
    study_instance_uid: str
    made_by: str
    made_s: float
    expires_s: float
    used_s: float | None


def mint(
    database: Database, study_instance_uid: str, *, made_by: str, expires_s: float, now_s: float
) -> tuple[Share, str]:
    """Make a link; return it and its token, told once.  Raises: NotFoundError, ConflictError (too many)."""
    token = secrets.token_urlsafe(32)
    share = Share(
        share_id=secrets.token_hex(8), study_instance_uid=study_instance_uid, made_by=made_by, made_s=now_s,
        expires_s=min(expires_s, now_s + SHARE_S_MAX), used_s=None,
    )  # fmt: skip
    with database.write() as connection:
        is_here = connection.execute("SELECT 1 FROM studies WHERE study_instance_uid = ?", (study_instance_uid,))
        if is_here.fetchone() is None:
            raise NotFoundError(f"The study {study_instance_uid} is not on this node.")
        count = connection.execute(
            "SELECT count(*) FROM shares WHERE study_instance_uid = ? AND expires_s > ? AND revoked_s IS NULL",
            (study_instance_uid, now_s),
        ).fetchone()[0]
        if count >= SHARES_PER_STUDY_MAX:
            raise ConflictError(
                f"This study has {count} links already.", next_step="End one that is not needed any more."
            )
        connection.execute(
            "INSERT INTO shares (share_id, study_instance_uid, token_digest, made_by, made_s, expires_s)"
            " VALUES (?,?,?,?,?,?)",
            (share.share_id, study_instance_uid, _digest(token), made_by, now_s, share.expires_s),
        )
    return share, token


def check(database: Database, token: str, *, now_s: float) -> Share | None:
    """Return the link of a token that is good now, and note that it was used."""
    good = "token_digest = ? AND expires_s > ? AND revoked_s IS NULL"
    with database.read() as connection:
        row = connection.execute(f"SELECT {_COLUMNS} FROM shares WHERE {good}", (_digest(token), now_s)).fetchone()
    if row is None:
        return None
    share = Share(**row)
    if share.used_s is None or now_s - share.used_s > USED_EVERY_S:
        with database.write() as connection:
            connection.execute("UPDATE shares SET used_s = ? WHERE share_id = ?", (now_s, share.share_id))
    return share


def of_study(database: Database, study_instance_uid: str, *, now_s: float) -> list[Share]:
    """Return a study's links that are good now, the newest first."""
    with database.read() as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM shares WHERE study_instance_uid = ? AND expires_s > ? AND revoked_s IS NULL"
            " ORDER BY made_s DESC",
            (study_instance_uid, now_s),
        )
        return [Share(**row) for row in found]


def revoke(database: Database, study_instance_uid: str, share_id: str, *, now_s: float) -> bool:
    """End a link at once; tell whether there was one."""
    with database.write() as connection:
        return (
            connection.execute(
                "UPDATE shares SET revoked_s = ? WHERE study_instance_uid = ? AND share_id = ? AND revoked_s IS NULL",
                (now_s, study_instance_uid, share_id),
            ).rowcount
            == 1
        )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
