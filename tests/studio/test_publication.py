"""From a draft to a version: what forbids it, the second reader, the way back; each step in the journal."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from app.db import Database
from app.engine.bundle import Bundle
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.journal import JournalEntry, verify_chain
from app.procedures.models import Version
from app.procedures.operations import NotPublishable
from app.procedures.queries import published
from app.studio import drafts, publication
from app.studio.checks import problems_of, verify_draft, verify_saved
from app.studio.drafts import DraftMoved
from tests.cases.making import SLUG, file_case, make_bundle, open_task
from tests.conftest import settings_for
from tests.studio.making import Studio, add_administrator, make_studio

TITLE = b'titre = "Refaite"\nresume = "Autre."\ncategorie = "quotidien"\n'
TWO_READERS = TITLE + b"second_lecteur = true\n"


def begin(database: Database, studio: Studio, settings: bytes = TITLE) -> tuple[int, uuid.UUID]:
    """A draft of Iris' with these settings: its revision, and the version in line."""
    with database.transaction() as session:
        draft = drafts.open_draft(session, studio.iris, SLUG)
        revision = drafts.save_files(session, studio.iris, SLUG, {"demarche.toml": settings}, draft.revision)
        return revision, published(session, SLUG).version_id


def actions(database: Database) -> list[str]:
    with database.transaction(read_only=True) as session:
        return list(session.scalars(select(JournalEntry.action).order_by(JournalEntry.seq)))


def test_a_draft_becomes_the_version_in_line_and_is_gone(database) -> None:
    studio = make_studio(database)
    case_id = file_case(database, studio.world)
    revision, seen = begin(database, studio)
    with database.transaction() as session:
        made = publication.publish_draft(session, studio.iris, SLUG, " Un  titre ", revision=revision, seen=seen)
        assert (made.number, made.note, made.published_by, made.approved_by) == (2, "Un titre", "Iris Morel", "")
        assert drafts.draft_of(session, SLUG) is None
    with database.transaction(read_only=True) as session:
        assert published(session, SLUG).title == "Refaite"
        assert verify_chain(session).fault is None
    assert open_task(database, case_id).node == "prendre", "a demande goes on in the version it began with"
    wanted = ["draft.opened", "draft.changed", "procedure.published", "draft.published"]
    assert [action for action in actions(database) if action in wanted][-4:] == wanted


def test_what_was_read_is_what_is_published(database) -> None:
    studio = make_studio(database)
    revision, seen = begin(database, studio)
    with database.transaction() as session, pytest.raises(DraftMoved):
        publication.publish_draft(session, studio.iris, SLUG, "", revision=revision - 1, seen=seen)
    with database.transaction() as session, pytest.raises(Conflict, match="relisez"):
        publication.publish_draft(session, studio.iris, SLUG, "", revision=revision, seen=uuid.uuid4())
    with database.transaction() as session, pytest.raises(DraftMoved, match="Iris Morel modifie"):
        publication.publish_draft(session, studio.omar, SLUG, "", revision=revision, seen=seen)
    with database.transaction() as session, pytest.raises(Forbidden):
        publication.publish_draft(session, studio.nadia, SLUG, "", revision=revision, seen=seen)
    with database.transaction(read_only=True) as session:
        assert len(session.scalars(select(Version)).all()) == 1


def test_an_error_forbids_publication_and_keeps_the_draft(database) -> None:
    studio = make_studio(database)
    revision, seen = begin(database, studio)
    with database.transaction() as session:
        revision = drafts.save_files(session, studio.iris, SLUG, {"forms/decision.json": None}, revision)
    with pytest.raises(NotPublishable, match="decision"), database.transaction() as session:
        publication.publish_draft(session, studio.iris, SLUG, "", revision=revision, seen=seen)
    with database.transaction(read_only=True) as session:
        assert drafts.the_draft(session, SLUG).revision == revision


def test_a_second_reader_publishes_what_the_author_may_not(database) -> None:
    studio = make_studio(database)
    revision, seen = begin(database, studio, TWO_READERS)
    with database.transaction() as session:
        with pytest.raises(Refused, match="seconde personne"):
            publication.publish_draft(session, studio.iris, SLUG, "", revision=revision, seen=seen)
        with pytest.raises(Conflict, match="Personne ne demande"):
            publication.approve(session, studio.omar, SLUG, revision=revision, seen=seen)
        draft = publication.ask_approval(session, studio.iris, SLUG, "Relis, s’il te plaît", revision=revision)
        assert (publication.may_approve(draft, studio.iris), publication.may_approve(draft, studio.omar)) == (
            False,
            True,
        )
        assert not publication.may_approve(draft, studio.nadia)
    with database.transaction() as session, pytest.raises(Forbidden, match="participé"):
        publication.approve(session, studio.iris, SLUG, revision=revision, seen=seen)
    with database.transaction() as session, pytest.raises(Forbidden):
        publication.approve(session, studio.nadia, SLUG, revision=revision, seen=seen)
    with database.transaction() as session:
        made = publication.approve(session, studio.omar, SLUG, revision=revision, seen=seen)
        told = (made.published_by, made.approved_by, made.note)
        assert told == ("Iris Morel", "Omar Petit", "Relis, s’il te plaît")
    assert {"draft.approval_asked", "draft.approved", "procedure.published"} <= set(actions(database))


def test_whoever_wrote_in_the_draft_is_no_second_reader_even_if_another_asks(database) -> None:
    studio = make_studio(database)
    revision, seen = begin(database, studio, TWO_READERS)
    with database.transaction() as session:
        drafts.take_over(session, studio.omar, SLUG)
        publication.ask_approval(session, studio.omar, SLUG, "", revision=revision)
    with database.transaction() as session, pytest.raises(Forbidden, match="participé"):
        publication.approve(session, studio.iris, SLUG, revision=revision, seen=seen)
    third = add_administrator(database, "Zoé", "Tiers")
    with database.transaction() as session:
        zoe = studio.world.actor(session, third)
        assert publication.approve(session, zoe, SLUG, revision=revision, seen=seen).approved_by == "Zoé Tiers"


def test_a_change_cancels_the_question_and_nobody_lifts_the_rule_alone(database) -> None:
    studio = make_studio(database)
    revision, seen = begin(database, studio, TWO_READERS)
    with database.transaction() as session:
        publication.ask_approval(session, studio.iris, SLUG, "", revision=revision)
        changed = drafts.save_files(session, studio.iris, SLUG, {"demarche.toml": TWO_READERS + b"# x\n"}, revision)
        with pytest.raises(Conflict, match="Personne ne demande"):
            publication.approve(session, studio.omar, SLUG, revision=changed, seen=seen)
        publication.ask_approval(session, studio.iris, SLUG, "", revision=changed)
        publication.approve(session, studio.omar, SLUG, revision=changed, seen=seen)
    revision, seen = begin(database, studio, TITLE)
    with database.transaction() as session, pytest.raises(Refused, match="seconde personne"):
        publication.publish_draft(session, studio.iris, SLUG, "", revision=revision, seen=seen)
    with database.transaction() as session, pytest.raises(Refused, match="seconde personne"):
        publication.roll_back(session, studio.iris, SLUG, 1, "Retour")


def test_a_refusal_says_why_to_the_author(database) -> None:
    studio = make_studio(database)
    revision, _ = begin(database, studio, TWO_READERS)
    with database.transaction() as session:
        publication.ask_approval(session, studio.iris, SLUG, "", revision=revision)
        with pytest.raises(Refused, match="Dites pourquoi"):
            publication.refuse_approval(session, studio.omar, SLUG, " ", revision=revision)
        publication.refuse_approval(session, studio.omar, SLUG, "Le titre est faux.", revision=revision)
    with database.transaction() as session:
        draft = drafts.the_draft(session, SLUG)
        assert (draft.approval_refusal, draft.approval_revision) == ("Omar Petit : Le titre est faux.", None)
        drafts.save_files(session, studio.iris, SLUG, {"demarche.toml": TITLE}, revision)
        assert drafts.the_draft(session, SLUG).approval_refusal == ""


def test_an_older_version_comes_back_as_a_new_one(database) -> None:
    studio = make_studio(database)
    revision, seen = begin(database, studio)
    with database.transaction() as session:
        publication.publish_draft(session, studio.iris, SLUG, "", revision=revision, seen=seen)
    with database.transaction() as session:
        with pytest.raises(Refused, match="Dites pourquoi"):
            publication.roll_back(session, studio.iris, SLUG, 1, "  ")
        with pytest.raises(Refused, match="déjà ceux de la version 2"):
            publication.roll_back(session, studio.iris, SLUG, 2, "Retour")
        with pytest.raises(NotFound):
            publication.roll_back(session, studio.iris, SLUG, 9, "Retour")
        with pytest.raises(Forbidden):
            publication.roll_back(session, studio.nadia, SLUG, 1, "Retour")
        back = publication.roll_back(session, studio.omar, SLUG, 1, "Trop d’appels")
        assert (back.number, back.bundle_hash, back.note) == (3, make_bundle().hash, "Trop d’appels")
    assert actions(database)[-2:] == ["procedure.published", "procedure.rolled_back"]


def test_an_older_version_is_taken_up_in_a_draft_once(database) -> None:
    studio = make_studio(database)
    with database.transaction() as session:
        made = publication.draft_from_version(session, studio.iris, SLUG, 1)
        assert Bundle(drafts.files_of(made)).hash == make_bundle().hash
        with pytest.raises(Conflict, match="Iris Morel"):
            publication.draft_from_version(session, studio.omar, SLUG, 1)


# -- verification ----------------------------------------------------------------------------------------------------


class _Work:
    """What a worker is given."""

    def __init__(self, database: Database) -> None:
        self.database = database


def test_a_worker_judges_the_revision_of_the_fact_and_only_that_one(database, tmp_path) -> None:
    studio = make_studio(database)
    revision, _ = begin(database, studio)
    with database.transaction(read_only=True) as session:
        draft_id = str(drafts.the_draft(session, SLUG).id)
    work: Any = _Work(database)
    verify_saved(work, {"draft": draft_id, "revision": revision - 1})
    with database.transaction(read_only=True) as session:
        assert problems_of(drafts.the_draft(session, SLUG)) is None, "a draft that moved on has its own fact"
    verify_saved(work, {"draft": draft_id, "revision": revision})
    with database.transaction(read_only=True) as session:
        assert problems_of(drafts.the_draft(session, SLUG)) == []
    verify_saved(work, {"draft": draft_id, "revision": revision})
    verify_saved(work, {"draft": str(uuid.uuid4()), "revision": 1})
    with database.transaction() as session:
        again = drafts.save_files(session, studio.iris, SLUG, {"demarche.toml": b"titre = 1"}, revision)
        assert problems_of(drafts.the_draft(session, SLUG)) is None
    verify_draft(database, uuid.UUID(draft_id))
    with database.transaction(read_only=True) as session:
        draft = drafts.the_draft(session, SLUG)
        assert draft.verified_revision == again
        assert any("titre" in problem.message for problem in problems_of(draft) or ())


def test_a_save_is_judged_by_the_worker_that_delivers_facts(database, tmp_path) -> None:
    from workers.treatment import treat_due

    studio = make_studio(database)
    begin(database, studio)
    settings = settings_for(str(database.engine.url.render_as_string(hide_password=False)), tmp_path)
    while treat_due(database, settings):
        pass
    with database.transaction(read_only=True) as session:
        assert problems_of(drafts.the_draft(session, SLUG)) == []
