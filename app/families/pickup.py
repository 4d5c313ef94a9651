"""Who may come for a child, and who must not (R-24). Rows are never changed: a newer one replaces, a removal closes."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock, journal
from app.db import fold, new_id
from app.errors import Forbidden, NotFound, Refused
from app.families import fields, vocabulary
from app.families.consents import age_on, authority_of
from app.families.loading import load_child_row
from app.families.models import Adult, Child, PickupPerson
from app.families.rights import Action, may
from app.policy import Actor, Permission, require
from app.town.queries import town_settings

MOST = 20
"""Persons named for one child: beyond, nobody at the gate reads the list."""
GONE = "Cette personne n’est plus dans la liste."


@dataclass(frozen=True)
class Named:
    """What is written of a person. ``birth_date`` for a minor only; ``until`` is the last day, ``None`` without end."""

    first_name: str
    last_name: str
    phone: str = ""
    relation: str = "autre"
    birth_date: date | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class PickupCard:
    """A person as pages show her; ``named_by`` is the parent who named her, empty when staff did."""

    id: uuid.UUID
    child_id: uuid.UUID
    blocked: bool
    first_name: str
    last_name: str
    phone: str
    relation: str
    birth_date: date | None
    since: date
    until: date | None
    source: str
    named_by: str
    declared_at: datetime

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def relation_label(self) -> str:
        return vocabulary.RELATIONS.get(self.relation, "")

    @property
    def minor(self) -> bool:
        return self.birth_date is not None and age_on(self.birth_date, clock.today()) < 18

    @property
    def in_force(self) -> bool:
        """Whether it holds today; a date to come is shown, and does not count yet."""
        return self.since <= clock.today() and (self.until is None or self.until >= clock.today())


def name_person(
    session: Session,
    actor: Actor,
    child_id: uuid.UUID,
    named: Named,
    *,
    adult_id: uuid.UUID | None = None,
    case_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """This person may come for the child. Named again (same name), her newer row replaces the older one.

    ``adult_id`` is the holder of authority who says so: Refused when she is none. Raises Forbidden, NotFound, Refused
    (field): a minor too young for the commune, somebody blocked, dates, too many persons.
    """
    require(actor, Permission.FAMILY_WRITE)
    child = load_child_row(session, actor, child_id, lock=True)
    if adult_id is not None:
        _holder(session, child.id, adult_id)
    values, key = check_named(session, named), fold(f"{named.last_name} {named.first_name}")
    current = _current(session, [child.id])
    if any(row.blocked and row.sort_key == key and _meet(row, values) for row in current):
        # read by the agent who validates: a family is never told that there is such a list
        raise Refused("Une décision de justice interdit de confier l’enfant à cette personne.", "last_name")
    twins = [row for row in current if not row.blocked and row.sort_key == key]
    if len([row for row in current if not row.blocked]) - len(twins) >= MOST:
        raise Refused(f"Un enfant a {MOST} personnes désignées au plus. Retirez-en d’abord une.", "last_name")
    if any(_same(twin, values) for twin in twins):
        return twins[0].id
    return _write(session, actor, child, values, key, twins, adult_id=adult_id, case_id=case_id)


def block_person(session: Session, actor: Actor, child_id: uuid.UUID, named: Named, *, source: str) -> uuid.UUID:
    """The child must not be handed to this person. ``source`` is the court document, without which nobody is blocked.

    Who was named under the same name is removed. Raises Forbidden, NotFound, Refused (field).
    """
    require(actor, Permission.FAMILY_WRITE)
    if not actor.is_agent and actor.kind != "system":
        raise Forbidden
    child = load_child_row(session, actor, child_id, lock=True)
    source = fields.note("source", source)
    if not source:
        raise Refused("Indiquez la décision de justice (date et tribunal).", "source")
    values, key = _checked(named), fold(f"{named.last_name} {named.first_name}")
    twins = [row for row in _current(session, [child.id]) if row.sort_key == key]
    return _write(session, actor, child, values, key, twins, blocked=True, source=source)


def remove_person(
    session: Session,
    actor: Actor,
    child_id: uuid.UUID,
    person_id: uuid.UUID,
    *,
    adult_id: uuid.UUID | None = None,
    blocked: bool = False,
) -> None:
    """This person may not come any more, or (``blocked``, staff only) is not blocked any more. Her row is kept.

    Raises Forbidden, NotFound (not in the list, or of another child, or on the other list), Refused (no authority).
    """
    require(actor, Permission.FAMILY_WRITE)
    child = load_child_row(session, actor, child_id, lock=True)
    if adult_id is not None:
        _holder(session, child.id, adult_id)
    row = next((row for row in _current(session, [child.id]) if row.id == person_id), None)
    if row is None or row.blocked != blocked:
        raise NotFound(GONE)
    row.superseded_at = clock.now()
    session.flush()
    action = "child.pickup_unblocked" if blocked else "child.pickup_removed"
    journal.record(session, actor, action, "child", child.id, person=str(row.id))


def _write(
    session: Session,
    actor: Actor,
    child: Child,
    values: dict[str, object],
    key: str,
    twins: Collection[PickupPerson],
    *,
    blocked: bool = False,
    source: str = "",
    adult_id: uuid.UUID | None = None,
    case_id: uuid.UUID | None = None,
) -> uuid.UUID:
    now = clock.now()
    for twin in twins:
        twin.superseded_at = now
    row = PickupPerson(
        id=new_id(),
        child_id=child.id,
        blocked=blocked,
        sort_key=key,
        source=source,
        adult_id=adult_id,
        case_id=case_id,
        declared_at=now,
        **values,
    )
    session.add(row)
    session.flush()
    action = "child.pickup_blocked" if blocked else "child.pickup_named"
    journal.record(session, actor, action, "child", child.id, person=str(row.id))
    return row.id


def _holder(session: Session, child_id: uuid.UUID, adult_id: uuid.UUID) -> None:
    authority = authority_of(session, child_id, adult_id)
    if authority is None or not may(authority, Action.NAME_PICKUP):
        raise Refused("Cette personne n’exerce pas l’autorité parentale sur cet enfant.")


def _checked(named: Named) -> dict[str, object]:
    since = named.since or clock.today()
    if named.until is not None and named.until < since:
        raise Refused("La date de fin précède la date de début.", "until")
    return {
        "first_name": fields.person_name("first_name", named.first_name),
        "last_name": fields.person_name("last_name", named.last_name),
        "phone": fields.phone("phone", named.phone),
        "relation": fields.one_of(vocabulary.RELATIONS)("relation", named.relation),
        "birth_date": fields.birth_date(120)("birth_date", named.birth_date),
        "since": since,
        "until": named.until,
    }


def check_named(session: Session, named: Named) -> dict[str, object]:
    """What is written of a person who may come, cleaned. Raises Refused (field), also when she is too young."""
    values = _checked(named)
    _old_enough(session, values["birth_date"], values["since"])
    return values


def _old_enough(session: Session, birth_date: object, since: object) -> None:
    assert isinstance(since, date)
    least = town_settings(session).pickup_minimum_age
    if isinstance(birth_date, date) and age_on(birth_date, since) < least:
        raise Refused(
            f"Une personne qui vient chercher un enfant doit avoir au moins {least}\u00a0ans dans cette commune.",
            "birth_date",
        )


def _meet(row: PickupPerson, values: dict[str, object]) -> bool:
    since, until = values["since"], values["until"]
    assert isinstance(since, date)
    return (row.until is None or row.until >= since) and (until is None or row.since <= until)  # type: ignore[operator]  # a date


def _same(row: PickupPerson, values: dict[str, object]) -> bool:
    return all(getattr(row, name) == value for name, value in values.items())


def _current(session: Session, children: Collection[uuid.UUID]) -> list[PickupPerson]:
    return list(
        session.scalars(
            select(PickupPerson)
            .where(PickupPerson.child_id.in_(children), PickupPerson.superseded_at.is_(None))
            .order_by(PickupPerson.sort_key, PickupPerson.id)
        )
    )


# -- reading ---------------------------------------------------------------------------------------------------------


def persons_of(session: Session, children: Collection[uuid.UUID]) -> dict[uuid.UUID, list[PickupCard]]:
    """Who may come for these children, ended lines left out, for whoever may know of it. One statement."""
    return _cards(session, children, blocked=False)


def blocked_of(session: Session, children: Collection[uuid.UUID]) -> dict[uuid.UUID, list[PickupCard]]:
    """To whom these children must not be handed: for staff who loaded them through policy, never for a family."""
    return _cards(session, children, blocked=True)


def _cards(session: Session, children: Collection[uuid.UUID], *, blocked: bool) -> dict[uuid.UUID, list[PickupCard]]:
    found: dict[uuid.UUID, list[PickupCard]] = {child_id: [] for child_id in children}
    rows = session.execute(
        select(PickupPerson, Adult.first_name, Adult.last_name)
        .outerjoin(Adult, Adult.id == PickupPerson.adult_id)
        .where(
            PickupPerson.child_id.in_(children),
            PickupPerson.superseded_at.is_(None),
            PickupPerson.blocked.is_(blocked),
        )
        .order_by(PickupPerson.sort_key, PickupPerson.id)
    )
    for row, first_name, last_name in rows:
        if row.until is None or row.until >= clock.today():
            found[row.child_id].append(_card(row, f"{first_name} {last_name}" if first_name else ""))
    return found


def _card(row: PickupPerson, named_by: str) -> PickupCard:
    values = {name: getattr(row, name) for name in PickupCard.__dataclass_fields__ if name != "named_by"}
    return PickupCard(**values, named_by=named_by)


def person_written(session: Session, person_id: uuid.UUID | None) -> PickupCard | None:
    """A line as it was written, also when it holds no more; not to be shown."""
    row = session.get(PickupPerson, person_id) if person_id is not None else None
    return _card(row, "") if row is not None and not row.blocked else None
