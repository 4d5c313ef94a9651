"""One walk for all the rules, whatever worker runs them: what a persona saw is kept beside pytest's own files."""

from __future__ import annotations

import fcntl
import pickle
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app, rooms
from app.composition import open_database
from app.config import Settings
from app.db import Database
from app.town.queries import forget_all
from app.web.requests import Portal
from tests.rules.cast import Cast, make_cast, settings_of
from tests.rules.matrix import read_matrix
from tests.rules.walk import Walk, client_of, csrf_token, walk

WalkOf = Callable[[str], Walk]


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Waits for whoever, in another process, makes the same thing."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that every worker of this run sees."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "rules"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def cast(shared: Path) -> Cast:
    """The commune with the Rivoires, on SQLite. Read it or rehearse on it; what changes it takes a copy."""
    rooms.load()
    kept = shared / "cast.pickle"
    with one_at_a_time(shared / "cast.lock"):
        if not kept.exists():
            made = make_cast(f"sqlite:///{shared}/portail.db", shared)
            kept.write_bytes(pickle.dumps(made))
    found: Cast = pickle.loads(kept.read_bytes())
    return found


@dataclass
class Living:
    """A copy of the commune where things really happen."""

    cast: Cast
    settings: Settings
    database: Database
    app: Portal

    def client(self, persona: str) -> FlaskClient:
        return client_of(self.app, self.cast, persona)

    def post(self, persona: str, path: str, data: Mapping[str, Any] | None = None, **more: Any) -> TestResponse:
        """A form sent by somebody, with the token that her page carries."""
        return self.client(persona).post(path, data={"csrf_token": csrf_token(self.app), **(data or {})}, **more)


def copy_of(cast: Cast, folder: Path, **changes: str) -> Living:
    """A copy of the commune in this folder; ``changes`` are environment variables."""
    shutil.copyfile(cast.folder / "portail.db", folder / "portail.db")
    shutil.copytree(cast.folder / "pieces", folder / "pieces", dirs_exist_ok=True)
    copied = replace(cast, url=f"sqlite:///{folder}/portail.db", folder=folder)
    settings = settings_of(copied.url, folder, **changes)
    database = open_database(settings)
    forget_all()
    return Living(copied, settings, database, create_app(settings, database))


@pytest.fixture
def living(cast: Cast, tmp_path: Path) -> Iterator[Living]:
    """A copy of the commune for one test, which may change it."""
    made = copy_of(cast, tmp_path)
    yield made
    made.database.dispose()
    forget_all()


@pytest.fixture(scope="session")
def walk_of(shared: Path, cast: Cast) -> WalkOf:
    """What a persona saw at every route."""
    variants: dict[tuple[str, str], list[str]] = {}
    for line in read_matrix():
        variants.setdefault((line.method, line.rule), []).append(line.variant)
    walked: dict[str, Walk] = {}

    def of(persona: str) -> Walk:
        if persona not in walked:
            kept = shared / f"walk-{persona}.pickle"
            with one_at_a_time(shared / f"walk-{persona}.lock"):
                if not kept.exists():
                    kept.write_bytes(pickle.dumps(walk(cast, persona, variants)))
            walked[persona] = pickle.loads(kept.read_bytes())
        return walked[persona]

    return of
