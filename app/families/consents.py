"""Authorisations and health: what an adult says about a child, dated, replaced and never erased (R-23, R-73)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Protocol

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock, journal
from app.db import new_id
from app.errors import NotFound, Refused
from app.families import fields, vocabulary
from app.families.loading import child_visible_to, in_force, load_child_row
from app.families.models import Adult, Authorisation, Child, ChildHealth, Guardianship
from app.families.rights import HOLDERS, Action, may
from app.policy import Actor, Permission, require

ALONE_FROM = 6
"""Years: a younger child never goes home alone (R-23)."""


class HasBirthDate(Protocol):
    """A child, as a row or as a card."""

    @property
    def id(self) -> uuid.UUID: ...

    @property
    def birth_date(self) -> date: ...


@dataclass(frozen=True)
class Answer:
    """What one holder of authority said; ``granted`` is ``None`` while she has said nothing."""

    adult_id: uuid.UUID
    name: str
    granted: bool | None
    at: datetime | None


@dataclass(frozen=True)
class AuthorisationState:
    """An authorisation today: ``valid`` or not, and why in ``reason`` (French, empty when valid)."""

    kind: str
    label: str
    valid: bool
    reason: str
    answers: tuple[Answer, ...]


def age_on(birth_date: date, day: date) -> int:
    """Whole years on that day; somebody born on 29 February grows on 1 March of common years."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def authorise(
    session: Session,
    actor: Actor,
    child_id: uuid.UUID,
    adult_id: uuid.UUID,
    answers: Mapping[str, bool],
    case_id: uuid.UUID | None = None,
) -> None:
    """Notes what this adult answers for these kinds of ``vocabulary.AUTHORISATIONS``; withdrawable at any time.

    Raises Forbidden or NotFound, and Refused when she does not exercise authority or a kind does not exist.
    """
    require(actor, Permission.FAMILY_WRITE)
    child = load_child_row(session, actor, child_id, lock=True)
    for kind, granted in answers.items():
        if kind not in vocabulary.AUTHORISATIONS:
            raise Refused("Cette autorisation n’existe pas.", kind)
        fields.yes_no(kind, granted)
    authority = authority_of(session, child.id, adult_id)
    if authority is None or not may(authority, Action.AUTHORISE):
        raise Refused("Cette personne n’exerce pas l’autorité parentale sur cet enfant.")
    now = clock.now()
    said = {row.kind: row for row in _current(session, [child.id]) if row.adult_id == adult_id}
    changed = sorted(kind for kind, granted in answers.items() if kind not in said or said[kind].granted != granted)
    if not changed:
        return
    replaced = [said[kind].id for kind in changed if kind in said]
    if replaced:
        session.execute(update(Authorisation).where(Authorisation.id.in_(replaced)).values(superseded_at=now))
    for kind in changed:
        session.add(
            Authorisation(
                id=new_id(),
                child_id=child.id,
                adult_id=adult_id,
                kind=kind,
                granted=answers[kind],
                case_id=case_id,
                declared_at=now,
            )
        )
    session.flush()
    journal.record(session, actor, "child.authorised", "child", child.id, adult=str(adult_id), kinds=changed)


def authorisation_states(session: Session, child: HasBirthDate) -> dict[str, AuthorisationState]:
    """Every kind of authorisation as it stands today, « no » by default. Two statements."""
    return authorisations_of(session, [child])[child.id]


def authorisations_of(
    session: Session, children: Sequence[HasBirthDate]
) -> dict[uuid.UUID, dict[str, AuthorisationState]]:
    """The same for several children, by child id. Two statements for all."""
    ids = [child.id for child in children]
    holders: dict[uuid.UUID, list[tuple[uuid.UUID, str]]] = {child_id: [] for child_id in ids}
    for row in session.execute(
        select(Guardianship.child_id, Adult.id, Adult.first_name, Adult.last_name)
        .join(Adult, Guardianship.adult_id == Adult.id)
        .where(Guardianship.child_id.in_(ids), in_force(clock.today()), Guardianship.authority.in_(HOLDERS))
        .order_by(Adult.sort_key, Adult.id)
    ):
        holders[row.child_id].append((row.id, f"{row.first_name} {row.last_name}"))
    said = {(row.child_id, row.kind, row.adult_id): row for row in _current(session, ids)}
    return {child.id: _states(child, holders[child.id], said) for child in children}


def _states(
    child: HasBirthDate,
    holders: Sequence[tuple[uuid.UUID, str]],
    said: Mapping[tuple[uuid.UUID, str, uuid.UUID], Authorisation],
) -> dict[str, AuthorisationState]:
    age = age_on(child.birth_date, clock.today())
    states = {}
    for kind, label in vocabulary.AUTHORISATIONS.items():
        rows = [(adult_id, name, said.get((child.id, kind, adult_id))) for adult_id, name in holders]
        answers = tuple(
            Answer(adult_id, name, row.granted if row else None, row.declared_at if row else None)
            for adult_id, name, row in rows
        )
        reason = _why_not(kind, answers, age)
        states[kind] = AuthorisationState(kind, label, reason == "", reason, answers)
    return states


def _why_not(kind: str, answers: Sequence[Answer], age: int) -> str:
    """Why an authorisation does not hold; empty when it does.

    The image needs every holder (art. 372-1 of the Code civil). The others are usual acts: one holder is enough, until
    another makes an opposition known (art. 372-2).
    """
    if kind == "sortie_seul" and age < ALONE_FROM:
        return f"Pas avant {ALONE_FROM}\u00a0ans"
    if any(answer.granted is False for answer in answers):
        return "Refusée"
    silent = [answer.name for answer in answers if answer.granted is None]
    if not answers or len(silent) == len(answers):
        return "Non donnée"
    if kind == "image" and silent:
        return f"Il manque l’accord de {' et '.join(silent)}"
    return ""


def authority_of(session: Session, child_id: uuid.UUID, adult_id: uuid.UUID) -> str | None:
    """How this adult exercises authority over this child today; ``None`` without a link."""
    return session.scalar(
        select(Guardianship.authority).where(
            Guardianship.child_id == child_id, Guardianship.adult_id == adult_id, in_force(clock.today())
        )
    )


def _current(session: Session, children: Sequence[uuid.UUID]) -> Sequence[Authorisation]:
    query = select(Authorisation).where(Authorisation.child_id.in_(children), Authorisation.superseded_at.is_(None))
    return session.scalars(query).all()


@dataclass(frozen=True)
class Health:
    """What must be known of a child to look after him; ``allergies`` are codes of ``vocabulary.ALLERGENS``."""

    diet: str = "standard"
    allergies: tuple[str, ...] = ()
    allergy_note: str = ""
    meal_note: str = ""
    pai: bool = False
    doctor_name: str = ""
    doctor_phone: str = ""

    @property
    def diet_label(self) -> str:
        return vocabulary.DIETS.get(self.diet, self.diet)

    @property
    def allergy_labels(self) -> tuple[str, ...]:
        return tuple(vocabulary.ALLERGENS.get(code, code) for code in self.allergies)


def set_health(session: Session, actor: Actor, child_id: uuid.UUID, health: Health) -> None:
    """Replaces what is known of the child's health. The journal says that it changed, never what it is.

    Raises Forbidden, NotFound, Refused (field).
    """
    require(actor, Permission.FAMILY_WRITE)
    child = load_child_row(session, actor, child_id, lock=True)
    values = fields.checked(session, "health", asdict(health)) | {"updated_at": clock.now()}
    row = session.get(ChildHealth, child.id)
    if row is None:
        session.add(ChildHealth(child_id=child.id, **values))
    else:
        for name, value in values.items():
            setattr(row, name, value)
    session.flush()
    journal.record(session, actor, "child.health_changed", "child", child.id)


def read_health(session: Session, actor: Actor, child_id: uuid.UUID) -> Health:
    """The health of a child for staff who may read it: each reading is noted in the journal (R-73).

    Raises Forbidden without ``health:read``, NotFound when this agent's structures do not receive the child.
    """
    require(actor, Permission.HEALTH_READ)
    visible = select(Child.id).where(Child.id == child_id, child_visible_to(actor, Permission.HEALTH_READ))
    if session.scalar(visible) is None:
        raise NotFound("Cet enfant n’existe pas ou n’existe plus.")
    journal.record(session, actor, "child.health_read", "child", child_id)
    return health_of(session, child_id)


def health_of(session: Session, child_id: uuid.UUID) -> Health:
    """The health of a child whose right to it was checked before (his own parents). Not journaled."""
    row = session.get(ChildHealth, child_id)
    if row is None:
        return Health()
    values = {name: getattr(row, name) for name in Health.__dataclass_fields__}
    return Health(**values | {"allergies": tuple(row.allergies)})
