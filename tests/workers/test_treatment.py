"""One fact, from the queue to done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from app import clock, outbox
from app.outbox import MAX_ATTEMPTS, RESEND_AFTER
from tests.workers import trade
from tests.workers.trade import House
from workers.treatment import give_back, lease_of, treat, treat_due

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def handed_over(house: House) -> list[tuple[object, str]]:
    with house.database.transaction() as session:
        return [(fact.id, lease_of(fact.due_at)) for fact in outbox.claim_batch(session)]


def test_a_fact_that_nobody_handles_is_done(house: House) -> None:
    fact = house.emit("test.unknown")
    assert treat_due(house.database, house.settings) == 1
    assert house.fact(fact).state == "done"


def test_a_handler_runs_once_and_its_fact_is_done(house: House) -> None:
    fact = house.emit("test.work")
    treat(house.database, house.settings, fact)
    treat(house.database, house.settings, fact)
    assert trade.done == [fact]
    assert house.fact(fact).state == "done"


def test_the_handler_comes_before_the_mails(house: House) -> None:
    house.emit("test.both")
    treat_due(house.database, house.settings)
    [mail] = house.mails()
    assert mail.body == "Déjà fait : 1\n"


def test_without_a_mail_server_the_mail_is_held_for_the_administrators(house: House) -> None:
    fact = house.emit("test.letter", to="parent@example.org", sensitive=True)
    treat_due(house.database, house.settings)
    [mail] = house.mails()
    assert (mail.state, mail.recipient, mail.body) == ("held", "parent@example.org", "Bonjour,\n\nÀ bientôt.\n")
    assert mail.message_id == f"<{fact.hex}.0@127.0.0.1>"
    assert house.fact(fact).state == "done"


def test_a_failure_is_noted_without_its_text_and_tried_again_later(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with clock.frozen(NOON) as now:
        fact = house.emit("test.trouble")
        assert treat_due(house.database, house.settings) == 1
        row = house.fact(fact)
        assert (row.state, row.attempts, row.due_at) == ("pending", 1, NOON + timedelta(seconds=30))
        assert row.error is not None
        assert row.error.startswith("RuntimeError (trade.py, ligne ")
        assert "Lilas" not in row.error
        assert "Lilas" not in caplog.text
        assert treat_due(house.database, house.settings) == 0
        now.advance(seconds=31)
        assert treat_due(house.database, house.settings) == 1
        assert house.fact(fact).attempts == 2


def test_after_the_last_attempt_the_fact_is_failed_and_left_alone(house: House) -> None:
    with clock.frozen(NOON) as now:
        fact = house.emit("test.trouble")
        for _ in range(MAX_ATTEMPTS):
            assert treat_due(house.database, house.settings) == 1
            now.advance(hours=3)
        assert house.fact(fact).state == "failed"
        assert treat_due(house.database, house.settings) == 0


def test_a_hand_over_that_was_replaced_by_a_newer_one_does_nothing(house: House) -> None:
    with clock.frozen(NOON) as now:
        house.emit("test.work")
        [(fact, old)] = handed_over(house)
        now.advance(seconds=RESEND_AFTER.total_seconds() + 1)
        [(_, new)] = handed_over(house)
        assert old != new
        treat(house.database, house.settings, fact, old)
        assert trade.done == []
        treat(house.database, house.settings, fact, new)
        assert trade.done == [fact]


def test_copies_of_one_message_run_the_handler_once(house: House) -> None:
    for _ in range(5):
        house.emit("test.work")
    leases = handed_over(house)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: treat(house.database, house.settings, *pair), [p for p in leases for _ in range(6)]))
    assert sorted(trade.done, key=str) == sorted((fact for fact, _ in leases), key=str)


def test_a_fact_given_back_by_a_worker_that_stops_is_due_at_once(house: House) -> None:
    with clock.frozen(NOON):
        fact = house.emit("test.work")
        handed_over(house)
        assert treat_due(house.database, house.settings) == 0
        give_back(house.database, fact)
        assert treat_due(house.database, house.settings) == 1
        give_back(house.database, fact)
        assert house.fact(fact).state == "done"


def test_a_fact_whose_writer_of_mails_is_wrong_fails_without_a_mail(house: House) -> None:
    fact = house.emit("test.letter", to="a@example.org", subject="Bonjour\r\nBcc: everyone@example.org")
    treat_due(house.database, house.settings)
    assert house.fact(fact).state == "pending"
    assert house.mails() == []
