"""The two rooms at the bottom of the house, with a database, an application and the people the tests speak of."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pyotp
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import journal, outbox
from app.accounts import administration, operations
from app.accounts.models import Account
from app.accounts.passwords import hash_password
from app.accounts.sealing import link_token
from app.policy import SYSTEM, Actor
from app.town.models import Structure
from app.town.operations import create_structure

SECRET = "a-secret-key-for-tests-that-is-long-enough"
PASSWORD = "quatre chevaux sous un parapluie"
NOW = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


def make_account(session: Session, email: str = "claire.martin@example.org", **values: object) -> Account:
    """An account with ``PASSWORD`` (``password=None`` for none)."""
    password = values.pop("password", PASSWORD)
    details: dict[str, object] = {"first_name": "Claire", "last_name": "Martin", **values}
    account = operations.open_account(session, SYSTEM, email=email, **details)  # type: ignore[arg-type]  # keywords of tests
    account.password_hash = hash_password(str(password)) if password is not None else None
    session.flush()
    return account


def make_agent(
    session: Session, email: str, *roles: str, structure: Structure | None = None, **values: object
) -> Account:
    """An agent holding roles, in one structure or everywhere."""
    administration.seed_roles(session, SYSTEM)
    account = make_account(session, email, kind="agent", capacity="agent d’accueil", **values)
    for role in roles:
        administration.grant_role(session, SYSTEM, account.id, role, structure.id if structure else None)
    return account


def make_structure(
    session: Session, code: str = "EM", name: str = "École Les Tilleuls", kind: str = "ecole"
) -> Structure:
    """A structure."""
    return create_structure(session, SYSTEM, code=code, name=name, kind=kind)


def facts(session: Session) -> list[tuple[str, dict[str, object]]]:
    """Kind and payload of every fact in the outbox, oldest first."""
    rows = session.scalars(select(outbox.OutboxFact).order_by(outbox.OutboxFact.created_at)).all()
    return [(row.kind, row.payload) for row in rows]


def actions(session: Session) -> list[str]:
    """Every action of the journal, in order."""
    return list(session.scalars(select(journal.JournalEntry.action).order_by(journal.JournalEntry.seq)))


def link(payload: dict[str, object], purpose: str) -> str:
    """The raw token that the mail of this fact carries."""
    return link_token(SECRET, uuid.UUID(str(payload["token_id"])), purpose)


def stranger() -> Actor:
    """Somebody without an account."""
    return Actor("visitor", None, "Une personne")


def code_at(secret: str, instant: datetime) -> str:
    """What the application of this secret shows at ``instant``."""
    return str(pyotp.TOTP(secret).at(instant))


def sign_in(client: FlaskClient, email: str, password: str = PASSWORD, **values: str) -> object:
    """Posts the sign-in form."""
    return client.post("/connexion", data={"email": email, "password": password, **values})
