"""Saving wishes: what the server decides of each, and why it says no (R-21, R-26, R-31…R-35)."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.agenda.booking import GroupEntry, pattern_wishes, preview, save_wishes
from app.agenda.models import Booking, Closure
from app.agenda.operations import save_activity
from app.agenda.patterns import WeekPattern
from app.agenda.regulating import enrol, regulate
from app.agenda.states import OVER
from app.agenda.wishes import AT_ONCE, Wish
from app.clock import FrozenClock
from app.db import new_id
from app.documents.piece_types import install_piece_types
from app.errors import Forbidden, NotFound, Refused
from app.families import child_operations
from app.families.models import Guardianship
from app.families.rights import Action, Authority, may
from app.families.weeks import Weeks
from app.policy import SYSTEM, Actor
from tests.agenda.bookings_of import (
    CANTEEN,
    Family,
    Valbrise,
    ask,
    events,
    is_sound,
    make_family,
    make_valbrise,
    results,
    rules,
    set_wednesday,
    stored,
)
from tests.agenda.bookings_of import GroupRule as Group
from tests.families.people import (
    actions,
    counting,
    make_agent,
    make_household,
    make_separated,
)

MONDAY, WEDNESDAY = date(2026, 11, 30), date(2026, 12, 2)


@pytest.fixture
def valbrise(session: Session) -> Valbrise:
    return make_valbrise(session)


@pytest.fixture
def family(session: Session, valbrise: Valbrise) -> Family:
    return make_family(session)


def why(session: Session, family: Family, activity: uuid.UUID, day: date, *, add: bool = True) -> str:
    """The sentence of a refusal."""
    [outcome] = ask(session, family, activity, day, add=add)
    assert outcome.result == "refused", outcome
    assert outcome.words.endswith(".")
    return outcome.words


def test_a_day_is_booked_with_its_price_and_taken_back(session: Session, valbrise: Valbrise, family: Family) -> None:
    [outcome] = ask(session, family, valbrise.id("CANT"), MONDAY)
    assert (outcome.result, outcome.cents, outcome.words) == ("booked", 100, "")
    [row] = session.execute(select(Booking.household_id, Booking.asked_by, Booking.cents, Booking.version)).all()
    assert tuple(row) == (family.household.id, family.parent.account_id, 100, 1)
    assert "bookings.saved" in actions(session)
    assert session.info["outbox"][-1]["kind"] == "bookings.changed"
    assert results(ask(session, family, valbrise.id("CANT"), MONDAY, add=False)) == ["cancelled"]
    assert stored(session) == [("11-30", "cancelled")]
    assert results(ask(session, family, valbrise.id("CANT"), MONDAY)) == ["booked"], "a day taken back is free again"
    assert stored(session) == [("11-30", "booked"), ("11-30", "cancelled")]
    assert events(session) == 3
    assert is_sound(session)


def test_the_same_wishes_again_change_nothing(session: Session, valbrise: Valbrise, family: Family) -> None:
    days = [MONDAY + timedelta(days=n) for n in (0, 1, 3, 4)]
    assert results(ask(session, family, valbrise.id("CANT"), *days)) == ["booked"] * 4
    before, journal = events(session), len(actions(session))
    assert results(ask(session, family, valbrise.id("CANT"), *days)) == ["unchanged"] * 4
    assert results(ask(session, family, valbrise.id("MERC_J"), WEDNESDAY, add=False)) == ["unchanged"]
    assert (events(session), len(actions(session))) == (before, journal)
    twice = [Wish(family.child.id, valbrise.id("SOIR1"), MONDAY, True)] * 2
    assert results(save_wishes(session, family.actor, twice)) == ["refused"] * 2, "the evening has no règlement"
    twice = [Wish(family.child.id, valbrise.id("MERC_J"), WEDNESDAY, True)] * 3
    assert results(save_wishes(session, family.actor, twice)) == ["booked"] * 3
    assert events(session) == before + 1


@pytest.mark.parametrize(
    ("day", "limit"),
    [
        ("2026-09-14", datetime(2026, 9, 10, 8, tzinfo=UTC)),
        ("2026-11-02", datetime(2026, 10, 29, 9, tzinfo=UTC)),
        ("2027-01-04", datetime(2026, 12, 30, 9, tzinfo=UTC)),
    ],
)
def test_the_limit_is_the_instant_that_the_reglement_says(
    session: Session, valbrise: Valbrise, family: Family, clock: FrozenClock, day: str, limit: datetime
) -> None:
    asked = date.fromisoformat(day)
    clock.set(limit)
    words = why(session, family, valbrise.id("CANT"), asked)
    assert words.startswith("Trop tard pour réserver")
    assert "à 10\u00a0h" in words
    assert "écrivez au service" in words
    clock.set(limit - timedelta(seconds=1))
    assert results(ask(session, family, valbrise.id("CANT"), asked)) == ["booked"]


@pytest.mark.parametrize(
    ("mode", "day", "limit"),
    [
        ("scolaires", "2026-11-02", datetime(2026, 10, 15, 8, tzinfo=UTC)),
        ("ouverture", "2026-11-02", datetime(2026, 10, 15, 8, tzinfo=UTC)),
        ("ouverture", "2027-01-04", datetime(2026, 12, 17, 9, tzinfo=UTC)),
    ],
)
def test_days_are_counted_as_the_reglement_says(
    session: Session, valbrise: Valbrise, family: Family, clock: FrozenClock, mode: str, day: str, limit: datetime
) -> None:
    told = rules({**CANTEEN, "mode": mode}, needs_enrolment=False)
    regulate(session, SYSTEM, valbrise.id("CANT"), told, [Group("tous", "Tous", 2, 11)])
    clock.set(limit)
    assert "Trop tard" in why(session, family, valbrise.id("CANT"), date.fromisoformat(day))
    clock.set(limit - timedelta(seconds=1))
    assert results(ask(session, family, valbrise.id("CANT"), date.fromisoformat(day))) == ["booked"]


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2026-12-25", "Jour férié"),
        ("2026-12-28", "Noël"),
        ("2026-12-02", "Pas d’accueil ce jour de la semaine"),
        ("2027-07-05", "choisissez un autre jour"),
        ("2026-11-19", "Ce jour est passé"),
        ("2030-01-07", "trop loin"),
        ("0001-01-01", "Ce jour est passé"),
        ("9999-12-31", "trop loin"),
    ],
)
def test_a_day_without_the_activity_says_why(
    session: Session, valbrise: Valbrise, family: Family, day: str, reason: str
) -> None:
    assert reason in why(session, family, valbrise.id("CANT"), date.fromisoformat(day))
    assert stored(session) == []


def test_a_day_closed_by_the_service_says_so_in_its_words(session: Session, valbrise: Valbrise, family: Family) -> None:
    closure = Closure(id=new_id(), structure_id=valbrise.canteen.id, first_day=MONDAY, last_day=MONDAY, kind="greve")
    closure.words, closure.created_at = "Grève du personnel", datetime(2026, 11, 20, tzinfo=UTC)
    session.add(closure)
    session.flush()
    assert why(session, family, valbrise.id("CANT"), MONDAY).startswith("Grève du personnel")
    assert results(ask(session, family, valbrise.id("CANT"), MONDAY + timedelta(days=1))) == ["booked"]
    assert results(ask(session, family, valbrise.id("MERC_J"), WEDNESDAY)) == ["booked"], "another structure is open"
    closure.reopened_at = datetime(2026, 11, 20, tzinfo=UTC)
    session.flush()
    assert results(ask(session, family, valbrise.id("CANT"), MONDAY)) == ["booked"]


def test_the_age_is_that_of_the_day(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session, born=(date(2020, 12, 2), date(2024, 1, 1)))
    set_wednesday(session, valbrise, small=0, big=1)
    turns_six, baby = family.children
    assert results(ask(session, family, valbrise.id("MERC_J"), WEDNESDAY, child=turns_six)) == ["booked"]
    [outcome] = ask(session, family, valbrise.id("MERC_J"), WEDNESDAY, child=baby)
    assert outcome.result == "refused"
    assert "de 3 à 11\u00a0ans" in outcome.words


def test_who_is_not_enrolled_is_told_to_enrol(session: Session, valbrise: Valbrise, family: Family) -> None:
    set_wednesday(session, valbrise, needs_enrolment=True)
    assert "démarche d’inscription" in why(session, family, valbrise.id("MERC_J"), WEDNESDAY)
    made = {"child_id": family.child.id, "activity_id": valbrise.id("MERC_J"), "household_id": family.household.id}
    enrol(session, make_agent(), **made, first=WEDNESDAY, last=WEDNESDAY)
    assert results(ask(session, family, valbrise.id("MERC_J"), WEDNESDAY)) == ["booked"]
    assert "inscription" in why(session, family, valbrise.id("MERC_J"), WEDNESDAY + timedelta(weeks=1))


def test_a_missing_piece_blocks_where_the_reglement_says_so(
    session: Session, valbrise: Valbrise, family: Family
) -> None:
    install_piece_types(session, SYSTEM)
    session.flush()
    set_wednesday(session, valbrise, pieces=["assurance"], pieces_block=True)
    words = why(session, family, valbrise.id("MERC_J"), WEDNESDAY)
    assert "Attestation d’assurance scolaire" in words
    assert "Mes pièces" in words
    set_wednesday(session, valbrise, pieces=["assurance"], pieces_block=False)
    assert results(ask(session, family, valbrise.id("MERC_J"), WEDNESDAY)) == ["booked"]


def test_an_activity_that_is_not_booked_here_or_is_not_known(
    session: Session, valbrise: Valbrise, family: Family
) -> None:
    assert "écrivez au service" in why(session, family, valbrise.id("SOIR1"), MONDAY).lower()
    assert "écrivez au service" in why(session, family, uuid.uuid4(), MONDAY).lower()


def test_a_day_asked_and_taken_back_at_once_is_neither(session: Session, valbrise: Valbrise, family: Family) -> None:
    torn = [Wish(family.child.id, valbrise.id("CANT"), MONDAY, add) for add in (True, False)]
    assert results(save_wishes(session, family.actor, torn)) == ["refused"] * 2
    assert stored(session) == []


def test_the_price_is_the_household_s(session: Session, valbrise: Valbrise) -> None:
    prices = {}
    for name, values in {
        "Riche": {"qf": 1200},
        "Juste": {"qf": 700},
        "Inconnu": {"qf": None},
        "Zero": {"qf": 0},
        "Ailleurs": {"qf": 100, "postal_code": "99871"},
    }.items():
        family = make_family(session, name, **values)
        [outcome] = ask(session, family, valbrise.id("CANT"), MONDAY)
        prices[name] = outcome.cents
    assert prices == {"Riche": 490, "Juste": 240, "Inconnu": 490, "Zero": 100, "Ailleurs": 560}


# -- limits to cancel ------------------------------------------------------------------------------------------------


def test_too_late_to_cancel_becomes_a_request_that_may_be_taken_back(
    session: Session, valbrise: Valbrise, family: Family, clock: FrozenClock
) -> None:
    ask(session, family, valbrise.id("CANT"), MONDAY)
    clock.set(datetime(2026, 11, 26, 9, 0, tzinfo=UTC))  # Thursday, 10 h: too late
    [outcome] = ask(session, family, valbrise.id("CANT"), MONDAY, add=False)
    assert outcome.result == "cancel_requested"
    assert "jeudi 26\u00a0novembre 2026 à 10\u00a0h" in outcome.words
    assert results(ask(session, family, valbrise.id("CANT"), MONDAY, add=False)) == ["unchanged"]
    assert results(ask(session, family, valbrise.id("CANT"), MONDAY)) == ["kept"]
    assert stored(session) == [("11-30", "booked")]
    clock.set(datetime(2026, 11, 30, 10, 45, tzinfo=UTC))  # 11:45: the service begins
    assert "déjà commencé" in why(session, family, valbrise.id("CANT"), MONDAY, add=False)
    assert is_sound(session)


def test_where_late_cancellations_are_not_taken_it_says_so(
    session: Session, valbrise: Valbrise, family: Family, clock: FrozenClock
) -> None:
    set_wednesday(session, valbrise, late_cancel=False)
    ask(session, family, valbrise.id("MERC_J"), WEDNESDAY)
    clock.set(datetime(2026, 11, 25, 11, 0, tzinfo=UTC))
    assert "Trop tard pour annuler" in why(session, family, valbrise.id("MERC_J"), WEDNESDAY, add=False)
    assert stored(session) == [("12-02", "booked")]


def test_an_activity_may_be_left_for_another_until_the_limit_to_change(
    session: Session, valbrise: Valbrise, family: Family, clock: FrozenClock
) -> None:
    half = save_activity(
        session,
        SYSTEM,
        code="MERC_MR",
        label="Mercredi, matin et repas",
        structure_id=valbrise.leisure.id,
        weekdays=(3,),
        starts_at="07:30",
        ends_at="13:30",
    ).id
    eve = {"mode": "calendaires", "n": 1, "at": "12:00"}
    week = {"mode": "calendaires", "n": 7, "at": "12:00"}
    told = {**rules(week, needs_enrolment=False), "change": eve}
    for activity, places in ((half, 1), (valbrise.id("MERC_J"), 3)):
        regulate(session, SYSTEM, activity, told, [Group("plus6", "6 ans et plus", 6, 11, places=places)])
    for each in (family, other := make_family(session, "Autre")):
        ask(session, each, valbrise.id("MERC_J"), WEDNESDAY)
    clock.set(datetime(2026, 12, 1, 10, 59, tzinfo=UTC))

    def swap(who: Family) -> list[str]:
        left = Wish(who.child.id, valbrise.id("MERC_J"), WEDNESDAY, False)
        return results(save_wishes(session, who.actor, [left, Wish(who.child.id, half, WEDNESDAY, True)]))

    assert "Trop tard" in why(session, family, half, WEDNESDAY)
    assert swap(family) == ["cancelled", "booked"]
    assert swap(family) == ["unchanged", "unchanged"]
    assert swap(other) == ["refused", "waiting"], "no place there: her day stays"
    assert state_by_activity(session, other) == {half: "waiting", valbrise.id("MERC_J"): "booked"}
    clock.set(datetime(2026, 12, 1, 11, 0, tzinfo=UTC))
    late = make_family(session, "Tard")
    assert swap(late) == ["unchanged", "refused"]
    assert is_sound(session)


def state_by_activity(session: Session, family: Family) -> dict[uuid.UUID, str]:
    query = select(Booking.activity_id, Booking.state).where(Booking.household_id == family.household.id)
    return {row.activity_id: row.state for row in session.execute(query)}


# -- places ----------------------------------------------------------------------------------------------------------


def test_a_full_day_puts_on_the_waiting_list_in_order_of_arrival(session: Session, valbrise: Valbrise) -> None:
    families = [make_family(session, f"Famille{n}") for n in range(6)]
    outcomes = [ask(session, family, valbrise.id("MERC_J"), WEDNESDAY)[0] for family in families]
    assert results(outcomes) == ["booked"] * 3 + ["waiting"] * 3
    assert [outcome.rank for outcome in outcomes[3:]] == [1, 2, 3]
    assert "au rang 3" in outcomes[5].words
    assert results(ask(session, families[4], valbrise.id("MERC_J"), WEDNESDAY)) == ["unchanged"]
    assert results(ask(session, families[4], valbrise.id("MERC_J"), WEDNESDAY, add=False)) == ["cancelled"]
    assert ask(session, families[4], valbrise.id("MERC_J"), WEDNESDAY)[0].rank == 3, "who leaves comes back last"
    assert is_sound(session)


def test_siblings_share_the_last_places_in_the_order_they_are_named(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session, born=tuple(date(2019, 1, n) for n in range(1, 6)))
    wishes = [Wish(child.id, valbrise.id("MERC_J"), WEDNESDAY, True) for child in family.children]
    assert results(save_wishes(session, family.actor, wishes)) == ["booked"] * 3 + ["waiting"] * 2
    assert is_sound(session)


def test_where_an_agent_accepts_the_demand_holds_its_place(session: Session, valbrise: Valbrise) -> None:
    set_wednesday(session, valbrise, big=1, acceptance="agent")
    first, second = make_family(session, "Un"), make_family(session, "Deux")
    [outcome] = ask(session, first, valbrise.id("MERC_J"), WEDNESDAY)
    assert outcome.result == "requested"
    assert "service" in outcome.words
    assert results(ask(session, second, valbrise.id("MERC_J"), WEDNESDAY)) == ["waiting"]
    assert results(ask(session, first, valbrise.id("MERC_J"), WEDNESDAY, add=False)) == ["cancelled"]
    assert stored(session, Booking.household_id == second.household.id) == [("12-02", "offered")]


# -- who may ---------------------------------------------------------------------------------------------------------


def test_both_parents_never_hold_the_same_slot(session: Session, valbrise: Valbrise) -> None:
    pair = make_separated(session)
    wish = [Wish(pair.child.id, valbrise.id("CANT"), MONDAY, True)]
    assert results(save_wishes(session, pair.actor(pair.mother), wish)) == ["booked"]
    [outcome] = save_wishes(session, pair.actor(pair.father), wish)
    assert (outcome.result, outcome.words, outcome.cents) == ("refused", "Déjà réservé par l’autre parent.", None)
    [outcome] = save_wishes(session, pair.actor(pair.father), [Wish(pair.child.id, valbrise.id("CANT"), MONDAY, False)])
    assert outcome.result == "refused"
    assert outcome.words == "Déjà réservé par l’autre parent. Lui seul peut l’annuler."
    save_wishes(session, pair.actor(pair.mother), [Wish(pair.child.id, valbrise.id("CANT"), MONDAY, False)])
    assert results(save_wishes(session, pair.actor(pair.father), wish)) == ["booked"]
    assert is_sound(session)


@pytest.mark.parametrize("authority", list(Authority))
def test_the_right_to_book_comes_from_the_link(session: Session, valbrise: Valbrise, authority: Authority) -> None:
    pair = make_separated(session, authority)
    wish = [Wish(pair.child.id, valbrise.id("CANT"), MONDAY, True)]
    father = pair.actor(pair.father)
    if may(authority, Action.BOOK):
        assert results(save_wishes(session, father, wish)) == ["booked"]
    elif may(authority, Action.KNOW):
        with pytest.raises(Forbidden):
            save_wishes(session, father, wish)
    else:
        with pytest.raises(NotFound):
            save_wishes(session, father, wish)
        with pytest.raises(NotFound):
            preview(session, father, wish)
    for nobody in (pair.step_father, pair.stranger):
        with pytest.raises(NotFound):
            save_wishes(session, pair.actor(nobody), wish)


def test_an_opposition_freezes_what_one_parent_does_alone(session: Session, valbrise: Valbrise) -> None:
    pair = make_separated(session)
    opposed = datetime(2026, 11, 1, tzinfo=UTC)
    session.execute(update(Guardianship).where(Guardianship.adult_id == pair.father.id).values(opposed_at=opposed))
    [outcome] = save_wishes(session, pair.actor(pair.mother), [Wish(pair.child.id, valbrise.id("CANT"), MONDAY, True)])
    assert "L’accord des deux parents est nécessaire" in outcome.words


def test_an_agent_books_at_the_desk_for_the_household_he_names(
    session: Session, valbrise: Valbrise, family: Family
) -> None:
    wish = [Wish(family.child.id, valbrise.id("CANT"), MONDAY, True)]
    with pytest.raises(NotFound):
        save_wishes(session, make_agent(), wish)
    with pytest.raises(Forbidden):
        save_wishes(session, make_agent("restauration"), wish, household_id=family.household.id)
    other = make_household(session, "Autre")
    with pytest.raises(NotFound):
        save_wishes(session, make_agent(), wish, household_id=other.id)
    assert results(save_wishes(session, make_agent(), wish, household_id=family.household.id)) == ["booked"]
    assert results(ask(session, family, valbrise.id("CANT"), MONDAY, add=False)) == ["cancelled"]


def test_an_agent_books_in_his_structures_only(session: Session, valbrise: Valbrise, family: Family) -> None:
    child_operations.receive_child(session, SYSTEM, family.child.id, valbrise.leisure.id)
    session.flush()
    wishes = [
        Wish(family.child.id, valbrise.id(code), day, True) for code, day in (("MERC_J", WEDNESDAY), ("CANT", MONDAY))
    ]
    director = make_agent("direction", valbrise.leisure)
    outcomes = save_wishes(session, director, wishes, household_id=family.household.id)
    assert results(outcomes) == ["booked", "refused"]
    assert results(preview(session, make_agent(), wishes, household_id=family.household.id).outcomes) == [
        "unchanged",
        "booked",
    ]


def test_a_parent_cannot_name_another_household(session: Session, valbrise: Valbrise, family: Family) -> None:
    other = make_family(session, "Autre", qf=2000)
    wish = [Wish(family.child.id, valbrise.id("CANT"), MONDAY, True)]
    save_wishes(session, family.actor, wish, household_id=other.household.id)
    assert session.scalars(select(Booking.household_id)).all() == [family.household.id]


# -- hostile posts ---------------------------------------------------------------------------------------------------


def test_nothing_is_done_when_one_child_is_not_hers(session: Session, valbrise: Valbrise, family: Family) -> None:
    other = make_family(session, "Autre")
    wishes = [Wish(each.child.id, valbrise.id("CANT"), MONDAY, True) for each in (family, other)]
    with pytest.raises(NotFound):
        save_wishes(session, family.actor, wishes)
    with pytest.raises(NotFound):
        save_wishes(session, family.actor, [Wish(uuid.uuid4(), valbrise.id("CANT"), MONDAY, True)])
    with pytest.raises(Forbidden):
        save_wishes(session, Actor("visitor", None, "?"), wishes, household_id=other.household.id)
    assert stored(session) == []


def test_thousands_of_wishes_are_too_many(session: Session, valbrise: Valbrise, family: Family) -> None:
    wishes = [Wish(family.child.id, uuid.uuid4(), MONDAY, True)] * (AT_ONCE + 1)
    with pytest.raises(Refused):
        save_wishes(session, family.actor, wishes)
    odd = [Wish(family.child.id, uuid.uuid4(), MONDAY, True) for _ in range(AT_ONCE)]
    assert set(results(save_wishes(session, family.actor, odd))) == {"refused"}


def test_the_number_of_statements_does_not_follow_the_number_of_wishes(
    session: Session, valbrise: Valbrise, family: Family
) -> None:
    def sent(days: list[date]) -> int:
        with counting(session) as statements:
            ask(session, family, valbrise.id("CANT"), *days)
        return len(statements)

    weeks = [MONDAY + timedelta(weeks=n) for n in range(1, 20)]
    few, many = sent([MONDAY]), sent([week + timedelta(days=n) for week in weeks for n in (0, 1, 3, 4)])
    assert many <= few
    assert few <= 22


# -- group entry -----------------------------------------------------------------------------------------------------


def test_a_group_entry_is_previewed_as_it_is_saved(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session, born=(date(2019, 5, 12), date(2021, 11, 3)))
    ask(session, family, valbrise.id("CANT"), date(2026, 12, 7))
    entry = GroupEntry(
        [child.id for child in family.children],
        [valbrise.id("CANT")],
        date(2026, 11, 30),
        date(2026, 12, 31),
        WeekPattern(frozenset({1, 2}), Weeks("even")),
        add=True,
    )
    before = events(session)
    seen = preview(session, family.actor, entry.wishes())
    assert events(session) == before
    # even weeks: 50 (7 December) and 52 (holidays from the 19th)
    assert len(seen.done) == 3
    assert len(seen.unchanged) == 1
    assert len(seen.impossible) == 4
    assert {"Noël" in each.words for each in seen.impossible} == {True}
    assert seen.cents == 300
    assert results(save_wishes(session, family.actor, entry.wishes())) == results(seen.outcomes)
    assert preview(session, family.actor, entry.wishes()).cents == 0


def test_a_group_entry_takes_away(session: Session, valbrise: Valbrise, family: Family) -> None:
    ask(session, family, valbrise.id("CANT"), MONDAY, MONDAY + timedelta(days=1))
    entry = GroupEntry(
        [family.child.id], [valbrise.id("CANT")], MONDAY, date(2026, 12, 18), WeekPattern(frozenset({1, 2})), add=False
    )
    assert len(preview(session, family.actor, entry.wishes()).done) == 2
    save_wishes(session, family.actor, entry.wishes())
    assert {state for _, state in stored(session)} == {"cancelled"}


def test_a_new_week_touches_only_days_to_come_still_in_time(
    session: Session, valbrise: Valbrise, family: Family, clock: FrozenClock
) -> None:
    made = {"child_id": family.child.id, "activity_id": valbrise.id("CANT"), "household_id": family.household.id}
    enrolment = enrol(session, SYSTEM, **made, first=date(2026, 9, 1), last=date(2026, 12, 11)).id
    mondays = pattern_wishes(session, family.actor, enrolment, WeekPattern(frozenset({1})))
    assert [wish.day for wish in mondays] == [MONDAY, date(2026, 12, 7)], "the 23rd is too late already"
    assert set(results(save_wishes(session, family.actor, mondays))) == {"booked"}
    clock.set(datetime(2026, 11, 26, 9, tzinfo=UTC))
    thursdays = pattern_wishes(session, family.actor, enrolment, WeekPattern(frozenset({3, 4})))
    assert [(wish.day, wish.add) for wish in thursdays] == [
        (date(2026, 12, 3), True),
        (date(2026, 12, 7), False),
        (date(2026, 12, 10), True),
    ], "Monday 30 can no longer be cancelled; the canteen is closed on Wednesdays"
    assert set(results(preview(session, family.actor, thursdays).outcomes)) == {"booked", "cancelled"}
    save_wishes(session, family.actor, thursdays)
    assert pattern_wishes(session, family.actor, enrolment, WeekPattern(frozenset({3, 4}))) == []
    with pytest.raises(NotFound):
        pattern_wishes(session, make_family(session, "Autre").actor, enrolment, WeekPattern(frozenset({1})))
    with pytest.raises(NotFound):
        pattern_wishes(session, family.actor, uuid.uuid4(), WeekPattern(frozenset({1})))


@pytest.mark.parametrize(("first", "last"), [("2026-12-02", "2026-12-01"), ("2026-09-01", "2027-12-01")])
def test_a_period_that_makes_no_sense_is_refused(first: str, last: str) -> None:
    entry = GroupEntry([], [], date.fromisoformat(first), date.fromisoformat(last), WeekPattern(frozenset({1})), True)
    with pytest.raises(Refused):
        entry.wishes()


def test_what_is_over_is_what_the_unique_index_leaves_out() -> None:
    [index] = [each for each in Booking.__table__.indexes if each.name == "uq_bookings_alive"]
    written = str(index.dialect_options["sqlite"]["where"])
    assert sorted(re.findall(r"'(\w+)'", written)) == sorted(OVER)
    assert written.startswith("state NOT IN (")
