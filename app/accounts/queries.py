"""Reads about accounts: the administrators' list, one account with its grants, roles, the demonstration's personas."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.accounts.models import Account, GrantRow, Role
from app.db import fold
from app.errors import NotFound
from app.town.queries import structure_names

PAGE = 50


@dataclass(frozen=True)
class AccountLine:
    """An account in a list. ``status`` is ``actif``, ``invité`` (link not followed), ``bloqué`` or ``désactivé``."""

    id: uuid.UUID
    kind: str
    first_name: str
    last_name: str
    email: str
    capacity: str
    status: str
    second_factor: bool
    last_sign_in_at: datetime | None
    roles: tuple[str, ...]

    @property
    def full_name(self) -> str:
        return f"{self.last_name} {self.first_name}"


@dataclass(frozen=True)
class HeldRole:
    """A grant as the account page shows it."""

    id: uuid.UUID
    role_code: str
    role_label: str
    structure_id: uuid.UUID | None
    structure_name: str | None


@dataclass(frozen=True)
class AccountPage:
    """One page of ``accounts_matching``: ``total`` counts every match."""

    lines: list[AccountLine]
    total: int
    page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE))


def status_of(account: Account) -> str:
    """The state of an account in one French word."""
    if account.state != "active":
        return "désactivé"
    if account.locked_until is not None and account.locked_until > clock.now():
        return "bloqué"
    return "invité" if account.password_hash is None else "actif"


def _line(account: Account, roles: tuple[str, ...]) -> AccountLine:
    return AccountLine(
        id=account.id,
        kind=account.kind,
        first_name=account.first_name,
        last_name=account.last_name,
        email=account.email,
        capacity=account.capacity,
        status=status_of(account),
        second_factor=account.totp_enabled_at is not None,
        last_sign_in_at=account.last_sign_in_at,
        roles=roles,
    )


def _like(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return text


def accounts_matching(session: Session, text: str = "", *, kind: str | None = "agent", page: int = 1) -> AccountPage:
    """Accounts whose name, first name or address begins with ``text``, in French order, ``PAGE`` a page."""
    query = select(Account)
    if kind is not None:
        query = query.where(Account.kind == kind)
    if wanted := fold(text):
        start, inside = f"{_like(wanted)}%", f"% {_like(wanted)}%"
        query = query.where(
            or_(
                Account.sort_key.like(start, escape="\\"),
                Account.sort_key.like(inside, escape="\\"),
                Account.email.like(start, escape="\\"),
            )
        )
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = max(1, min(page, -(-total // PAGE) or 1))
    found = session.scalars(query.order_by(Account.sort_key, Account.id).limit(PAGE).offset((page - 1) * PAGE)).all()
    labels: dict[uuid.UUID, list[str]] = {}
    held = (
        select(GrantRow.account_id, Role.label)
        .join(Role, Role.code == GrantRow.role_code)
        .where(GrantRow.account_id.in_([account.id for account in found]))
        .order_by(Role.label)
    )
    for account_id, label in session.execute(held):
        if label not in labels.setdefault(account_id, []):
            labels[account_id].append(label)
    return AccountPage([_line(account, tuple(labels.get(account.id, ()))) for account in found], total, page)


def account(session: Session, account_id: uuid.UUID) -> Account:
    """One account. Raises NotFound."""
    found = session.get(Account, account_id)
    if found is None:
        raise NotFound("Ce compte n’existe pas ou n’existe plus.")
    return found


def account_line(session: Session, account_id: uuid.UUID) -> AccountLine:
    """One account as a list shows it. Raises NotFound."""
    return _line(account(session, account_id), tuple(held.role_label for held in held_roles(session, account_id)))


def held_roles(session: Session, account_id: uuid.UUID) -> list[HeldRole]:
    """What an account was granted, the roles for every structure first."""
    names = structure_names(session)
    rows = session.execute(
        select(GrantRow.id, GrantRow.role_code, Role.label, GrantRow.structure_id)
        .join(Role, Role.code == GrantRow.role_code)
        .where(GrantRow.account_id == account_id)
        .order_by(Role.label)
    )
    held = [HeldRole(id, code, label, place, names.get(place) if place else None) for id, code, label, place in rows]
    return sorted(held, key=lambda one: (one.structure_id is not None, fold(one.role_label)))


def roles(session: Session) -> Sequence[Role]:
    """Every role, in French order."""
    return sorted(session.scalars(select(Role)), key=lambda role: fold(role.label))


def holders(session: Session) -> dict[str, int]:
    """How many accounts hold each role."""
    query = select(GrantRow.role_code, func.count(GrantRow.account_id.distinct())).group_by(GrantRow.role_code)
    return {row[0]: row[1] for row in session.execute(query)}


def agents_holding(
    session: Session, role_code: str, structure_id: uuid.UUID | None = None
) -> list[tuple[uuid.UUID, str]]:
    """Active agents who hold a role there: ids and « Prénom Nom », for « attribuer à… »."""
    query = (
        select(Account.id, Account.first_name, Account.last_name, Account.sort_key)
        .join(GrantRow, GrantRow.account_id == Account.id)
        .where(GrantRow.role_code == role_code, Account.state == "active")
        .distinct()
        .order_by(Account.sort_key)
    )
    if structure_id is not None:
        query = query.where(or_(GrantRow.structure_id.is_(None), GrantRow.structure_id == structure_id))
    return [(row.id, f"{row.first_name} {row.last_name}") for row in session.execute(query)]


@dataclass(frozen=True)
class Persona:
    """An account that the demonstration lets anybody try."""

    code: str
    full_name: str
    kind: str
    capacity: str


def personas(session: Session) -> list[Persona]:
    """The accounts of « se connecter comme… », parents first. Empty outside the demonstration's data."""
    rows = session.scalars(select(Account).where(Account.persona.is_not(None), Account.state == "active"))
    ordered = sorted(rows, key=lambda a: (a.kind != "parent", a.sort_key))
    return [Persona(a.persona or "", f"{a.first_name} {a.last_name}", a.kind, a.capacity) for a in ordered]


def persona(session: Session, code: str) -> Account:
    """The account behind a persona. Raises NotFound."""
    found = session.scalars(select(Account).where(Account.persona == code, Account.state == "active")).one_or_none()
    if found is None:
        raise NotFound
    return found
