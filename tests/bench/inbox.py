"""The agent's inbox at a thousand, and at a million open tasks (issue 2, §8.3)."""

from __future__ import annotations

import re
import time

from flask.testing import FlaskClient
from sqlalchemy import select, text

from app import create_app
from app.accounts.models import Account
from app.config import Settings
from app.db import Database
from app.demo.town import build_agents, build_town
from app.town.models import Structure
from tests.bench.measuring import Measure, percentiles
from tests.bench.seed_tasks import seed_tasks

SIZES = (1_000, 10_000, 100_000, 1_000_000)
PAGES = {
    "first": "/agent/taches",
    "filtered": "/agent/taches?demarche=absence",
    "search": "/agent/taches?recherche=martin",
}
TOKEN = re.compile(rb'name="csrf_token"[^>]*value="([^"]+)"')


def town(database: Database) -> None:
    """Valbrise without families: its structures and its agents."""
    with database.transaction() as session:
        build_agents(session, build_town(session))


def fill(database: Database, count: int) -> None:
    """Empties the projection and seeds ``count`` open tasks."""
    with database.transaction() as session:
        session.execute(text("DELETE FROM task_keys"))
        session.execute(text("DELETE FROM tasks"))
        structures = list(session.scalars(select(Structure.id)))
        agents = list(session.scalars(select(Account.id).where(Account.kind == "agent").order_by(Account.persona)))
    seed_tasks(database, count, structures=structures, agents=agents)
    with database.engine.connect() as connection:
        plain = connection.execution_options(isolation_level="AUTOCOMMIT")
        plain.execute(text("ANALYZE"))


def client_of(settings: Settings, database: Database) -> FlaskClient:
    """An agent who works everywhere, signed in."""
    client = create_app(settings, database).test_client()
    token = TOKEN.search(client.get("/connexion").data)
    assert token is not None
    client.post("/connexion/demonstration/gestionnaire", data={"csrf_token": token.group(1).decode()})
    return client


def page_times(client: FlaskClient, address: str, count: int) -> list[float]:
    """Milliseconds of ``count`` requests, once warm."""
    times = []
    for number in range(count + 5):
        start = time.perf_counter()
        answer = client.get(address)
        assert answer.status_code == 200, answer.status_code
        if number >= 5:
            times.append((time.perf_counter() - start) * 1000)
    return times


def measure(settings: Settings, database: Database, kind: str, sizes: tuple[int, ...] = SIZES) -> list[Measure]:
    """p50 and p95 of the three pages at each size; the bar holds at the largest, against the smallest."""
    town(database)
    client = client_of(settings, database)
    measures: list[Measure] = []
    base: dict[str, float] = {}
    for size in sizes:
        fill(database, size)
        for name, address in PAGES.items():
            p50, p95 = percentiles(page_times(client, address, 60))
            base.setdefault(name, p50)
            bar = 1.5 if size == sizes[-1] else None
            line = f"inbox.{kind}.{name}.{size}"
            measures.append(Measure(f"{line}.p50", round(p50, 2), "ms", round(p50 / base[name], 2), bar))
            measures.append(Measure(f"{line}.p95", round(p95, 2), "ms"))
    return measures
