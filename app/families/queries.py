"""What families read of themselves. The scoped loaders are here: another's child is a 404 (invariant 8)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, aliased

from app import clock
from app.errors import Forbidden, NotFound
from app.families import vocabulary
from app.families.consents import age_on
from app.families.loading import in_force, load_child_row
from app.families.models import Adult, Child, Guardianship, Household, HouseholdChild
from app.families.rights import Action, Authority, Right, address_shown, may, right
from app.policy import Actor
from app.town.queries import structure_names

NO_CHILD = "Cet enfant n’existe pas ou ne fait pas partie de vos enfants."


@dataclass(frozen=True)
class ChildCard:
    """A child as a person sees him. ``authority`` is hers over him; ``None`` for staff, whose policy decides."""

    id: uuid.UUID
    first_name: str
    last_name: str
    birth_date: date
    sex: str
    school_id: uuid.UUID | None
    school: str
    level: str
    authority: Authority | None
    quality: str

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def age(self) -> int:
        return age_on(self.birth_date, clock.today())

    @property
    def schooling(self) -> str:
        """« École élémentaire Les Marronniers, CE2 » (R8); empty for a child who is not at school yet."""
        return ", ".join(part for part in (self.school, self.level) if part)

    def may(self, action: Action) -> bool:
        return self.authority is None or may(self.authority, action)

    def right(self, action: Action) -> Right:
        return Right.YES if self.authority is None else right(self.authority, action)


@dataclass(frozen=True)
class AdultCard:
    """An adult of one's own household, or as staff sees her."""

    id: uuid.UUID
    account_id: uuid.UUID | None
    civility: str
    first_name: str
    last_name: str
    birth_name: str
    birth_date: date | None
    quality: str
    mobile: str
    work_phone: str
    email: str
    profession: str
    employer: str
    mail_consent: bool
    sms_consent: bool
    street: str
    address_extra: str
    postal_code: str
    city: str

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def quality_label(self) -> str:
        return vocabulary.QUALITIES.get(self.quality, "")


@dataclass(frozen=True)
class HouseholdCard:
    """A household with its adults, the principal first. ``children`` are those the reader may know of."""

    id: uuid.UUID
    number: str
    label: str
    street: str
    address_extra: str
    postal_code: str
    city: str
    address_hidden: bool
    phone: str
    situation: str
    caisse: str
    caf_number: str
    qf: int | None
    qf_source: str
    qf_month: date | None
    desk_only: bool
    adults: tuple[AdultCard, ...]
    children: tuple[ChildCard, ...]

    @property
    def address_lines(self) -> tuple[str, ...]:
        return address_lines(self.street, self.address_extra, self.postal_code, self.city)


@dataclass(frozen=True)
class GuardianCard:
    """An adult linked to a child, as another adult (or staff) may see her. ``None`` = not hers to see."""

    adult_id: uuid.UUID
    household_id: uuid.UUID
    account_id: uuid.UUID | None
    name: str
    quality: str
    authority: Authority
    since: date
    until: date | None
    source: str
    opposed: bool
    same_household: bool
    phone: str | None
    email: str | None
    address: tuple[str, ...] | None

    @property
    def quality_label(self) -> str:
        return vocabulary.QUALITIES.get(self.quality, "")

    @property
    def authority_label(self) -> str:
        return vocabulary.AUTHORITIES[self.authority]


CHILD_COLUMNS = (
    Child.id,
    Child.first_name,
    Child.last_name,
    Child.birth_date,
    Child.sex,
    Child.school_id,
    Child.level,
)
ADULT_COLUMNS = tuple(getattr(Adult, name) for name in AdultCard.__dataclass_fields__)
HOUSEHOLD_FIELDS = tuple(n for n in HouseholdCard.__dataclass_fields__ if n not in ("adults", "children"))


def address_lines(street: str, extra: str, postal_code: str, city: str) -> tuple[str, ...]:
    """An address as an envelope shows it; empty lines are left out."""
    return tuple(text for text in (street, extra, f"{postal_code} {city}".strip()) if text)


def child_card(session: Session, row: object, authority: Authority | None = None, quality: str = "") -> ChildCard:
    """A card from a row (or tuple) that has ``CHILD_COLUMNS``. No statement."""
    values = {column.key: getattr(row, column.key) for column in CHILD_COLUMNS}
    school = structure_names(session).get(values["school_id"], "") if values["school_id"] else ""
    return ChildCard(**values, school=school, authority=authority, quality=quality)


def children_of(session: Session, account_id: uuid.UUID, action: Action = Action.KNOW) -> list[ChildCard]:
    """The children this account may do ``action`` for, eldest first. One statement."""
    rows = session.execute(
        select(*CHILD_COLUMNS, Guardianship.authority, Guardianship.quality)
        .join(Guardianship, Guardianship.child_id == Child.id)
        .join(Adult, Adult.id == Guardianship.adult_id)
        .where(Adult.account_id == account_id, in_force(clock.today()))
        .order_by(Child.birth_date, Child.sort_key, Child.id)
    )
    cards = (child_card(session, row, Authority(row.authority), row.quality) for row in rows)
    return [card for card in cards if card.may(action)]


def load_child(session: Session, actor: Actor, child_id: uuid.UUID, action: Action = Action.KNOW) -> ChildCard:
    """One child. A parent: NotFound for a child she may not know of, Forbidden when she may know but not do ``action``.
    An agent: Forbidden without ``family:read``, NotFound outside his structures."""
    if actor.kind != "parent":
        return child_card(session, load_child_row(session, actor, child_id))
    assert actor.id is not None
    found = next((card for card in children_of(session, actor.id) if card.id == child_id), None)
    if found is None:
        raise NotFound(NO_CHILD)
    if not found.may(action):
        raise Forbidden("Votre situation à l’égard de cet enfant ne permet pas cette action.")
    return found


def adult_of(session: Session, account_id: uuid.UUID) -> Adult | None:
    """The adult behind an account, once she has a household."""
    return session.scalars(select(Adult).where(Adult.account_id == account_id)).one_or_none()


def household_of_account(account_id: ColumnElement[uuid.UUID]) -> ColumnElement[uuid.UUID]:
    """The household of an account, as part of another statement."""
    return select(Adult.household_id).where(Adult.account_id == account_id).scalar_subquery()


def household_id_of(session: Session, account_id: uuid.UUID) -> uuid.UUID | None:
    """The household of an account, ``None`` before she has one."""
    return session.scalar(select(Adult.household_id).where(Adult.account_id == account_id))


def household_of(session: Session, account_id: uuid.UUID) -> HouseholdCard | None:
    """The household of this account with the children she may know of; ``None`` before she has one. Two statements.

    Children come from her links, not from the household: a child of hers who lives elsewhere is among them, one of the
    household over whom she has no link is not (R-20).
    """
    mine = aliased(Adult)
    rows = session.execute(
        select(Household, *ADULT_COLUMNS)
        .join(mine, mine.household_id == Household.id)
        .join(Adult, Adult.household_id == Household.id)
        .where(mine.account_id == account_id)
        .order_by(Adult.rank)
    ).all()
    if not rows:
        return None
    return household_card(rows[0][0], adult_cards(row[1:] for row in rows), children_of(session, account_id))


def adult_cards(rows: Iterable[Sequence[Any]]) -> tuple[AdultCard, ...]:
    """Cards from tuples of ``ADULT_COLUMNS``."""
    return tuple(AdultCard(*row) for row in rows)


def household_card(row: Household, adults: Sequence[AdultCard], children: Sequence[ChildCard]) -> HouseholdCard:
    values = {name: getattr(row, name) for name in HOUSEHOLD_FIELDS}
    return HouseholdCard(**values, adults=tuple(adults), children=tuple(children))


def children_of_household(session: Session, household_id: uuid.UUID, action: Action = Action.KNOW) -> list[ChildCard]:
    """The children who live there and for whom one of its adults may do ``action``: what an agent at the desk is
    offered for a family. Rights are those of the adults, so a child none of them may know of stays out. One statement.
    """
    rows = session.execute(
        select(*CHILD_COLUMNS, Guardianship.authority, Guardianship.quality)
        .join(HouseholdChild, HouseholdChild.child_id == Child.id)
        .join(Guardianship, Guardianship.child_id == Child.id)
        .join(Adult, (Adult.id == Guardianship.adult_id) & (Adult.household_id == HouseholdChild.household_id))
        .where(HouseholdChild.household_id == household_id, in_force(clock.today()))
        .order_by(Child.birth_date, Child.sort_key, Child.id)
    )
    kept: dict[uuid.UUID, ChildCard] = {}
    for row in rows:
        card = child_card(session, row, Authority(row.authority), row.quality)
        if card.may(action):
            kept.setdefault(card.id, card)
    return list(kept.values())


def children_for(
    session: Session, account_id: uuid.UUID | None, household_id: uuid.UUID | None, action: Action
) -> list[ChildCard]:
    """The children a demande may be about: those of the account that files, else of the household at the desk.

    An account never borrows the rights of another adult of its household (R-20).
    """
    if account_id is not None:
        return children_of(session, account_id, action)
    return children_of_household(session, household_id, action) if household_id is not None else []


def guardians_of(
    session: Session, children: Sequence[ChildCard], household_id: uuid.UUID | None
) -> dict[uuid.UUID, list[GuardianCard]]:
    """Who answers for these children, by child id, seen from this household (``None``: seen by staff).

    What belongs to the private life of an adult of another household is ``None`` (R-21). Two statements for all.
    """
    cards = {child.id: child for child in children}
    homes: dict[uuid.UUID, set[tuple[str, ...]]] = {child_id: set() for child_id in cards}
    for child_id, *address in session.execute(
        select(
            HouseholdChild.child_id, Household.street, Household.address_extra, Household.postal_code, Household.city
        )
        .join(HouseholdChild, HouseholdChild.household_id == Household.id)
        .where(HouseholdChild.child_id.in_(cards))
    ):
        homes[child_id].add(address_lines(*address))
    found: dict[uuid.UUID, list[GuardianCard]] = {child_id: [] for child_id in cards}
    for link, adult, household in session.execute(
        select(Guardianship, Adult, Household)
        .join(Adult, Adult.id == Guardianship.adult_id)
        .join(Household, Household.id == Adult.household_id)
        .where(Guardianship.child_id.in_(cards), in_force(clock.today()))
        .order_by(Guardianship.since, Adult.sort_key, Adult.id)
    ):
        child = cards[link.child_id]
        card = _guardian(child, household_id, homes[child.id], link, adult, household)
        # an authority withdrawn by a judgment is the staff's business; a family page does not recall it
        if child.authority is None or may(card.authority, Action.KNOW):
            found[child.id].append(card)
    return found


def _guardian(
    child: ChildCard,
    household_id: uuid.UUID | None,
    homes: set[tuple[str, ...]],
    link: Guardianship,
    adult: Adult,
    household: Household,
) -> GuardianCard:
    staff = child.authority is None
    same = staff or household.id == household_id
    own = address_lines(adult.street, adult.address_extra, adult.postal_code, adult.city)
    address = own or address_lines(household.street, household.address_extra, household.postal_code, household.city)
    contact = same or child.right(Action.OTHER_CONTACT) is Right.YES
    readable = staff or address_shown(
        child.authority or Authority.WITHDRAWN,
        same_household=same,
        childs_address=address in homes,
        hidden=household.address_hidden,
    )
    return GuardianCard(
        adult_id=adult.id,
        household_id=household.id,
        account_id=adult.account_id,
        name=f"{adult.first_name} {adult.last_name}",
        quality=link.quality,
        authority=Authority(link.authority),
        since=link.since,
        until=link.until,
        source=link.source,
        opposed=link.opposed_at is not None,
        same_household=same,
        phone=(adult.mobile or household.phone) if contact else None,
        email=adult.email if contact else None,
        address=address if readable else None,
    )


def agreement_needed(session: Session, child_id: uuid.UUID) -> bool:
    """True once a holder of joint authority opposed what the other does alone: both must agree from then on (R-22)."""
    return child_id in in_disagreement(session, [child_id])


def in_disagreement(session: Session, child_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of these children for whom the agreement of both parents is needed (R-22). One statement."""
    query = select(Guardianship.child_id).where(
        Guardianship.child_id.in_(child_ids),
        Guardianship.authority == Authority.JOINT,
        Guardianship.opposed_at.is_not(None),
        in_force(clock.today()),
    )
    return set(session.scalars(query))


def other_holders(session: Session, child_id: uuid.UUID, account_id: uuid.UUID | None) -> list[uuid.UUID]:
    """The accounts of the *other* adults who exercise authority over this child: whom to tell of a usual act (R-22)."""
    rows = session.execute(
        select(Adult.account_id, Guardianship.authority)
        .join(Guardianship, Guardianship.adult_id == Adult.id)
        .where(Guardianship.child_id == child_id, Adult.account_id.is_not(None), in_force(clock.today()))
        .order_by(Adult.sort_key)
    )
    return [row.account_id for row in rows if may(row.authority, Action.BOOK) and row.account_id != account_id]
