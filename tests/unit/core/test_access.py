"""Who may do what."""

import pytest

from edge.core.access import Action, Principal, UserRole
from edge.core.session import Role

GUEST = Principal(name="Dr Far", role=UserRole.GUEST, session_id="s1", session_role=Role.SPECIALIST, token_id="t")
OBSERVER = Principal(name="Student", role=UserRole.GUEST, session_id="s1", session_role=Role.OBSERVER, token_id="u")


def test_a_guest_may_act_only_in_the_own_session() -> None:
    guest = Principal(name="Dr Guest", role=UserRole.GUEST, session_id="s1")
    assert guest.may(Action.JOIN_SESSION, session_id="s1")
    assert not guest.may(Action.JOIN_SESSION, session_id="s2")
    assert not guest.may(Action.JOIN_SESSION)
    assert not guest.may(Action.READ_IMAGES, session_id="s1")


def test_only_an_admin_runs_users_and_only_auditor_and_admin_see_the_audit() -> None:
    may_users = {role for role in UserRole if Principal(name="x", role=role).may(Action.RUN_USERS)}
    may_audit = {role for role in UserRole if Principal(name="x", role=role).may(Action.SEE_AUDIT)}
    assert may_users == {UserRole.ADMIN}
    assert may_audit == {UserRole.ADMIN, UserRole.AUDITOR}


def test_every_role_may_do_something_and_every_action_has_somebody() -> None:
    people = [Principal(name="x", role=role) for role in UserRole]
    assert all(any(person.may(action) for action in Action) for person in people)
    assert all(any(person.may(action) for person in people) for action in Action)


def test_an_auditor_sees_no_images() -> None:
    assert not Principal(name="x", role=UserRole.AUDITOR).may(Action.READ_IMAGES)


@pytest.mark.parametrize("action", list(Action))
def test_a_guest_may_do_nothing_outside_the_own_session(action: Action) -> None:
    assert not GUEST.may(action, session_id="s2")
    assert not GUEST.may(action)


def test_an_invited_specialist_may_ask_for_a_capture() -> None:
    assert GUEST.may(Action.ASK_CAPTURE, session_id="s1")
    assert not GUEST.may(Action.RUN_SESSION, session_id="s1")


def test_an_observer_only_watches() -> None:
    assert [action for action in Action if OBSERVER.may(action, session_id="s1")] == [Action.JOIN_SESSION]


def test_the_patient_is_shown_to_the_invited_specialist_and_not_to_an_observer() -> None:
    assert GUEST.may_see_patient("s1")
    assert not GUEST.may_see_patient("s2")
    assert not OBSERVER.may_see_patient("s1")


@pytest.mark.parametrize(
    ("role", "is_shown"),
    [
        (UserRole.OPERATOR, True),
        (UserRole.SPECIALIST, True),
        (UserRole.ADMIN, True),
        (UserRole.AUDITOR, False),
    ],
)
def test_the_patient_is_shown_to_those_who_read_images(role: UserRole, *, is_shown: bool) -> None:
    assert Principal(name="x", role=role).may_see_patient("s1") is is_shown


def test_an_auditor_sees_no_image_and_changes_nothing() -> None:
    auditor = Principal(name="x", role=UserRole.AUDITOR)
    assert auditor.actions == {Action.SEE_AUDIT, Action.SEE_OUTBOX, Action.SEE_HEALTH}


def test_the_operator_is_at_the_bedside_and_a_specialist_is_not() -> None:
    assert Principal(name="x", role=UserRole.OPERATOR).role_in("s1") is Role.BEDSIDE
    assert Principal(name="x", role=UserRole.SPECIALIST).role_in("s1") is Role.SPECIALIST
    assert GUEST.role_in("s1") is Role.SPECIALIST
