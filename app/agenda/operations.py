"""Activities, and absences declared by families (R8, R-42)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app import clock, journal
from app.agenda.absent_bookings import expect_again, note_absent
from app.agenda.days import LONGEST, ActivityCard, Moment, moments, plan
from app.agenda.models import Absence, AbsenceSlot, Activity
from app.agenda.queries import KEPT_ACTIVITIES, activities
from app.agenda.vocabulary import REASONS
from app.db import new_id
from app.errors import Conflict, NotFound, Refused
from app.outbox import emit
from app.policy import Actor, Permission, require
from app.town.models import Structure

NOTE = 500
LAST_RANK = 999


def save_activity(
    session: Session,
    actor: Actor,
    *,
    code: str,
    label: str,
    structure_id: uuid.UUID,
    weekdays: Collection[int],
    starts_at: str,
    ends_at: str,
    rank: int = 0,
    open: bool = True,
    new: bool = False,
) -> Activity:
    """Adds an activity, or changes the one that has this code (``new`` refuses to). Hours are ``HH:MM``, weekdays ISO
    (1 = Monday). ``open=False`` closes it: nobody can name it any more in an absence, those declared stay.

    Raises Forbidden, NotFound (structure), Refused (field).
    """
    require(actor, Permission.STRUCTURE_MANAGE, structure_id)
    if session.get(Structure, structure_id) is None:
        raise NotFound("Cette structure n’existe pas ou n’existe plus.")
    if not re.fullmatch(r"[A-Z0-9_]{1,20}", code):
        raise Refused("Le code compte de 1 à 20 lettres majuscules, chiffres ou traits bas.", "code")
    if not label.strip() or len(label) > 100:
        raise Refused("Écrivez le nom de l’activité, en 100 caractères au plus.", "label")
    days = sorted(set(weekdays))
    if not days or not all(1 <= day <= 7 for day in days):
        raise Refused("Choisissez au moins un jour de la semaine.", "weekdays")
    for field, hour in (("starts_at", starts_at), ("ends_at", ends_at)):
        if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", hour):
            raise Refused("Écrivez une heure comme 08:30.", field)
    if ends_at <= starts_at:
        raise Refused("L’activité doit finir après avoir commencé.", "ends_at")
    if not 0 <= rank <= LAST_RANK:
        raise Refused(f"Écrivez un nombre de 0 à {LAST_RANK}.", "rank")
    row = session.scalars(select(Activity).where(Activity.code == code).with_for_update()).one_or_none()
    if row is not None and new:
        raise Refused("Une autre activité porte déjà ce code\u00a0: choisissez-en un autre.", "code")
    if row is not None:
        require(actor, Permission.STRUCTURE_MANAGE, row.structure_id)
    else:
        row = Activity(id=new_id(), code=code)
        session.add(row)
    row.label, row.structure_id, row.weekdays = label.strip(), structure_id, days
    row.starts_at, row.ends_at, row.rank, row.open = starts_at, ends_at, rank, open
    session.flush()
    KEPT_ACTIVITIES.forget_after_commit(session)
    journal.record(session, actor, "activity.saved", "activity", row.id, code=code)
    return row


@dataclass(frozen=True)
class Declaration:
    """What a family declares; ``slots`` are activity codes, ``reason`` a code of ``vocabulary.REASONS``."""

    child_id: uuid.UUID
    from_date: date
    to_date: date
    slots: Sequence[str]
    reason: str
    reason_text: str = ""


@dataclass(frozen=True)
class Recorded:
    """What ``record_absence`` kept: how many services, and those that had started, as « 20/11/2026 – Cantine »."""

    absence: Absence
    kept: int
    too_late: tuple[str, ...]


def record_absence(session: Session, actor: Actor, case_id: uuid.UUID, declaration: Declaration) -> Recorded:
    """Notes the absence of a case, instead of what the same case said before: one case, one absence.

    A service that has started is out of reach: what was declared in time stays, the rest comes too late (R-42; the
    server's clock decides). Whether the actor may speak for the child is asked before, by the caller. Raises Refused
    (field) for a declaration that makes no sense or comes wholly too late, Conflict for a cancelled absence.
    """
    chosen = _checked(session, declaration)
    wanted = moments(declaration.from_date, declaration.to_date, chosen)
    if not wanted:
        raise Refused("Les activités choisies n’ont pas lieu ces jours-là.", "creneaux")
    now = clock.now()
    absence = session.scalars(select(Absence).where(Absence.case_id == case_id).with_for_update()).one_or_none()
    if absence is not None and absence.status == "cancelled":
        raise Conflict("Cette absence est annulée. Déclarez-en une nouvelle.")
    if absence is not None and absence.child_id != declaration.child_id:
        _forget_slots(session, actor, absence, now)
    known = _known(session, absence.id, declaration.child_id) if absence is not None else {}
    change = plan(wanted, known, now, _started(known, now))
    if not (change.add or set(known) & set(wanted)):
        raise Refused("Le service a déjà commencé\u00a0: prévenez la structure par téléphone.", "dates")
    if absence is None:
        absence = Absence(id=new_id(), case_id=case_id, status="declared", declared_at=now)
        absence.declared_by, absence.declared_by_label = actor.id, actor.label
        session.add(absence)
    absence.child_id, absence.from_date, absence.to_date = (
        declaration.child_id,
        declaration.from_date,
        declaration.to_date,
    )
    absence.slots, absence.updated_at = [a.code for a in chosen], now
    absence.reason, absence.reason_text = declaration.reason, " ".join(declaration.reason_text.split())
    session.flush()
    _take_away(session, absence.id, change.remove)
    expect_again(session, actor, absence.child_id, change.remove, now)
    _add(session, absence.id, absence.child_id, change.add, wanted, now)
    note_absent(session, actor, absence.child_id, change.add, now)
    journal.record(session, actor, "absence.declared", "case", case_id, absence=str(absence.id))
    emit(session, "absence.declared", absence_id=str(absence.id), today=_concerns(wanted, change.add, now))
    missed = sorted(change.too_late, key=lambda moment: (moment[0], wanted[moment].starts_at))
    late = tuple(f"{moment[0]:%d/%m/%Y} – {wanted[moment].label}" for moment in missed)
    return Recorded(absence, len(set(wanted) - change.too_late), late)


def cancel_absence(session: Session, actor: Actor, case_id: uuid.UUID) -> None:
    """The case is cancelled or refused: the child is expected again for every service that has not started.

    Does nothing for a case without an absence, or cancelled already.
    """
    absence = session.scalars(select(Absence).where(Absence.case_id == case_id).with_for_update()).one_or_none()
    if absence is None or absence.status == "cancelled":
        return
    now = clock.now()
    _forget_slots(session, actor, absence, now)
    absence.status, absence.updated_at = "cancelled", now
    session.flush()
    journal.record(session, actor, "absence.cancelled", "case", case_id, absence=str(absence.id))
    emit(session, "absence.cancelled", absence_id=str(absence.id))


def _checked(session: Session, declaration: Declaration) -> list[ActivityCard]:
    if declaration.to_date < declaration.from_date:
        raise Refused("La date de fin précède la date de début.", "dates")
    if (declaration.to_date - declaration.from_date).days >= LONGEST:
        raise Refused(f"Une absence dure {LONGEST} jours au plus. Au-delà, écrivez au service.", "dates")
    if declaration.to_date < clock.today():
        raise Refused("Ces jours sont passés.", "dates")
    if declaration.reason not in REASONS:
        raise Refused("Choisissez une des réponses proposées.", "motif")
    if len(declaration.reason_text) > NOTE:
        raise Refused(f"Ce texte est trop long\u00a0: {NOTE} caractères au plus.", "precisions")
    if declaration.reason == "autre" and not declaration.reason_text.strip():
        raise Refused("Précisez le motif en quelques mots.", "precisions")
    known = {a.code: a for a in activities(session)}
    if not declaration.slots:
        raise Refused("Choisissez au moins un créneau.", "creneaux")
    if unknown := [code for code in declaration.slots if code not in known]:
        raise Refused(f"Ce créneau n’existe pas ou n’existe plus\u00a0: {unknown[0][:40]}.", "creneaux")
    return [known[code] for code in dict.fromkeys(declaration.slots)]


def _known(session: Session, absence_id: uuid.UUID, child_id: uuid.UUID | None = None) -> dict[Moment, str]:
    """(day, activity) already noted, for one child or all → hour at which that activity starts."""
    query = (
        select(AbsenceSlot.day, AbsenceSlot.activity_id, Activity.starts_at)
        .join(Activity, Activity.id == AbsenceSlot.activity_id)
        .where(AbsenceSlot.absence_id == absence_id)
    )
    if child_id is not None:
        query = query.where(AbsenceSlot.child_id == child_id)
    rows = session.execute(query)
    return {(row.day, row.activity_id): row.starts_at for row in rows}


def _started(known: dict[Moment, str], now: datetime) -> frozenset[Moment]:
    local = clock.in_paris(now)
    here = (local.date(), f"{local:%H:%M}")
    return frozenset(m for m, starts_at in known.items() if (m[0], starts_at) <= here)


def _forget_slots(session: Session, actor: Actor, absence: Absence, now: datetime) -> None:
    """The child is expected again for what has not started; the children, when the demande has named two of them."""
    known = _known(session, absence.id)
    gone = set(known) - _started(known, now)
    children = select(AbsenceSlot.child_id).where(AbsenceSlot.absence_id == absence.id).distinct()
    child_ids = session.scalars(children).all()
    _take_away(session, absence.id, gone)
    for child_id in child_ids:
        expect_again(session, actor, child_id, gone, now)


def _take_away(session: Session, absence_id: uuid.UUID, gone: Collection[Moment]) -> None:
    for activity_id in {activity for _, activity in gone}:
        days = [day for day, activity in gone if activity == activity_id]
        session.execute(
            delete(AbsenceSlot)
            .where(AbsenceSlot.absence_id == absence_id, AbsenceSlot.activity_id == activity_id)
            .where(AbsenceSlot.day.in_(days))
            .execution_options(synchronize_session=False)
        )


def _add(
    session: Session,
    absence_id: uuid.UUID,
    child_id: uuid.UUID,
    added: Collection[Moment],
    wanted: dict[Moment, ActivityCard],
    now: datetime,
) -> None:
    rows = [
        {
            "absence_id": absence_id,
            "day": day,
            "activity_id": activity_id,
            "child_id": child_id,
            "structure_id": wanted[day, activity_id].structure_id,
            "noted_at": now,
        }
        for day, activity_id in sorted(added)
    ]
    if rows:
        session.execute(insert(AbsenceSlot), rows)


def _concerns(wanted: dict[Moment, ActivityCard], added: Collection[Moment], now: datetime) -> list[str]:
    """The structures whose service of this very day is concerned: their staff is told (R-42)."""
    today = clock.in_paris(now).date()
    return sorted({str(wanted[moment].structure_id) for moment in added if moment[0] == today})
