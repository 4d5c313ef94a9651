"""The règlement of an activity, its age groups, and who is enrolled."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agenda.activities import read_regulated
from app.agenda.deadlines import Deadline
from app.agenda.models import AgeGroup, Enrolment
from app.agenda.patterns import WeekPattern
from app.agenda.regulating import GroupRule, end_enrolment, enrol, pattern_of, regulate, written_pattern
from app.agenda.regulation import Regulation, read_regulation
from app.errors import Forbidden, NotFound, Refused
from app.families.weeks import Weeks
from app.policy import SYSTEM
from tests.agenda.bookings_of import Valbrise, ask, make_family, make_valbrise, rules, set_wednesday
from tests.families.people import actions, make_agent

FIRST, LAST = date(2026, 9, 1), date(2027, 7, 2)
EVERYBODY = [GroupRule("tous", "Tous")]


@pytest.fixture
def valbrise(session: Session) -> Valbrise:
    return make_valbrise(session)


def test_what_is_not_said_is_as_a_commune_begins() -> None:
    assert read_regulation({}) == Regulation()
    assert Regulation().acceptance == "none"


def test_a_reglement_says_three_limits_periods_and_pieces() -> None:
    read = read_regulation(
        rules(
            {"mode": "semaine_precedente", "weekday": 4, "at": "12:00"},
            pieces=["assurance"],
            absence={"hours": 48, "days": 8, "waiting_days": 2},
            offer_hours=12,
        )
    )
    assert read.deadlines.book == Deadline("semaine_precedente", 1, time(12), 4)
    assert read.openings[0].end == date(2027, 7, 3), "the last day is one of them"
    assert (read.pieces, read.absence.hours, read.absence.waiting_days, read.offer_hours) == (("assurance",), 48, 2, 12)


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"acceptance": "maybe"}, "acceptance"),
        ({"acceptance": ["automatic"]}, "acceptance"),
        ({"times": "nuit"}, "times"),
        ({"pedt": "yes"}, "pedt"),
        ({"book": {"mode": "lunaire"}}, "book"),
        ({"book": "demain"}, "book"),
        ({"book": {"mode": "ouvres", "heure": "10:00"}}, "book"),
        ({"cancel": {"mode": "ouvres", "at": "25:00"}}, "cancel"),
        ({"change": {"mode": "ouvres", "n": -1}}, "change"),
        ({"openings": [{"name": "x", "first": "2026-09-02", "last": "2026-09-01"}]}, "openings"),
        ({"openings": [{"name": "x", "first": "2026-09-02", "last": "9999-12-31"}]}, "openings"),
        ({"openings": [{"name": "", "first": "2026-09-02", "last": "2026-09-03"}]}, "openings"),
        ({"openings": ["x"]}, "openings"),
        ({"offer_hours": 0}, "offer_hours"),
        ({"absence": {"days": 1.5}}, "absence"),
        ({"pieces": [""]}, "pieces"),
        ({"reglement": 1}, "rules"),
    ],
)
def test_a_reglement_that_makes_no_sense_is_refused(told: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refusal:
        read_regulation(told)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("setting", "pedt", "small", "big"),
    [("extrascolaire", False, 24, 36), ("periscolaire", True, 30, 42), ("periscolaire", False, 24, 36)],
)
def test_places_follow_staff_and_ratios(
    session: Session, valbrise: Valbrise, setting: str, pedt: bool, small: int, big: int
) -> None:
    groups = [GroupRule("moins6", "-6", 3, 5, staff=3), GroupRule("plus6", "+6", 6, None, staff=3)]
    regulate(session, SYSTEM, valbrise.id("MERC_J"), rules(setting=setting, pedt=pedt), groups)
    [activity] = [each for each in read_regulated(session) if each.card.code == "MERC_J"]
    assert [group.capacity for group in activity.groups] == [small, big]
    assert activity.ages == "à partir de 3\u00a0ans"


@pytest.mark.parametrize(
    "groups",
    [
        [],
        [GroupRule("a", "A", 3, 6), GroupRule("b", "B", 6, 11)],
        [GroupRule("a", "A", 3), GroupRule("b", "B", 6, 11)],
        [GroupRule("a", "A", 3, 2)],
        [GroupRule("a", "A", -1, 2)],
        [GroupRule("a", "A", places=-1)],
        [GroupRule("a", "A", staff=9999)],
        [GroupRule("a", "A", 0, 2), GroupRule("a", "B", 3, 5)],
        [GroupRule("a", " ")],
    ],
)
def test_groups_that_overlap_or_say_nothing_are_refused(
    session: Session, valbrise: Valbrise, groups: list[GroupRule]
) -> None:
    with pytest.raises(Refused) as refusal:
        regulate(session, SYSTEM, valbrise.id("CANT"), rules(), groups)
    assert refusal.value.field == "groups"


def test_a_group_keeps_its_identity_and_its_children(session: Session, valbrise: Valbrise) -> None:
    def identities() -> set[tuple[object, ...]]:
        return {tuple(row) for row in session.execute(select(AgeGroup.code, AgeGroup.id))}

    before = identities()
    set_wednesday(session, valbrise, big=1)
    assert identities() == before
    ask(session, make_family(session), valbrise.id("MERC_J"), date(2026, 12, 2))
    with pytest.raises(Refused, match="gardez-le"):
        regulate(session, SYSTEM, valbrise.id("MERC_J"), rules(), [GroupRule("moins6", "-6", 3, 5)])
    regulate(session, SYSTEM, valbrise.id("MERC_J"), rules(), [GroupRule("plus6", "+6", 6, 11)])
    assert "activity.regulated" in actions(session)


def test_only_who_manages_the_structure_regulates(session: Session, valbrise: Valbrise) -> None:
    for actor in (make_agent(), make_family(session).actor):
        with pytest.raises(Forbidden):
            regulate(session, actor, valbrise.id("CANT"), rules(), EVERYBODY)
    with pytest.raises(NotFound):
        regulate(session, SYSTEM, valbrise.canteen.id, rules(), EVERYBODY)
    regulate(session, make_agent("administrateur"), valbrise.id("CANT"), rules(), EVERYBODY)


def test_a_child_is_enrolled_once_for_a_stretch(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session)
    pattern = WeekPattern(frozenset({1, 4}), Weeks("anchored", date(2026, 9, 7), 2))
    made = {
        "child_id": family.child.id,
        "activity_id": valbrise.id("CANT"),
        "household_id": family.household.id,
        "first": FIRST,
        "last": LAST,
    }
    first = enrol(session, make_agent(), **made, pattern=pattern)
    assert pattern_of(first.pattern) == pattern
    assert enrol(session, SYSTEM, **made).id == first.id
    assert pattern_of(session.scalars(select(Enrolment.pattern)).one()) is None
    end_enrolment(session, make_agent(), first.id, date(2026, 12, 18))
    assert (first.state, first.last_day) == ("active", date(2026, 12, 18))
    end_enrolment(session, make_agent(), first.id, date(2026, 8, 1))
    assert first.state == "ended"
    assert enrol(session, SYSTEM, **made).id != first.id
    assert written_pattern(None) == {}


def test_a_parent_does_not_enrol_herself_nor_an_agent_another_s_child(session: Session, valbrise: Valbrise) -> None:
    family, other = make_family(session), make_family(session, "Autre")
    made = {"activity_id": valbrise.id("CANT"), "first": FIRST, "last": LAST}
    with pytest.raises(Forbidden):
        enrol(session, family.actor, child_id=family.child.id, **made)
    with pytest.raises(NotFound):
        enrol(session, make_agent(), child_id=other.child.id, household_id=family.household.id, **made)
    with pytest.raises(Refused):
        enrol(
            session,
            SYSTEM,
            child_id=family.child.id,
            household_id=family.household.id,
            **{**made, "last": date(2026, 1, 1)},
        )
    elsewhere = make_agent("direction", valbrise.leisure)
    with pytest.raises((Forbidden, NotFound)):
        enrol(session, elsewhere, child_id=family.child.id, household_id=family.household.id, **made)
