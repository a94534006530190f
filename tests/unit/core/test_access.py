"""Who may do what."""

from edge.core.access import Action, Principal, UserRole


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
