"""Open sessions: a random token in the browser's signed cookie, a row that can be revoked here (R-78).

Everything about a person is read again at each request, in one statement: a role withdrawn or an account deactivated
takes effect at the next click, on every device.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from app import clock, journal
from app.accounts.models import Account, GrantRow, LoginSession, Role
from app.accounts.sealing import fingerprint
from app.errors import NotFound
from app.policy import Actor, Grant
from app.town.queries import town_settings

DAY = timedelta(hours=12)
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class SignedIn:
    """The person behind a request and her session; ``actor`` is what operations receive."""

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


_PERSON = (
    Account.id,
    LoginSession.id.label("session_id"),
    Account.kind,
    Account.email,
    Account.civility,
    Account.first_name,
    Account.last_name,
    Account.capacity,
    Account.phone,
    Account.must_change_password,
    Account.must_review_household,
    Account.totp_enabled_at,
    LoginSession.second_factor_at,
    LoginSession.last_seen_at,
    LoginSession.ends_at,
    GrantRow.role_code,
    GrantRow.structure_id,
    Role.permissions,
)


# Built once: every request of a person who is signed in runs it.
_SIGNED_IN = (
    select(*_PERSON)
    .select_from(LoginSession)
    .join(Account, Account.id == LoginSession.account_id)
    .outerjoin(GrantRow, GrantRow.account_id == Account.id)
    .outerjoin(Role, Role.code == GrantRow.role_code)
    .where(
        LoginSession.token_hash == bindparam("fingerprint"),
        LoginSession.revoked_at.is_(None),
        LoginSession.expires_at > bindparam("now"),
        Account.state == "active",
    )
)


def signed_in(session: Session, token: str) -> SignedIn | None:
    """Who holds this session token, with her grants; ``None`` when it is unknown, revoked or too old. One statement."""
    rows = session.execute(_SIGNED_IN, {"fingerprint": fingerprint(token), "now": clock.now()}).all()
    if not rows:
        return None
    first = rows[0]
    grants = tuple(
        Grant(row.role_code, frozenset(row.permissions), row.structure_id) for row in rows if row.role_code is not None
    )
    label = _account_label(first.first_name, first.last_name, first.capacity)
    return SignedIn(
        id=first.id,
        session_id=first.session_id,
        kind=first.kind,
        email=first.email,
        civility=first.civility,
        first_name=first.first_name,
        last_name=first.last_name,
        capacity=first.capacity,
        phone=first.phone,
        must_change_password=first.must_change_password,
        must_review_household=first.must_review_household,
        second_factor_set_up=first.totp_enabled_at is not None,
        second_factor_at=first.second_factor_at,
        last_seen_at=first.last_seen_at,
        ends_at=first.ends_at,
        actor=Actor(first.kind, first.id, label, grants),
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
