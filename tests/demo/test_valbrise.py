"""The demonstration as it is found: something waits at every step of every démarche, in files that open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from app import rooms
from app.cases.models import Case
from app.clock import today
from app.composition import open_database
from app.db import Base, Database
from app.demo.build import WORKFLOWS, build, is_empty
from app.demo.papers import SIZE
from app.documents.models import Document, PieceRequest, UploadKey
from app.documents.queries import current_state
from app.documents.storage import storage_from_url
from app.engine.callees import BPMN
from app.engine.models import Subscription, Task
from app.engine.xml import load_xml
from app.town.queries import forget_all
from tests.conftest import settings_for

#: The service checks sign-ups only where the commune asks it to; Valbrise does not.
NOT_HERE = {("creation-compte", "valider")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("valbrise")


@pytest.fixture(scope="module")
def valbrise(folder: Path) -> Iterator[Database]:
    rooms.load()
    settings = settings_for(f"sqlite:///{folder}/valbrise.sqlite", folder)
    database = open_database(settings)
    Base.metadata.create_all(database.engine)
    forget_all()
    assert is_empty(database)
    build(database, settings)
    assert not is_empty(database)
    yield database
    database.dispose()
    forget_all()


def test_something_waits_at_every_human_step_of_every_demarche(valbrise: Database) -> None:
    with valbrise.transaction(read_only=True) as session:
        waiting = select(Case.slug, Task.node).join(Task, Task.case_id == Case.id).where(Task.closed_at.is_(None))
        found = {(row.slug, row.node) for row in session.execute(waiting)}
    drawn = {
        (path.parent.name, str(step.get("id")))
        for path in WORKFLOWS.glob("*/process.bpmn")
        for step in load_xml(path.read_bytes(), path.name).iter(f"{BPMN}userTask")
    }
    assert len(drawn) > len(NOT_HERE)
    assert found == drawn - NOT_HERE


def test_somebody_who_signed_up_has_a_link_to_follow(valbrise: Database) -> None:
    with valbrise.transaction(read_only=True) as session:
        query = select(Subscription.name).join(Case, Case.id == Subscription.case_id)
        assert session.scalars(query.where(Case.slug == "creation-compte")).all() == ["compte_active"]


def test_every_document_of_the_demonstration_opens(valbrise: Database, folder: Path) -> None:
    storage = storage_from_url(settings_for("sqlite://", folder).storage_url)
    with valbrise.transaction(read_only=True) as session:
        documents = session.scalars(select(Document)).all()
        assert sorted(each.state for each in documents) == ["non_traite", "non_traite", "non_traite", "valide"]
        for each in documents:
            with storage.open(each.key) as stream, Image.open(stream) as picture:
                assert (picture.format, picture.size) == ("JPEG", SIZE)
        assert set(session.scalars(select(UploadKey.key))) >= {each.key for each in documents}


def test_a_piece_has_expired_and_another_is_claimed(valbrise: Database) -> None:
    with valbrise.transaction(read_only=True) as session:
        [expired] = session.scalars(select(Document).where(Document.state == "valide"))
        assert current_state(expired.state, expired.valid_until) == "perime"
        [claim] = session.scalars(select(PieceRequest).where(PieceRequest.closed_at.is_(None)))
        assert claim.due_on is not None
        assert claim.due_on > today()


def test_the_child_to_add_is_called_by_her_name(valbrise: Database) -> None:
    with valbrise.transaction(read_only=True) as session:
        subjects = set(session.scalars(select(Case.subject).where(Case.slug == "ajout-enfant")))
    assert {"Jules Moreau", "Rose Da Silva", "Lila Rousseau"} <= subjects


def test_where_no_file_can_be_kept_the_rest_is_built(tmp_path: Path) -> None:
    blocked = tmp_path / "pieces"
    blocked.write_text("a file where the folder should be")
    database = open_database(settings_for(f"sqlite:///{tmp_path}/valbrise.sqlite", tmp_path))
    Base.metadata.create_all(database.engine)
    forget_all()
    build(database, settings_for("sqlite://", tmp_path, STORAGE_URL=f"file://{blocked}"))
    with database.transaction(read_only=True) as session:
        assert session.scalars(select(Document.id)).all() == []
        assert "justificatif" not in set(session.scalars(select(Case.slug).where(Case.status != "brouillon")))
    database.dispose()
    forget_all()
