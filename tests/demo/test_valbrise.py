"""The demonstration as it is found: something waits at every step of every démarche, in files that open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import func, select

from app import rooms
from app.agenda.models import Booking, SessionDay
from app.cases.models import Case
from app.clock import frozen, today
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
from app.families.models import Child
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


@pytest.mark.parametrize(
    "moment", ["2026-11-21T23:05", "2026-11-22T10:00", "2026-12-24T23:30", "2027-03-28T01:10", "2027-07-10T22:10"]
)
def test_it_is_built_at_any_hour_of_any_day(moment: str, sqlite_database: Database) -> None:
    with frozen(datetime.fromisoformat(moment).replace(tzinfo=UTC)):
        build(sqlite_database)
        assert not is_empty(sqlite_database)


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


def test_a_wednesday_is_full_and_three_children_wait_in_order(valbrise: Database) -> None:
    with valbrise.transaction(read_only=True) as session:
        [day] = session.scalars(select(SessionDay).where(SessionDay.waiting > 0))
        assert (day.day.isoweekday(), day.held, day.waiting) == (3, 30, 3)
        waiting = select(Child.first_name).join(Booking, Booking.child_id == Child.id).where(Booking.state == "waiting")
        assert session.scalars(waiting.order_by(Booking.queue)).all() == ["Hugo", "Maël", "Paul"]


def test_late_cancellations_wait_and_were_answered(valbrise: Database) -> None:
    with valbrise.transaction(read_only=True) as session:
        query = select(Child.first_name, Booking.state, func.count()).join(Booking, Booking.child_id == Child.id)
        found = {tuple(row) for row in session.execute(query.group_by(Child.first_name, Booking.state))}
        states = {(name, state) for name, state, _ in found}
        assert {("Ava", "absent_justified"), ("Ava", "absent_unjustified"), ("Léna", "cancel_requested")} <= states
        assert ("Léna", "cancelled") in states, "her cancellation is late for the nearest days only"
        assert ("Noé", "requested") in states
        homes = select(Booking.household_id).join(Child, Child.id == Booking.child_id).where(Child.first_name == "Inès")
        assert len(set(session.scalars(homes))) == 2, "each parent books his weeks"


@pytest.mark.parametrize("day", [datetime(2027, 8, 10, 9, tzinfo=UTC), datetime(2029, 3, 1, 9, tzinfo=UTC)])
def test_it_is_built_on_any_day_even_beyond_the_school_calendar(tmp_path: Path, day: datetime) -> None:
    database = open_database(settings_for(f"sqlite:///{tmp_path}/valbrise.sqlite", tmp_path))
    Base.metadata.create_all(database.engine)
    forget_all()
    with frozen(day):
        build(database)
    with database.transaction(read_only=True) as session:
        assert session.scalars(select(Case.id)).all() != []
        assert session.scalars(select(Booking.id)).all() == []
    database.dispose()
    forget_all()
