"""Days and services of an absence; a service that has started is never touched (R-42)."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.agenda.days import ActivityCard, moments, plan
from app.clock import PARIS

MORNING = ActivityCard(uuid.uuid4(), "MATIN", "Matin", uuid.uuid4(), (1, 2, 4, 5), "07:30", "08:35")
CANTEEN = ActivityCard(uuid.uuid4(), "CANT", "Cantine", uuid.uuid4(), (1, 2, 4, 5), "11:45", "13:35")
WEDNESDAY = ActivityCard(uuid.uuid4(), "MERC", "Mercredi", uuid.uuid4(), (3,), "07:30", "18:30")
ALL = (MORNING, CANTEEN, WEDNESDAY)
BY_ID = {activity.id: activity for activity in ALL}
FIRST = date(2026, 10, 1)

days = st.integers(0, 60).map(lambda n: FIRST + timedelta(days=n))
periods = st.tuples(days, st.integers(0, 20)).map(lambda p: (p[0], p[0] + timedelta(days=p[1])))
chosen = st.sets(st.sampled_from(ALL), min_size=1)
instants = st.integers(0, 90 * 24 * 60).map(lambda n: datetime(2026, 9, 20, tzinfo=UTC) + timedelta(minutes=n))


def started(known: set[tuple[date, uuid.UUID]], now: datetime) -> set[tuple[date, uuid.UUID]]:
    return {moment for moment in known if BY_ID[moment[1]].starts(moment[0]) <= now}


def test_hours_are_told_in_french() -> None:
    assert CANTEEN.hours.replace("\u00a0", " ") == "de 11 h 45 à 13 h 35"
    whole = ActivityCard(uuid.uuid4(), "X", "X", uuid.uuid4(), (1,), "09:00", "17:30")
    assert whole.hours.replace("\u00a0", " ") == "de 9 h à 17 h 30"


def test_a_service_starts_on_paris_clock_through_the_change_of_season() -> None:
    assert CANTEEN.starts(date(2026, 10, 24)).astimezone(UTC).hour == 9
    assert CANTEEN.starts(date(2026, 10, 25)).astimezone(UTC).hour == 10


@given(periods, chosen)
def test_services_happen_only_on_their_weekdays_within_the_period(
    period: tuple[date, date], activities: set[ActivityCard]
) -> None:
    found = moments(*period, activities)
    assert all(period[0] <= day <= period[1] for day, _ in found)
    assert all(day.isoweekday() in activity.weekdays for (day, _), activity in found.items())
    length = (period[1] - period[0]).days + 1
    if length >= 7:
        assert set(found.values()) == activities


@given(periods, chosen, periods, chosen, instants, instants)
def test_declaring_again_never_touches_what_has_started(
    first: tuple[date, date],
    one: set[ActivityCard],
    second: tuple[date, date],
    other: set[ActivityCard],
    before: datetime,
    after: datetime,
) -> None:
    before, after = sorted((before, after))
    known: set[tuple[date, uuid.UUID]] = set()
    for wanted, now in ((moments(*first, one), before), (moments(*second, other), after)):
        past = started(known, now)
        change = plan(wanted, known, now, past)
        after_it = (known - change.remove) | change.add
        assert past <= after_it, "what was declared in time stays"
        assert not change.add & known
        assert change.remove <= known
        assert all(BY_ID[m[1]].starts(m[0]) > now for m in change.add | change.remove)
        assert all(BY_ID[m[1]].starts(m[0]) <= now for m in change.too_late)
        assert after_it | change.too_late == set(wanted) | past, "nothing is lost without being said"
        known = after_it
    again = plan(wanted, known, now, started(known, now))
    assert not again.add
    assert not again.remove


def test_the_very_second_a_service_starts_is_too_late() -> None:
    day = date(2026, 11, 20)
    wanted = moments(day, day, [CANTEEN])
    start = datetime(2026, 11, 20, 11, 45, tzinfo=PARIS)
    assert plan(wanted, (), start - timedelta(seconds=1), ()).add == frozenset(wanted)
    assert plan(wanted, (), start, ()).too_late == frozenset(wanted)
