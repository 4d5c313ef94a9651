"""The chain of the journal can be verified while the portal goes on writing in it."""

from __future__ import annotations

import threading
import uuid

from sqlalchemy import delete, insert, update

from app import journal
from app.db import Database
from app.journal import GENESIS, JournalEntry, JournalHead, record, verify_chain
from app.policy import SYSTEM


def write_entries(database: Database, count: int, each: int = 5) -> None:
    for number in range(count):
        with database.transaction() as session:
            for _ in range(each):
                record(session, SYSTEM, "test.done", "test", uuid.uuid4(), number=number)


def fault_of(database: Database) -> str | None:
    with database.transaction(read_only=True) as session:
        return verify_chain(session).fault


def test_a_chain_that_grows_while_it_is_read_is_whole(database: Database) -> None:
    write_entries(database, 40)
    enough = threading.Event()

    def write() -> None:
        for _ in range(2_000):
            if enough.is_set():
                return
            write_entries(database, 1)

    writer = threading.Thread(target=write)
    writer.start()
    found = [fault_of(database) for _ in range(15)]
    still_writing = writer.is_alive()
    enough.set()
    writer.join()
    assert still_writing
    assert set(found) == {None}


def test_a_chain_longer_than_one_batch_is_read_to_its_end(database: Database) -> None:
    write_entries(database, 3, each=journal.BATCH // 2)
    with database.transaction() as session:
        last = journal.BATCH + 7
        session.execute(update(JournalEntry).where(JournalEntry.seq == last).values(action="test.forged"))
    assert fault_of(database) == f"l’entrée {last} a été modifiée"


def test_what_is_cut_from_the_end_or_added_there_is_found(database: Database) -> None:
    write_entries(database, 2)
    with database.transaction() as session:
        session.execute(delete(JournalEntry).where(JournalEntry.seq == 10))
    assert fault_of(database) == "la fin du journal a été coupée ou ajoutée hors du portail"
    forged = {"seq": 10, "at": journal.clock.now(), "actor_kind": "system", "actor_label": "x", "action": "test.forged"}
    forged |= {"object_type": "test", "details": {}, "previous_hash": GENESIS, "hash": GENESIS}
    with database.transaction() as session:
        session.execute(insert(JournalEntry).values(**forged))
        session.execute(update(JournalHead).values(seq=9))
    assert fault_of(database) == "la fin du journal a été coupée ou ajoutée hors du portail"
