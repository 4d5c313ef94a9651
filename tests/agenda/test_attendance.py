"""Marks at the door (R9, R-40, R-42): what they make of bookings, sent twice, late, or against somebody else's."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.agenda.absent_bookings import excuse_days
from app.agenda.attendance import KINDS, becomes, minutes_after
from app.agenda.attendance_children import children_named, health_at_the_door
from app.agenda.attendance_marks import Mark, Marked, mark, mark_all
from app.agenda.attendance_sheets import Sheet, sheet, sheets_of
from app.agenda.closing import close_days
from app.agenda.models import AttendanceMark, Booking, BookingEvent
from app.agenda.operations import Declaration, record_absence
from app.agenda.prices import due, price_unbooked, read_tariff
from app.agenda.regulating import enrol
from app.agenda.states import ABSENT, STATES
from app.clock import FrozenClock
from app.db import Database
from app.errors import Forbidden, NotFound, Refused
from app.families.consents import Health, set_health
from app.families.pickup import Named, block_person
from app.policy import SYSTEM, Actor
from tests.agenda.bookings_of import Family, Valbrise, ask, is_sound, make_family, make_valbrise, stored
from tests.families.people import actions, make_account, make_agent

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
EARLY, LUNCH = datetime(2026, 11, 10, 9, tzinfo=UTC), datetime(2026, 11, 23, 11, tzinfo=UTC)


@pytest.fixture
def valbrise(session: Session) -> Valbrise:
    return make_valbrise(session)


@pytest.fixture
def family(session: Session, valbrise: Valbrise, clock: FrozenClock) -> Family:
    """Booked for Monday and Tuesday; it is Monday, at lunch."""
    clock.set(EARLY)
    made = make_family(session)
    ask(session, made, valbrise.id("CANT"), MONDAY, TUESDAY)
    clock.set(LUNCH)
    return made


def agent_of(session: Session, name: str = "Yves", role: str = "restauration", *places: object) -> Actor:
    """Somebody with an account, whom a colleague reads by name."""
    account = make_account(session, f"{name.lower()}@valbrise.example.org", name, "Caron")
    account.kind = "agent"
    session.flush()
    held = make_agent(role, *places)  # type: ignore[arg-type]  # structures
    return Actor("agent", account.id, f"{name} Caron", held.grants)


@pytest.fixture
def agent(session: Session, valbrise: Valbrise) -> Actor:
    return agent_of(session, "Yves", "restauration", valbrise.canteen)


def page(session: Session, actor: Actor, valbrise: Valbrise, day: date = MONDAY, code: str = "CANT") -> Sheet:
    return sheet(session, actor, valbrise.id(code), day)


def say(
    session: Session,
    actor: Actor,
    valbrise: Valbrise,
    family: Family,
    kind: str,
    *,
    seen: str | None = None,
    code: str = "CANT",
    left_at: str = "",
) -> Marked:
    """Marks the family's child as somebody would who has just read the sheet, or saw ``seen``."""
    tokens = {line.child_id: line.token for line in page(session, actor, valbrise, code=code).lines}
    token = tokens.get(family.child.id, "") if seen is None else seen
    one = Mark(uuid.uuid4(), valbrise.id(code), MONDAY, family.child.id, kind, token, left_at)
    return mark(session, actor, one)


def state(session: Session, day: date = MONDAY) -> str:
    return dict(stored(session))[f"{day:%m-%d}"]


def rows(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(AttendanceMark)) or 0


# -- the rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "base", "state"),
    [
        ("present", "booked", "present"),
        ("absent", "booked", "absent_unjustified"),
        ("expected", "booked", "booked"),
        ("present", "requested", "present"),
        ("present", "absent_in_time", "present"),
        ("absent", "absent_in_time", "absent_in_time"),
        ("absent", "absent_justified", "absent_justified"),
        ("absent", "cancel_requested", "cancel_requested"),
        ("left", "booked", "present"),
        ("unbooked", None, "present_unbooked"),
        ("unbooked", "waiting", "present_unbooked"),
        ("absent", None, "cancelled"),
        ("expected", None, "cancelled"),
    ],
)
def test_what_a_mark_makes_of_a_booking(kind: str, base: str | None, state: str) -> None:
    assert becomes(kind, base) == state


@given(st.sampled_from(sorted(KINDS)), st.sampled_from([*STATES, None]))
def test_a_mark_never_excuses_nor_bills_an_absence_that_was_declared(kind: str, base: str | None) -> None:
    made = becomes(kind, base)
    assert made in STATES
    if base in ABSENT:
        assert made in (base, "present")


@pytest.mark.parametrize(("left", "minutes"), [("17:30", 0), ("17:31", 1), ("18:40", 70), ("16:00", 0)])
def test_how_long_after_the_end(left: str, minutes: int) -> None:
    assert minutes_after("17:30", left) == minutes


@pytest.mark.parametrize(
    ("state", "cents"),
    [("present", 240), ("present_unbooked", 240), ("absent_unjustified", 240), ("booked", 240)]
    + [(state, 0) for state in ("absent_in_time", "absent_justified", "cancelled", "closed", "waiting")],
)
def test_the_bill_comes_from_the_state(state: str, cents: int) -> None:
    assert due(state, 240).cents == cents
    assert due(state, 240).words


def test_a_presence_without_booking_has_its_price() -> None:
    tariff = read_tariff({"flat": 240, "unbooked": 600})
    assert price_unbooked(tariff, 500, resident=True).cents == 600
    assert price_unbooked(read_tariff({"flat": 240}), 500, resident=True).cents == 240


# -- marking ---------------------------------------------------------------------------------------------------------


def test_present_then_absent_then_undone(session: Session, valbrise: Valbrise, family: Family, agent: Actor) -> None:
    assert say(session, agent, valbrise, family, "present").outcome == "done"
    assert state(session) == "present"
    assert say(session, agent, valbrise, family, "absent").outcome == "done"
    assert state(session) == "absent_unjustified"
    assert say(session, agent, valbrise, family, "expected").outcome == "done"
    assert state(session) == "booked"
    events = session.scalars(select(BookingEvent).where(BookingEvent.reason == "attendance")).all()
    assert [(event.to_state, event.by_id) for event in sorted(events, key=lambda each: each.version)] == [
        ("present", agent.id),
        ("absent_unjustified", agent.id),
        ("booked", agent.id),
    ]
    assert actions(session).count("attendance.marked") == 3
    assert is_sound(session)


def test_the_same_mark_sent_twice_is_written_once(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor
) -> None:
    token = page(session, agent, valbrise).lines[0].token
    one = Mark(uuid.uuid4(), valbrise.id("CANT"), MONDAY, family.child.id, "present", token)
    told = [mark_all(session, agent, [one, one])[-1], mark(session, agent, one)]
    assert [each.outcome for each in told] == ["same", "same"]
    assert rows(session) == 1
    assert session.scalars(select(Booking.version).where(Booking.day == MONDAY)).one() == 2
    with pytest.raises(Refused):  # somebody else's mark under the same number
        mark(session, agent_of(session, "Zoé", "gestionnaire"), one)


def test_somebody_elses_mark_is_never_overwritten_in_silence(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor
) -> None:
    seen = page(session, agent, valbrise).lines[0].token
    other = agent_of(session, "Sophie", "gestionnaire")
    say(session, other, valbrise, family, "absent")
    told = say(session, agent, valbrise, family, "present", seen=seen)
    assert told.outcome == "conflict"
    assert "Sophie Caron a noté «\u00a0Absence facturée\u00a0»" in told.words
    assert "Vous aviez noté «\u00a0Présent\u00a0»" in told.words
    assert state(session) == "absent_unjustified"
    # seen, then said again: it is a correction
    assert say(session, agent, valbrise, family, "present", seen=told.token).outcome == "done"
    assert state(session) == "present"
    assert is_sound(session)


def test_two_colleagues_who_say_the_same_are_no_conflict(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor
) -> None:
    seen = page(session, agent, valbrise).lines[0].token
    say(session, agent_of(session, "Sophie", "gestionnaire"), valbrise, family, "present")
    assert say(session, agent, valbrise, family, "present", seen=seen).outcome == "same"


def test_ones_own_marks_follow_each_other_from_an_old_page(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor
) -> None:
    """A tablet without network sends all that it noted from the page it had."""
    seen = page(session, agent, valbrise).lines[0].token
    wanted = ["present", "absent", "present"]
    marks = [Mark(uuid.uuid4(), valbrise.id("CANT"), MONDAY, family.child.id, each, seen) for each in wanted]
    assert [told.outcome for told in mark_all(session, agent, marks)] == ["done"] * 3
    assert state(session) == "present"
    assert is_sound(session)


def test_a_family_that_told_meanwhile_is_shown_to_the_agent(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor, clock: FrozenClock
) -> None:
    clock.set(LUNCH - timedelta(hours=4))
    seen = page(session, agent, valbrise).lines[0].token
    told = Declaration(family.child.id, MONDAY, MONDAY, ["CANT"], "maladie")
    record_absence(session, family.actor, uuid.uuid4(), told)
    clock.set(LUNCH)
    said = say(session, agent, valbrise, family, "present", seen=seen)
    assert said.outcome == "conflict"
    assert said.words.startswith("La famille a noté")
    assert say(session, agent, valbrise, family, "absent", seen=seen).outcome == "done"  # the same thing
    assert state(session) == "absent_unjustified"
    [line] = page(session, agent, valbrise).lines
    assert (line.absence, line.marked) == ("Maladie", "absent")


def test_an_unplanned_child_is_booked_present_and_can_be_undone(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor
) -> None:
    other = make_family(session, "Autre", qf=200)
    [found] = children_named(session, agent, valbrise.id("CANT"), MONDAY, "autr")
    assert found.id == other.child.id
    assert children_named(session, agent, valbrise.id("CANT"), MONDAY, "martin") == []  # on the sheet
    assert say(session, agent, valbrise, other, "unbooked").outcome == "done"
    row = session.scalars(select(Booking).where(Booking.child_id == other.child.id)).one()
    assert (row.state, row.household_id, row.cents) == ("present_unbooked", other.household.id, 100)
    assert page(session, agent, valbrise).counts["present"] == 1
    assert is_sound(session)
    assert say(session, agent, valbrise, other, "expected").outcome == "done"
    assert len(page(session, agent, valbrise).lines) == 1
    assert is_sound(session)


def test_nobody_is_marked_on_a_closed_day_nor_too_early_nor_too_late(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor, clock: FrozenClock
) -> None:
    close_days(session, SYSTEM, first=MONDAY, last=MONDAY, kind="greve")
    one = Mark(uuid.uuid4(), valbrise.id("CANT"), MONDAY, make_family(session, "Autre").child.id, "unbooked")
    with pytest.raises(Refused, match="n’a pas lieu"):
        mark(session, agent, one)
    clock.set(LUNCH - timedelta(days=1))
    with pytest.raises(Refused, match="à venir"):
        mark(session, agent, one)
    clock.set(LUNCH + timedelta(days=9))
    with pytest.raises(Refused, match="trop ancien"):
        mark(session, agent, one)
    office = agent_of(session, "Claire", "gestionnaire")
    assert mark(session, office, Mark(uuid.uuid4(), *_of(valbrise, family, TUESDAY))).outcome == "conflict"
    token = page(session, office, valbrise, TUESDAY).lines[0].token
    assert mark(session, office, Mark(uuid.uuid4(), *_of(valbrise, family, TUESDAY), token)).outcome == "done"


def _of(valbrise: Valbrise, family: Family, day: date) -> tuple[uuid.UUID, date, uuid.UUID, str]:
    return valbrise.id("CANT"), day, family.child.id, "present"


def test_a_late_departure_is_counted_and_shown(session: Session, valbrise: Valbrise, clock: FrozenClock) -> None:
    clock.set(EARLY)
    family = make_family(session)
    wednesday = date(2026, 11, 25)
    ask(session, family, valbrise.id("MERC_J"), wednesday)
    clock.set(datetime(2026, 11, 25, 18, tzinfo=UTC))
    head = agent_of(session, "Sophie", "direction", valbrise.leisure)
    block_person(session, SYSTEM, family.child.id, Named("Gontran", "Valbert"), source="Ordonnance du 9 mai 2025")
    [line] = page(session, head, valbrise, wednesday, "MERC_J").lines
    assert [each.name for each in line.blocked] == ["Gontran Valbert"]

    def leave(at: str) -> Marked:
        [line] = page(session, head, valbrise, wednesday, "MERC_J").lines
        one = Mark(uuid.uuid4(), valbrise.id("MERC_J"), wednesday, family.child.id, "left", line.token, at)
        return mark(session, head, one)

    for wrong in ("", "25:00", "7h30", "06:00"):
        with pytest.raises(Refused):
            leave(wrong)
    assert leave("18:40").outcome == "done"
    found = page(session, head, valbrise, wednesday, "MERC_J")
    [line] = found.lines
    assert (line.state, line.marked, line.departure) == (
        "present",
        "left",
        "Parti à 18\u00a0h\u00a040, 10\u00a0minutes après la fin",
    )
    assert found.counts["late"] == 1
    assert leave("18:40").outcome == "same"
    assert leave("18:35").outcome == "done"
    assert page(session, head, valbrise, wednesday, "MERC_J").lines[0].minutes == 5


def test_a_proof_excuses_an_absence_that_was_only_marked(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor
) -> None:
    say(session, agent, valbrise, family, "absent")
    with pytest.raises(Forbidden):
        excuse_days(session, agent, family.child.id, MONDAY, TUESDAY, LUNCH)
    assert excuse_days(session, SYSTEM, family.child.id, MONDAY, TUESDAY, LUNCH + timedelta(days=11)) == (0, 1)
    assert excuse_days(session, SYSTEM, family.child.id, MONDAY, TUESDAY, LUNCH + timedelta(hours=20)) == (1, 0)
    assert state(session) == "absent_justified"
    # corrected afterwards, the absence is still the excused one
    say(session, agent, valbrise, family, "present")
    say(session, agent, valbrise, family, "absent")
    assert state(session) == "absent_justified"
    assert is_sound(session)


# -- who may read what -----------------------------------------------------------------------------------------------


def test_sheets_are_those_of_ones_structures(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor
) -> None:
    [card] = sheets_of(session, agent, MONDAY)
    assert (card.activity.card.code, card.expected, card.present, card.waiting) == ("CANT", 1, 0, 1)
    head = agent_of(session, "Sophie", "direction", valbrise.leisure)
    assert sheets_of(session, head, MONDAY) == []
    for actor, refusal in ((head, NotFound), (family.actor, Forbidden), (make_agent("regie"), Forbidden)):
        with pytest.raises(refusal):
            page(session, actor, valbrise)
    with pytest.raises(NotFound):
        mark(session, head, Mark(uuid.uuid4(), *_of(valbrise, family, MONDAY)))


def test_codes_for_the_canteen_content_for_who_may_read_health(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor
) -> None:
    told = Health(diet="sans_porc", allergies=("arachides",), pai=True, allergy_note="Trousse dans le bureau")
    set_health(session, SYSTEM, family.child.id, told)
    found = page(session, agent, valbrise)
    [line] = found.lines
    assert line.meal is not None
    assert (line.meal.diet.letters, [each.letters for each in line.meal.allergies], line.meal.pai) == (
        "SP",
        ["ARA"],
        True,
    )
    assert [(code.letters, meals, there) for code, meals, there in found.meals] == [("SP", 1, 0)]
    assert "attendance.diets_read" in actions(session)
    with pytest.raises(Forbidden):
        health_at_the_door(session, agent, valbrise.id("CANT"), MONDAY, family.child.id)
    office = agent_of(session, "Claire", "gestionnaire")
    assert page(session, office, valbrise).lines[0].meal is None
    head = agent_of(session, "Sophie", "direction", valbrise.canteen)
    _name, health = health_at_the_door(session, head, valbrise.id("CANT"), MONDAY, family.child.id)
    assert health.allergy_note == "Trousse dans le bureau"
    assert "child.health_read" in actions(session)
    with pytest.raises(NotFound):
        health_at_the_door(session, head, valbrise.id("CANT"), MONDAY, make_family(session, "Autre").child.id)


def test_who_is_enrolled_and_not_expected_is_at_hand(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor
) -> None:
    other = make_family(session, "Autre")
    for each in (family, other):
        year = {"first": date(2026, 9, 1), "last": date(2027, 7, 2)}
        home = each.household.id
        enrol(session, SYSTEM, child_id=each.child.id, activity_id=valbrise.id("CANT"), household_id=home, **year)
    assert [name for _, name in page(session, agent, valbrise).others] == ["Autre Enfant0"]


# -- several at once -------------------------------------------------------------------------------------------------


def test_who_saw_a_child_leave_is_not_contradicted(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor
) -> None:
    other = agent_of(session, "Sophie", "gestionnaire")
    seen = page(session, agent, valbrise).lines[0].token
    assert say(session, other, valbrise, family, "left", left_at="13:40").outcome == "done"
    assert say(session, agent, valbrise, family, "present", seen=seen).outcome == "same"
    told = say(session, agent, valbrise, family, "left", seen=seen, left_at="13:55")
    assert told.outcome == "conflict"
    assert "Parti à 13\u00a0h\u00a040" in told.words
    assert page(session, agent, valbrise).lines[0].left_at == "13:40"


def test_a_tablet_whose_clock_is_wrong_does_not_date_its_marks(
    session: Session, valbrise: Valbrise, family: Family, agent: Actor
) -> None:
    token = page(session, agent, valbrise).lines[0].token
    hours = {timedelta(hours=-5): True, timedelta(days=-4): False, timedelta(hours=1): False}
    for late, believed in hours.items():
        made = LUNCH + late
        one = Mark(uuid.uuid4(), valbrise.id("CANT"), MONDAY, family.child.id, "present", token, made_at=made)
        mark(session, agent, one)
        row = session.get_one(AttendanceMark, one.id)
        assert (row.made_at, row.received_at) == (made if believed else LUNCH, LUNCH)


def test_one_sheet_sent_by_several_requests_at_once_is_written_once(database: Database, clock: FrozenClock) -> None:
    clock.set(EARLY)
    with database.transaction() as session:
        valbrise = make_valbrise(session)
        families = [make_family(session, name) for name in ("Aubry", "Barre", "Colin")]
        for each in families:
            ask(session, each, valbrise.id("CANT"), MONDAY)
    clock.set(LUNCH)
    with database.transaction() as session:
        agent = agent_of(session, "Yves", "gestionnaire")
        lines = page(session, agent, valbrise).lines
        canteen = valbrise.id("CANT")
    marks = [Mark(uuid.uuid4(), canteen, MONDAY, line.child_id, "present", line.token) for line in lines]

    def send(turn: int) -> list[str]:
        with database.transaction() as session:
            return [told.outcome for told in mark_all(session, agent, marks[::-1] if turn % 2 else marks)]

    with ThreadPoolExecutor(6) as together:
        told = [outcome for outcomes in together.map(send, range(6)) for outcome in outcomes]
    assert sorted(told) == ["done"] * 3 + ["same"] * 15
    with database.transaction() as session:
        assert rows(session) == 3
        assert [each for _, each in stored(session)] == ["present"] * 3
        assert is_sound(session)
