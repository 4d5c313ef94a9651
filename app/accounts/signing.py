"""Checking a password: constant answers and time, exact lock-out, no transaction held while hashing.

Three steps. *Reserve*: the attempt is counted before anything is known of it, so N simultaneous attempts are N
attempts. *Verify*: argon2id, outside any transaction (it takes 0.16 s; SQLite has one writer). *Conclude*: the count is
forgotten, or the account locks. An address without an account goes through the same steps on a counter of its own.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, case, or_, select, update
from sqlalchemy.orm import Session

from app import clock, journal, outbox
from app.accounts import passwords, throttle, tokens
from app.accounts.models import Account
from app.accounts.sealing import counting_key
from app.db import Database
from app.policy import Actor

LOCK_AFTER = 8
LOCK_FOR = timedelta(hours=1)
FAILURES_FORGOTTEN_AFTER = timedelta(hours=24)
FAILURES_PER_NETWORK = 60
NETWORK_WINDOW = timedelta(minutes=15)

STRANGER = Actor("visitor", None, "Une personne non connectée")

WRONG = "L’adresse e-mail ou le mot de passe est incorrect."
LOCKED = (
    "Trop d’essais\u00a0: la connexion à cette adresse est bloquée pendant une heure. Si un compte existe à cette "
    "adresse, nous venons d’y envoyer un lien pour le débloquer tout de suite."
)
TOO_MANY = "Trop d’essais depuis votre connexion internet. Réessayez dans un quart d’heure."


def email_key(email: str) -> str:
    """How an address is compared and stored: case and surrounding spaces do not count (A3)."""
    return email.strip().casefold()


@dataclass(frozen=True)
class Attempt:
    """A password given for an address, and what became of it. ``refusal`` is a message; ``None`` means *right*."""

    account_id: uuid.UUID | None
    refusal: str | None
    count: int
    address_key: str
    network_key: str
    new_hash: str | None = None

    @property
    def right(self) -> bool:
        return self.refusal is None and self.account_id is not None


@dataclass(frozen=True)
class _Reserved:
    account_id: uuid.UUID | None
    password_hash: str | None
    count: int


def attempt_sign_in(database: Database, secret_key: str, email: str, password: str, network: str) -> Attempt:
    """Counts and checks one attempt; ``conclude`` must follow. Raises passwords.Busy.

    ``network`` is the address the request came from. Opens its own short transactions.
    """
    email = email_key(email)
    address_key = counting_key(secret_key, "sign-in", email)
    network_key = counting_key(secret_key, "network", throttle.network_of(network))
    with database.transaction() as session:
        if throttle.attempts(session, network_key) >= FAILURES_PER_NETWORK:
            return Attempt(None, TOO_MANY, 0, address_key, network_key)
        reserved = _reserve(session, email, address_key)
    if reserved.count > LOCK_AFTER:
        return Attempt(reserved.account_id, LOCKED, reserved.count, address_key, network_key)
    if not passwords.verify(reserved.password_hash, password):
        refusal = LOCKED if reserved.count >= LOCK_AFTER else WRONG
        return Attempt(reserved.account_id, refusal, reserved.count, address_key, network_key)
    assert reserved.password_hash is not None
    new_hash = passwords.hash_password(password) if passwords.is_outdated(reserved.password_hash) else None
    return Attempt(reserved.account_id, None, reserved.count, address_key, network_key, new_hash)


def _reserve(session: Session, email: str, address_key: str) -> _Reserved:
    now = clock.now()
    # a lock that ended, or failures older than a day, start the count again
    forgotten = or_(Account.locked_until <= now, Account.last_failed_at <= now - FAILURES_FORGOTTEN_AFTER)
    locked = and_(Account.locked_until.is_not(None), Account.locked_until > now)
    row = session.execute(
        update(Account)
        .where(Account.email == email, Account.state == "active")
        .values(
            failed_attempts=case((forgotten, 1), else_=Account.failed_attempts + 1),
            locked_until=case((locked, Account.locked_until), else_=None),
            last_failed_at=case((locked, Account.last_failed_at), else_=now),
        )
        .returning(Account.id, Account.password_hash, Account.failed_attempts)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is not None:
        return _Reserved(row.id, row.password_hash, row.failed_attempts)
    count = throttle.count_attempt(
        session, address_key, FAILURES_FORGOTTEN_AFTER, lock_at=LOCK_AFTER, lock_for=LOCK_FOR
    )
    return _Reserved(None, None, count)


def conclude(session: Session, attempt: Attempt) -> Account | None:
    """Writes what became of an attempt: the account when the password was right, else ``None``."""
    if attempt.right:
        account = session.get(Account, attempt.account_id, with_for_update=True)
        if account is None or account.state != "active":
            return None
        account.failed_attempts, account.last_failed_at, account.locked_until = 0, None, None
        if attempt.new_hash is not None:
            account.password_hash = attempt.new_hash
        session.flush()
        return account
    if attempt.refusal != TOO_MANY:
        throttle.count_attempt(session, attempt.network_key, NETWORK_WINDOW)
        journal.record(session, STRANGER, "account.sign_in_failed", "account", attempt.account_id)
        if attempt.account_id is not None and attempt.count >= LOCK_AFTER:
            _lock(session, attempt.account_id)
    return None


def _lock(session: Session, account_id: uuid.UUID) -> None:
    account = session.scalars(
        select(Account).where(Account.id == account_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    # several attempts may have reached the limit together: one lock, one mail
    if account.locked_until is not None or account.failed_attempts < LOCK_AFTER:
        return
    account.locked_until = clock.now() + LOCK_FOR
    session.flush()
    journal.record(session, STRANGER, "account.locked", "account", account_id)
    if account.password_hash is not None:
        token_id = tokens.issue_token(session, tokens.UNLOCK, account_id=account_id)
        outbox.emit(session, "account.locked", account_id=str(account_id), token_id=str(token_id))
