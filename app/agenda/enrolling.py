"""Enrolment as a family asks for it (R3, R4, R-36): who may be enrolled where, what would come of it, and doing it.

The judgement is the one of every booking (``judging.judge``): here it only learns that the enrolment will be there.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.agenda.activities import Agenda, Regulated, agendas, read_regulated
from app.agenda.booking import FiledBy, carry_out
from app.agenda.calendars import Span, school_years
from app.agenda.judging import Kid, judge
from app.agenda.loading import Asker, facts, missing_labels
from app.agenda.models import Enrolment
from app.agenda.patterns import LONGEST, WeekPattern
from app.agenda.regulating import keep_enrolment
from app.agenda.wishes import AT_ONCE, Outcome, Wish
from app.db import Json
from app.errors import Refused
from app.families.queries import ChildCard, in_disagreement
from app.families.rights import Action
from app.policy import Actor
from app.town.queries import structures, town_settings
from forms.french import WEEKDAYS, joined, short_date

NO_ACTIVITY = "Cette activité n’est pas, ou n’est plus, ouverte aux inscriptions. Choisissez-en une autre."


@dataclass(frozen=True)
class Asked:
    """What a family asks: these children in one activity (its code), from a day to another, both included.

    ``pattern`` is the week to book; ``days`` are days named one by one; with neither, nothing is booked yet.
    """

    child_ids: tuple[uuid.UUID, ...]
    code: str
    first: date
    last: date
    pattern: WeekPattern | None = None
    days: tuple[date, ...] = ()


@dataclass(frozen=True)
class Demande:
    """The demande that asks: sent at ``asked_at``, which is what limits look at (R-32), by the account ``filed_by``;
    ``decided``: an agent said yes."""

    case_id: uuid.UUID
    asked_at: datetime
    filed_by: uuid.UUID | None
    decided: bool


@dataclass(frozen=True)
class Prospect:
    """What would come of it now. ``off`` are days of the week that was asked when nothing is held, by reason;
    ``missing`` the labels of pieces by child; ``disputed`` the children for whom both parents must agree (R-22)."""

    activity: Regulated
    children: Mapping[uuid.UUID, ChildCard]
    outcomes: Sequence[Outcome]
    off: Mapping[str, Sequence[date]]
    missing: Mapping[uuid.UUID, Sequence[str]]
    disputed: Collection[uuid.UUID]

    @property
    def cents(self) -> int:
        """The price of what would be booked."""
        return sum(each.cents or 0 for each in self.outcomes if each.result in ("booked", "requested"))

    @property
    def automatic(self) -> bool:
        """Nobody has to decide: the règlement says yes by itself, nothing is missing, nobody objects (R4, J5)."""
        complete = not any(self.missing.values()) and not self.disputed
        return complete and self.activity.regulation.acceptance == "automatic"


def enrolable(session: Session, code: str) -> Regulated:
    """The activity of this code. Raises Refused (``activite``)."""
    found = next((each for each in read_regulated(session) if each.card.code == code), None)
    if found is None:
        raise Refused(NO_ACTIVITY, "activite")
    return found


def why_not(session: Session, activity: Regulated, child: ChildCard, on: date) -> str:
    """Why this child may not be enrolled there (R-33); empty when he may. ``on``: the first day of the enrolment."""
    regulation, today = activity.regulation, clock.today()
    window = regulation.enrolment
    if window is not None and today < window.first:
        return f"les inscriptions ouvrent le {short_date(window.first)}"
    if window is not None and today not in window:
        return "les inscriptions sont closes"
    if activity.group_of(child.birth_date, on) is None:
        return f"pour les enfants {activity.ages}, un âge que {child.first_name} n’a pas à cette date"
    if regulation.schools:
        taken = {each.id: each.name for each in structures(session) if each.code in regulation.schools}
        if child.school_id not in taken:
            return f"pour les élèves de {joined(sorted(taken.values()))}"
    return ""


def weekday_words(activity: Regulated) -> str:
    """« lundi, mardi et jeudi »."""
    return joined([WEEKDAYS[day - 1] for day in activity.card.weekdays])


def seasons(session: Session, activity: Regulated) -> list[Span]:
    """The periods to come for which families enrol: the openings of the règlement, else the school years we know."""
    known = activity.regulation.openings or [year.span for year in school_years(town_settings(session).zone)]
    return [span for span in known if span.end is None or span.end > clock.today()]


def foresee(session: Session, who: Asker, asked: Asked) -> Prospect:
    """What would become of it, without a lock nor a row. Raises Refused (field)."""
    activity, agenda = _checked(session, who, asked)
    wishes, off = _wishes(asked, agenda)
    missing = missing_labels(session, who.household_id, asked.child_ids, [activity], clock.today())
    outcomes: Sequence[Outcome] = ()
    if wishes:
        pairs = {(child_id, activity.id): [(asked.first, asked.last)] for child_id in asked.child_ids}
        # the pieces are looked at when it is accepted (J5), the enrolment is what this demande asks for
        found = facts(session, who, wishes, clock.now(), lock=False)
        found = replace(found, enrolled=pairs, missing={}, children=_agreed(found.children))
        outcomes = judge(found, wishes).outcomes
    return Prospect(
        activity,
        {child_id: who.children[child_id] for child_id in asked.child_ids},
        outcomes,
        off,
        {child_id: missing.get((child_id, activity.id), []) for child_id in asked.child_ids},
        in_disagreement(session, asked.child_ids),
    )


def accept(
    session: Session, actor: Actor, who: Asker, asked: Asked, demande: Demande
) -> tuple[Regulated, Sequence[Outcome]]:
    """Enrols these children and books their days, for the demande that asked; gives what became of each day.

    Raises Refused while a piece is missing (J5) or both parents must agree, for an age or a school that does not fit.
    """
    activity, agenda = _checked(session, who, asked)
    wishes, _ = _wishes(asked, agenda)
    if in_disagreement(session, asked.child_ids):
        raise Refused("L’accord des deux parents est nécessaire\u00a0: l’inscription ne peut pas encore être acceptée.")
    missing = missing_labels(session, who.household_id, asked.child_ids, [activity], clock.today())
    for child_id in asked.child_ids:
        if lacking := missing.get((child_id, activity.id)):
            name, pieces = who.children[child_id].first_name, joined([f"«\u00a0{label}\u00a0»" for label in lacking])
            raise Refused(f"Il manque, pour {name}, {pieces}. Acceptez d’abord la pièce, ou demandez-la à la famille.")
    for child_id in asked.child_ids:
        first, last = _with_what_is_there(session, who.household_id, child_id, activity.id, asked)
        span = Span("", first, last)
        keep_enrolment(session, actor, child_id, activity.card, who.household_id, span, asked.pattern, demande.case_id)
    if not wishes:
        return activity, ()
    found = facts(session, who, wishes, clock.now(), lock=True)
    verdict = judge(replace(found, asked_at=demande.asked_at, accepted=demande.decided), wishes)
    carry_out(session, actor, found, verdict, FiledBy(demande.filed_by))
    return activity, verdict.outcomes


def full_days(session: Session, who: Asker, asked: Asked) -> tuple[list[dict[str, Json]], bool]:
    """Places and places taken on each day that was asked, and whether every one of them is full (R-06, R-37)."""
    activity, agenda = _checked(session, who, asked)
    wishes, _ = _wishes(asked, agenda)
    found = facts(session, who, wishes, clock.now(), lock=False)
    groups = {group.id: group for group in activity.groups}
    rows: list[dict[str, Json]] = []
    full = bool(found.places)
    for (_, day, group_id), taken in sorted(found.places.items(), key=lambda item: item[0]):
        room = groups[group_id].capacity
        rows.append({"jour": day.isoformat(), "places": room, "prises": taken.held})
        full = full and room is not None and taken.held >= room
    return rows, full


def _checked(session: Session, who: Asker, asked: Asked) -> tuple[Regulated, Agenda]:
    """The activity, once what was asked makes sense for each child. Raises Refused (field)."""
    activity = enrolable(session, asked.code)
    if asked.last < asked.first:
        raise Refused("La date de fin précède la date de début.", "periode")
    if asked.last - asked.first > LONGEST:
        raise Refused("La période dure un an au plus.", "periode")
    if asked.pattern is not None and not asked.pattern.weekdays & set(activity.card.weekdays):
        raise Refused(f"{activity.card.label}\u00a0: l’accueil a lieu le {weekday_words(activity)}.", "jours")
    for child_id in asked.child_ids:
        card = who.children.get(child_id)
        if card is None or not card.may(Action.BOOK):
            raise Refused("Choisissez un de vos enfants.", "enfants")
        if why := why_not(session, activity, card, max(asked.first, clock.today())):
            raise Refused(f"{activity.card.label}\u00a0: {why}.", "activite")
    return activity, agendas(session, [activity], asked.first, asked.last)[activity.id]


def _wishes(asked: Asked, agenda: Agenda) -> tuple[list[Wish], dict[str, list[date]]]:
    """One a child and day when the activity is held; the other days of the week that was asked, by reason (R-36)."""
    days = list(asked.days) or (list(asked.pattern.days(asked.first, asked.last)) if asked.pattern is not None else [])
    wishes, off = [], dict[str, list[date]]()
    for day in sorted(set(days)):
        closed = agenda.why_closed(day)
        if closed is not None:
            off.setdefault(closed.words, []).append(day)
            continue
        wishes += [Wish(child_id, agenda.activity.id, day, add=True) for child_id in asked.child_ids]
    if len(wishes) > AT_ONCE:
        raise Refused(f"C’est trop en une fois\u00a0: {AT_ONCE} jours au plus. Faites plusieurs demandes.", "periode")
    return wishes, off


def _agreed(kids: Mapping[uuid.UUID, Kid]) -> dict[uuid.UUID, Kid]:
    """As if both parents agreed: what would come of it then."""
    return {child_id: replace(kid, disputed=False) for child_id, kid in kids.items()}


def _with_what_is_there(
    session: Session, household_id: uuid.UUID, child_id: uuid.UUID, activity_id: uuid.UUID, asked: Asked
) -> tuple[date, date]:
    """First and last day with the enrolment in force that this one meets: asking for a month never shortens a year."""
    rows = session.execute(
        select(Enrolment.first_day, Enrolment.last_day).where(
            Enrolment.child_id == child_id,
            Enrolment.activity_id == activity_id,
            Enrolment.household_id == household_id,
            Enrolment.state == "active",
            Enrolment.first_day <= asked.last,
            Enrolment.last_day >= asked.first,
        )
    ).all()
    return (
        min([asked.first, *(row.first_day for row in rows)]),
        max([asked.last, *(row.last_day for row in rows)]),
    )
