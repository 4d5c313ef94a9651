"""Single-use links: activation, invitation, forgotten password, unlocking, change of address."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import inspect

from app.accounts import operations, sessions, tokens
from app.accounts.models import Account, Token
from app.accounts.sealing import link_token, seal, token_id_in, unseal
from app.clock import FrozenClock
from app.db import Database
from app.errors import Conflict, Forbidden, Refused
from app.policy import SYSTEM
from app.town.operations import change_settings
from tests.accounts.house import SECRET, actions, facts, link, make_account, make_agent, stranger

NEW_HASH = "a hash"
HERE = "192.0.2.7"


def open_invited(database: Database) -> str:
    """Claire's account without a password, and the raw token of her link."""
    with database.transaction() as session:
        account = make_account(session, password=None)
        token_id = operations.send_choose_password_link(session, account)
    return link_token(SECRET, token_id, tokens.CHOOSE_PASSWORD)


def follow(database: Database, raw: str) -> bool:
    try:
        with database.transaction() as session:
            operations.choose_password(session, SECRET, raw, NEW_HASH)
    except Conflict:
        return False
    return True


def test_of_twenty_people_following_one_link_at_once_one_succeeds(database: Database, clock: FrozenClock) -> None:
    raw = open_invited(database)
    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(lambda _: follow(database, raw), range(20))) == 1
    with database.transaction() as session:
        assert actions(session).count("account.password_chosen") == 1


def test_looking_at_a_link_does_not_use_it(database: Database, clock: FrozenClock) -> None:
    raw = open_invited(database)
    for _ in range(3):
        with database.transaction() as session:
            assert tokens.peek_token(session, SECRET, raw, tokens.CHOOSE_PASSWORD) is not None
    assert follow(database, raw)
    with database.transaction() as session:
        assert tokens.peek_token(session, SECRET, raw, tokens.CHOOSE_PASSWORD) is None


@pytest.mark.parametrize(
    ("purpose", "lifetime"),
    [
        (tokens.ACTIVATION, timedelta(hours=24)),
        (tokens.CHOOSE_PASSWORD, timedelta(hours=72)),
        (tokens.UNLOCK, timedelta(hours=1)),
        (tokens.CHANGE_EMAIL, timedelta(hours=24)),
    ],
)
def test_a_link_works_until_its_last_second(
    database: Database, clock: FrozenClock, purpose: str, lifetime: timedelta
) -> None:
    with database.transaction() as session:
        raw = link_token(SECRET, tokens.issue_token(session, purpose), purpose)
    clock.advance(seconds=lifetime.total_seconds() - 1)
    with database.transaction() as session:
        assert tokens.peek_token(session, SECRET, raw, purpose) is not None
    clock.advance(seconds=1)
    with database.transaction() as session:
        assert tokens.peek_token(session, SECRET, raw, purpose) is None
        with pytest.raises(Conflict):
            tokens.consume_token(session, SECRET, raw, purpose)


@pytest.mark.parametrize("alter", [str.swapcase, lambda raw: raw[:-1], lambda raw: raw + "A", lambda raw: "A" * 64])
def test_an_altered_link_is_no_link(database: Database, clock: FrozenClock, alter: object) -> None:
    raw = open_invited(database)
    assert not follow(database, alter(raw))  # type: ignore[operator]  # a function of text
    assert follow(database, raw)


@pytest.mark.parametrize("hostile", ["", "é" * 64, "../" * 21 + "a", "%00" * 21 + "a", "=" * 64, "a" * 10_000])
def test_hostile_links_are_refused_quietly(hostile: str) -> None:
    assert token_id_in(SECRET, hostile, tokens.UNLOCK) is None


def test_a_link_serves_for_its_purpose_only(database: Database, clock: FrozenClock) -> None:
    raw = open_invited(database)
    with database.transaction() as session, pytest.raises(Conflict):
        operations.unlock_by_link(session, SECRET, raw)
    token_id = token_id_in(SECRET, raw, tokens.CHOOSE_PASSWORD)
    assert token_id is not None
    forged = link_token(SECRET, token_id, tokens.UNLOCK)
    with database.transaction() as session, pytest.raises(Conflict):
        operations.unlock_by_link(session, SECRET, forged)


def test_another_secret_key_makes_other_links(database: Database, clock: FrozenClock) -> None:
    raw = open_invited(database)
    token_id = token_id_in(SECRET, raw, tokens.CHOOSE_PASSWORD)
    assert token_id is not None
    assert not follow(database, link_token("another key, just as long as the first", token_id, tokens.CHOOSE_PASSWORD))


def test_neither_the_tables_nor_the_outbox_hold_what_is_in_the_link(database: Database, clock: FrozenClock) -> None:
    raw = open_invited(database)
    secret_part = raw[22:]
    with database.engine.connect() as connection:
        for table in inspect(database.engine).get_table_names():
            for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"'):
                assert secret_part not in str(tuple(row)), table


def test_a_new_link_ends_the_former_one(database: Database, clock: FrozenClock) -> None:
    first = open_invited(database)
    with database.transaction() as session:
        account = session.query(Account).one()
        second = link_token(SECRET, operations.send_choose_password_link(session, account), tokens.CHOOSE_PASSWORD)
    assert not follow(database, first)
    assert follow(database, second)


def test_choosing_a_password_ends_sessions_links_and_lock(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        account = make_account(session)
        token = sessions.open_session(session, account)
        account.failed_attempts, account.locked_until = 8, clock() + timedelta(hours=1)
        unlock = link_token(SECRET, tokens.issue_token(session, tokens.UNLOCK, account_id=account.id), tokens.UNLOCK)
        raw = link_token(SECRET, operations.send_choose_password_link(session, account), tokens.CHOOSE_PASSWORD)
    assert follow(database, raw)
    with database.transaction() as session:
        changed = session.query(Account).one()
        assert (changed.password_hash, changed.locked_until, changed.failed_attempts) == (NEW_HASH, None, 0)
        assert sessions.signed_in(session, token) is None
        with pytest.raises(Conflict):
            operations.unlock_by_link(session, SECRET, unlock)


def test_a_deactivated_account_cannot_be_entered_through_an_old_link(database: Database, clock: FrozenClock) -> None:
    raw = open_invited(database)
    with database.transaction() as session:
        session.query(Account).one().state = "deactivated"
    assert not follow(database, raw)


def test_forgotten_passwords_and_identifiers_write_only_to_accounts(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        make_account(session)
    for ask in (operations.forgotten_password, operations.forgotten_identifier):
        for email in ("claire.martin@example.org", "CLAIRE.MARTIN@example.org", "personne@example.org"):
            with database.transaction() as session:
                ask(session, SECRET, email, HERE)
    with database.transaction() as session:
        kinds = sorted(kind for kind, _ in facts(session))
    # three asks an address and half-hour: the fourth about Claire writes nothing more
    assert kinds == ["account.identifier_forgotten", "account.password_forgotten", "account.password_forgotten"]


def test_a_forgotten_password_link_lasts_two_hours(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        make_account(session)
        operations.forgotten_password(session, SECRET, "claire.martin@example.org", HERE)
    with database.transaction() as session:
        [(_, payload)] = facts(session)
    raw = link(payload, tokens.CHOOSE_PASSWORD)
    clock.advance(hours=2)
    assert not follow(database, raw)


def test_signing_up_with_a_known_address_sends_its_owner_another_mail(database: Database, clock: FrozenClock) -> None:
    case_id = uuid.uuid4()
    with database.transaction() as session:
        make_account(session)
        assert operations.ask_activation(session, stranger(), "Claire.Martin@example.org", case_id) is None
        made = operations.ask_activation(session, stranger(), "Nouvelle@Example.org", case_id)
    with database.transaction() as session:
        assert [kind for kind, _ in facts(session)] == ["account.already_exists", "account.activation_asked"]
        token = session.get(Token, made)
        assert token is not None
        assert token.data == {"case_id": str(case_id), "email": "nouvelle@example.org"}


def test_a_new_address_counts_once_confirmed_and_the_former_one_is_told(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        account = make_account(session)
        actor = sessions.actor_of(session, account)
        operations.ask_email_change(session, actor, "Claire@New.example.org")
        assert account.email == "claire.martin@example.org"
    with database.transaction() as session:
        [(kind, payload)] = facts(session)
        assert (kind, set(payload)) == ("account.email_change_asked", {"token_id"})
        operations.confirm_email_change(session, SECRET, link(payload, tokens.CHANGE_EMAIL))
    with database.transaction() as session:
        assert session.query(Account).one().email == "claire@new.example.org"
        assert [kind for kind, _ in facts(session)][-1] == "account.email_changed"


def test_asking_for_somebody_elses_address_tells_nothing_and_changes_nothing(
    database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        make_account(session, "autre@example.org")
        actor = sessions.actor_of(session, make_account(session))
        operations.ask_email_change(session, actor, "AUTRE@example.org")
    with database.transaction() as session:
        assert [kind for kind, _ in facts(session)] == ["account.already_exists"]
        assert session.query(Token).count() == 0


def test_an_address_taken_in_between_stays_with_its_owner(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        actor = sessions.actor_of(session, make_account(session))
        operations.ask_email_change(session, actor, "new@example.org")
    with database.transaction() as session:
        raw = link(facts(session)[0][1], tokens.CHANGE_EMAIL)
        make_account(session, "new@example.org")
    with pytest.raises(Conflict, match="autre compte"), database.transaction() as session:
        operations.confirm_email_change(session, SECRET, raw)


def test_a_commune_may_forbid_changing_address(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        change_settings(session, SYSTEM, {"email_change_allowed": False})
    with database.transaction() as session:
        actor = sessions.actor_of(session, make_account(session))
        with pytest.raises(Refused, match="ne permet pas"):
            operations.ask_email_change(session, actor, "new@example.org")


def test_an_agent_invites_a_family_who_reviews_its_household_first(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        agent = sessions.actor_of(session, make_agent(session, "agent@example.org", "gestionnaire"))
        invited = operations.invite_parent(
            session, agent, email="famille@example.org", first_name="Ada", last_name="Petit"
        )
        assert (invited.password_hash, invited.must_review_household) == (None, True)
        again = operations.invite_parent(session, agent, email="FAMILLE@example.org", first_name="A", last_name="P")
        assert again.id == invited.id
        invited.password_hash = NEW_HASH
        session.flush()
        with pytest.raises(Refused, match="existe déjà"):
            operations.invite_parent(session, agent, email="famille@example.org", first_name="A", last_name="P")
    with database.transaction() as session:
        assert [kind for kind, _ in facts(session)] == ["account.invited"] * 2


@pytest.mark.parametrize("role", ["restauration", "administrateur", "dpo"])
def test_who_may_not_invite_families_does_not(database: Database, clock: FrozenClock, role: str) -> None:
    with database.transaction() as session:
        agent = sessions.actor_of(session, make_agent(session, "agent@example.org", role))
        for actor in (agent, stranger(), sessions.actor_of(session, make_account(session))):
            with pytest.raises(Forbidden):
                operations.invite_parent(session, actor, email="x@example.org", first_name="A", last_name="B")


def test_an_agent_unlocks_and_a_family_cannot(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        account = make_account(session)
        account.failed_attempts, account.locked_until = 8, clock() + timedelta(hours=1)
        session.flush()
        with pytest.raises(Forbidden):
            operations.unlock(session, sessions.actor_of(session, account), account.id)
        agent = sessions.actor_of(session, make_agent(session, "agent@example.org", "gestionnaire"))
        operations.unlock(session, agent, account.id)
        assert (account.locked_until, account.failed_attempts) == (None, 0)


def test_what_is_sealed_is_read_with_the_same_key_only() -> None:
    sealed = seal(SECRET, "JBSWY3DPEHPK3PXP")
    assert "JBSWY3DPEHPK3PXP" not in sealed
    assert unseal(SECRET, sealed) == "JBSWY3DPEHPK3PXP"
    assert unseal(SECRET + "x", sealed) is None
    assert unseal(SECRET, sealed[:-4] + "AAAA") is None
