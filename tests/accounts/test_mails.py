"""What people receive: the right words to the right address, no password, links that work."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from app import mail
from app.accounts import mails, operations, sessions, tokens
from app.accounts.models import Account
from app.clock import FrozenClock
from app.db import Database
from app.mail import MailDraft
from app.policy import SYSTEM
from app.town.operations import change_settings
from tests.accounts.house import SECRET, facts, make_account, make_agent, stranger
from tests.conftest import settings_for

assert mails  # importing the module registers its writers


def drafts(database: Database, tmp_path: Path, kind: str) -> list[MailDraft]:
    """The mails of the last fact of this kind."""
    settings = settings_for("sqlite://", tmp_path, SECRET_KEY=SECRET, PUBLIC_URL="https://portail.example.org")
    writer = mail.writer_of(kind)
    assert writer is not None
    with database.transaction(read_only=True) as session:
        payload = [payload for found, payload in facts(session) if found == kind][-1]
        return writer(session, settings, payload)


def token_in(draft: MailDraft, path: str) -> str:
    found = re.search(rf"https://portail\.example\.org{path}/([\w-]+)", draft.body)
    assert found is not None, draft.body
    return found.group(1)


@pytest.fixture(autouse=True)
def town(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        change_settings(session, SYSTEM, {"name": "Valbrise", "phone": "01 99 00 12 30"})


def test_an_invitation_leads_to_the_choice_of_a_password(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        operations.send_choose_password_link(session, make_account(session, password=None))
    [draft] = drafts(database, tmp_path, "account.invited")
    assert draft.to == "claire.martin@example.org"
    assert draft.sensitive
    assert "Valbrise" in draft.body
    assert "23/11/2026 à 9\u00a0h\u00a030" in draft.body  # three days later, on Paris' clock
    with database.transaction() as session:
        operations.choose_password(session, SECRET, token_in(draft, "/compte/mot-de-passe"), "hash")


def test_a_mail_composed_twice_holds_the_same_link(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        operations.send_choose_password_link(session, make_account(session, password=None))
    assert drafts(database, tmp_path, "account.invited") == drafts(database, tmp_path, "account.invited")


def test_a_link_that_has_served_is_not_mailed_late(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        account = make_account(session, password=None)
        operations.send_choose_password_link(session, account)
    [draft] = drafts(database, tmp_path, "account.invited")
    with database.transaction() as session:
        operations.choose_password(session, SECRET, token_in(draft, "/compte/mot-de-passe"), "hash")
    assert drafts(database, tmp_path, "account.invited") == []


def test_a_mail_about_an_account_shut_since_is_not_sent(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        make_account(session)
        operations.forgotten_password(session, SECRET, "claire.martin@example.org", "192.0.2.1")
        session.query(Account).one().state = "deactivated"
    assert drafts(database, tmp_path, "account.password_forgotten") == []


def test_a_change_of_address_writes_to_the_new_one_then_warns_the_former(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        actor = sessions.actor_of(session, make_account(session))
        operations.ask_email_change(session, actor, "new@example.org")
    [asked] = drafts(database, tmp_path, "account.email_change_asked")
    assert asked.to == "new@example.org"
    with database.transaction() as session:
        operations.confirm_email_change(session, SECRET, token_in(asked, "/compte/courriel"))
    [warned] = drafts(database, tmp_path, "account.email_changed")
    assert warned.to == "claire.martin@example.org"
    assert "new@example.org" not in warned.body


def test_the_lock_mail_unlocks(database: Database, clock: FrozenClock, tmp_path: Path) -> None:
    with database.transaction() as session:
        account = make_account(session)
        account.failed_attempts, account.locked_until = 8, clock() + timedelta(hours=1)
        token_id = tokens.issue_token(session, tokens.UNLOCK, account_id=account.id)
        from app import outbox

        outbox.emit(session, "account.locked", account_id=str(account.id), token_id=str(token_id))
    [draft] = drafts(database, tmp_path, "account.locked")
    with database.transaction() as session:
        assert operations.unlock_by_link(session, SECRET, token_in(draft, "/compte/deblocage")).locked_until is None


def test_an_activation_goes_to_the_address_that_signed_up(database: Database, tmp_path: Path) -> None:
    import uuid

    with database.transaction() as session:
        operations.ask_activation(session, stranger(), "Nouvelle@example.org", uuid.uuid4())
    [draft] = drafts(database, tmp_path, "account.activation_asked")
    assert draft.to == "nouvelle@example.org"
    assert len(token_in(draft, "/compte/activation")) == 64


def test_every_mail_is_french_typographically_right_and_without_password(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        account = make_agent(session, "agent@example.org", password=None)
        operations.send_choose_password_link(session, account)
        from app import outbox

        for kind in ("already_exists", "identifier_forgotten", "password_changed", "second_factor_enrolled"):
            outbox.emit(session, f"account.{kind}", account_id=str(account.id))
    for kind in ("invited", "already_exists", "identifier_forgotten", "password_changed", "second_factor_enrolled"):
        [draft] = drafts(database, tmp_path, f"account.{kind}")
        assert draft.body.startswith("Bonjour Claire Martin,")
        text = re.sub(r"https?://\S+", "", draft.body) + draft.subject.replace(" :", "\u00a0:")
        assert "'" not in text
        assert not re.search(r" [:;?!]", text), text
        assert not re.search(r"\b(tu|ton|ta|tes)\b", text)
        assert "{" not in draft.body
