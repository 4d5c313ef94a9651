"""Open sessions: a random token in the browser's signed cookie, a row that can be revoked here (R-78).

Everything about a person is read again at each request, in one statement: a role withdrawn or an account deactivated
takes effect at the next click, on every device.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, bindparam, select, update
from sqlalchemy.orm import Session

from app import clock, journal
from app.accounts.models import Account, GrantRow, LoginSession, Role
from app.accounts.sealing import fingerprint
from app.errors import NotFound
from app.hot import Hot
from app.policy import Actor, Grant
from app.town.queries import town_settings

DAY = timedelta(hours=12)
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class SignedIn:
    """The person behind a request and her session; ``actor`` is what operations receive.

    ``also`` holds what the composition had read with her (``read_along``).
    """

    id: uuid.UUID
    session_id: uuid.UUID
    kind: str
    email: str
    civility: str
    first_name: str
    last_name: str
    capacity: str
    phone: str
    must_change_password: bool
    must_review_household: bool
    second_factor_set_up: bool
    second_factor_at: datetime | None
    last_seen_at: datetime
    ends_at: datetime
    actor: Actor
    also: Mapping[str, Any]

    @property
    def name(self) -> str:
        """« Prénom Nom »."""
        return f"{self.first_name} {self.last_name}"

    @property
    def needs_second_factor(self) -> bool:
        """True for whoever holds a sensitive role (A8, R-71) or has set up a second factor of his own will."""
        return self.actor.needs_second_factor or self.second_factor_set_up


def _account_label(first_name: str, last_name: str, capacity: str) -> str:
    return f"{first_name} {last_name}, {capacity}" if capacity else f"{first_name} {last_name}"


def actor_of(session: Session, account: Account) -> Actor:
    """The actor that this account is when it signs in."""
    rows = session.execute(
        select(GrantRow.role_code, Role.permissions, GrantRow.structure_id)
        .join(Role, Role.code == GrantRow.role_code)
        .where(GrantRow.account_id == account.id)
    )
    grants = tuple(Grant(code, frozenset(permissions), structure_id) for code, permissions, structure_id in rows)
    return Actor(
        account.kind, account.id, _account_label(account.first_name, account.last_name, account.capacity), grants
    )


_SESSIONS = cast(Table, LoginSession.__table__)
_ACCOUNTS = cast(Table, Account.__table__)
_GRANTS = cast(Table, GrantRow.__table__)
_ROLES = cast(Table, Role.__table__)
_PERSON = (
    _ACCOUNTS.c.id,
    _SESSIONS.c.id.label("session_id"),
    _ACCOUNTS.c.kind,
    _ACCOUNTS.c.email,
    _ACCOUNTS.c.civility,
    _ACCOUNTS.c.first_name,
    _ACCOUNTS.c.last_name,
    _ACCOUNTS.c.capacity,
    _ACCOUNTS.c.phone,
    _ACCOUNTS.c.must_change_password,
    _ACCOUNTS.c.must_review_household,
    _ACCOUNTS.c.totp_enabled_at,
    _SESSIONS.c.second_factor_at,
    _SESSIONS.c.last_seen_at,
    _SESSIONS.c.ends_at,
)
_GRANT = (_GRANTS.c.role_code, _ROLES.c.permissions, _GRANTS.c.structure_id)

_along: dict[str, ColumnElement[Any]] = {}


def read_along(name: str, value: Callable[[ColumnElement[uuid.UUID]], ColumnElement[Any]]) -> None:
    """Reads one more value of a person with her session: what every page of hers needs from a room above this one.

    ``value`` is given the account's id and makes a scalar of it; it is found in ``SignedIn.also``. For the composition.
    """
    _along[name] = value(_ACCOUNTS.c.id).label(name)
    _signed_in_statement.cache_clear()


@cache
def _signed_in_statement() -> Hot:
    """Built once: every request of a person who is signed in runs it."""
    return Hot(
        select(*_PERSON, *_GRANT, *_along.values())
        .select_from(_SESSIONS)
        .join(_ACCOUNTS, _ACCOUNTS.c.id == _SESSIONS.c.account_id)
        .outerjoin(_GRANTS, _GRANTS.c.account_id == _ACCOUNTS.c.id)
        .outerjoin(_ROLES, _ROLES.c.code == _GRANTS.c.role_code)
        .where(
            _SESSIONS.c.token_hash == bindparam("fingerprint"),
            _SESSIONS.c.revoked_at.is_(None),
            _SESSIONS.c.expires_at > bindparam("now"),
            _ACCOUNTS.c.state == "active",
        )
    )


def signed_in(session: Session, token: str) -> SignedIn | None:
    """Who holds this session token, with her grants; ``None`` when it is unknown, revoked or too old. One statement."""
    rows = _signed_in_statement().rows(session, fingerprint=fingerprint(token), now=clock.now())
    if not rows:
        return None
    person, rest = rows[0][: len(_PERSON)], len(_PERSON) + len(_GRANT)
    grants = tuple(
        Grant(code, frozenset(permissions), structure_id)
        for code, permissions, structure_id in (row[len(_PERSON) : rest] for row in rows)
        if code is not None
    )
    account_id, session_id, kind, email, civility, first_name, last_name, capacity, phone, *marks = person
    must_change_password, must_review_household, totp_enabled_at, second_factor_at, last_seen_at, ends_at = marks
    return SignedIn(
        id=account_id,
        session_id=session_id,
        kind=kind,
        email=email,
        civility=civility,
        first_name=first_name,
        last_name=last_name,
        capacity=capacity,
        phone=phone,
        must_change_password=must_change_password,
        must_review_household=must_review_household,
        second_factor_set_up=totp_enabled_at is not None,
        second_factor_at=second_factor_at,
        last_seen_at=last_seen_at,
        ends_at=ends_at,
        actor=Actor(kind, account_id, _account_label(first_name, last_name, capacity), grants),
        also=dict(zip(_along, rows[0][rest:], strict=True)),
    )


def _idle(session: Session, kind: str) -> timedelta:
    settings = town_settings(session)
    return timedelta(minutes=settings.idle_minutes_agent if kind == "agent" else settings.idle_minutes_family)


_BROWSERS = (("Firefox", "Firefox"), ("Edg", "Edge"), ("OPR", "Opera"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def device_summary(user_agent: str) -> str:
    """« Firefox sur Windows »: what a person recognises, without keeping the whole string."""
    browser = next((label for mark, label in _BROWSERS if mark in user_agent), "Navigateur")
    system = next((label for mark, label in _SYSTEMS if mark in user_agent), "")
    return f"{browser} sur {system}" if system else browser


def open_session(session: Session, account: Account, *, user_agent: str = "", second_factor: bool = False) -> str:
    """Opens a session and returns its raw token, for the cookie only.

    ``second_factor`` says that it needs no more proof (the demonstration's buttons).
    """
    token, now = secrets.token_urlsafe(32), clock.now()
    opened = LoginSession(
        token_hash=fingerprint(token),
        account_id=account.id,
        created_at=now,
        last_seen_at=now,
        expires_at=now + _idle(session, account.kind),
        ends_at=now + DAY,
        user_agent=device_summary(user_agent),
        second_factor_at=now if second_factor else None,
    )
    session.add(opened)
    account.last_sign_in_at = now
    session.flush()
    journal.record(session, actor_of(session, account), "account.signed_in", "account", account.id)
    return token


def is_stale(person: SignedIn) -> bool:
    """True when the last use noted is over a minute old: time for ``touch``."""
    return clock.now() - person.last_seen_at >= TOUCH_EVERY


def touch(session: Session, person: SignedIn) -> None:
    """Notes that the session is in use, and lets it live on (never past the working day)."""
    now = clock.now()
    session.execute(
        update(LoginSession)
        .where(LoginSession.id == person.session_id, LoginSession.revoked_at.is_(None))
        .values(last_seen_at=now, expires_at=min(now + _idle(session, person.kind), person.ends_at))
    )


def open_sessions(session: Session, account_id: uuid.UUID) -> Sequence[LoginSession]:
    """The sessions of an account that still work, the latest used first."""
    return session.scalars(
        select(LoginSession)
        .where(
            LoginSession.account_id == account_id,
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > clock.now(),
        )
        .order_by(LoginSession.last_seen_at.desc())
    ).all()


def revoke_session(session: Session, actor: Actor, session_id: uuid.UUID) -> None:
    """Signs one of *my* sessions out. Raises NotFound for somebody else's."""
    row = session.scalars(
        select(LoginSession).where(LoginSession.id == session_id, LoginSession.account_id == actor.id)
    ).one_or_none()
    if row is None:
        raise NotFound
    if row.revoked_at is None:
        row.revoked_at = clock.now()
        session.flush()
        journal.record(session, actor, "account.session_revoked", "account", row.account_id)


def revoke_sessions(session: Session, account_id: uuid.UUID, *, but: uuid.UUID | None = None) -> int:
    """Signs an account out everywhere (``but`` spares one session). Returns how many sessions ended."""
    query = update(LoginSession).where(LoginSession.account_id == account_id, LoginSession.revoked_at.is_(None))
    if but is not None:
        query = query.where(LoginSession.id != but)
    # whoever changed the account in this transaction has flushed it or not: the rows touched here are only sessions
    ended = session.execute(query.values(revoked_at=clock.now()).returning(LoginSession.id)).all()
    return len(ended)


def sign_out(session: Session, person: SignedIn) -> None:
    """Ends the session of this request."""
    session.execute(update(LoginSession).where(LoginSession.id == person.session_id).values(revoked_at=clock.now()))
    journal.record(session, person.actor, "account.signed_out", "account", person.id)


def sign_out_everywhere(session: Session, actor: Actor) -> int:
    """« Se déconnecter partout » : every session of the actor, this one included. Returns how many ended."""
    assert actor.id is not None
    ended = revoke_sessions(session, actor.id)
    journal.record(session, actor, "account.signed_out_everywhere", "account", actor.id, sessions=ended)
    return ended


def confirm_second_factor(session: Session, session_id: uuid.UUID) -> None:
    """Marks a session as having given its second factor."""
    session.execute(update(LoginSession).where(LoginSession.id == session_id).values(second_factor_at=clock.now()))
