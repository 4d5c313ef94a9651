"""A3, A5, R-70: signing in, and being locked out at exactly N failures, known or not."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from app.accounts import chores, passwords, sessions, signing, throttle, tokens
from app.accounts.models import Account, Attempts, LoginSession
from app.accounts.signing import LOCK_AFTER, Attempt
from app.clock import FrozenClock
from app.db import Database
from tests.accounts.house import PASSWORD, SECRET, actions, facts, make_account
from tests.conftest import settings_for

KNOWN, UNKNOWN = "claire.martin@example.org", "personne@example.org"
HERE = "192.0.2.7"


def try_once(database: Database, email: str, password: str = "faux faux faux", network: str = HERE) -> Attempt:
    attempt = signing.attempt_sign_in(database, SECRET, email, password, network)
    with database.transaction() as session:
        signing.conclude(session, attempt)
    return attempt


def open_claire(database: Database, **values: object) -> None:
    with database.transaction() as session:
        make_account(session, KNOWN, **values)


@pytest.mark.parametrize("email", [KNOWN, "Claire.MARTIN@Example.ORG", "  claire.martin@example.org "])
def test_the_address_is_read_whatever_its_case_and_spaces(database: Database, clock: FrozenClock, email: str) -> None:
    open_claire(database)
    assert try_once(database, email, PASSWORD).right


def test_two_spellings_of_an_address_are_one_account(database: Database, clock: FrozenClock) -> None:
    open_claire(database)
    with database.transaction() as session, pytest.raises(Exception, match="existe déjà"):
        make_account(session, "CLAIRE.martin@example.org")


@pytest.mark.parametrize("email", [KNOWN, UNKNOWN])
def test_the_answers_are_the_same_for_an_address_with_and_without_an_account(
    database: Database, clock: FrozenClock, email: str
) -> None:
    open_claire(database)
    answers = [try_once(database, email).refusal for _ in range(LOCK_AFTER + 2)]
    assert answers == [signing.WRONG] * (LOCK_AFTER - 1) + [signing.LOCKED] * 3


@pytest.mark.parametrize("email", [KNOWN, UNKNOWN])
def test_the_lock_ends_after_an_hour_and_not_a_second_before(
    database: Database, clock: FrozenClock, email: str
) -> None:
    open_claire(database)
    for _ in range(LOCK_AFTER):
        try_once(database, email)
    clock.advance(minutes=59, seconds=59)
    assert try_once(database, email, PASSWORD).refusal == signing.LOCKED
    clock.advance(seconds=1)
    assert try_once(database, email, PASSWORD).refusal == (None if email == KNOWN else signing.WRONG)


def test_the_right_password_does_not_open_a_locked_account(database: Database, clock: FrozenClock) -> None:
    open_claire(database)
    for _ in range(LOCK_AFTER):
        try_once(database, KNOWN)
    assert not try_once(database, KNOWN, PASSWORD).right


def test_one_failure_less_than_the_limit_locks_nothing_and_success_forgets_them(
    database: Database, clock: FrozenClock
) -> None:
    open_claire(database)
    for _ in range(2):
        for _ in range(LOCK_AFTER - 1):
            assert try_once(database, KNOWN).refusal == signing.WRONG
        assert try_once(database, KNOWN, PASSWORD).right


def test_failures_of_another_day_are_forgotten(database: Database, clock: FrozenClock) -> None:
    open_claire(database)
    for email in (KNOWN, UNKNOWN):
        for _ in range(LOCK_AFTER - 1):
            try_once(database, email)
    clock.advance(hours=24)
    assert [try_once(database, email).refusal for email in (KNOWN, UNKNOWN)] == [signing.WRONG] * 2


def test_a_lock_sends_one_mail_and_is_journalled_without_the_address(database: Database, clock: FrozenClock) -> None:
    open_claire(database)
    for _ in range(LOCK_AFTER + 5):
        try_once(database, KNOWN)
    with database.transaction() as session:
        locks = [payload for kind, payload in facts(session) if kind == "account.locked"]
        assert len(locks) == 1
        assert set(locks[0]) == {"account_id", "token_id"}
        assert actions(session).count("account.locked") == 1
        assert actions(session).count("account.sign_in_failed") == LOCK_AFTER + 5


def test_an_unknown_address_is_kept_nowhere(database: Database, clock: FrozenClock) -> None:
    for _ in range(LOCK_AFTER):
        try_once(database, UNKNOWN)
    with database.transaction() as session:
        assert facts(session) == []
        assert all(UNKNOWN not in row.key for row in session.query(Attempts))


@pytest.mark.parametrize("values", [{"password": None}, {}])
def test_an_account_without_password_or_shut_is_like_no_account(
    database: Database, clock: FrozenClock, values: dict[str, object]
) -> None:
    open_claire(database, **values)
    if not values:
        with database.transaction() as session:
            session.query(Account).one().state = "deactivated"
    answers = [try_once(database, KNOWN, PASSWORD).refusal for _ in range(LOCK_AFTER)]
    assert answers == [signing.WRONG] * (LOCK_AFTER - 1) + [signing.LOCKED]
    with database.transaction() as session:
        assert [kind for kind, _ in facts(session)] == []


def test_simultaneous_guesses_are_counted_before_they_are_checked(
    database: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_claire(database)
    checked: list[str] = []
    genuine = passwords.verify
    monkeypatch.setattr(passwords, "verify", lambda stored, typed: (checked.append(typed), genuine(stored, typed))[1])
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda n: try_once(database, KNOWN, f"essai {n}"), range(30)))
    assert len(checked) == LOCK_AFTER
    with database.transaction() as session:
        assert len([1 for kind, _ in facts(session) if kind == "account.locked"]) == 1


def test_one_network_cannot_try_many_addresses(database: Database, clock: FrozenClock) -> None:
    open_claire(database)
    for n in range(signing.FAILURES_PER_NETWORK):
        try_once(database, f"personne{n}@example.org")
    assert try_once(database, KNOWN, PASSWORD).refusal == signing.TOO_MANY
    assert try_once(database, KNOWN, PASSWORD, "198.51.100.4").right
    clock.advance(minutes=15)
    assert try_once(database, KNOWN, PASSWORD).right


def test_counters_do_not_pile_up(database: Database, clock: FrozenClock) -> None:
    for n in range(30):
        try_once(database, f"personne{n}@example.org", network=f"198.51.100.{n}")
    clock.advance(hours=25)
    try_once(database, UNKNOWN)
    with database.transaction() as session:
        assert session.query(Attempts).count() == 2


def test_an_unknown_address_takes_as_long_as_a_known_one(
    database: Database, real_hashes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "LOCK_AFTER", 1000)
    open_claire(database)
    spent: dict[str, list[float]] = {KNOWN: [], UNKNOWN: []}
    for _ in range(7):
        for email in spent:
            started = time.process_time()
            try_once(database, email)
            spent[email].append(time.process_time() - started)
    # processor time, and the shortest of each: what else runs on the machine must not decide
    ratio = min(spent[UNKNOWN]) / min(spent[KNOWN])
    assert 0.85 < ratio < 1.18, ratio


def test_the_very_first_attempt_of_a_process_takes_as_long_for_both(real_hashes: None) -> None:
    stored = passwords.hash_password(PASSWORD)
    spent = []
    for known in (stored, None):
        passwords._nobody.cache_clear()
        started = time.process_time()
        passwords.verify(known, "faux faux faux")
        spent.append(time.process_time() - started)
    assert 0.7 < spent[1] / spent[0] < 1.4, spent


def test_too_many_at_once_are_told_to_try_again_instead_of_filling_the_memory(
    database: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_claire(database)
    monkeypatch.setattr(passwords, "WAIT_SECONDS", 0.01)
    for _ in range(passwords.CONCURRENT_HASHES):
        passwords._slots.acquire()
    try:
        with pytest.raises(passwords.Busy):
            try_once(database, KNOWN, PASSWORD)
    finally:
        for _ in range(passwords.CONCURRENT_HASHES):
            passwords._slots.release()
    assert try_once(database, KNOWN, PASSWORD).right


def test_a_hash_of_another_time_is_renewed_at_sign_in(
    database: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_claire(database)
    with database.transaction() as session:
        before = session.query(Account).one().password_hash
    from argon2 import PasswordHasher

    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert try_once(database, KNOWN, PASSWORD).right
    with database.transaction() as session:
        assert session.query(Account).one().password_hash != before
    assert try_once(database, KNOWN, PASSWORD).right


def test_the_night_removes_what_is_over_and_nothing_else(
    database: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    open_claire(database)
    with database.transaction() as session:
        account = session.query(Account).one()
        for _ in range(2):
            sessions.open_session(session, account)
            tokens.issue_token(session, tokens.UNLOCK)
        for n in range(throttle.SWEEP + 5):
            session.add(Attempts(key=f"old {n}", count=1, forget_at=clock()))
    clock.advance(days=32)
    with database.transaction() as session:
        token = sessions.open_session(session, session.query(Account).one())
        tokens.issue_token(session, tokens.UNLOCK)
        session.add(Attempts(key="new", count=1, forget_at=clock() + timedelta(hours=1)))
    chores.sweep(database, settings_for("sqlite://", tmp_path))
    with database.transaction() as session:
        assert [row.key for row in session.query(Attempts)] == ["new"]
        assert session.query(tokens.Token).count() == 1
        assert session.query(LoginSession).count() == 1
        assert sessions.signed_in(session, token) is not None
