"""The custody calendars of children as rows (R-25): who may say it, what is refused, and whose day it is."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import Forbidden, NotFound, Refused
from app.families.child_operations import leave_household
from app.families.custody_calendars import Given, Rhythm, custody_of, end_custody, home_of, homes_of, set_custody
from app.families.models import CustodyCalendar
from app.policy import SYSTEM
from tests.families.people import (
    TODAY,
    Separated,
    actions,
    counting,
    journal_text,
    make_agent,
    make_child,
    make_household,
    make_separated,
)

JUDGMENT = "Jugement du 3 mars 2024, tribunal judiciaire"


def settle(session: Session, it: Separated, rhythm: Rhythm, since: date | None = date(2026, 9, 1)) -> None:
    set_custody(session, make_agent(), it.child.id, rhythm, source=JUDGMENT, since=since)


@pytest.mark.parametrize(
    ("day", "parity", "turn"),
    [
        (date(2026, 12, 21), "Fontaine", "Morel"),  # W52
        (date(2026, 12, 28), "Morel", "Fontaine"),  # W53
        (date(2027, 1, 3), "Morel", "Fontaine"),  # its Sunday
        (date(2027, 1, 4), "Morel", "Morel"),  # W01: odd again, while a turn goes on
        (date(2027, 1, 11), "Fontaine", "Fontaine"),  # W02
    ],
)
def test_weeks_53_and_1_are_one_parents_by_parity_and_both_parents_by_turn(
    session: Session, separated: Separated, day: date, parity: str, turn: str
) -> None:
    it = separated
    named = {"Fontaine": it.home_a.id, "Morel": it.home_b.id}
    settle(session, it, Rhythm("parity", first=it.home_a.id))
    assert home_of(session, it.child.id, day) == named[parity]
    settle(session, it, Rhythm("turn", first=it.home_a.id, anchor=date(2026, 12, 28)))
    assert home_of(session, it.child.id, day) == named[turn]


def test_dates_win_over_the_rule_and_a_week_may_begin_on_friday(session: Session, separated: Separated) -> None:
    it = separated
    christmas = Given(date(2026, 12, 19), date(2026, 12, 26), it.home_b.id)
    settle(session, it, Rhythm("parity", first=it.home_a.id, changes_on=5, stays=(christmas,)))
    assert home_of(session, it.child.id, date(2026, 11, 19)) == it.home_a.id  # Thursday of week 47, counted in 46
    assert home_of(session, it.child.id, date(2026, 11, 20)) == it.home_b.id  # its Friday
    assert {home_of(session, it.child.id, date(2026, 12, 19) + timedelta(days=n)) for n in range(8)} == {it.home_b.id}


def test_a_new_calendar_leaves_what_was_said_of_earlier_days(session: Session, separated: Separated) -> None:
    it = separated
    settle(session, it, Rhythm("parity", first=it.home_a.id))
    settle(session, it, Rhythm("parity", first=it.home_b.id), since=TODAY)
    settle(session, it, Rhythm("parity", first=it.home_b.id), since=TODAY + timedelta(days=30))
    settle(session, it, Rhythm("turn", first=it.home_a.id, anchor=TODAY), since=TODAY)
    homes = homes_of(session, [it.child.id])[it.child.id]
    assert [since for since, _ in homes.calendars] == [date(2026, 9, 1), TODAY]
    assert homes.on(date(2026, 11, 10)) == it.home_a.id  # week 46, by the first
    assert homes.on(TODAY) == it.home_a.id
    assert homes.on(TODAY + timedelta(days=7)) == it.home_b.id
    assert homes.on(date(2026, 8, 31)) is None  # two homes, and nothing said so then
    assert session.scalar(select(func.count()).select_from(CustodyCalendar)) == 4  # nothing is erased


def test_without_a_calendar_only_a_child_of_one_home_has_one(session: Session, separated: Separated) -> None:
    alone = make_child(session, separated.home_a, "Tom")
    homes = homes_of(session, [separated.child.id, alone.id])
    assert homes[separated.child.id].on(TODAY) is None
    assert homes[alone.id].on(TODAY) == separated.home_a.id


def test_leaving_a_home_ends_the_calendar_from_that_day(session: Session, separated: Separated) -> None:
    it = separated
    settle(session, it, Rhythm("parity", first=it.home_b.id))
    leave_household(session, SYSTEM, it.child.id, it.home_b.id)
    homes = homes_of(session, [it.child.id])[it.child.id]
    assert homes.on(date(2026, 11, 12)) == it.home_b.id  # week 46: it was so
    assert homes.on(TODAY) == homes.on(TODAY + timedelta(days=8)) == it.home_a.id
    assert custody_of(session, it.child.id) is None


def test_ending_what_never_was_writes_nothing(session: Session, separated: Separated) -> None:
    end_custody(session, SYSTEM, separated.child.id)
    assert "child.custody_ended" not in actions(session)


@pytest.mark.parametrize(
    ("rhythm", "field"),
    [
        (Rhythm("weeks"), "kind"),
        (Rhythm("ended"), "kind"),
        (Rhythm("turn"), "anchor"),
        (Rhythm("turn", anchor=TODAY, pattern="ABC"), "pattern"),
        (Rhythm("turn", anchor=TODAY, pattern="AAAA"), "pattern"),
        (Rhythm("turn", anchor=TODAY, pattern="AB" * 29), "pattern"),
        (Rhythm("parity", changes_on=8), "changes_on"),
        (Rhythm("dates"), "stays"),
    ],
)
def test_what_makes_no_sense_names_its_field(
    session: Session, separated: Separated, rhythm: Rhythm, field: str
) -> None:
    with pytest.raises(Refused) as refusal:
        settle(session, separated, rhythm)
    assert refusal.value.field == field


def test_only_the_childs_own_homes_and_a_named_document(session: Session, separated: Separated) -> None:
    it, elsewhere = separated, make_household(session, "Ailleurs")
    with pytest.raises(Refused, match="deux foyers de l’enfant"):
        settle(session, it, Rhythm("parity", first=elsewhere.id))
    with pytest.raises(Refused, match="deux foyers de l’enfant"):
        settle(session, it, Rhythm("dates", stays=(Given(TODAY, TODAY, elsewhere.id),)))
    with pytest.raises(Refused, match="se termine avant"):
        settle(session, it, Rhythm("dates", stays=(Given(TODAY, TODAY - timedelta(days=1), it.home_a.id),)))
    with pytest.raises(Refused, match="document"):
        set_custody(session, make_agent(), it.child.id, Rhythm("parity"), source="  ")
    alone = make_child(session, it.home_a, "Tom")
    with pytest.raises(Refused, match="vive dans deux foyers"):
        set_custody(session, make_agent(), alone.id, Rhythm("parity"), source=JUDGMENT)


def test_parents_and_agents_of_another_school_set_nothing(session: Session, separated: Separated) -> None:
    it = separated
    for actor, error in (
        (it.actor(it.mother), Forbidden),
        (make_agent("gestionnaire", it.other_school), NotFound),
        (make_agent("regie", it.school), Forbidden),
    ):
        with pytest.raises(error):
            set_custody(session, actor, it.child.id, Rhythm("parity"), source=JUDGMENT)


def test_the_page_speaks_of_weeks(session: Session, separated: Separated) -> None:
    it = separated
    settle(session, it, Rhythm("parity", first=it.home_a.id))
    card = custody_of(session, it.child.id, weeks=2)
    assert card is not None
    assert [(span.first, span.last, span.home) for span in card.spans] == [
        (date(2026, 11, 16), date(2026, 11, 22), "Morel"),
        (date(2026, 11, 23), date(2026, 11, 29), "Fontaine"),
    ]
    assert card.source == JUDGMENT


def test_a_hundred_children_cost_three_statements(session: Session, separated: Separated) -> None:
    it = separated
    settle(session, it, Rhythm("parity", first=it.home_a.id))
    children = [it.child.id, *(make_child(session, it.home_a, f"Enfant {n}").id for n in range(99))]
    session.flush()
    with counting(session) as seen:
        assert len(homes_of(session, children)) == 100
    assert len(seen) == 3


def test_the_journal_says_that_it_changed_and_not_what(database: Database) -> None:
    with database.transaction() as session:
        it = make_separated(session)
        settle(session, it, Rhythm("parity", first=it.home_a.id))
    written = journal_text(database)
    assert "child.custody_set" in written
    assert "tribunal" not in written
