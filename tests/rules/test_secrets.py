"""Logs, journal and addresses hold no personal data, tables no secret (R-74, R-78, design.md, invariant 12)."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Iterable, Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.accounts.models import Account
from app.journal import JournalEntry
from app.traces import frames_of
from tests.rules.cast import CHILD, FAMILY_NAME, KEY, PERSONAS, PRIVATE_WORDS, Cast
from tests.rules.conftest import Living, WalkOf
from tests.rules.walk import VISITOR_TOKEN, listening

#: Who acts is named in the journal on purpose (its label is frozen there): the rest of an entry is not.
NAMED = frozenset({"actor_label"})


def secrets_of(cast: Cast) -> Sequence[str]:
    """Every raw token and key of the commune."""
    return [KEY, VISITOR_TOKEN, *cast.tokens.values(), *cast.links.values()]


def holding(lines: Iterable[str], words: Iterable[str]) -> list[str]:
    """The lines that hold one of these words, whatever the case."""
    lowered = [word.lower() for word in words]
    return [line[:300] for line in lines if any(word in line.lower() for word in lowered)]


@pytest.mark.parametrize("persona", PERSONAS)
def test_no_log_line_names_anybody_or_gives_a_secret(persona: str, walk_of: WalkOf, cast: Cast) -> None:
    """Every route walked with the logs at DEBUG. Single-use links are addresses: only a proxy may note them."""
    assert holding(walk_of(persona).lines, [*PRIVATE_WORDS, *secrets_of(cast)]) == []


def test_an_unexpected_error_is_logged_without_what_was_handled(living: Living) -> None:
    def broken() -> str:
        try:
            int(FAMILY_NAME)
        except ValueError as error:
            raise RuntimeError(f"the form of {CHILD}") from error
        return ""

    living.app._got_first_request = False
    living.app.add_url_rule("/casse", "broken", broken)
    with listening() as lines:
        answer = living.client("owner").get("/casse")
    assert answer.status_code == 500
    said = "\n".join(lines)
    assert "RuntimeError" in said
    assert "ValueError" in said
    assert holding(lines, PRIVATE_WORDS) == []


def test_an_error_of_the_database_is_told_without_its_parameters(living: Living) -> None:
    with living.database.transaction() as session:
        owner = session.get_one(Account, living.cast.accounts["owner"])
        session.get_one(Account, living.cast.accounts["coparent"]).email = owner.email
        with pytest.raises(IntegrityError) as caught:
            session.flush()
        session.rollback()
    assert holding([str(caught.value), frames_of(caught.value)], PRIVATE_WORDS) == []


def test_the_journal_names_fields_and_never_their_values(cast: Cast, living: Living) -> None:
    with living.database.transaction(read_only=True) as session:
        entries = session.query(JournalEntry).all()
        told = [
            json.dumps({c.key: str(getattr(e, c.key)) for c in JournalEntry.__table__.columns if c.key not in NAMED})
            for e in entries
        ]
        details = [json.dumps(e.details, ensure_ascii=False) for e in entries]
    assert len(told) > 100
    assert holding([*told, *details], [*PRIVATE_WORDS, *secrets_of(cast), "maladie", "14 rue des Lilas"]) == []


def test_the_outbox_carries_ids_only(cast: Cast, living: Living) -> None:
    with living.database.transaction(read_only=True) as session:
        payloads = [str(row[0]) for row in session.execute(text("SELECT payload FROM outbox"))]
    assert len(payloads) > 20
    assert holding(payloads, [*PRIVATE_WORDS, *secrets_of(cast)]) == []


def test_no_table_holds_a_token_that_would_open_anything(cast: Cast, living: Living) -> None:
    """Sessions, links and visitors' cookies are stored as digests. The mails kept for the demonstration's page hold
    links on purpose; they are the mails themselves, and ``smtp`` keeps none (tests/workers)."""
    found: list[str] = []
    connection = sqlite3.connect(living.cast.folder / "portail.db")
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        if table != "mails":
            rows = [repr(row) for row in connection.execute(f"SELECT * FROM {table}")]
            found += [f"{table}: {row}" for row in holding(rows, secrets_of(cast))]
    connection.close()
    assert len(tables) > 30
    assert found == []


def test_passwords_are_argon2_and_second_factors_sealed(living: Living) -> None:
    answer = living.client("dpo").get("/compte/second-facteur")
    shown = re.search(r"((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})", answer.text)
    assert shown is not None
    secret = shown[1].replace(" ", "")
    with living.database.transaction(read_only=True) as session:
        rows = [str(row) for row in session.execute(text("SELECT * FROM accounts"))]
        hashes = [row[0] for row in session.execute(text("SELECT password_hash FROM accounts")) if row[0]]
    assert holding(rows, [secret]) == []
    assert all(one.startswith("$argon2id$") for one in hashes)


# -- the guards can fail ---------------------------------------------------------------------------------------------


def test_a_line_that_names_somebody_is_found(cast: Cast) -> None:
    with listening() as lines:
        logging.getLogger("app.sample").debug("saved for %s", "Philomène")
        logging.getLogger("app.sample").info("token %s", cast.tokens["owner"])
        try:
            raise ValueError("Rivoire-Zéphyr")
        except ValueError:
            logging.getLogger("app.sample").exception("it failed")
    assert len(holding(lines, [*PRIVATE_WORDS, *secrets_of(cast)])) == 3
