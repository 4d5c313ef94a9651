"""The journal's first entries, written by many at once: one chain."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from app.journal import record, verify_chain
from app.policy import SYSTEM
from tests.workers.trade import House


def test_the_first_writers_of_the_journal_do_not_trip_over_one_another(house: House) -> None:
    def write(number: int) -> None:
        with house.database.transaction() as session:
            record(session, SYSTEM, "test.written", "test", None, number=number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    with house.database.transaction(read_only=True) as session:
        report = verify_chain(session)
    assert (report.entries, report.fault) == (40, None)
