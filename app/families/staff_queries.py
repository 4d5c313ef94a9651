"""What agents read of families: search, a family's page, doubles, history. All within ``family:read``."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.orm import Session

from app import clock
from app.accounts.models import Account
from app.families import fields, vocabulary, words
from app.families.loading import child_visible_to, household_visible_to, load_household_row
from app.families.models import Adult, Child, FamilyWord, Household, HouseholdChange, HouseholdChild
from app.families.queries import (
    ADULT_COLUMNS,
    CHILD_COLUMNS,
    HouseholdCard,
    adult_cards,
    child_card,
    household_card,
)
from app.policy import Actor, Permission, require

PAGE = 25
MOST = 500
"""Results counted at most: beyond, the agent types one more letter."""


@dataclass(frozen=True)
class FoundFamily:
    """A line of the search."""

    id: uuid.UUID
    number: str
    label: str
    city: str
    adults: tuple[str, ...]
    children: tuple[str, ...]


@dataclass(frozen=True)
class FoundFamilies:
    """A page of the search; ``total`` stops at ``MOST`` (then ``many`` is true)."""

    families: tuple[FoundFamily, ...]
    page: int
    pages: int
    total: int
    many: bool


def search_families(session: Session, actor: Actor, text: str, page: int = 1) -> FoundFamilies:
    """The households where every word typed begins a name, e-mail, phone or number of the household. Four statements.

    Nothing typed (or a single letter): the households opened last. Raises Forbidden without ``family:read``.
    """
    require(actor, Permission.FAMILY_READ)
    tokens = words.query_tokens(text)
    if text.strip() and not tokens:
        return FoundFamilies((), 1, 1, 0, False)
    conditions = [household_visible_to(actor)]
    for token in tokens:
        named = select(FamilyWord.household_id).where(FamilyWord.word >= token, FamilyWord.word < token + words.LAST)
        conditions.append(Household.id.in_(named))
    bounded = select(Household.id).where(*conditions).limit(MOST + 1).subquery()
    total = session.scalar(select(func.count()).select_from(bounded)) or 0
    pages = max(1, -(-min(total, MOST) // PAGE))
    page = min(max(1, page), pages)
    order = (Household.sort_key, Household.id) if tokens else (Household.created_at.desc(), Household.id.desc())
    rows = session.execute(
        select(Household.id, Household.number, Household.label, Household.city)
        .where(*conditions)
        .order_by(*order)
        .limit(PAGE)
        .offset((page - 1) * PAGE)
    ).all()
    adults, children = _names(session, [row.id for row in rows])
    families = tuple(
        FoundFamily(row.id, row.number, row.label, row.city, adults.get(row.id, ()), children.get(row.id, ()))
        for row in rows
    )
    return FoundFamilies(families, page, pages, min(total, MOST), total > MOST)


Names = dict[uuid.UUID, tuple[str, ...]]


def _names(session: Session, households: Collection[uuid.UUID]) -> tuple[Names, Names]:
    adults: Names = {}
    children: Names = {}
    if not households:
        return adults, children
    for home, first, last in session.execute(
        select(Adult.household_id, Adult.first_name, Adult.last_name)
        .where(Adult.household_id.in_(households))
        .order_by(Adult.rank)
    ):
        adults[home] = (*adults.get(home, ()), f"{first} {last}")
    for home, first in session.execute(
        select(HouseholdChild.household_id, Child.first_name)
        .join(Child, Child.id == HouseholdChild.child_id)
        .where(HouseholdChild.household_id.in_(households))
        .order_by(Child.birth_date)
    ):
        children[home] = (*children.get(home, ()), first)
    return adults, children


def load_household(session: Session, actor: Actor, household_id: uuid.UUID) -> HouseholdCard:
    """A household with its adults and all the children who live there, for staff. Three statements.

    Raises Forbidden without ``family:read``, NotFound outside the agent's structures.
    """
    household = load_household_row(session, actor, household_id)
    adults = session.execute(select(*ADULT_COLUMNS).where(Adult.household_id == household.id).order_by(Adult.rank))
    children = session.execute(
        select(*CHILD_COLUMNS)
        .join(HouseholdChild, HouseholdChild.child_id == Child.id)
        .where(HouseholdChild.household_id == household.id)
        .order_by(Child.birth_date, Child.sort_key, Child.id)
    )
    cards = [child_card(session, row) for row in children]
    return household_card(household, adult_cards(tuple(row) for row in adults), cards)


@dataclass(frozen=True)
class AccountState:
    """The account behind an adult, as an agent needs it: ``state`` is ``invited``, ``active``, ``locked``,
    ``deactivated`` or ``closed``."""

    account_id: uuid.UUID
    email: str
    state: str
    last_sign_in_at: datetime | None

    @property
    def label(self) -> str:
        return _ACCOUNT_LABELS[self.state]


_ACCOUNT_LABELS = {
    "invited": "Invitation envoyée, compte pas encore ouvert",
    "active": "Compte ouvert",
    "locked": "Compte bloqué après des essais manqués",
    "deactivated": "Compte désactivé",
    "closed": "Compte fermé",
}


def account_states(session: Session, household: HouseholdCard) -> dict[uuid.UUID, AccountState]:
    """The accounts of the adults of a household that was loaded through policy, by adult id. One statement."""
    by_account = {adult.account_id: adult.id for adult in household.adults if adult.account_id is not None}
    if not by_account:
        return {}
    rows = session.execute(
        select(
            Account.id,
            Account.email,
            Account.state,
            Account.password_hash.is_(None).label("unopened"),
            Account.locked_until,
            Account.last_sign_in_at,
        ).where(Account.id.in_(by_account))
    )
    states = {}
    for row in rows:
        state = row.state
        if state == "active" and row.unopened:
            state = "invited"
        elif state == "active" and row.locked_until is not None and row.locked_until > clock.now():
            state = "locked"
        states[by_account[row.id]] = AccountState(row.id, row.email, state, row.last_sign_in_at)
    return states


@dataclass(frozen=True)
class Double:
    """Somebody of another household who may be the same person: ``why`` says what is alike."""

    name: str
    why: str
    household_id: uuid.UUID
    household_number: str


def possible_doubles(session: Session, actor: Actor, household: HouseholdCard) -> list[Double]:
    """Children and adults of other households who may be those of this one, within what the agent may know.

    A child: same name and birth date, but not the same row. An adult: same name and birth date, or same e-mail. Two
    statements. Raises Forbidden without ``family:read``.
    """
    require(actor, Permission.FAMILY_READ)
    return [*_double_children(session, actor, household), *_double_adults(session, actor, household)]


def _double_children(session: Session, actor: Actor, household: HouseholdCard) -> list[Double]:
    if not household.children:
        return []
    own = [child.id for child in household.children]
    mine = select(Child.sort_key, Child.birth_date).where(Child.id.in_(own))
    rows = session.execute(
        select(Child.first_name, Child.last_name, Child.birth_date, Household.id, Household.number)
        .join(HouseholdChild, HouseholdChild.child_id == Child.id)
        .join(Household, Household.id == HouseholdChild.household_id)
        .where(
            tuple_(Child.sort_key, Child.birth_date).in_(mine),
            Child.id.not_in(own),
            Household.id != household.id,
            child_visible_to(actor),
        )
        .limit(20)
    )
    return [
        Double(f"{first} {last}", f"même nom, né(e) le {born:%d/%m/%Y}", home, number)
        for first, last, born, home, number in rows
    ]


def _double_adults(session: Session, actor: Actor, household: HouseholdCard) -> list[Double]:
    if not household.adults:
        return []
    ids = [adult.id for adult in household.adults]
    mine = select(Adult.sort_key, Adult.birth_date).where(Adult.id.in_(ids), Adult.birth_date.is_not(None))
    emails = sorted({adult.email for adult in household.adults if adult.email})
    rows = session.execute(
        select(Adult.first_name, Adult.last_name, Adult.email, Household.id, Household.number)
        .join(Household, Household.id == Adult.household_id)
        .where(
            or_(tuple_(Adult.sort_key, Adult.birth_date).in_(mine), Adult.email.in_(emails)),
            Household.id != household.id,
            household_visible_to(actor),
        )
        .limit(20)
    )
    return [
        Double(
            f"{first} {last}",
            "même adresse électronique" if email in emails else "même nom et même date de naissance",
            home,
            number,
        )
        for first, last, email, home, number in rows
    ]


@dataclass(frozen=True)
class ChangeLine:
    """One line of a family's history."""

    at: datetime
    by: str
    what: str
    old: str
    new: str
    case_id: uuid.UUID | None


def history_of(session: Session, household: HouseholdCard, limit: int = 50) -> list[ChangeLine]:
    """The last changes of a household that was loaded through policy, of its adults and its children. One statement."""
    names = {adult.id: adult.full_name for adult in household.adults}
    names |= {child.id: child.full_name for child in household.children}
    rows = session.scalars(
        select(HouseholdChange)
        .where(or_(HouseholdChange.household_id == household.id, HouseholdChange.object_id.in_(names)))
        .order_by(HouseholdChange.at.desc(), HouseholdChange.field)
        .limit(limit)
    )
    return [ChangeLine(row.at, row.by_label, _what(row, names), row.old, row.new, row.case_id) for row in rows]


def _what(row: HouseholdChange, names: dict[uuid.UUID, str]) -> str:
    label = fields.FIELDS[row.object_type][row.field].label
    return f"{label} ({names[row.object_id]})" if row.object_id in names else label


def situation_rows(household: HouseholdCard) -> Sequence[tuple[str, str]]:
    """What the page of a family says of the household itself: label and value."""
    qf = "" if household.qf is None else f"{household.qf}\u00a0€"
    if qf and household.qf_month is not None:
        qf += f" ({household.qf_month:%m/%Y})"
    return (
        ("Situation", vocabulary.SITUATIONS.get(household.situation, "")),
        ("Caisse", vocabulary.CAISSES[household.caisse] if household.caisse else ""),
        ("Numéro d’allocataire", household.caf_number),
        ("Quotient familial", qf),
    )
