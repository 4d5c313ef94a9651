"""What the service decides about an activity: its règlement, its age groups, who is enrolled."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock, journal
from app.agenda.activities import KEPT_REGULATED
from app.agenda.calendars import Span
from app.agenda.days import ActivityCard
from app.agenda.loading import asker
from app.agenda.models import Activity, AgeGroup, Enrolment, SessionDay
from app.agenda.patterns import WeekPattern
from app.agenda.queries import KEPT_ACTIVITIES
from app.agenda.regulation import Regulation, read_regulation
from app.db import Json, new_id
from app.errors import NotFound, Refused
from app.families.queries import NO_CHILD
from app.families.rights import Action
from app.families.weeks import Weeks
from app.policy import Actor, Permission, require

OLDEST = 25
MOST = 5000
LONGEST_ENROLMENT = timedelta(days=800)
NO_ACTIVITY = "Cette activité n’existe pas ou n’existe plus."


@dataclass(frozen=True)
class GroupRule:
    """An age group as the service writes it; see ``models.AgeGroup``."""

    code: str
    label: str
    age_from: int = 0
    age_to: int | None = None
    places: int | None = None
    staff: int | None = None


def regulate(
    session: Session, actor: Actor, activity_id: uuid.UUID, rules: Mapping[str, Json], groups: Sequence[GroupRule]
) -> Regulation:
    """Gives an activity its règlement (``regulation.read_regulation``) and its age groups, known by their codes.

    What is booked stays as it is, beyond the places too: nobody loses a place because there are fewer. Raises
    Forbidden, NotFound, Refused (field).
    """
    activity = session.scalars(select(Activity).where(Activity.id == activity_id).with_for_update()).one_or_none()
    if activity is None:
        raise NotFound(NO_ACTIVITY)
    require(actor, Permission.STRUCTURE_MANAGE, activity.structure_id)
    regulation = read_regulation(rules)
    _check(groups, regulation)
    known = {row.code: row for row in session.scalars(select(AgeGroup).where(AgeGroup.activity_id == activity_id))}
    for rule in groups:
        row = known.pop(rule.code, None) or AgeGroup(id=new_id(), activity_id=activity_id, code=rule.code)
        row.label, row.age_from, row.age_to = rule.label.strip(), rule.age_from, rule.age_to
        row.places, row.staff = rule.places, rule.staff
        session.add(row)
    for row in known.values():
        if session.scalar(select(SessionDay.day).where(SessionDay.group_id == row.id).limit(1)) is not None:
            raise Refused(
                f"Des enfants sont ou ont été dans le groupe «\u00a0{row.label}\u00a0»\u00a0: gardez-le.", "groups"
            )
        session.delete(row)
    activity.rules = dict(rules)
    session.flush()
    KEPT_ACTIVITIES.forget_after_commit(session)
    KEPT_REGULATED.forget_after_commit(session)
    journal.record(session, actor, "activity.regulated", "activity", activity_id, code=activity.code)
    return regulation


def _check(groups: Sequence[GroupRule], regulation: Regulation) -> None:
    if not groups and regulation.acceptance != "none":
        raise Refused("Une activité qui se réserve a au moins un groupe d’âge.", "groups")
    end: int | None = -1
    for rule in sorted(groups, key=lambda rule: rule.age_from):
        if not rule.code.strip() or not rule.label.strip() or max(len(rule.code), len(rule.label)) > 100:
            raise Refused("Un groupe d’âge a un code et un nom, en 100 caractères au plus.", "groups")
        last = OLDEST if rule.age_to is None else rule.age_to
        if not 0 <= rule.age_from <= last <= OLDEST:
            raise Refused(f"Les âges d’un groupe vont de 0 à {OLDEST}\u00a0ans.", "groups")
        if end is None or rule.age_from <= end:
            raise Refused("Deux groupes d’âge se chevauchent\u00a0: un enfant n’est que d’un groupe.", "groups")
        if any(count is not None and not 0 <= count <= MOST for count in (rule.places, rule.staff)):
            raise Refused(f"Écrivez un nombre de 0 à {MOST}.", "groups")
        end = rule.age_to
    if len({rule.code for rule in groups}) < len(groups):
        raise Refused("Deux groupes d’âge portent le même code.", "groups")


def enrol(
    session: Session,
    actor: Actor,
    *,
    child_id: uuid.UUID,
    activity_id: uuid.UUID,
    first: date,
    last: date,
    household_id: uuid.UUID | None = None,
    pattern: WeekPattern | None = None,
    case_id: uuid.UUID | None = None,
) -> Enrolment:
    """Enrols a child, for the household that pays: the service does, or the portal for a demande that it accepted.

    The same enrolment again is the one there is, with its days and week changed. Raises Forbidden, NotFound, Refused.
    """
    require(actor, Permission.BOOKING_MANAGE)
    who = asker(session, actor, household_id)
    card = who.children.get(child_id)
    if card is None or not card.may(Action.BOOK):
        raise NotFound(NO_CHILD)
    activity = session.get(Activity, activity_id)
    if activity is None or not activity.open:
        raise NotFound(NO_ACTIVITY)
    require(actor, Permission.BOOKING_MANAGE, activity.structure_id)
    if not timedelta(0) <= last - first <= LONGEST_ENROLMENT:
        raise Refused("L’inscription finit après avoir commencé, et dure deux ans au plus.", "dates")
    span = Span("", first, last)
    return keep_enrolment(session, actor, child_id, activity, who.household_id, span, pattern, case_id)


def keep_enrolment(
    session: Session,
    actor: Actor,
    child_id: uuid.UUID,
    activity: Activity | ActivityCard,
    household_id: uuid.UUID,
    span: Span,
    pattern: WeekPattern | None,
    case_id: uuid.UUID | None,
) -> Enrolment:
    """Writes an enrolment that was found possible; ``span`` goes from its first day to its last, here included."""
    first, last = span.first, span.end or span.first
    query = select(Enrolment).where(
        Enrolment.child_id == child_id,
        Enrolment.activity_id == activity.id,
        Enrolment.household_id == household_id,
        Enrolment.state == "active",
        Enrolment.first_day <= last,
        Enrolment.last_day >= first,
    )
    row = session.scalars(query.order_by(Enrolment.first_day).limit(1).with_for_update()).one_or_none()
    if row is None:
        row = Enrolment(id=new_id(), child_id=child_id, activity_id=activity.id, household_id=household_id)
        row.state, row.created_at, row.created_by = "active", clock.now(), actor.id
        session.add(row)
    row.first_day, row.last_day, row.pattern = first, last, written_pattern(pattern)
    row.case_id = case_id or row.case_id
    session.flush()
    journal.record(session, actor, "enrolment.saved", "child", child_id, enrolment=str(row.id), activity=activity.code)
    return row


def end_enrolment(session: Session, actor: Actor, enrolment_id: uuid.UUID, last: date) -> None:
    """The child is enrolled through ``last`` only. What is booked after it stays until somebody cancels it."""
    row = session.scalars(select(Enrolment).where(Enrolment.id == enrolment_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("Cette inscription n’existe pas ou n’existe plus.")
    activity = session.get_one(Activity, row.activity_id)
    require(actor, Permission.BOOKING_MANAGE, activity.structure_id)
    row.last_day = last
    if last < row.first_day:
        row.state, row.last_day = "ended", row.first_day
    session.flush()
    journal.record(session, actor, "enrolment.ended", "child", row.child_id, enrolment=str(row.id))


def written_pattern(pattern: WeekPattern | None) -> dict[str, Json]:
    """A week pattern as JSON; empty without one."""
    if pattern is None:
        return {}
    weeks = pattern.weeks
    anchor = weeks.anchor.isoformat() if weeks.anchor is not None else None
    return {"weekdays": sorted(pattern.weekdays), "turn": weeks.turn, "anchor": anchor, "every": weeks.every}


def pattern_of(written: Mapping[str, Json]) -> WeekPattern | None:
    """The pattern of an enrolment; ``None`` when none was asked for."""
    if not written:
        return None
    anchor = date.fromisoformat(written["anchor"]) if written["anchor"] else None
    return WeekPattern(frozenset(written["weekdays"]), Weeks(written["turn"], anchor, written["every"]))
