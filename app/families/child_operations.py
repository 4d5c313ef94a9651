"""What changes a child: his sheet, his households, who holds authority over him."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app import clock, journal
from app.db import Json, new_id
from app.errors import Conflict, NotFound, Refused
from app.families import fields, vocabulary, words
from app.families.custody_calendars import end_custody
from app.families.loading import child_key, in_force, load_child_row, load_household_row
from app.families.models import Adult, Child, ChildStructure, Guardianship, HouseholdChild
from app.families.operations import apply_changes
from app.families.rights import Authority
from app.policy import Actor, Permission, require
from app.town.models import Structure


def add_child(
    session: Session,
    actor: Actor,
    household_id: uuid.UUID,
    *,
    first_name: str,
    last_name: str,
    birth_date: date,
    case_id: uuid.UUID | None = None,
    **values: Json,
) -> Child:
    """Adds a child to a household, with any field of ``fields.CHILD``. ``link_adult`` then says who answers for him.

    Raises Forbidden, NotFound, or Refused: a field, or the same child (name and birth date) is in this household.
    The same child in *another* household is no refusal, nobody must learn of it here: agents are warned on his page.
    """
    require(actor, Permission.FAMILY_WRITE)
    household = load_household_row(session, actor, household_id, lock=True)
    given = {"first_name": first_name, "last_name": last_name, "birth_date": birth_date, **values}
    cleaned = fields.checked(session, "child", given)
    key = child_key(cleaned["first_name"], cleaned["last_name"])
    twin = (
        select(Child.id)
        .join(HouseholdChild, HouseholdChild.child_id == Child.id)
        .where(HouseholdChild.household_id == household.id, Child.sort_key == key)
        .where(Child.birth_date == cleaned["birth_date"])
    )
    if session.scalar(twin) is not None:
        raise Refused("Cet enfant fait déjà partie de votre foyer.", "first_name")
    child = Child(id=new_id(), sort_key=key, created_at=clock.now(), **cleaned)
    session.add(child)
    session.flush()
    session.add(HouseholdChild(household_id=household.id, child_id=child.id, since=clock.today(), case_id=case_id))
    _index(session, child)
    journal.record(session, actor, "child.added", "child", child.id, household=str(household.id))
    return child


def update_child(
    session: Session, actor: Actor, child_id: uuid.UUID, changes: Mapping[str, Json], case_id: uuid.UUID | None = None
) -> list[str]:
    """Changes fields of ``fields.CHILD``; returns the names of those whose value is new. Raises Forbidden, NotFound,
    Refused (field)."""
    require(actor, Permission.FAMILY_WRITE)
    child = load_child_row(session, actor, child_id, lock=True)
    changed = apply_changes(session, actor, "child", child, changes, None, case_id)
    if changed:
        child.sort_key = child_key(child.first_name, child.last_name)
        _index(session, child)
    return changed


def join_household(
    session: Session, actor: Actor, child_id: uuid.UUID, household_id: uuid.UUID, case_id: uuid.UUID | None = None
) -> None:
    """The child lives in this household too (separated parents, F5). Does nothing when he already does.

    It gives nobody a right over him: ``link_adult`` does.
    """
    require(actor, Permission.FAMILY_WRITE)
    household = load_household_row(session, actor, household_id, lock=True)
    child = load_child_row(session, actor, child_id)
    if session.get(HouseholdChild, (household.id, child.id)) is not None:
        return
    session.add(HouseholdChild(household_id=household.id, child_id=child.id, since=clock.today(), case_id=case_id))
    _index(session, child)
    journal.record(session, actor, "child.joined", "child", child.id, household=str(household.id))


def leave_household(session: Session, actor: Actor, child_id: uuid.UUID, household_id: uuid.UUID) -> None:
    """The child does not live there any more. Raises NotFound when he did not, Conflict when it is his last one."""
    require(actor, Permission.FAMILY_WRITE)
    load_household_row(session, actor, household_id, lock=True)
    child = load_child_row(session, actor, child_id, lock=True)
    rows = session.scalars(select(HouseholdChild).where(HouseholdChild.child_id == child.id)).all()
    row = next((r for r in rows if r.household_id == household_id), None)
    if row is None:
        raise NotFound("Cet enfant ne fait pas partie de ce foyer.")
    if len(rows) == 1:
        raise Conflict("C’est le seul foyer de cet enfant. Rattachez-le d’abord à un autre.")
    session.delete(row)
    session.flush()
    end_custody(session, actor, child.id)  # a calendar that names a home which is his no more says nothing
    _index(session, child)
    journal.record(session, actor, "child.left", "child", child.id, household=str(household_id))


def link_adult(
    session: Session,
    actor: Actor,
    child_id: uuid.UUID,
    adult_id: uuid.UUID,
    *,
    quality: str,
    authority: Authority | str,
    source: str = "",
    since: date | None = None,
    until: date | None = None,
    case_id: uuid.UUID | None = None,
) -> Guardianship:
    """Says what an adult is to a child and how she exercises authority, from ``since`` (today) to ``until`` (no end).

    A link already there ends the day before. ``source`` names the document that proves it: obligatory for whatever
    departs from joint authority, which is the rule (art. 372 and 373-2 of the Code civil). Raises Forbidden,
    NotFound, Refused (field).
    """
    require(actor, Permission.FAMILY_WRITE)
    if quality not in vocabulary.QUALITIES:
        raise Refused("Choisissez une des réponses proposées.", "quality")
    if authority not in set(Authority):
        raise Refused("Choisissez une des réponses proposées.", "authority")
    source = fields.note("source", source)
    if authority != Authority.JOINT and not source:
        raise Refused("Indiquez le document qui le prouve (jugement, décision, livret).", "source")
    since = since or clock.today()
    if until is not None and until < since:
        raise Refused("La date de fin précède la date de début.", "until")
    child = load_child_row(session, actor, child_id, lock=True)
    if session.get(Adult, adult_id) is None:
        raise NotFound("Cette personne n’existe pas ou n’existe plus.")
    _end_link(session, child.id, adult_id, since)
    link = Guardianship(
        id=new_id(),
        child_id=child.id,
        adult_id=adult_id,
        quality=quality,
        authority=str(authority),
        source=source,
        since=since,
        until=until,
        case_id=case_id,
        created_at=clock.now(),
    )
    session.add(link)
    session.flush()
    journal.record(
        session,
        actor,
        "child.linked",
        "child",
        child.id,
        adult=str(adult_id),
        authority=str(authority),
        quality=quality,
    )
    return link


def _end_link(session: Session, child_id: uuid.UUID, adult_id: uuid.UUID, since: date) -> None:
    """Ends the links of this pair before ``since``; those that would only start later never were."""
    rows = session.scalars(
        select(Guardianship).where(
            Guardianship.child_id == child_id,
            Guardianship.adult_id == adult_id,
            or_(Guardianship.until.is_(None), Guardianship.until >= since),
        )
    ).all()
    for row in rows:
        if row.since < since:
            row.until = since - timedelta(days=1)
        else:
            session.delete(row)
    session.flush()


def note_opposition(session: Session, actor: Actor, child_id: uuid.UUID, adult_id: uuid.UUID, opposed: bool) -> None:
    """A holder of joint authority lets it be known that she opposes what the other does alone, or lifts it (R-22).

    From then on the agreement of both is needed (``queries.agreement_needed``); the portal does not arbitrate. Raises
    Forbidden, NotFound, Conflict (that adult does not share the authority).
    """
    require(actor, Permission.FAMILY_WRITE)
    child = load_child_row(session, actor, child_id, lock=True)
    link = session.scalars(
        select(Guardianship).where(
            Guardianship.child_id == child.id, Guardianship.adult_id == adult_id, in_force(clock.today())
        )
    ).one_or_none()
    if link is None or link.authority != Authority.JOINT:
        raise Conflict("Cette personne n’exerce pas l’autorité parentale conjointe sur cet enfant.")
    link.opposed_at = clock.now() if opposed else None
    session.flush()
    fact = "child.opposition_noted" if opposed else "child.opposition_lifted"
    journal.record(session, actor, fact, "child", child.id, adult=str(adult_id))


def receive_child(session: Session, actor: Actor, child_id: uuid.UUID, structure_id: uuid.UUID) -> None:
    """This structure receives the child: its staff may open his family's file. Raises Forbidden, NotFound."""
    require(actor, Permission.FAMILY_WRITE)
    child = load_child_row(session, actor, child_id)
    if session.get(Structure, structure_id) is None:
        raise NotFound("Cette structure n’existe pas ou n’existe plus.")
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    values = {"child_id": child.id, "structure_id": structure_id, "since": clock.today()}
    session.execute(insert(ChildStructure).values(values).on_conflict_do_nothing())
    journal.record(session, actor, "child.received", "child", child.id, structure=str(structure_id))


def _index(session: Session, child: Child) -> None:
    session.flush()
    households = session.scalars(select(HouseholdChild.household_id).where(HouseholdChild.child_id == child.id)).all()
    words.replace_words(session, child.id, households, words.name_words(child.first_name, child.last_name))
