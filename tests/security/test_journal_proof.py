"""Whatever is done to the journal outside the portal is found: changed, removed, added, moved, cut (R-74)."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from app import cli
from app.db import Database
from app.journal import JournalEntry, JournalHead, record, verify_chain
from app.policy import SYSTEM, Actor
from tests.rules.conftest import Living

ENTRIES = 12


@pytest.fixture
def written(database: Database) -> Database:
    """A journal of twelve entries, three a transaction."""
    someone = Actor("parent", uuid.uuid4(), "Claire Martin")
    for number in range(ENTRIES // 3):
        with database.transaction() as session:
            for actor in (SYSTEM, someone, someone):
                record(session, actor, "case.opened", "case", uuid.uuid4(), number=number)
    return database


def _change(column: str, value: object) -> Callable[[Session], None]:
    def act(session: Session) -> None:
        session.execute(update(JournalEntry).where(JournalEntry.seq == 5).values({column: value}))

    return act


def _delete(session: Session) -> None:
    session.execute(delete(JournalEntry).where(JournalEntry.seq == 5))


def _cut(session: Session) -> None:
    session.execute(delete(JournalEntry).where(JournalEntry.seq > 9))


def _cut_with_its_head(session: Session) -> None:
    _cut(session)
    last = session.scalars(select(JournalEntry.hash).where(JournalEntry.seq == 9)).one()
    session.execute(update(JournalHead).values(seq=10, hash=last))


def _empty(session: Session) -> None:
    session.execute(delete(JournalEntry))


def _insert(session: Session) -> None:
    row = session.execute(select(JournalEntry.__table__).where(JournalEntry.seq == ENTRIES)).one()._asdict()
    session.execute(insert(JournalEntry), [{**row, "seq": ENTRIES + 1, "action": "case.closed"}])


def _swap(session: Session) -> None:
    for before, after in ((4, 1000), (5, 4), (1000, 5)):
        session.execute(update(JournalEntry).where(JournalEntry.seq == before).values(seq=after))


def _renumber(session: Session) -> None:
    _delete(session)
    for seq in range(6, ENTRIES + 1):
        session.execute(update(JournalEntry).where(JournalEntry.seq == seq).values(seq=seq - 1))


@pytest.mark.parametrize(
    "harm",
    [
        _change("action", "case.closed"),
        _change("actor_label", "Quelqu’un d’autre"),
        _change("actor_kind", "agent"),
        _change("object_id", uuid.uuid4()),
        _change("object_type", "account"),
        _change("details", {"number": 99}),
        _change("hash", "0" * 64),
        _change("previous_hash", "0" * 64),
        _delete,
        _cut,
        _cut_with_its_head,
        _empty,
        _insert,
        _swap,
        _renumber,
    ],
)
def test_every_harm_is_found(harm: Callable[[Session], None], written: Database) -> None:
    with written.transaction(read_only=True) as session:
        assert verify_chain(session).fault is None
    with written.transaction() as session:
        harm(session)
    with written.transaction(read_only=True) as session:
        assert verify_chain(session).fault is not None


def test_the_instant_is_sealed_too(written: Database) -> None:
    with written.transaction() as session:
        entry = session.scalars(select(JournalEntry).where(JournalEntry.seq == 3)).one()
        entry.at = entry.at.replace(microsecond=(entry.at.microsecond + 1) % 1_000_000)
    with written.transaction(read_only=True) as session:
        assert verify_chain(session).fault == "l’entrée 3 a été modifiée"


def test_the_command_and_the_page_say_it(
    living: Living, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (
        ("PORTAIL_MODE", "test"), ("SECRET_KEY", "k" * 40), ("DATABASE_URL", living.cast.url),
        ("DATA_DIR", str(living.cast.folder)),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    assert cli.main(["journal"]) == 0
    with living.database.transaction() as session:
        session.execute(text("UPDATE journal_entries SET actor_label = 'x' WHERE seq = 7"))
    assert cli.main(["journal"]) == 1
    assert "l’entrée 7 a été modifiée" in capsys.readouterr().out
    assert "entrée 7 a été modifiée" in living.post("dpo", "/admin/journal/verification").text


def test_the_commune_as_built_has_a_whole_journal(living: Living) -> None:
    with living.database.transaction(read_only=True) as session:
        report = verify_chain(session)
        assert report.fault is None
        assert report.entries == session.scalar(select(func.count()).select_from(JournalEntry)) > 100
