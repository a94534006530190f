"""Sessions, links and codes."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge.core.session import Order, Patient, Role, Session
from edge.errors import ConflictError, NotFoundError, NotSignedInError
from edge.store import sessions
from edge.store.database import Database

SESSION = Session(
    session_id="s1", source="probe", patient=Patient(name="Test^Object", size_m=1.5), order=Order(accession_number="A"),
    study_instance_uid="1.2", series_instance_uid="1.3", opened_s=10.0,
)  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(tmp_path / "edge.db")
    sessions.save(made, SESSION)
    return made


def test_a_session_comes_back_as_it_was_saved(database: Database) -> None:
    assert sessions.find(database, "s1") == SESSION
    assert sessions.open_sessions(database) == [SESSION]
    assert sessions.find(database, "none") is None


def test_a_token_lets_in_until_it_ends_and_is_not_in_the_file(database: Database) -> None:
    minted = sessions.mint(database, "s1", Role.SPECIALIST, expires_s=100.0, now_s=10.0)
    invite = sessions.check(database, minted.token, now_s=99.0)
    assert invite == minted.invite and invite.role is Role.SPECIALIST
    assert sessions.check(database, minted.token, now_s=100.0) is None
    assert sessions.check(database, minted.token + "x", now_s=20.0) is None
    content = database.path.read_bytes() + database.path.with_name("edge.db-wal").read_bytes()
    assert minted.token.encode() not in content and minted.code.encode() not in content.replace(b"1.", b"")


def test_a_code_is_six_digits_and_good_once(database: Database) -> None:
    minted = sessions.mint(database, "s1", Role.OBSERVER, expires_s=5000.0, now_s=10.0)
    assert len(minted.code) == 6 and minted.code.isdigit()
    guest = sessions.redeem(database, minted.code, now_s=20.0)
    assert guest.invite.role is Role.OBSERVER and guest.invite.expires_s == 5000.0
    assert sessions.check(database, guest.token, now_s=20.0) == guest.invite
    with pytest.raises(NotSignedInError):
        sessions.redeem(database, minted.code, now_s=21.0)


def test_a_code_ends_before_its_link(database: Database) -> None:
    minted = sessions.mint(database, "s1", Role.OBSERVER, expires_s=80_000.0, now_s=0.0)
    with pytest.raises(NotSignedInError):
        sessions.redeem(database, minted.code, now_s=sessions.CODE_S + 1)
    assert sessions.check(database, minted.token, now_s=sessions.CODE_S + 1) is not None


def test_closing_a_session_ends_every_invite_for_good(database: Database) -> None:
    minted = sessions.mint(database, "s1", Role.SPECIALIST, expires_s=100.0, now_s=10.0)
    sessions.save(database, replace(SESSION, closed_s=20.0))
    assert sessions.check(database, minted.token, now_s=21.0) is None
    assert sessions.open_sessions(database) == []
    with pytest.raises(ConflictError):
        sessions.mint(database, "s1", Role.SPECIALIST, expires_s=100.0, now_s=21.0)
    with pytest.raises(NotFoundError):
        sessions.mint(database, "none", Role.SPECIALIST, expires_s=100.0, now_s=21.0)


def test_a_revoked_invite_is_over_at_once_and_others_stay(database: Database) -> None:
    one, two = (sessions.mint(database, "s1", Role.SPECIALIST, expires_s=100.0, now_s=10.0) for _ in range(2))
    assert sessions.revoke(database, "s1", one.invite.token_id, now_s=11.0)
    assert not sessions.revoke(database, "s1", one.invite.token_id, now_s=12.0)
    assert sessions.check(database, one.token, now_s=12.0) is None
    assert sessions.invites(database, "s1", now_s=12.0) == [two.invite]


def test_who_came_with_the_code_of_a_revoked_invite_is_out_too(database: Database) -> None:
    minted = sessions.mint(database, "s1", Role.SPECIALIST, expires_s=100.0, now_s=10.0)
    guest = sessions.redeem(database, minted.code, now_s=11.0)
    ended = sessions.revoke(database, "s1", minted.invite.token_id, now_s=12.0)
    assert set(ended) == {minted.invite.token_id, guest.invite.token_id}
    assert sessions.check(database, guest.token, now_s=12.0) is None


def test_invites_of_one_session_are_limited(database: Database) -> None:
    for _ in range(sessions.INVITES_PER_SESSION_MAX):
        sessions.mint(database, "s1", Role.OBSERVER, expires_s=100.0, now_s=10.0)
    with pytest.raises(ConflictError):
        sessions.mint(database, "s1", Role.OBSERVER, expires_s=100.0, now_s=10.0)
