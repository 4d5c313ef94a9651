"""What people do with their own account, and how accounts come to be. Roles and other people's accounts are in
``administration``; checking a password is in ``signing``."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock, journal, outbox
from app.accounts import sessions, throttle, tokens
from app.accounts.models import Account, Token
from app.accounts.sealing import counting_key
from app.accounts.signing import STRANGER, email_key
from app.db import fold
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.policy import Actor, Permission, require
from app.town.queries import town_settings

ASKS_PER_ADDRESS, ASKS_PER_NETWORK = 3, 30
ASKS_WINDOW = timedelta(minutes=30)

ALREADY_TAKEN = "Un compte existe déjà à cette adresse e-mail."


def account_named(session: Session, email: str) -> Account | None:
    """The account of an address, in any state."""
    return session.scalars(select(Account).where(Account.email == email_key(email))).one_or_none()


def _name(value: str, field: str) -> str:
    text = " ".join(value.split())
    if not text or len(text) > 100:
        raise Refused("Écrivez un nom, en 100 caractères au plus.", field)
    return text


def open_account(
    session: Session,
    actor: Actor,
    *,
    email: str,
    first_name: str,
    last_name: str,
    civility: str = "",
    phone: str = "",
    kind: str = "parent",
    capacity: str = "",
    must_review_household: bool = False,
) -> Account:
    """Opens an account without a password; ``send_choose_password_link`` must follow. Raises Refused (field ``email``)
    when the address has one already: only agents may be told, see ``ask_activation``."""
    email = email_key(email)
    if "@" not in email or len(email) > 254:
        raise Refused("Écrivez une adresse e-mail, comme nom@exemple.fr.", "email")
    if account_named(session, email) is not None:
        raise Refused(ALREADY_TAKEN, "email")
    first_name, last_name = _name(first_name, "first_name"), _name(last_name, "last_name")
    account = Account(
        email=email,
        kind=kind,
        civility=civility,
        first_name=first_name,
        last_name=last_name,
        sort_key=fold(f"{last_name} {first_name}"),
        capacity=" ".join(capacity.split())[:100],
        phone=phone.strip()[:30],
        state="active",
        must_review_household=must_review_household,
        created_at=clock.now(),
    )
    try:
        with session.begin_nested():
            session.add(account)
            session.flush()
    except IntegrityError as error:  # two people, one address, the same instant
        raise Refused(ALREADY_TAKEN, "email") from error
    journal.record(session, actor, "account.opened", "account", account.id, kind=kind)
    return account


def send_choose_password_link(
    session: Session, account: Account, kind: str = "account.invited", lifetime: timedelta | None = None
) -> uuid.UUID:
    """Makes a single-use link to choose a password and has it mailed (fact ``kind``). Returns the token id."""
    token_id = tokens.issue_token(
        session, tokens.CHOOSE_PASSWORD, account_id=account.id, lifetime=lifetime, reason=kind
    )
    outbox.emit(session, kind, account_id=str(account.id), token_id=str(token_id))
    return token_id


def ask_activation(session: Session, actor: Actor, email: str, case_id: uuid.UUID) -> uuid.UUID | None:
    """Sends the 24 h activation link of a sign-up (A1): ``data`` of the token names the case and the address.

    Whoever signs up with the address of an account learns nothing: the owner gets another mail, and this returns
    ``None``.
    """
    known = account_named(session, email)
    if known is not None:
        if known.state == "active":
            outbox.emit(session, "account.already_exists", account_id=str(known.id))
        return None
    token_id = tokens.issue_token(session, tokens.ACTIVATION, case_id=str(case_id), email=email_key(email))
    outbox.emit(session, "account.activation_asked", token_id=str(token_id))
    journal.record(session, actor, "account.activation_asked", "case", case_id)
    return token_id


def invite_parent(
    session: Session, actor: Actor, *, email: str, first_name: str, last_name: str, civility: str = "", phone: str = ""
) -> Account:
    """An agent opens an account for a family; she gets a single-use link for 72 h, and reviews her household at her
    first sign-in (A2, A7). An invitation that was not followed may be sent again. Raises Forbidden or Refused."""
    require(actor, Permission.FAMILY_INVITE)
    known = account_named(session, email)
    if known is not None and known.kind == "parent" and known.state == "active" and known.password_hash is None:
        account = known
    else:
        account = open_account(
            session,
            actor,
            email=email,
            first_name=first_name,
            last_name=last_name,
            civility=civility,
            phone=phone,
            must_review_household=True,
        )
    send_choose_password_link(session, account)
    journal.record(session, actor, "account.invited", "account", account.id)
    return account


def household_reviewed(session: Session, actor: Actor) -> None:
    """The person has read her household through: it is not asked again (A7)."""
    account = _own(session, actor)
    account.must_review_household = False
    session.flush()
    journal.record(session, actor, "account.household_reviewed", "account", account.id)


def _own(session: Session, actor: Actor) -> Account:
    account = session.get(Account, actor.id, with_for_update=True) if actor.id is not None else None
    if account is None:
        raise Forbidden
    return account


def _may_ask(session: Session, secret_key: str, email: str, network: str) -> bool:
    address = counting_key(secret_key, "ask", email_key(email))
    asked = throttle.count_attempt(session, address, ASKS_WINDOW)
    near = throttle.count_attempt(
        session, counting_key(secret_key, "ask-network", throttle.network_of(network)), ASKS_WINDOW
    )
    return asked <= ASKS_PER_ADDRESS and near <= ASKS_PER_NETWORK


def forgotten_password(session: Session, secret_key: str, email: str, network: str) -> None:
    """Mails a link to choose a new password, if there is an account. Says nothing either way (A3)."""
    if not _may_ask(session, secret_key, email, network):
        return
    account = account_named(session, email)
    if account is None or account.state != "active":
        return
    if account.password_hash is None:
        send_choose_password_link(session, account)
    else:
        send_choose_password_link(session, account, "account.password_forgotten", tokens.FORGOTTEN_LIFETIME)
    journal.record(session, STRANGER, "account.password_forgotten", "account", account.id)


def forgotten_identifier(session: Session, secret_key: str, email: str, network: str) -> None:
    """Mails a reminder that this address *is* the identifier, if there is an account. Says nothing either way."""
    if not _may_ask(session, secret_key, email, network):
        return
    account = account_named(session, email)
    if account is not None and account.state == "active":
        outbox.emit(session, "account.identifier_forgotten", account_id=str(account.id))
        journal.record(session, STRANGER, "account.identifier_forgotten", "account", account.id)


def choose_password(session: Session, secret_key: str, raw: str, password_hash: str) -> Account:
    """Sets the password behind a mailed link, which stops working; every session and every other link of the account
    end. Returns the account. Raises Conflict when the link has served."""
    token = tokens.consume_token(session, secret_key, raw, tokens.CHOOSE_PASSWORD)
    account = session.get(Account, token.account_id, with_for_update=True)
    if account is None or account.state != "active":
        raise Conflict(tokens.NO_LONGER_VALID)
    first = account.password_hash is None
    _set_password(session, account, password_hash)
    sessions.revoke_sessions(session, account.id)
    actor = sessions.actor_of(session, account)
    journal.record(session, actor, "account.password_chosen", "account", account.id, first=first)
    if not first:
        outbox.emit(session, "account.password_changed", account_id=str(account.id))
    return account


def _set_password(session: Session, account: Account, password_hash: str) -> None:
    account.password_hash = password_hash
    account.password_changed_at = clock.now()
    account.must_change_password = False
    account.failed_attempts, account.last_failed_at, account.locked_until = 0, None, None
    if account.totp_enabled_at is None:
        account.totp_secret = None  # whoever held the former password may have read it on the page that sets it up
    session.flush()
    tokens.end_tokens(session, account.id)


def change_password(session: Session, actor: Actor, session_id: uuid.UUID, password_hash: str) -> None:
    """Replaces my password (the view has verified the current one); my other sessions end (A6)."""
    account = _own(session, actor)
    _set_password(session, account, password_hash)
    sessions.revoke_sessions(session, account.id, but=session_id)
    journal.record(session, actor, "account.password_changed", "account", account.id)
    outbox.emit(session, "account.password_changed", account_id=str(account.id))


def change_identity(
    session: Session, actor: Actor, *, civility: str, first_name: str, last_name: str, phone: str
) -> None:
    """Corrects how an *agent* is named. A family's names belong to its household: a démarche changes them (F1)."""
    account = _own(session, actor)
    if account.kind != "agent":
        raise Forbidden("Vos coordonnées se modifient par la démarche « Mes coordonnées ».")
    account.civility = civility
    account.first_name, account.last_name = _name(first_name, "first_name"), _name(last_name, "last_name")
    account.sort_key = fold(f"{account.last_name} {account.first_name}")
    account.phone = phone.strip()[:30]
    session.flush()
    journal.record(session, actor, "account.identity_changed", "account", account.id)


def ask_email_change(session: Session, actor: Actor, new_email: str) -> None:
    """Sends a link to the new address; nothing changes before it is followed (A6). The view has verified the password.

    Raises Refused when the commune does not allow it. An address that has an account already gets another mail:
    the person who asks learns nothing.
    """
    if not town_settings(session).email_change_allowed:
        raise Refused("La commune ne permet pas de changer d’adresse e-mail en ligne. Contactez le service.", "email")
    account, email = _own(session, actor), email_key(new_email)
    if email == account.email:
        raise Refused("C’est déjà l’adresse de votre compte.", "email")
    journal.record(session, actor, "account.email_change_asked", "account", account.id)
    known = account_named(session, email)
    if known is not None:
        tokens.end_tokens(session, account.id, tokens.CHANGE_EMAIL)
        if known.state == "active":
            outbox.emit(session, "account.already_exists", account_id=str(known.id))
        return
    token_id = tokens.issue_token(session, tokens.CHANGE_EMAIL, account_id=account.id, email=email)
    outbox.emit(session, "account.email_change_asked", token_id=str(token_id))


def confirm_email_change(session: Session, secret_key: str, raw: str) -> Account:
    """Moves the account to the address that proved itself; the former address is told. Raises Conflict."""
    token: Token = tokens.consume_token(session, secret_key, raw, tokens.CHANGE_EMAIL)
    account = session.get(Account, token.account_id, with_for_update=True)
    if account is None or account.state != "active":
        raise Conflict(tokens.NO_LONGER_VALID)
    token.data = {**token.data, "previous": account.email}
    try:
        with session.begin_nested():
            account.email = token.data["email"]
            session.flush()
    except IntegrityError as error:
        raise Conflict("Cette adresse e-mail sert maintenant à un autre compte.") from error
    tokens.end_tokens(session, account.id)
    journal.record(session, sessions.actor_of(session, account), "account.email_changed", "account", account.id)
    outbox.emit(session, "account.email_changed", account_id=str(account.id), token_id=str(token.id))
    return account


def unlock_by_link(session: Session, secret_key: str, raw: str) -> Account:
    """Unlocks the account behind a mailed link. Raises Conflict when the link has served."""
    token = tokens.consume_token(session, secret_key, raw, tokens.UNLOCK)
    account = session.get(Account, token.account_id, with_for_update=True)
    if account is None:
        raise Conflict(tokens.NO_LONGER_VALID)
    _unlock(session, account, sessions.actor_of(session, account))
    return account


def unlock(session: Session, actor: Actor, account_id: uuid.UUID) -> None:
    """An agent unlocks somebody's account (A5). Does nothing to an account that is not locked."""
    require(actor, Permission.USER_UNLOCK)
    account = session.get(Account, account_id, with_for_update=True)
    if account is None:
        raise NotFound
    if account.locked_until is not None or account.failed_attempts:
        _unlock(session, account, actor)


def _unlock(session: Session, account: Account, actor: Actor) -> None:
    account.failed_attempts, account.last_failed_at, account.locked_until = 0, None, None
    session.flush()
    tokens.end_tokens(session, account.id, tokens.UNLOCK)
    journal.record(session, actor, "account.unlocked", "account", account.id)
