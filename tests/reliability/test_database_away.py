"""The database goes away for a while: a page says so, nothing is lost, and everything works when it is back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from app.cases.models import Answer, Draft
from app.composition import open_database
from app.db import Base, Database
from tests.cases.making import SLUG, World, case_of, make_world, open_task
from tests.conftest import settings_for
from tests.reliability.browser import STEP, Browser, Page
from tests.reliability.browser import case_of as case_in
from tests.reliability.counting import disagreements
from tests.reliability.relay import Relay
from tests.reliability.serving import Served, served
from tests.services import fresh_postgresql

TYPED = {"motif": "Léna est malade", "jour": "2030-01-07"}


@pytest.fixture
def relay() -> Iterator[tuple[Relay, Database, Database]]:
    """A wire that can be cut, the database through it, and the same database seen directly."""
    with fresh_postgresql() as url:
        parts = urlsplit(url)
        wire = Relay((parts.hostname or "127.0.0.1", parts.port or 5432))
        through = urlunsplit(parts._replace(netloc=f"{parts.username or 'postgres'}@127.0.0.1:{wire.port}"))
        direct = open_database(settings_for(url, Path("/nonexistent")))
        Base.metadata.create_all(direct.engine)
        cuttable = open_database(settings_for(through, Path("/nonexistent")))
        try:
            yield wire, cuttable, direct
        finally:
            cuttable.dispose()
            wire.cut()
            direct.dispose()


def filled(portal: Served, world: World) -> tuple[Browser, str]:
    """A parent with her demande typed, ready to be sent."""
    parent = portal.browser(world.camille)
    step = parent.ask("GET", f"/demandes/nouvelle/{SLUG}?autre=1").found(STEP)
    assert parent.ask("POST", f"{step}?page=1", TYPED).status == 302
    return parent, step


def is_pause(page: Page) -> bool:
    return page.status == 503 and "Le portail fait une courte pause" in page.text


def count(database: Database, model: type[Answer] | type[Draft]) -> int:
    with database.transaction(read_only=True) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize("mode", ["demonstration", "test"])
def test_while_the_database_is_away_a_page_says_so_and_nothing_is_lost(
    relay: tuple[Relay, Database, Database], tmp_path: Path, mode: str
) -> None:
    wire, cuttable, direct = relay
    world = make_world(direct)
    with served(cuttable, tmp_path, PORTAIL_MODE=mode) as portal:
        parent, step = filled(portal, world)
        agent = portal.browser(world.nadia)
        wire.cut()
        for _ in range(3):
            assert is_pause(parent.ask("POST", f"{step}?page=verification"))
            assert is_pause(parent.ask("GET", "/demandes"))
            assert is_pause(agent.ask("GET", "/agent/taches"))
            assert is_pause(portal.browser().ask("GET", "/"))
        assert count(direct, Answer) == 0
        assert count(direct, Draft) == 1
        wire.mend()
        assert parent.insist("GET", f"{step}?page=verification").status == 200
        assert parent.ask("POST", f"{step}?page=verification").status == 302
        assert agent.ask("GET", "/agent/taches").status == 200
    assert case_of(direct, uuid.UUID(case_in(step))).status == "en_attente"
    assert disagreements(direct) == []


@pytest.mark.parametrize("moment", ["before", "during"])
def test_a_connection_lost_at_the_commit_is_a_page_too(
    relay: tuple[Relay, Database, Database], tmp_path: Path, moment: str
) -> None:
    """*before*: the commit is never sent. *during*: it is made, and its answer is lost."""
    wire, cuttable, direct = relay
    world = make_world(direct)
    with served(cuttable, tmp_path, PORTAIL_MODE="demonstration") as portal:
        parent, step = filled(portal, world)
        filing = []

        def note(session: Session) -> None:
            filing.extend(session.info.get("outbox", ()))

        def cut(_connection: object) -> None:
            if filing and moment == "before":
                wire.cut()
            elif filing:
                wire.cut_at_answer = True

        cuttable.before_commit.insert(0, note)
        event.listen(cuttable.engine, "commit", cut)
        page = parent.ask("POST", f"{step}?page=verification")
        event.remove(cuttable.engine, "commit", cut)
        assert filing
        assert is_pause(page), (page.status, page.words()[:300])
        assert count(direct, Answer) == (1 if moment == "during" else 0)
        wire.mend()
        again = parent.insist("POST", f"{step}?page=verification")
        assert again.status == (409 if moment == "during" else 302)
    assert count(direct, Answer) == 1
    assert case_of(direct, uuid.UUID(case_in(step))).status == "en_attente"
    assert disagreements(direct) == []


def test_a_full_disk_under_the_database_is_a_page_and_nothing_is_lost(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """SQLite on a disk that is full: it says « database or disk is full »."""
    world = make_world(sqlite_database)
    with served(sqlite_database, tmp_path, PORTAIL_MODE="demonstration") as portal:
        parent, step = filled(portal, world)
        engine = sqlite_database.engine

        def fill(connection: object) -> None:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()  # type: ignore[attr-defined]
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")  # type: ignore[attr-defined]

        event.listen(engine, "begin", fill)
        large = TYPED | {"motif": "é" * 60_000}
        page = parent.ask("POST", f"{step.replace('?', '')}/brouillon?page=1", large)
        assert is_pause(page), (page.status, page.words()[:300])
        event.remove(engine, "begin", fill)
        engine.dispose()  # max_page_count belongs to the connections
        assert parent.ask("GET", f"{step}?page=verification").found("(Léna est malade)")
        assert parent.ask("POST", f"{step}?page=verification").status == 302
    task = open_task(sqlite_database, uuid.UUID(case_in(step)))
    assert task.node == "prendre"
    assert disagreements(sqlite_database) == []
