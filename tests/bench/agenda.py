"""The agenda under load (issue 4): a rush for places, the planning of a family, and what a booking costs as years pass.

Days are those of a stopped clock, the school year 2026-2027, whenever this runs.
"""

from __future__ import annotations

import multiprocessing
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from multiprocessing.synchronize import Barrier
from typing import Any

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.orm import Session

from app.agenda.activities import agendas, read_regulated
from app.agenda.booking import save_wishes
from app.agenda.models import Booking
from app.agenda.planning import planning
from app.agenda.regulating import GroupRule, regulate
from app.agenda.states import HOLDING
from app.agenda.wishes import Wish
from app.clock import frozen
from app.composition import open_database
from app.config import Settings
from app.db import Database
from app.families.models import Adult, Child, Guardianship, Household
from app.policy import SYSTEM, Actor
from tests.agenda.bookings_of import CANTEEN, Family, Valbrise, make_family, make_valbrise, rules, set_wednesday
from tests.bench.measuring import Measure, percentiles
from tests.families.people import NOW, counting

WEDNESDAY = date(2026, 12, 2)
MONTH = date(2026, 12, 1), date(2026, 12, 31)
HOUSEHOLDS, CHILDREN, LINES = 1_000, 1_300, 3
"""The families who fill the base, and how many activities each of their children is in, every day."""
SIZES = (10_000, 1_000_000, 120_000, 12_000_000)
QUICK_SIZES = (10_000, 300_000, 120_000, 600_000)
"""Bookings in the base: few and many, when one is made; few and many, when a planning is read."""
Click = tuple[Actor, list[Wish]]


# -- the rush --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answered:
    """A click: what it gave, and the instants (seconds of the machine's one clock) between which it was answered."""

    result: str
    begun: float
    ended: float


def _played(database: Database, clicks: Sequence[Click]) -> list[Answered]:
    """Each click twice, as people do."""
    found = []
    for actor, wishes in clicks:
        for _ in range(2):
            begun = time.perf_counter()
            with database.transaction() as session:
                [outcome] = save_wishes(session, actor, wishes)
            found.append(Answered(outcome.result, begun, time.perf_counter()))
    return found


def _process(settings: Settings, clicks: Sequence[Click], start: Barrier, answers: Any) -> None:
    database = open_database(settings, pool_size=1)
    actor, [wish] = clicks[0]
    for add in (True, False):  # a server has run these statements before
        with database.transaction() as session:
            save_wishes(session, actor, [replace(wish, day=wish.day + timedelta(weeks=1), add=add)])
    start.wait()
    answers.put(_played(database, clicks))
    database.dispose()


def _in_processes(settings: Settings, clicks: Sequence[Click], workers: int) -> list[Answered]:
    fork = multiprocessing.get_context("fork")
    start, answers = fork.Barrier(workers), fork.Queue()
    running = [
        fork.Process(target=_process, args=(settings, clicks[n::workers], start, answers)) for n in range(workers)
    ]
    for each in running:
        each.start()
    found = [each for _ in running for each in answers.get()]
    for each in running:
        each.join()
    return found


def _in_threads(database: Database, clicks: Sequence[Click]) -> list[Answered]:
    with ThreadPoolExecutor(len(clicks)) as pool:
        return [each for share in pool.map(lambda click: _played(database, [click]), clicks) for each in share]


def rush(settings: Settings, database: Database, kind: str, parents: int, places: int) -> list[Measure]:
    """``parents`` race for ``places``, each with a double click; everything is checked, the base too.

    PostgreSQL: sixty processes, under its hundred connections. SQLite: one process, a thread a parent, as it is run.
    """
    with frozen(NOW):
        with database.transaction() as session:
            valbrise = make_valbrise(session)
            set_wednesday(session, valbrise, big=places)
            families = [make_family(session, f"Course{n}") for n in range(parents)]
            wednesday = valbrise.id("MERC_J")
            clicks = [(each.actor, [Wish(each.child.id, wednesday, WEDNESDAY, True)]) for each in families]
        database.dispose()
        workers = min(60, parents)
        found = _in_processes(settings, clicks, workers) if kind == "postgresql" else _in_threads(database, clicks)
    counts = Counter(each.result for each in found)
    assert counts == {"booked": places, "waiting": parents - places, "unchanged": parents}, counts
    with database.transaction(read_only=True) as session:
        there = select(func.count()).select_from(Booking).where(Booking.day == WEDNESDAY, Booking.state.in_(HOLDING))
        held = session.scalar(there)
        queue = session.scalars(select(Booking.queue).where(Booking.state == "waiting").order_by(Booking.queue)).all()
        assert (held, queue) == (places, list(range(1, parents - places + 1)))
    p50, p95 = percentiles([(each.ended - each.begun) * 1000 for each in found])
    seconds = max(each.ended for each in found) - min(each.begun for each in found)
    line = f"agenda.{kind}.rush.{parents}"
    return [
        Measure(f"{line}.p50", round(p50, 1), "ms"),
        Measure(f"{line}.p95", round(p95, 1), "ms"),
        Measure(f"{line}.throughput", round(len(found) / seconds, 1), "saves/s"),
    ]


# -- families who have booked for years ------------------------------------------------------------------------------


@dataclass
class Years:
    """A commune whose bookings grow; ``family`` is measured, ``single`` books one day after the other."""

    database: Database
    valbrise: Valbrise
    family: Family
    single: Family
    days: int = 0

    @property
    def bookings(self) -> int:
        return self.days * CHILDREN * LINES


def settle(database: Database) -> Years:
    """A thousand households with the four children of one of them measured, and their activities."""
    with database.transaction() as session:
        valbrise = make_valbrise(session)
        limit = {**CANTEEN, "mode": "calendaires", "n": 1}
        everybody = [GroupRule("tous", "Tous", 0, 25)]
        for code in ("CANT", "SOIR1", "MERC_J"):
            regulate(session, SYSTEM, valbrise.id(code), rules(limit, needs_enrolment=False), everybody)
        family = make_family(session, "Mesure", born=tuple(date(2016 + n, 5, 1) for n in range(4)))
        single = make_family(session, "Seule")
        _others(session)
    return Years(database, valbrise, family, single)


def _others(session: Session) -> None:
    homes = [uuid.uuid4() for _ in range(HOUSEHOLDS - 1)]
    made = {"created_at": NOW}
    names = {"label": "Voisin", "sort_key": "voisin"}
    session.execute(
        insert(Household), [{"id": home, "number": f"{n:010d}", **names, **made} for n, home in enumerate(homes)]
    )
    adults = [
        {
            "id": uuid.uuid4(),
            "household_id": home,
            "first_name": "A",
            "last_name": "Voisin",
            "sort_key": "voisin a",
            **made,
        }
        for home in homes
    ]
    session.execute(insert(Adult), adults)
    children = [
        {
            "id": uuid.uuid4(),
            "first_name": "E",
            "last_name": "Voisin",
            "sort_key": "voisin e",
            "birth_date": date(2018, 1, 1),
            **made,
        }
        for _ in range(CHILDREN - 4)
    ]
    session.execute(insert(Child), children)
    session.execute(
        insert(Guardianship),
        [
            {
                "id": uuid.uuid4(),
                "child_id": child["id"],
                "adult_id": adults[n % len(adults)]["id"],
                "quality": "parent",
                "authority": "joint",
                "since": date(2020, 1, 1),
                **made,
            }
            for n, child in enumerate(children)
        ],
    )


_FILL = """
INSERT INTO bookings (id, child_id, activity_id, group_id, day, household_id, state, version, cents, answer, asked_at)
SELECT gen_random_uuid(), c.id, g.activity_id, g.id, d.day::date, :household, 'booked', 1, 100, '', now()
FROM generate_series(cast(:first AS date), cast(:last AS date), '1 day') AS d(day)
CROSS JOIN age_groups g CROSS JOIN children c
WHERE c.id <> :single AND g.label = 'Tous'
"""
_COUNT = """
INSERT INTO session_days (activity_id, day, group_id, held, waiting, arrivals)
SELECT g.activity_id, d.day::date, g.id, :held, 0, 0
FROM generate_series(cast(:first AS date), cast(:last AS date), '1 day') AS d(day) CROSS JOIN age_groups g
WHERE g.label = 'Tous'
"""


def fill(years: Years, bookings: int) -> None:
    """Adds whole days, back in time from the end of the measured month, until there are that many bookings.

    Millions of rows enter without their indexes, references and write-ahead log; the indexes are made again after.
    """
    wanted = -(-bookings // (CHILDREN * LINES))
    last, first = MONTH[1] - timedelta(days=years.days), MONTH[1] - timedelta(days=wanted - 1)
    told = {"first": first, "last": last, "household": years.family.household.id, "single": years.single.child.id}
    with years.database.engine.begin() as connection:
        indexes = _strip(connection) if bookings > 2_000_000 else []
        connection.execute(text(_FILL), told)
        connection.execute(text(_COUNT), {"first": first, "last": last, "held": CHILDREN})
        for definition in indexes:
            connection.execute(text(definition))
    years.days = wanted
    with years.database.engine.connect() as connection:
        plain = connection.execution_options(isolation_level="AUTOCOMMIT")
        plain.execute(text("VACUUM ANALYZE bookings"))
        plain.execute(text("ANALYZE"))
        plain.execute(text("CHECKPOINT"))


def _strip(connection: Connection) -> list[str]:
    """Takes away what makes each insertion slow; gives the statements that make the indexes again."""
    found = connection.execute(text("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'bookings'")).all()
    for name, _ in found:
        if name.startswith("pk_"):
            connection.execute(text(f'ALTER TABLE bookings DROP CONSTRAINT "{name}" CASCADE'))
        else:
            connection.execute(text(f'DROP INDEX "{name}"'))
    connection.execute(text("ALTER TABLE bookings SET UNLOGGED"))
    connection.execute(text("ALTER TABLE bookings DISABLE TRIGGER ALL"))
    connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
    return [row.indexdef for row in found]


def _times(runs: Sequence[Callable[[int], object]], count: int, warm: int = 5) -> list[tuple[float, float]]:
    """p50 and p95 of each in milliseconds, once warm; in turns, so that a busy machine slows all of them."""
    samples: list[list[float]] = [[] for _ in runs]
    for number in range(count + warm):
        for run, kept in zip(runs, samples, strict=True):
            start = time.perf_counter()
            run(number)
            if number >= warm:
                kept.append((time.perf_counter() - start) * 1000)
    return [percentiles(each) for each in samples]


def _page(years: Years) -> Callable[[int], object]:
    """Reads the month of four children."""

    def page(_: int) -> int:
        with years.database.transaction(read_only=True) as session:
            found = planning(session, years.family.actor, [], *MONTH)
            return sum(cell.letter == "R" for child in found for line in child.lines for cell in line.cells)

    assert page(0) == 4 * LINES * 31
    return page


def _statements(years: Years) -> int:
    with years.database.transaction(read_only=True) as session, counting(session) as sent:
        planning(session, years.family.actor, [], *MONTH)
    return len(sent)


def _booking(years: Years, begins: date) -> Callable[[int], object]:
    """Books a day of which nothing was, another each time."""
    with years.database.transaction(read_only=True) as session:
        [activity] = [each for each in read_regulated(session) if each.card.code == "CANT"]
        last = begins + timedelta(days=150)
        agenda = agendas(session, [activity], begins, last)[activity.id]
        days = list(agenda.rhythm.open_days(begins, last, agenda.calendar))

    def book(number: int) -> None:
        with years.database.transaction() as session:
            wish = [Wish(years.single.child.id, activity.id, days[number], True)]
            [outcome] = save_wishes(session, years.single.actor, wish)
            assert outcome.result == "booked", outcome

    return book


def growth(few: Database, many: Database, sizes: Sequence[int]) -> list[Measure]:
    """One booking at the first two sizes, the planning at the last two: the larger against the smaller, in turns."""
    with frozen(NOW):
        pair = [settle(few), settle(many)]
        for years, size in zip(pair, sizes[:2], strict=True):
            fill(years, size)
        times = _times([_booking(years, date(2027, 1, 4)) for years in pair], 60)
        measures = _compared("booking", pair, times)
        for years, size in zip(pair, sizes[2:], strict=True):
            _forget_booked(years)
            fill(years, size)
        measures += _compared("planning", pair, _times([_page(years) for years in pair], 60))
        counts = [_statements(years) for years in pair]
    return [*measures, Measure("agenda.postgresql.planning.statements", max(counts), "statements", bar=10)]


def _compared(name: str, pair: Sequence[Years], times: Sequence[tuple[float, float]]) -> list[Measure]:
    measures = []
    for years, (p50, p95) in zip(pair, times, strict=True):
        line, ratio = f"agenda.postgresql.{name}.{years.bookings}", round(p50 / times[0][0], 2)
        measures.append(Measure(f"{line}.p50", round(p50, 1), "ms", ratio, 1.5 if years is pair[-1] else None))
        measures.append(Measure(f"{line}.p95", round(p95, 1), "ms"))
    return measures


def _forget_booked(years: Years) -> None:
    with years.database.engine.begin() as connection:
        of = {"child": years.single.child.id}
        connection.execute(
            text("DELETE FROM booking_events WHERE booking_id IN (SELECT id FROM bookings WHERE child_id = :child)"), of
        )
        connection.execute(text("DELETE FROM bookings WHERE child_id = :child"), of)


def school_year(database: Database, kind: str) -> list[Measure]:
    """576 days in one save: 4 children, 36 weeks, 4 days."""
    with frozen(datetime(2026, 8, 20, 8, tzinfo=UTC)), database.transaction() as session:
        valbrise = make_valbrise(session)
        evening = rules(CANTEEN, needs_enrolment=False)
        regulate(session, SYSTEM, valbrise.id("SOIR1"), evening, [GroupRule("tous", "Tous", 2, 11)])
        families = [make_family(session, f"An{n}", born=(date(2016 + n, 5, 1),) * 4) for n in range(3)]
        session.flush()
        [canteen] = [each for each in read_regulated(session) if each.card.code == "CANT"]
        agenda = agendas(session, [canteen], date(2026, 9, 1), date(2027, 7, 2))[canteen.id]
        days = list(agenda.rhythm.open_days(date(2026, 9, 1), date(2027, 7, 2), agenda.calendar))
    taken = []
    with frozen(datetime(2026, 8, 21, 8, tzinfo=UTC)):
        for family in families:
            codes = (valbrise.id("CANT"), valbrise.id("SOIR1"))
            wishes = [Wish(each.id, code, day, True) for code in codes for day in days for each in family.children][
                :576
            ]
            start = time.perf_counter()
            with database.transaction() as session:
                outcomes = save_wishes(session, family.actor, wishes)
            taken.append((time.perf_counter() - start) * 1000)
            assert Counter(outcome.result for outcome in outcomes) == {"booked": 576}
    return [
        Measure(f"agenda.{kind}.save.576", round(sorted(taken)[1], 1), "ms", bar=1000 if kind == "postgresql" else None)
    ]
