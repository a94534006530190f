"""Who may sign in, and for how long."""

from pathlib import Path

import pytest

from edge.core.access import UserRole
from edge.errors import ConflictError, NotFoundError
from edge.store import users
from edge.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(tmp_path / "edge.db")
    users.add(made, "nurse", UserRole.OPERATOR, "hash", now_s=1.0)
    return made


def test_a_name_is_taken_once(database: Database) -> None:
    with pytest.raises(ConflictError):
        users.add(database, "nurse", UserRole.ADMIN, "other", now_s=2.0)
    assert [user.name for user in users.list_users(database)] == ["nurse"]
    assert users.password_hash(database, "nurse") == "hash"
    assert users.password_hash(database, "nobody") is None


def test_a_login_ends_when_idle_and_at_the_latest_after_its_whole_time(database: Database) -> None:
    token = users.sign_in(database, "nurse", now_s=0.0)
    assert users.check(database, token, now_s=users.IDLE_S - 1) is not None
    assert users.check(database, token, now_s=2 * users.IDLE_S - 10) is not None  # It was used in between.
    assert users.check(database, token, now_s=3 * users.IDLE_S) is None
    busy = users.sign_in(database, "nurse", now_s=0.0)
    for step in range(1, 40):
        if users.check(database, busy, now_s=step * 3000.0) is None:
            break
    assert users.LOGIN_S_MAX <= step * 3000.0 < users.LOGIN_S_MAX + 3000.0


def test_disabling_shuts_out_at_once_and_enabling_needs_a_new_sign_in(database: Database) -> None:
    token = users.sign_in(database, "nurse", now_s=0.0)
    users.disable(database, "nurse", now_s=1.0)
    assert users.check(database, token, now_s=2.0) is None
    assert users.password_hash(database, "nurse") is None
    users.enable(database, "nurse", now_s=3.0)
    assert users.check(database, token, now_s=4.0) is None


def test_a_new_password_ends_every_login_and_signing_out_one(database: Database) -> None:
    one, two = users.sign_in(database, "nurse", now_s=0.0), users.sign_in(database, "nurse", now_s=0.0)
    users.sign_out(database, one)
    assert users.check(database, one, now_s=1.0) is None and users.check(database, two, now_s=1.0) is not None
    users.set_password_hash(database, "nurse", "new", now_s=2.0)
    assert users.check(database, two, now_s=3.0) is None
    with pytest.raises(NotFoundError):
        users.set_password_hash(database, "nobody", "x", now_s=2.0)
