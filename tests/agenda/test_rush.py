"""Everybody at once: as many places as there are, everybody else in order, nobody twice (R-35)."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from sqlalchemy import select

from app.agenda.booking import save_wishes
from app.agenda.closing import close_days
from app.agenda.models import Booking
from app.agenda.wishes import Outcome, Wish
from app.db import Database
from app.policy import SYSTEM, Actor
from tests.agenda.bookings_of import ask, is_sound, make_family, make_valbrise, set_wednesday
from tests.families.people import make_separated

TUESDAY, WEDNESDAY = date(2026, 12, 1), date(2026, 12, 2)
PARENTS, PLACES, AT_ONCE = 60, 8, 12


def click(database: Database, actor: Actor, wishes: list[Wish]) -> list[Outcome]:
    with database.transaction() as session:
        return save_wishes(session, actor, wishes)


def test_sixty_parents_race_for_eight_places_with_double_clicks(database: Database) -> None:
    with database.transaction() as session:
        valbrise = make_valbrise(session)
        set_wednesday(session, valbrise, big=PLACES)
        families = [make_family(session, f"Famille{n}") for n in range(PARENTS)]
        clicks = [(each.actor, [Wish(each.child.id, valbrise.id("MERC_J"), WEDNESDAY, True)]) for each in families] * 2
    random.Random(4).shuffle(clicks)
    start = threading.Barrier(AT_ONCE)

    def several(share: int) -> list[str]:
        start.wait()
        return [click(database, *each)[0].result for each in clicks[share::AT_ONCE]]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = Counter(result for share in pool.map(several, range(AT_ONCE)) for result in share)
    assert found == {"booked": PLACES, "waiting": PARENTS - PLACES, "unchanged": PARENTS}
    with database.transaction() as session:
        assert is_sound(session)
        children = session.scalars(select(Booking.child_id)).all()
        assert len(children) == len(set(children)) == PARENTS
        queue = session.scalars(select(Booking.queue).where(Booking.state == "waiting").order_by(Booking.queue)).all()
        assert queue == list(range(1, PARENTS - PLACES + 1))


def test_both_parents_at_once_have_one_booking(database: Database) -> None:
    with database.transaction() as session:
        valbrise = make_valbrise(session)
        pair = make_separated(session)
        days = [date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 3), date(2026, 12, 4)]
        wishes = [Wish(pair.child.id, valbrise.id("CANT"), day, True) for day in days]
        actors = [pair.actor(pair.mother), pair.actor(pair.father)]
    start = threading.Barrier(2)

    def both(actor: Actor) -> Counter[str]:
        start.wait()
        # the days in another order: who locks in the order he was asked would wait for the other for ever
        mine = wishes if actor is actors[0] else wishes[::-1]
        return Counter(outcome.result for outcome in click(database, actor, mine))

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(both, actors))
    assert sorted(found, key=str) == [Counter(booked=4), Counter(refused=4)]


def test_a_day_that_closes_while_families_book_leaves_nobody_booked(database: Database) -> None:
    with database.transaction() as session:
        valbrise = make_valbrise(session)
        families = [make_family(session, f"Famille{n}") for n in range(10)]
        ask(session, families[0], valbrise.id("CANT"), date(2026, 11, 30))
    start = threading.Barrier(11)

    def book(n: int) -> None:
        start.wait()
        click(database, families[n].actor, [Wish(families[n].child.id, valbrise.id("CANT"), TUESDAY, True)])

    def close(_: int) -> None:
        start.wait()
        with database.transaction() as session:
            close_days(session, SYSTEM, first=TUESDAY, last=TUESDAY, kind="greve")

    with ThreadPoolExecutor(11) as pool:
        list(pool.map(lambda n: close(n) if n == 10 else book(n), range(11)))
    with database.transaction() as session:
        states = set(session.scalars(select(Booking.state).where(Booking.day == TUESDAY)))
        assert states <= {"closed"}
        assert is_sound(session)
