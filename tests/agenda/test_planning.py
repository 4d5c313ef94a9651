"""The planning of a family: each cell says what is so, until when, and why not (R2, R-21, R-26, R-33)."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.agenda.booking import save_wishes
from app.agenda.closing import close_days
from app.agenda.models import Booking
from app.agenda.planning import LONGEST, Cell, planning
from app.agenda.states import STATES
from app.agenda.wishes import Wish
from app.clock import FrozenClock
from app.errors import Forbidden, NotFound, Refused
from app.families.rights import Action, Authority, Right, right
from app.policy import SYSTEM, Actor
from tests.agenda.bookings_of import Family, Valbrise, ask, make_family, make_valbrise, results, set_wednesday
from tests.families.people import counting, make_agent, make_separated

MONDAY, WEDNESDAY = date(2026, 11, 30), date(2026, 12, 2)


@pytest.fixture
def valbrise(session: Session) -> Valbrise:
    return make_valbrise(session)


def cell(session: Session, actor: Actor, child_id: uuid.UUID, activity_id: uuid.UUID, day: date) -> Cell:
    [child] = planning(session, actor, [child_id], day, day)
    [line] = [line for line in child.lines if line.activity.id == activity_id]
    [found] = line.cells
    assert (found.child_id, found.activity_id, found.day) == (child_id, activity_id, day)
    assert found.words
    return found


def of(session: Session, family: Family, activity_id: uuid.UUID, day: date) -> Cell:
    return cell(session, family.actor, family.child.id, activity_id, day)


def test_a_free_day_says_until_when_and_for_how_much(session: Session, valbrise: Valbrise) -> None:
    found = of(session, make_family(session), valbrise.id("CANT"), MONDAY)
    assert (found.kind, found.letter, found.words, found.cents) == ("free", "", "Libre", 100)
    assert found.limit_words == "Réservable jusqu’au jeudi 26\u00a0novembre 2026 à 10\u00a0h"
    assert found.may_add
    assert not found.may_remove


def test_a_booked_day_says_until_when_it_may_be_changed(
    session: Session, valbrise: Valbrise, clock: FrozenClock
) -> None:
    family = make_family(session)
    ask(session, family, valbrise.id("CANT"), MONDAY)
    found = of(session, family, valbrise.id("CANT"), MONDAY)
    assert (found.kind, found.letter, found.state, found.may_remove) == ("mine", "R", "booked", True)
    assert found.limit_words == "Modifiable jusqu’au jeudi 26\u00a0novembre 2026 à 10\u00a0h"
    clock.set(datetime(2026, 11, 26, 9, tzinfo=UTC))
    found = of(session, family, valbrise.id("CANT"), MONDAY)
    assert found.limit_words.startswith("Annulation hors délai depuis")
    assert found.may_remove, "it becomes a request"
    ask(session, family, valbrise.id("CANT"), MONDAY, add=False)
    found = of(session, family, valbrise.id("CANT"), MONDAY)
    assert (found.letter, found.may_add, found.may_remove) == ("DA", True, False)


@pytest.mark.parametrize(
    ("day", "kind", "letter", "words"),
    [
        ("2026-12-25", "closed", "JF", "Noël"),
        ("2026-12-21", "closed", "V", "Noël"),
        ("2026-12-02", "none", "", "Pas d’accueil"),
        ("2026-11-19", "late", "HD", "Jour passé"),
        ("2026-11-23", "late", "HD", "Hors délai depuis le jeudi 19\u00a0novembre 2026 à 10\u00a0h"),
        ("2027-08-30", "closed", "V", "Vacances d’été"),
    ],
)
def test_a_grey_day_says_why(
    session: Session, valbrise: Valbrise, day: str, kind: str, letter: str, words: str
) -> None:
    family = make_family(session)
    found = of(session, family, valbrise.id("CANT"), date.fromisoformat(day))
    assert (found.kind, found.letter, found.may_add) == (kind, letter, False)
    assert words in found.words


def test_what_bars_a_child_is_said(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session, born=(date(2023, 12, 9),))
    [child] = planning(session, family.actor, [], WEDNESDAY, WEDNESDAY + timedelta(weeks=1))
    [line] = [line for line in child.lines if line.activity.code == "MERC_J"]
    assert [(line.cells[0].kind, line.cells[0].why), line.cells[-1].kind] == [("barred", "age"), "free"]
    set_wednesday(session, valbrise, needs_enrolment=True)
    older = make_family(session, "Autre")
    assert of(session, older, valbrise.id("MERC_J"), WEDNESDAY).why == "enrolment"


def test_an_activity_of_another_age_is_not_a_line(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session, born=(date(2025, 6, 1),))
    assert [child.lines for child in planning(session, family.actor, [], MONDAY, WEDNESDAY)] == [()]


def test_a_full_day_the_rank_and_the_offer(session: Session, valbrise: Valbrise) -> None:
    set_wednesday(session, valbrise, big=1)
    first, second, third = (make_family(session, f"Famille{n}") for n in range(3))
    day = valbrise.id("MERC_J"), WEDNESDAY
    ask(session, first, *day)
    found = of(session, second, *day)
    assert (found.kind, found.letter, found.may_add) == ("full", "C", True)
    ask(session, second, *day)
    ask(session, third, *day)
    found = of(session, third, *day)
    assert (found.letter, found.rank, found.words) == ("LA", 2, "Sur liste d’attente, au rang 2")
    ask(session, first, *day, add=False)
    found = of(session, second, *day)
    assert (found.letter, found.may_add, found.may_remove) == ("PO", True, True)
    assert "jusqu’au samedi 21\u00a0novembre" in found.words
    assert of(session, third, *day).rank == 1
    assert of(session, first, *day).kind == "full", "the offered place is taken"


def test_a_day_that_closed_says_so_and_keeps_its_history(session: Session, valbrise: Valbrise) -> None:
    family, other = make_family(session), make_family(session, "Autre")
    ask(session, family, valbrise.id("CANT"), MONDAY)
    close_days(session, SYSTEM, first=MONDAY, last=MONDAY, kind="greve", words="Grève nationale")
    mine, theirs = (of(session, each, valbrise.id("CANT"), MONDAY) for each in (family, other))
    assert (mine.kind, mine.letter, mine.words) == ("mine", "F", "Fermé, sans frais (Grève nationale)")
    assert (theirs.kind, theirs.letter, theirs.words) == ("closed", "F", "Grève nationale")


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_state_has_its_cell(session: Session, valbrise: Valbrise, state: str) -> None:
    family = make_family(session)
    ask(session, family, valbrise.id("CANT"), MONDAY)
    session.execute(update(Booking).values(state=state, queue=1))
    found = of(session, family, valbrise.id("CANT"), MONDAY)
    shown = STATES[state].letter
    assert found.letter == shown
    assert (found.kind == "mine") == bool(shown)


@pytest.mark.parametrize("day", [MONDAY, WEDNESDAY, date(2026, 12, 25), date(2026, 11, 23), date(2027, 1, 4)])
def test_what_a_cell_foresees_is_what_saving_does(session: Session, valbrise: Valbrise, day: date) -> None:
    set_wednesday(session, valbrise, big=0)
    family = make_family(session)
    for code in ("CANT", "MERC_J"):
        foreseen = of(session, family, valbrise.id(code), day).may_add
        assert foreseen == (results(ask(session, family, valbrise.id(code), day)) != ["refused"])


# -- who sees what ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authority", list(Authority))
def test_each_parent_sees_what_the_table_says(session: Session, valbrise: Valbrise, authority: Authority) -> None:
    pair = make_separated(session, authority)
    mother, father, canteen = pair.actor(pair.mother), pair.actor(pair.father), valbrise.id("CANT")
    save_wishes(session, mother, [Wish(pair.child.id, canteen, MONDAY, True)])
    cell_right = right(authority, Action.PLANNING)
    if cell_right is Right.NO:
        assert planning(session, father, [], MONDAY, MONDAY) == []
        with pytest.raises(NotFound):
            planning(session, father, [pair.child.id], MONDAY, MONDAY)
        return
    found = cell(session, father, pair.child.id, canteen, MONDAY)
    assert (found.kind, found.letter) == ("other", "R")
    assert (found.state, found.cents, found.limit, found.rank, found.may_add, found.may_remove) == (
        ("", None, None, None, False, False)
    )
    if cell_right is Right.YES:
        assert found.words == "Réservé par l’autre parent"
    else:
        free = cell(session, father, pair.child.id, canteen, MONDAY + timedelta(days=1))
        assert (free.kind, free.cents, free.limit_words, free.may_add) == ("free", None, "", False)
        [child] = planning(session, father, [], MONDAY, MONDAY)
        assert [line.price for line in child.lines if line.activity.id == canteen] == [""]
    for nobody in (pair.step_father, pair.stranger):
        assert planning(session, pair.actor(nobody), [], MONDAY, MONDAY) == []
        with pytest.raises(NotFound):
            planning(session, pair.actor(nobody), [pair.child.id], MONDAY, MONDAY)


def test_what_the_other_parent_left_does_not_show(session: Session, valbrise: Valbrise) -> None:
    pair = make_separated(session)
    mother, father, canteen = pair.actor(pair.mother), pair.actor(pair.father), valbrise.id("CANT")
    for add in (True, False):
        save_wishes(session, mother, [Wish(pair.child.id, canteen, MONDAY, add)])
    assert cell(session, father, pair.child.id, canteen, MONDAY).kind == "free"
    save_wishes(session, father, [Wish(pair.child.id, canteen, MONDAY, True)])
    assert cell(session, father, pair.child.id, canteen, MONDAY).kind == "mine"
    assert cell(session, mother, pair.child.id, canteen, MONDAY).kind == "other"


def test_an_agent_names_the_household(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session)
    [child] = planning(session, make_agent(), [], MONDAY, WEDNESDAY, household_id=family.household.id)
    assert child.child.id == family.child.id
    with pytest.raises(Forbidden):
        planning(session, make_agent("restauration"), [], MONDAY, WEDNESDAY, household_id=family.household.id)
    with pytest.raises(NotFound):
        planning(session, make_agent(), [], MONDAY, WEDNESDAY)
    for last in (MONDAY - timedelta(days=1), MONDAY + LONGEST + timedelta(days=1)):
        with pytest.raises(Refused):
            planning(session, family.actor, [], MONDAY, last)


def test_a_month_of_four_children_is_ten_statements_at_most(session: Session, valbrise: Valbrise) -> None:
    set_wednesday(session, valbrise, pieces=["assurance"], pieces_block=True, needs_enrolment=True)
    family = make_family(session, born=tuple(date(2015 + n, 6, 1) for n in range(2, 6)))
    canteen = valbrise.id("CANT")
    for child in family.children:
        ask(session, family, canteen, *(MONDAY + timedelta(days=n) for n in (0, 1, 3, 4)), child=child)
    session.flush()
    planning(session, family.actor, [], MONDAY, MONDAY)
    with counting(session) as sent:
        found = planning(session, family.actor, [], date(2026, 12, 1), date(2026, 12, 31))
    assert len(found) == 4
    assert sum(cell.letter == "R" for child in found for line in child.lines for cell in line.cells) == 12
    assert len(sent) <= 10, sent
