"""Who may sign in, and who is signed in. Password hashes are made and checked by the api; here they are kept.

Of a login's token only the SHA-256 is stored. A login ends when idle for too long, after a day's work at the latest,
when the person signs out, is disabled or gets a new password.
"""

import hashlib
import secrets
from dataclasses import dataclass

from edge.core.access import UserRole
from edge.errors import ConflictError, NotFoundError
from edge.store.database import Database

IDLE_S = 4 * 3600.0
LOGIN_S_MAX = 16 * 3600.0
SEEN_EVERY_S = 60.0
"""A login in use is written down again no more often than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person known to this node."""

    name: str
    role: UserRole
    is_disabled: bool
    made_s: float
    changed_s: float


def add(database: Database, name: str, role: UserRole, password_hash: str, *, now_s: float) -> User:
    """Make a user.  Raises: ConflictError when the name is taken."""
    with database.write() as connection:
        if connection.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone() is not None:
            raise ConflictError(f"There is a user {name!r} already.", next_step="Choose another name.")
        connection.execute(
            "INSERT INTO users (name, role, password_hash, made_s, changed_s) VALUES (?,?,?,?,?)",
            (name, role, password_hash, now_s, now_s),
        )
    return User(name=name, role=role, is_disabled=False, made_s=now_s, changed_s=now_s)


def find(database: Database, name: str) -> User | None:
    """Return one user."""
    return next((user for user in list_users(database) if user.name == name), None)


def list_users(database: Database) -> list[User]:
    """Return every user, by name."""
    with database.read() as connection:
        found = connection.execute("SELECT name, role, is_disabled, made_s, changed_s FROM users ORDER BY name")
        return [
            User(**{**dict(row), "role": UserRole(row["role"]), "is_disabled": bool(row["is_disabled"])})
            for row in found
        ]


def password_hash(database: Database, name: str) -> str | None:
    """Return the hash of somebody who may sign in; None for an unknown or disabled name."""
    with database.read() as connection:
        row = connection.execute(
            "SELECT password_hash FROM users WHERE name = ? AND is_disabled = 0", (name,)
        ).fetchone()
    return None if row is None else str(row["password_hash"])


def set_password_hash(
    database: Database, name: str, password_hash: str, *, now_s: float, keep_logins: bool = False
) -> None:
    """Change a password; every login of that person ends, unless only the hash was made stronger.

    Raises: NotFoundError.
    """
    _change(database, name, "password_hash = ?", password_hash, now_s=now_s, ends_logins=not keep_logins)


def disable(database: Database, name: str, *, now_s: float) -> None:
    """Shut somebody out at once.  Raises: NotFoundError."""
    _change(database, name, "is_disabled = ?", 1, now_s=now_s, ends_logins=True)


def enable(database: Database, name: str, *, now_s: float) -> None:
    """Let somebody in again.  Raises: NotFoundError."""
    _change(database, name, "is_disabled = ?", 0, now_s=now_s, ends_logins=False)


def sign_in(database: Database, name: str, *, now_s: float) -> str:
    """Note that somebody has proven to be `name`, and return the new login's token; logins that ended are forgotten."""
    token = secrets.token_urlsafe(32)
    with database.write() as connection:
        connection.execute("DELETE FROM logins WHERE expires_s <= ? OR seen_s <= ?", (now_s, now_s - IDLE_S))
        connection.execute(
            "INSERT INTO logins (token_digest, name, made_s, seen_s, expires_s) VALUES (?,?,?,?,?)",
            (_digest(token), name, now_s, now_s, now_s + LOGIN_S_MAX),
        )
    return token


def check(database: Database, token: str, *, now_s: float) -> User | None:
    """Return who is signed in with this token now, and note that it was used."""
    digest = _digest(token)
    with database.read() as connection:
        row = connection.execute(
            "SELECT users.name, role, is_disabled, users.made_s, changed_s, seen_s FROM logins JOIN users USING (name)"
            " WHERE token_digest = ? AND expires_s > ? AND seen_s > ? AND is_disabled = 0",
            (digest, now_s, now_s - IDLE_S),
        ).fetchone()
    if row is None:
        return None
    if now_s - row["seen_s"] > SEEN_EVERY_S:
        with database.write() as connection:
            connection.execute("UPDATE logins SET seen_s = ? WHERE token_digest = ?", (now_s, digest))
    return User(
        name=row["name"], role=UserRole(row["role"]), is_disabled=False, made_s=row["made_s"],
        changed_s=row["changed_s"],
    )  # fmt: skip


def sign_out(database: Database, token: str) -> None:
    """End one login."""
    with database.write() as connection:
        connection.execute("DELETE FROM logins WHERE token_digest = ?", (_digest(token),))


def _change(database: Database, name: str, assignment: str, value: object, *, now_s: float, ends_logins: bool) -> None:
    with database.write() as connection:
        count = connection.execute(
            f"UPDATE users SET {assignment}, changed_s = ? WHERE name = ?", (value, now_s, name)
        ).rowcount
        if count == 0:
            raise NotFoundError(f"There is no user {name!r}.")
        if ends_logins:
            connection.execute("DELETE FROM logins WHERE name = ?", (name,))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
