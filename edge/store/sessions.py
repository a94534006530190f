"""Live sessions, and the links and codes that let guests in.

Of a token only its SHA-256 is stored: whoever reads the file cannot join. Six digits are weak, so a code is good once,
for a short time, and only to be exchanged for a token; the api limits how often somebody may guess.
"""

import hashlib
import secrets
import sqlite3
from dataclasses import dataclass

import msgspec

from edge.core.session import Role, Session
from edge.errors import ConflictError, NotFoundError, NotSignedInError
from edge.store.database import Database

CODE_S = 30 * 60.0
INVITE_S_MAX = 24 * 3600.0
INVITES_PER_SESSION_MAX = 64
SESSION_LIST_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """A guest's way in, without its secret."""

    token_id: str
    session_id: str
    role: Role
    made_s: float
    expires_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """A new invite with its secrets: told once, stored nowhere."""

    invite: Invite
    token: str
    code: str
    """Six digits, good once; empty for an invite that was itself made from a code."""
    code_expires_s: float


def save(database: Database, session: Session) -> None:
    """Write a session, durably: its study UID is fixed from here on. Closing it ends its invites."""
    text = msgspec.json.encode(session).decode()
    with database.write() as connection:
        connection.execute(
            "INSERT INTO sessions (session_id, source, study_instance_uid, opened_s, closed_s, session)"
            " VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET closed_s = excluded.closed_s, session = excluded.session",
            (session.session_id, session.source, session.study_instance_uid, session.opened_s, session.closed_s, text),
        )
        if session.closed_s is not None:
            connection.execute(
                "UPDATE invites SET revoked_s = ? WHERE session_id = ? AND revoked_s IS NULL",
                (session.closed_s, session.session_id),
            )


def find(database: Database, session_id: str) -> Session | None:
    """Return one session."""
    with database.read() as connection:
        row = connection.execute("SELECT session FROM sessions WHERE session_id = ?", (session_id,)).fetchone()
    return None if row is None else _session(row)


def open_sessions(database: Database) -> list[Session]:
    """Return the sessions nobody has closed, the newest first."""
    with database.read() as connection:
        found = connection.execute("SELECT session FROM sessions WHERE closed_s IS NULL ORDER BY opened_s DESC")
        return [_session(row) for row in found]


def list_sessions(database: Database, *, limit: int = 100, offset: int = 0) -> list[Session]:
    """Return sessions: open ones first, then the newest."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT session FROM sessions ORDER BY closed_s IS NULL DESC, opened_s DESC LIMIT ? OFFSET ?",
            (min(limit, SESSION_LIST_MAX), offset),
        )
        return [_session(row) for row in found]


def mint(database: Database, session_id: str, role: Role, *, expires_s: float, now_s: float) -> Minted:
    """Invite somebody.  Raises: NotFoundError, ConflictError (session closed, too many invites)."""
    with database.write() as connection:
        row = connection.execute("SELECT closed_s FROM sessions WHERE session_id = ?", (session_id,)).fetchone()
        if row is None:
            raise NotFoundError(f"There is no session {session_id}.")
        if row["closed_s"] is not None:
            raise ConflictError(f"The session {session_id} is closed.", next_step="Open a new one.")
        count = connection.execute(
            "SELECT count(*) FROM invites WHERE session_id = ? AND revoked_s IS NULL AND expires_s > ?",
            (session_id, now_s),
        ).fetchone()[0]
        if count >= INVITES_PER_SESSION_MAX:
            raise ConflictError(
                f"The session {session_id} has {count} invites already.", next_step="Revoke one that is not needed."
            )
        return _mint(connection, session_id, role, expires_s=min(expires_s, now_s + INVITE_S_MAX), now_s=now_s)


def check(database: Database, token: str, *, now_s: float) -> Invite | None:
    """Return the invite of a token that is good now: not expired, not revoked, its session open."""
    with database.read() as connection:
        row = connection.execute(
            "SELECT token_id, session_id, role, made_s, expires_s FROM invites JOIN sessions USING (session_id)"
            " WHERE token_digest = ? AND revoked_s IS NULL AND expires_s > ? AND closed_s IS NULL",
            (_digest(token), now_s),
        ).fetchone()
    return None if row is None else _invite(row)


def redeem(database: Database, code: str, *, now_s: float) -> Minted:
    """Exchange six digits for a token of the same session, role and end; the code is used up.

    Raises: NotSignedInError (unknown, used, expired, session closed).
    """
    with database.write() as connection:
        row = connection.execute(
            "SELECT token_id, session_id, role, made_s, expires_s FROM invites JOIN sessions USING (session_id)"
            " WHERE code_digest = ? AND code_expires_s > ? AND revoked_s IS NULL AND expires_s > ?"
            " AND closed_s IS NULL",
            (_digest(code.strip()), now_s, now_s),
        ).fetchone()
        if row is None:
            raise NotSignedInError("This code is unknown, used or expired.", next_step="Ask the clinic for a new code.")
        connection.execute("UPDATE invites SET code_digest = NULL WHERE token_id = ?", (row["token_id"],))
        invite = _invite(row)
        return _mint(
            connection, invite.session_id, invite.role, expires_s=invite.expires_s, now_s=now_s,
            made_from=invite.token_id,
        )  # fmt: skip


def revoke(database: Database, session_id: str, token_id: str, *, now_s: float) -> list[str]:
    """End an invite at once, and what was made from its code; return the token_id of each that was good."""
    with database.write() as connection:
        ended = connection.execute(
            "UPDATE invites SET revoked_s = ? WHERE session_id = ? AND (token_id = ? OR made_from = ?)"
            " AND revoked_s IS NULL RETURNING token_id",
            (now_s, session_id, token_id, token_id),
        )
        return [row["token_id"] for row in ended.fetchall()]


def invites(database: Database, session_id: str, *, now_s: float) -> list[Invite]:
    """Return a session's invites that are good now."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT token_id, session_id, role, made_s, expires_s FROM invites"
            " WHERE session_id = ? AND revoked_s IS NULL AND expires_s > ? ORDER BY made_s",
            (session_id, now_s),
        )
        return [_invite(row) for row in found]


def _mint(
    connection: sqlite3.Connection,
    session_id: str,
    role: Role,
    *,
    expires_s: float,
    now_s: float,
    made_from: str | None = None,
) -> Minted:
    """Write an invite; one that is made from another's code has no code of its own."""
    token, code = secrets.token_urlsafe(32), "" if made_from else _free_code(connection, now_s)
    invite = Invite(
        token_id=secrets.token_hex(8), session_id=session_id, role=role, made_s=now_s, expires_s=expires_s
    )  # fmt: skip
    code_expires_s = min(now_s + CODE_S, expires_s)
    connection.execute(
        "INSERT INTO invites (token_id, session_id, role, token_digest, code_digest, code_expires_s, made_s, expires_s,"
        " made_from) VALUES (?,?,?,?,?,?,?,?,?)",
        (
            invite.token_id, session_id, role, _digest(token), _digest(code) if code else None,
            code_expires_s if code else None, now_s, expires_s, made_from,
        ),
    )  # fmt: skip
    return Minted(invite=invite, token=token, code=code, code_expires_s=code_expires_s)


def _free_code(connection: sqlite3.Connection, now_s: float) -> str:
    """Return six digits that nobody else may use now; those that ended are forgotten."""
    connection.execute("UPDATE invites SET code_digest = NULL WHERE code_expires_s <= ?", (now_s,))
    while True:
        code = f"{secrets.randbelow(1_000_000):06d}"
        if connection.execute("SELECT 1 FROM invites WHERE code_digest = ?", (_digest(code),)).fetchone() is None:
            return code


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _session(row: sqlite3.Row) -> Session:
    return msgspec.json.decode(row["session"], type=Session)


def _invite(row: sqlite3.Row) -> Invite:
    return Invite(**{**dict(row), "role": Role(row["role"])})
