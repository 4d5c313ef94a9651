"""A8, R-71: codes accepted once, within a step, and never guessed at leisure."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.accounts import operations, second_factor, sessions
from app.accounts.models import Account, LoginSession, RecoveryCode
from app.clock import FrozenClock
from app.db import Database
from app.errors import Conflict, Forbidden
from app.policy import Actor
from tests.accounts.house import SECRET, actions, code_at, facts, make_account, make_agent


def enrolled(database: Database, clock: FrozenClock, *roles: str) -> tuple[Actor, uuid.UUID, str, list[str]]:
    """An agent with a second factor in place: actor, a fresh session, the secret and the recovery codes."""
    with database.transaction() as session:
        account = make_agent(session, "agent@example.org", *roles)
        actor = sessions.actor_of(session, account)
        first = sessions.signed_in(session, sessions.open_session(session, account))
        secret = second_factor.begin_enrolment(session, SECRET, actor)
        assert first is not None
        result = second_factor.enrol(session, SECRET, actor, first.session_id, code_at(secret, clock()))
        second = sessions.signed_in(session, sessions.open_session(session, account))
        assert result.refusal is None
        assert second is not None
    clock.advance(minutes=5)
    return actor, second.session_id, secret, result.recovery_codes


def give(database: Database, actor: Actor, session_id: uuid.UUID, code: str) -> str | None:
    with database.transaction() as session:
        return second_factor.give(session, SECRET, actor, session_id, code)


@pytest.mark.parametrize(("seconds", "accepted"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_code_is_accepted_one_step_around_its_time(
    database: Database, clock: FrozenClock, seconds: int, accepted: bool
) -> None:
    actor, session_id, secret, _ = enrolled(database, clock)
    code = code_at(secret, clock.instant + timedelta(seconds=seconds))
    assert (give(database, actor, session_id, code) is None) is accepted


def test_a_secret_being_set_up_does_not_outlive_the_password(database: Database, clock: FrozenClock) -> None:
    """Whoever stole the password may have read it, and would know every code to come."""
    with database.transaction() as session:
        account = make_account(session)
        actor = sessions.actor_of(session, account)
        opened = sessions.signed_in(session, sessions.open_session(session, account))
        assert opened is not None
        seen = second_factor.begin_enrolment(session, SECRET, actor)
        assert second_factor.begin_enrolment(session, SECRET, actor) == seen
    with database.transaction() as session:
        operations.change_password(session, actor, opened.session_id, "another hash")
        assert second_factor.begin_enrolment(session, SECRET, actor) != seen


def test_a_changed_password_leaves_a_second_factor_in_place(database: Database, clock: FrozenClock) -> None:
    actor, session_id, secret, _ = enrolled(database, clock)
    with database.transaction() as session:
        operations.change_password(session, actor, session_id, "another hash")
    assert give(database, actor, session_id, code_at(secret, clock())) is None


def test_a_code_serves_once_even_in_another_session(database: Database, clock: FrozenClock) -> None:
    actor, session_id, secret, _ = enrolled(database, clock)
    code = code_at(secret, clock())
    assert give(database, actor, session_id, code) is None
    assert give(database, actor, session_id, code) == second_factor.WRONG
    clock.advance(seconds=29)
    assert give(database, actor, session_id, code) == second_factor.WRONG


def test_a_code_sent_twenty_times_at_once_serves_once(database: Database, clock: FrozenClock) -> None:
    actor, session_id, secret, _ = enrolled(database, clock)
    code = code_at(secret, clock())
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: give(database, actor, session_id, code), range(20)))
    assert answers.count(None) == 1


def test_guessing_stops_after_six_tries_and_the_right_code_too(database: Database, clock: FrozenClock) -> None:
    actor, session_id, secret, _ = enrolled(database, clock)
    answers = [give(database, actor, session_id, "000000") for _ in range(second_factor.TRIES + 1)]
    assert answers == [second_factor.WRONG] * second_factor.TRIES + [second_factor.TOO_MANY]
    assert give(database, actor, session_id, code_at(secret, clock())) == second_factor.TOO_MANY
    clock.advance(minutes=15)
    assert give(database, actor, session_id, code_at(secret, clock())) is None


def test_a_given_code_marks_this_session_and_no_other(database: Database, clock: FrozenClock) -> None:
    actor, session_id, secret, _ = enrolled(database, clock)
    with database.transaction() as session:
        account = session.get(Account, actor.id)
        assert account is not None
        other = sessions.open_session(session, account)
    assert give(database, actor, session_id, code_at(secret, clock())) is None
    with database.transaction() as session:
        marked = session.get(LoginSession, session_id)
        person = sessions.signed_in(session, other)
        assert marked is not None
        assert marked.second_factor_at is not None
        assert person is not None
        assert person.second_factor_at is None


@pytest.mark.parametrize("hostile", ["", "12345", "1234567", "abcdef", "٣٤٥٦٧٨", "1" * 10_000, "' OR 1=1", "\0" * 6])
def test_hostile_codes_are_wrong(database: Database, clock: FrozenClock, hostile: str) -> None:
    actor, session_id, _, _ = enrolled(database, clock)
    assert give(database, actor, session_id, hostile) == second_factor.WRONG


def test_ten_recovery_codes_each_serve_once_however_typed(database: Database, clock: FrozenClock) -> None:
    actor, session_id, _, codes = enrolled(database, clock)
    assert len(set(codes)) == 10
    assert give(database, actor, session_id, codes[0].upper().replace("-", " ")) is None
    assert give(database, actor, session_id, codes[0]) == second_factor.WRONG
    assert give(database, actor, session_id, codes[1]) is None
    with database.transaction() as session:
        assert actor.id is not None
        assert second_factor.recovery_codes_left(session, actor.id) == 8
        assert all(code.replace("-", "") not in row.code_hash for row in session.query(RecoveryCode) for code in codes)


def test_new_recovery_codes_end_the_former_ones(database: Database, clock: FrozenClock) -> None:
    actor, session_id, _, codes = enrolled(database, clock)
    with database.transaction() as session:
        renewed = second_factor.renew_recovery_codes(session, actor)
    assert give(database, actor, session_id, codes[0]) == second_factor.WRONG
    assert give(database, actor, session_id, renewed[0]) is None


def test_somebody_elses_recovery_code_is_wrong(database: Database, clock: FrozenClock) -> None:
    _, _, _, codes = enrolled(database, clock)
    with database.transaction() as session:
        other = make_account(session)
        actor = sessions.actor_of(session, other)
        person = sessions.signed_in(session, sessions.open_session(session, other))
        assert person is not None
        secret = second_factor.begin_enrolment(session, SECRET, actor)
        second_factor.enrol(session, SECRET, actor, person.session_id, code_at(secret, clock()))
    assert give(database, actor, person.session_id, codes[0]) == second_factor.WRONG


def test_a_wrong_code_puts_no_second_factor_in_place(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        account = make_agent(session, "agent@example.org", "administrateur")
        actor = sessions.actor_of(session, account)
        person = sessions.signed_in(session, sessions.open_session(session, account))
        assert person is not None
        secret = second_factor.begin_enrolment(session, SECRET, actor)
        assert second_factor.begin_enrolment(session, SECRET, actor) == secret
        assert second_factor.enrol(session, SECRET, actor, person.session_id, "000000").refusal
        assert account.totp_enabled_at is None


def test_a_second_factor_in_place_cannot_be_replaced_without_removing_it(
    database: Database, clock: FrozenClock
) -> None:
    actor, session_id, _, _ = enrolled(database, clock)
    with database.transaction() as session:
        with pytest.raises(Conflict):
            second_factor.begin_enrolment(session, SECRET, actor)
        with pytest.raises(Conflict):
            second_factor.enrol(session, SECRET, actor, session_id, "000000")


def test_a_sensitive_role_keeps_its_second_factor(database: Database, clock: FrozenClock) -> None:
    actor, _, _, _ = enrolled(database, clock, "administrateur")
    with database.transaction() as session, pytest.raises(Forbidden):
        second_factor.remove(session, actor)


def test_the_secret_is_stored_sealed_and_told_to_nobody(database: Database, clock: FrozenClock) -> None:
    _, _, secret, codes = enrolled(database, clock)
    with database.transaction() as session:
        account = session.query(Account).one()
        assert secret not in str(account.totp_secret)
        assert [kind for kind, _ in facts(session)] == ["account.second_factor_enrolled"]
        told = str([payload for _, payload in facts(session)])
        assert secret not in told
        assert codes[0] not in told
        assert "account.second_factor_enrolled" in actions(session)
