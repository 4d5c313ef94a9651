"""The second factor: codes of an authenticator application (TOTP, RFC 6238) and ten recovery codes (A8, R-71)."""

from __future__ import annotations

import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta

import pyotp
import segno
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app import clock, journal, outbox
from app.accounts import sessions, throttle
from app.accounts.models import Account, RecoveryCode
from app.accounts.sealing import counting_key, fingerprint, seal, unseal
from app.errors import Conflict, Forbidden
from app.policy import Actor

STEP_SECONDS = 30
TRIES, TRIES_WINDOW = 6, timedelta(minutes=15)
RECOVERY_CODES = 10
# no vowels, no 0/1: codes are copied from paper and must not spell anything
_ALPHABET = "23456789bcdfghjkmnpqrstvwxz"

WRONG = "Ce code n’est pas le bon. Attendez le suivant et recopiez-le."
TOO_MANY = (
    "Trop d’essais. Attendez un quart d’heure, ou demandez à un administrateur de remettre à zéro votre second facteur."
)


def _account(session: Session, actor: Actor) -> Account:
    account = session.get(Account, actor.id, with_for_update=True) if actor.id is not None else None
    if account is None:
        raise Forbidden
    return account


def begin_enrolment(session: Session, secret_key: str, actor: Actor) -> str:
    """The secret to put into the application, base32: the one being set up, or a new one. Raises Conflict when a second
    factor is already set up (it must be removed first, with a code)."""
    account = _account(session, actor)
    if account.totp_enabled_at is not None:
        raise Conflict("Votre second facteur est déjà en place.")
    kept = unseal(secret_key, account.totp_secret) if account.totp_secret else None
    if kept is not None:
        return kept
    made = str(pyotp.random_base32())
    account.totp_secret = seal(secret_key, made)
    session.flush()
    return made


def enrolment_address(secret: str, email: str, town: str) -> str:
    """The ``otpauth://`` address that the application reads from the QR code."""
    return str(pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=f"Portail famille {town}"))


def qr_code(text: str) -> str:
    """A QR code as a ``data:`` URI (SVG), for an ``<img>``."""
    return str(segno.make(text, error="m").svg_data_uri(scale=5, border=2, dark="#000", light="#fff"))


@dataclass(frozen=True)
class Enrolment:
    """The recovery codes, shown once; or why not, in French.

    A refusal is returned, not raised: raising would undo the count of tries.
    """

    recovery_codes: list[str]
    refusal: str | None = None


def enrol(session: Session, secret_key: str, actor: Actor, session_id: uuid.UUID, code: str) -> Enrolment:
    """Puts the second factor in place, once ``code`` proves that the application works; this session has then given it.

    Raises Conflict when nothing is being set up.
    """
    account = _account(session, actor)
    if account.totp_enabled_at is not None or account.totp_secret is None:
        raise Conflict("Votre second facteur est déjà en place.")
    if not _may_try(session, secret_key, account):
        return Enrolment([], TOO_MANY)
    if not _accept_code(secret_key, account, code):
        return Enrolment([], WRONG)
    account.totp_enabled_at = clock.now()
    session.flush()
    codes = _new_recovery_codes(session, account.id)
    _accepted(session, secret_key, account, session_id)
    journal.record(session, actor, "account.second_factor_enrolled", "account", account.id)
    outbox.emit(session, "account.second_factor_enrolled", account_id=str(account.id))
    return Enrolment(codes)


def give(session: Session, secret_key: str, actor: Actor, session_id: uuid.UUID, code: str) -> str | None:
    """Checks a code of the application, or a recovery code (used once), for this session. Returns why not, or ``None``.

    A code serves once: the time step it came from is remembered, and neither it nor an earlier one passes again.
    """
    account = _account(session, actor)
    if account.totp_enabled_at is None:
        raise Conflict("Votre second facteur n’est pas encore en place.")
    if not _may_try(session, secret_key, account):
        journal.record(session, actor, "account.second_factor_blocked", "account", account.id)
        return TOO_MANY
    if not _accept_code(secret_key, account, code) and not _accept_recovery_code(session, account.id, code):
        journal.record(session, actor, "account.second_factor_failed", "account", account.id)
        return WRONG
    session.flush()
    _accepted(session, secret_key, account, session_id)
    journal.record(session, actor, "account.second_factor_given", "account", account.id)
    return None


def remove(session: Session, actor: Actor) -> None:
    """Removes one's own second factor. Raises Forbidden when a role requires it."""
    if actor.needs_second_factor:
        raise Forbidden("Votre rôle demande un second facteur.")
    account = _account(session, actor)
    account.totp_secret, account.totp_enabled_at, account.totp_last_step = None, None, 0
    session.flush()
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account.id))
    journal.record(session, actor, "account.second_factor_removed", "account", account.id)


def renew_recovery_codes(session: Session, actor: Actor) -> list[str]:
    """Ten new recovery codes; the former ones stop working."""
    account = _account(session, actor)
    if account.totp_enabled_at is None:
        raise Conflict("Votre second facteur n’est pas encore en place.")
    journal.record(session, actor, "account.recovery_codes_renewed", "account", account.id)
    return _new_recovery_codes(session, account.id)


def recovery_codes_left(session: Session, account_id: uuid.UUID) -> int:
    """How many recovery codes still work."""
    query = select(func.count()).where(RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
    return session.scalar(query) or 0


def _counter(secret_key: str, account_id: uuid.UUID) -> str:
    return counting_key(secret_key, "second-factor", account_id.hex)


def _may_try(session: Session, secret_key: str, account: Account) -> bool:
    key = _counter(secret_key, account.id)
    return throttle.count_attempt(session, key, TRIES_WINDOW, lock_at=TRIES, lock_for=TRIES_WINDOW) <= TRIES


def _accepted(session: Session, secret_key: str, account: Account, session_id: uuid.UUID) -> None:
    throttle.forget_attempts(session, _counter(secret_key, account.id))
    sessions.confirm_second_factor(session, session_id)


def _accept_code(secret_key: str, account: Account, code: str) -> bool:
    """Whether ``code`` is that of this time step, the one before or the one after, and has not served."""
    typed = "".join(code.split())
    secret = unseal(secret_key, account.totp_secret) if account.totp_secret else None
    if secret is None or len(typed) != 6 or not (typed.isascii() and typed.isdigit()):
        return False
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    present = int(clock.now().timestamp()) // STEP_SECONDS
    for step in (present - 1, present, present + 1):
        if step > account.totp_last_step and hmac.compare_digest(totp.generate_otp(step), typed):
            account.totp_last_step = step
            return True
    return False


def _recovery_hash(account_id: uuid.UUID, code: str) -> str:
    return fingerprint(f"{account_id}:{code}")


def _accept_recovery_code(session: Session, account_id: uuid.UUID, code: str) -> bool:
    plain = "".join(c for c in code.lower() if c in _ALPHABET)
    if len(plain) != 12:
        return False
    used = session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.account_id == account_id,
            RecoveryCode.code_hash == _recovery_hash(account_id, plain),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=clock.now())
        .returning(RecoveryCode.id)
    ).all()
    return bool(used)


def _new_recovery_codes(session: Session, account_id: uuid.UUID) -> list[str]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(12)) for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(account_id=account_id, code_hash=_recovery_hash(account_id, code)) for code in codes)
    session.flush()
    return ["-".join((code[:4], code[4:8], code[8:])) for code in codes]
