"""What families do with their planning: save wishes, and see beforehand what would become of them (R2, R3, R-36)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from app import clock, journal
from app.agenda.activities import agendas, read_regulated
from app.agenda.judging import Facts, Verdict, judge, limit_of
from app.agenda.loading import Asker, asker, check_rights, facts, living
from app.agenda.models import Enrolment
from app.agenda.patterns import LONGEST, WeekPattern
from app.agenda.waiting import offer_freed
from app.agenda.wishes import AT_ONCE, Outcome, Wish
from app.agenda.writing import new_act, tell, write
from app.errors import NotFound, Refused
from app.policy import Actor


def save_wishes(
    session: Session, actor: Actor, wishes: Sequence[Wish], *, household_id: uuid.UUID | None = None
) -> list[Outcome]:
    """Does what is possible of these wishes, and tells what became of each, in their order.

    All is decided here, under lock, at the instant of the call: the right over the child, age, enrolment, openings,
    limits, places, the other parent, pieces, price. The same wishes again change nothing. ``household_id`` is for
    agents at the desk. Raises NotFound (a child one may not know of), Forbidden, Refused (too many at once).
    """
    now = clock.now()
    who = _heard(session, actor, wishes, household_id)
    found = facts(session, who, wishes, now, lock=True)
    verdict = judge(found, wishes)
    carry_out(session, actor, found, verdict)
    return verdict.outcomes


def carry_out(session: Session, actor: Actor, found: Facts, verdict: Verdict, demande: FiledBy | None = None) -> None:
    """Writes what was judged under lock, for the household of ``found``, and has it told: the family by a mail, unless
    the ``demande`` that asked for it tells her; the other parent (R-22)."""
    if not verdict.changes:
        return
    act = new_act(found.now, actor.id)
    changed = {(change.key[1], change.key[2], change.group_id) for change in verdict.changes}
    write(session, act, verdict.changes, {key: verdict.places[key] for key in changed}, found.household_id)
    offer_freed(session, act, found, verdict)
    counts = Counter(change.state for change in verdict.changes)
    journal.record(session, actor, "bookings.saved", "household", found.household_id, act=str(act.id), **counts)
    if demande is None:
        tell(session, act, "saved")
    else:
        tell(session, act, "told", by=str(demande.account_id) if demande.account_id else None)


def _heard(session: Session, actor: Actor, wishes: Sequence[Wish], household_id: uuid.UUID | None) -> Asker:
    if len(wishes) > AT_ONCE:
        raise Refused(f"C’est trop en une fois\u00a0: {AT_ONCE} jours au plus. Enregistrez en plusieurs fois.")
    who = asker(session, actor, household_id)
    check_rights(who, wishes)
    return who


@dataclass(frozen=True)
class FiledBy:
    """Who filed the demande that books: ``None`` for a family without an account, at the desk."""

    account_id: uuid.UUID | None


@dataclass(frozen=True)
class GroupEntry:
    """« Saisie groupée » : the same week for several children and activities, to add or to remove (R3, G2)."""

    child_ids: Sequence[uuid.UUID]
    activity_ids: Sequence[uuid.UUID]
    first: date
    last: date
    pattern: WeekPattern
    add: bool

    def wishes(self) -> list[Wish]:
        """One a child, activity and day. Raises Refused for a period that makes no sense, or too long."""
        if self.last < self.first:
            raise Refused("La date de fin précède la date de début.", "dates")
        if self.last - self.first > LONGEST:
            raise Refused("La période dure un an au plus.", "dates")
        return [
            Wish(child_id, activity_id, day, self.add)
            for day in self.pattern.days(self.first, self.last)
            for child_id in self.child_ids
            for activity_id in self.activity_ids
        ]


@dataclass(frozen=True)
class Preview:
    """What saving would do now. ``cents`` is the price of the days that would be added."""

    outcomes: Sequence[Outcome]
    cents: int

    @property
    def done(self) -> list[Outcome]:
        return [each for each in self.outcomes if each.result not in ("refused", "unchanged")]

    @property
    def impossible(self) -> list[Outcome]:
        return [each for each in self.outcomes if each.result == "refused"]

    @property
    def unchanged(self) -> list[Outcome]:
        return [each for each in self.outcomes if each.result == "unchanged"]


def preview(
    session: Session, actor: Actor, wishes: Sequence[Wish], *, household_id: uuid.UUID | None = None
) -> Preview:
    """The judgement of ``save_wishes`` without its locks nor its writing; raises as it does."""
    who = _heard(session, actor, wishes, household_id)
    verdict: Verdict = judge(facts(session, who, wishes, clock.now(), lock=False), wishes)
    added = (each for each in verdict.outcomes if each.result in ("booked", "requested"))
    return Preview(verdict.outcomes, sum(each.cents or 0 for each in added))


def pattern_wishes(session: Session, actor: Actor, enrolment_id: uuid.UUID, pattern: WeekPattern) -> list[Wish]:
    """What an enrolled child's new week asks of the days to come, to be previewed or saved (R-36).

    Only days still in time move: a day whose limit to cancel has passed stays, one whose limit to book has is left out.
    Raises NotFound for an enrolment that is not of her household, or of a child that she may not book for.
    """
    enrolment = session.get(Enrolment, enrolment_id)
    who = asker(session, actor, enrolment.household_id if enrolment is not None else None)
    if enrolment is None or enrolment.household_id != who.household_id or enrolment.child_id not in who.children:
        raise NotFound("Cette inscription n’existe pas ou n’existe plus.")
    now, today = clock.now(), clock.today()
    first, last = max(today, enrolment.first_day), min(enrolment.last_day, today + LONGEST)
    found = [each for each in read_regulated(session) if each.id == enrolment.activity_id]
    if not found or last < first:
        return []
    agenda = agendas(session, found, first, last)[enrolment.activity_id]
    of_child = living(session, [enrolment.child_id], [enrolment.activity_id], first, last)
    held = {day for _, _, day in of_child}
    wanted = set(pattern.days(first, last))
    moves = [(day, True) for day in wanted - held] + [(day, False) for day in held - wanted]
    wishes = []
    for day, add in sorted(moves):
        limit = limit_of(agenda, day, "book" if add else "cancel")
        if limit is not None and now < limit and not (add and agenda.why_closed(day) is not None):
            wishes.append(Wish(enrolment.child_id, enrolment.activity_id, day, add))
    return wishes
