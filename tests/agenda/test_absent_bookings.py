"""What an absence makes of booked days (R-40…R-42), through the operations of the démarche."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agenda.absent_bookings import billed_days, excuse_absence
from app.agenda.answering import answer, bookings_to_answer
from app.agenda.models import Booking
from app.agenda.operations import Declaration, cancel_absence, record_absence
from app.agenda.regulation import AbsenceRule
from app.clock import FrozenClock
from app.errors import Forbidden, NotFound, Refused
from app.policy import SYSTEM
from tests.agenda.bookings_of import Family, Valbrise, ask, is_sound, make_family, make_valbrise, stored
from tests.families.people import actions, make_agent

DAYS = [date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 26), date(2026, 11, 27)]
EARLY, SUNDAY = datetime(2026, 11, 10, 9, tzinfo=UTC), datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def valbrise(session: Session) -> Valbrise:
    return make_valbrise(session)


@pytest.fixture
def family(session: Session, valbrise: Valbrise, clock: FrozenClock) -> Family:
    """Booked for a week of canteen; it is the Sunday before."""
    clock.set(EARLY)
    made = make_family(session)
    ask(session, made, valbrise.id("CANT"), *DAYS)
    clock.set(SUNDAY)
    return made


def declare(session: Session, family: Family, first: date = DAYS[0], last: date = DAYS[-1]) -> uuid.UUID:
    case_id = uuid.uuid4()
    record_absence(session, family.actor, case_id, Declaration(family.child.id, first, last, ["CANT"], "maladie"))
    return case_id


def states(session: Session) -> list[str]:
    return [state for _, state in stored(session)]


def test_an_absence_is_in_time_while_the_day_could_be_cancelled(session: Session, family: Family) -> None:
    declare(session, family)
    # the limits of Monday and Tuesday have passed
    assert states(session) == ["absent_unjustified"] * 2 + ["absent_in_time"] * 2
    assert "bookings.absent" in actions(session)
    assert is_sound(session)


def test_a_same_day_absence_is_taken_until_the_service_begins(
    session: Session, family: Family, clock: FrozenClock
) -> None:
    clock.set(datetime(2026, 11, 23, 10, 44, 59, tzinfo=UTC))
    declare(session, family, last=DAYS[0])
    assert states(session)[0] == "absent_unjustified"
    clock.set(datetime(2026, 11, 24, 10, 45, tzinfo=UTC))
    with pytest.raises(Refused):
        declare(session, family, DAYS[1], DAYS[1])
    assert states(session)[1] == "booked"


def test_an_absence_taken_back_gives_the_days_back(session: Session, family: Family, clock: FrozenClock) -> None:
    case_id = declare(session, family)
    clock.set(datetime(2026, 11, 23, 12, tzinfo=UTC))  # Monday's service has begun
    cancel_absence(session, family.actor, case_id)
    assert states(session) == ["absent_unjustified"] + ["booked"] * 3
    assert is_sound(session)


def test_an_absence_that_another_demande_says_too_stays(session: Session, family: Family) -> None:
    first = declare(session, family)
    second = declare(session, family, DAYS[2])
    cancel_absence(session, family.actor, first)
    assert states(session) == ["booked"] * 2 + ["absent_in_time"] * 2
    cancel_absence(session, family.actor, second)
    assert states(session) == ["booked"] * 4


def test_a_correction_moves_the_absence(session: Session, family: Family) -> None:
    case_id = declare(session, family, last=DAYS[1])
    told = Declaration(family.child.id, DAYS[2], DAYS[2], ["CANT"], "maladie")
    record_absence(session, family.actor, case_id, told)
    assert states(session) == ["booked", "booked", "absent_in_time", "booked"]


def test_an_absence_without_booking_is_noted_as_before(session: Session, family: Family) -> None:
    other = make_family(session, "Autre")
    declare(session, other)
    assert states(session) == ["booked"] * 4
    assert "bookings.absent" not in actions(session)


def test_what_an_agent_billed_is_not_given_back_by_an_absence(
    session: Session, valbrise: Valbrise, family: Family
) -> None:
    ask(session, family, valbrise.id("CANT"), DAYS[0], add=False)
    [line] = bookings_to_answer(session, SYSTEM)
    answer(session, SYSTEM, {line.id: "bill"})
    case_id = declare(session, family, last=DAYS[0])
    cancel_absence(session, family.actor, case_id)
    assert states(session)[0] == "absent_unjustified"


BEGINS = datetime(2026, 11, 23, 10, 45, tzinfo=UTC)
RULE = AbsenceRule(hours=72, days=10, waiting_days=1)


@pytest.mark.parametrize(
    ("late", "billed"),
    [
        (timedelta(hours=-5), []),
        (timedelta(hours=72), []),
        (timedelta(hours=72, seconds=1), DAYS[:1]),
        (timedelta(days=10), DAYS[:1]),
        (timedelta(days=10, seconds=1), DAYS),
    ],
)
def test_a_proof_excuses_as_the_reglement_says(late: timedelta, billed: list[date]) -> None:
    assert billed_days(RULE, DAYS[::-1], BEGINS, BEGINS + late) == set(billed)


@given(st.integers(0, 400), st.integers(0, 400))
def test_a_later_proof_never_excuses_more(one: int, other: int) -> None:
    sooner, later = sorted((one, other))
    found = [billed_days(RULE, DAYS, BEGINS, BEGINS + timedelta(hours=hours)) for hours in (sooner, later)]
    assert found[0] <= found[1]


def test_an_agent_excuses_with_a_proof(session: Session, valbrise: Valbrise, family: Family) -> None:
    case_id = declare(session, family)
    with pytest.raises(Refused):
        excuse_absence(session, make_agent(), case_id, BEGINS + timedelta(days=11))
    with pytest.raises(Forbidden):
        excuse_absence(session, family.actor, case_id, SUNDAY)
    with pytest.raises(NotFound):
        excuse_absence(session, make_agent(), uuid.uuid4(), SUNDAY)
    with pytest.raises(Refused):
        excuse_absence(session, make_agent("direction", valbrise.leisure), case_id, SUNDAY)
    assert excuse_absence(session, make_agent(), case_id, BEGINS + timedelta(days=4)) == 1
    assert states(session) == ["absent_unjustified", "absent_justified"] + ["absent_in_time"] * 2
    assert is_sound(session)
    assert session.scalars(select(Booking.version).where(Booking.day == DAYS[1])).one() == 3
