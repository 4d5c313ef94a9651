"""Whoever publishes keeps nobody waiting: what is published is judged while nothing is locked, and judged once."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.accounts.models import Role
from app.db import Database
from app.engine.verify import Catalogue, Problem, verify
from app.kept import Recent
from app.procedures import checking
from app.studio import drafts
from tests.cases.making import SLUG, make_bundle, sign_in
from tests.studio.making import Studio, make_studio

HERE = f"/admin/demarches/{SLUG}"
TITLE = b'titre = "Refaite"\nresume = "Autre."\ncategorie = "quotidien"\n'


def others_may_write(database: Database) -> bool:
    """Whether somebody else could change a démarche now, without waiting."""
    if database.engine.dialect.name == "sqlite":
        with closing(sqlite3.connect(str(database.engine.url.database), timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            return True
    with database.engine.connect() as other_one:
        try:
            for table in ("procedures", "procedure_drafts"):
                other_one.execute(text(f"SELECT slug FROM {table} FOR UPDATE NOWAIT"))
        except OperationalError:
            return False
        finally:
            other_one.rollback()
    return True


@pytest.fixture
def judged(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each démarche judged since: whether others could write meanwhile."""
    found: list[bool] = []

    def watched(files: Mapping[str, bytes], catalogue: Catalogue) -> list[Problem]:
        found.append(others_may_write(database))
        return verify(files, catalogue)

    monkeypatch.setattr(checking, "verify", watched)
    monkeypatch.setattr(checking, "_JUDGED", Recent[Any, Any](8))
    return found


def begin(
    database: Database, studio: Studio, new_client, settings: bytes = TITLE
) -> tuple[FlaskClient, dict[str, str]]:
    """A draft of Iris', her browser, and what the page of publication posts."""
    with database.transaction() as session:
        draft = drafts.open_draft(session, studio.iris, SLUG)
        revision = drafts.save_files(session, studio.iris, SLUG, {"demarche.toml": settings}, draft.revision)
        posted = {"revision": str(revision), "version": str(draft.base_version_id), "note": "Plus clair"}
    assert studio.iris.id is not None
    return sign_in(new_client(), database, studio.iris.id), posted


def forget(judged: list[bool]) -> None:
    """Another process takes over: it has judged nothing yet."""
    checking._JUDGED = Recent[Any, Any](8)
    judged.clear()


def test_others_write_while_what_is_published_is_judged(database, new_client, judged) -> None:
    studio = make_studio(database)
    iris, posted = begin(database, studio, new_client)
    forget(judged)
    assert iris.post(f"{HERE}/publication", data=posted).status_code == 303
    assert judged == [True]
    forget(judged)
    assert iris.post(f"{HERE}/versions/1/retour", data={"note": "Retour"}).status_code == 303
    assert judged == [True], "a version that comes back is judged again, by the rules of today"


def test_others_write_while_what_a_second_person_read_is_judged(database, new_client, judged) -> None:
    studio = make_studio(database)
    iris, posted = begin(database, studio, new_client, TITLE + b"second_lecteur = true\n")
    assert iris.post(f"{HERE}/publication", data=posted).status_code == 303
    omar = sign_in(new_client(), database, studio.omar.id)
    forget(judged)
    assert omar.post(f"{HERE}/publication/accord", data=posted).status_code == 303
    assert judged == [True]


def test_whoever_may_not_publish_has_nothing_judged(database, new_client, judged) -> None:
    studio = make_studio(database)
    _, posted = begin(database, studio, new_client)
    judged.clear()
    nadia = sign_in(new_client(), database, studio.world.nadia)
    for path in ("publication", "publication/accord", "versions/1/retour"):
        assert nadia.post(f"{HERE}/{path}", data=posted).status_code == 404
    assert judged == []


def test_a_verdict_holds_while_what_it_was_given_among_stays_the_same(database, judged) -> None:
    make_studio(database)
    bundle = make_bundle()
    with database.transaction() as session:
        checking.check_bundle(session, bundle, SLUG).append(Problem("error", "x", "x", "x", "x"))
        judged.clear()
        assert checking.check_bundle(session, bundle, SLUG) == []
        assert judged == []
        checking.check_bundle(session, bundle, "autre")
        assert len(judged) == 1, "as another démarche, it carries the wrong identifier"
        session.add(Role(code="relecture", label="Relecture", permissions=[]))
        session.flush()
        checking.check_bundle(session, bundle, SLUG)
        assert len(judged) == 2, "a role more"
