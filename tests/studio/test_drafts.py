"""Drafts: made, held by one hand, saved, taken over, given up; and never seen by a running case."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app import clock
from app.cases.scenarios import run_scenarios
from app.db import Database
from app.engine.bundle import Bundle
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.journal import JournalEntry
from app.outbox import OutboxFact
from app.procedures.checking import check_bundle
from app.procedures.queries import published
from app.studio import drafts
from app.studio.drafts import DraftMoved
from app.studio.standard import standard_bundle
from tests.cases.making import SLUG, file_case, make_bundle, open_task
from tests.studio.making import make_studio

SETTINGS = b'titre = "Autre titre"\nresume = "Autre."\ncategorie = "quotidien"\n'


def actions(database: Database, prefix: str = "draft.") -> list[str]:
    with database.transaction(read_only=True) as session:
        found = session.scalars(select(JournalEntry.action).order_by(JournalEntry.seq)).all()
    return [action for action in found if action.startswith(prefix)]


def open_as(database: Database, actor) -> int:
    with database.transaction() as session:
        return drafts.open_draft(session, actor, SLUG).revision


def test_a_draft_starts_from_the_version_in_line_and_is_resumed(database) -> None:
    studio = make_studio(database)
    with database.transaction() as session:
        made = drafts.open_draft(session, studio.iris, SLUG)
        assert Bundle(drafts.files_of(made)).hash == make_bundle().hash
        assert (made.revision, made.holder_label, made.title) == (1, "Iris Morel", "Demande simple")
    with database.transaction() as session:
        assert drafts.open_draft(session, studio.iris, SLUG).id == made.id
    assert actions(database) == ["draft.opened"]


def test_a_save_makes_a_revision_and_touches_neither_the_version_in_line_nor_running_cases(database) -> None:
    studio = make_studio(database)
    case_id = file_case(database, studio.world)
    with database.transaction(read_only=True) as session:
        before = published(session, SLUG).bundle_hash
    revision = open_as(database, studio.iris)
    with database.transaction() as session:
        changes = {"demarche.toml": SETTINGS, "forms/demande.json": None}
        assert drafts.save_files(session, studio.iris, SLUG, changes, revision) == 2
    with database.transaction(read_only=True) as session:
        draft = drafts.the_draft(session, SLUG)
        files = drafts.files_of(draft)
        assert (files["demarche.toml"], "forms/demande.json" in files, draft.title) == (SETTINGS, False, "Autre titre")
        assert published(session, SLUG).bundle_hash == before
        facts = session.scalars(select(OutboxFact.payload).where(OutboxFact.kind == "draft.saved")).all()
        assert sorted(fact["revision"] for fact in facts) == [1, 2]
    assert open_task(database, case_id).node == "prendre"


def test_saving_the_same_files_changes_nothing(database) -> None:
    studio = make_studio(database)
    revision = open_as(database, studio.iris)
    with database.transaction() as session:
        same = {"demarche.toml": make_bundle().files["demarche.toml"], "forms/absent.json": None}
        assert drafts.save_files(session, studio.iris, SLUG, same, revision) == revision
    assert actions(database) == ["draft.opened"]


def test_a_stale_save_is_refused_and_names_who_saved(database) -> None:
    studio = make_studio(database)
    revision = open_as(database, studio.iris)
    with database.transaction() as session:
        drafts.save_files(session, studio.iris, SLUG, {"demarche.toml": SETTINGS}, revision)
    with database.transaction() as session, pytest.raises(DraftMoved, match="Iris Morel") as moved:
        drafts.save_files(session, studio.iris, SLUG, {"demarche.toml": b"ecrase = 1"}, revision)
    assert (moved.value.reason, moved.value.by) == ("saved", "Iris Morel")
    with database.transaction(read_only=True) as session:
        assert drafts.files_of(drafts.the_draft(session, SLUG))["demarche.toml"] == SETTINGS


def test_the_second_administrator_reads_until_she_takes_over_and_the_first_is_refused(database) -> None:
    studio = make_studio(database)
    revision = open_as(database, studio.iris)
    with database.transaction() as session:
        seen = drafts.open_draft(session, studio.omar, SLUG)
        assert (seen.holder_label, drafts.holds(seen, studio.omar)) == ("Iris Morel", False)
        with pytest.raises(DraftMoved, match="Iris Morel modifie ce brouillon"):
            drafts.save_files(session, studio.omar, SLUG, {"demarche.toml": SETTINGS}, revision)
        with pytest.raises(Conflict):
            drafts.discard(session, studio.omar, SLUG)
    with database.transaction() as session:
        drafts.take_over(session, studio.omar, SLUG)
    with database.transaction() as session, pytest.raises(DraftMoved, match="Omar Petit") as moved:
        drafts.save_files(session, studio.iris, SLUG, {"demarche.toml": SETTINGS}, revision)
    assert moved.value.reason == "taken_over"
    with database.transaction() as session:
        draft = drafts.the_draft(session, SLUG)
        assert (draft.previous_id, draft.previous_label) == (studio.iris.id, "Iris Morel")
        assert drafts.save_files(session, studio.omar, SLUG, {"demarche.toml": SETTINGS}, revision) == 2
    assert actions(database) == ["draft.opened", "draft.taken_over", "draft.changed"]


def test_a_draft_left_is_taken_by_whoever_opens_it_next(database) -> None:
    studio = make_studio(database)
    open_as(database, studio.iris)
    with database.transaction() as session:
        drafts.release(session, studio.iris, SLUG)
        with pytest.raises(DraftMoved, match="rouvrez-le"):
            drafts.save_files(session, studio.iris, SLUG, {"demarche.toml": SETTINGS}, 1)
        assert drafts.holds(drafts.open_draft(session, studio.omar, SLUG), studio.omar)


def test_autosaves_of_one_hand_are_grouped_in_the_journal(database) -> None:
    studio = make_studio(database)
    with clock.frozen(datetime(2026, 11, 20, 9, tzinfo=UTC)) as time:
        revision = open_as(database, studio.iris)
        for number in range(20):
            time.advance(seconds=2)
            with database.transaction() as session:
                name = f"forms/page{number % 2}.json"
                revision = drafts.save_files(session, studio.iris, SLUG, {name: str(number).encode()}, revision)
        assert actions(database) == ["draft.opened", "draft.changed"]
        with database.transaction() as session:
            drafts.take_over(session, studio.omar, SLUG)
        assert actions(database) == ["draft.opened", "draft.changed", "draft.changed", "draft.taken_over"]
    with database.transaction(read_only=True) as session:
        last = session.scalars(select(JournalEntry).where(JournalEntry.action == "draft.changed")).all()[-1]
        assert (last.actor_label, last.details["files"]) == ("Iris Morel", ["forms/page0.json", "forms/page1.json"])
        assert last.details["revision"] == 21


def test_giving_up_leaves_the_version_in_line(database) -> None:
    studio = make_studio(database)
    open_as(database, studio.iris)
    with database.transaction() as session:
        drafts.discard(session, studio.iris, SLUG)
        assert drafts.draft_of(session, SLUG) is None
        assert published(session, SLUG).title == "Demande simple"


@pytest.mark.parametrize("name", ["../secret", "forms/../../x.json", "/etc/passwd", "main.py", "forms/É.json"])
def test_a_file_that_has_no_place_in_a_demarche_is_refused(database, name: str) -> None:
    studio = make_studio(database)
    revision = open_as(database, studio.iris)
    with database.transaction() as session, pytest.raises(Refused, match="n’a pas sa place"):
        drafts.save_files(session, studio.iris, SLUG, {name: b"x"}, revision)
    with database.transaction() as session, pytest.raises(Refused, match="manque"):
        drafts.save_files(session, studio.iris, SLUG, {"process.bpmn": None}, revision)


def test_only_who_may_edit_touches_a_draft(database) -> None:
    studio = make_studio(database)
    revision = open_as(database, studio.iris)
    with database.transaction() as session:
        for act in (
            lambda who: drafts.open_draft(session, who, SLUG),
            lambda who: drafts.new_procedure(session, who, "nouvelle-chose", "Chose"),
            lambda who: drafts.save_files(session, who, SLUG, {"demarche.toml": SETTINGS}, revision),
            lambda who: drafts.take_over(session, who, SLUG),
            lambda who: drafts.release(session, who, SLUG),
            lambda who: drafts.discard(session, who, SLUG),
        ):
            with pytest.raises(Forbidden):
                act(studio.nadia)


def test_a_new_demarche_starts_complete_and_valid_and_is_seen_by_nobody(database) -> None:
    studio = make_studio(database)
    title = 'Goûter « du mardi » & "autres" <b> \\'
    with database.transaction() as session:
        draft = drafts.new_procedure(session, studio.iris, "gouter", title, category="inscriptions")
        assert (draft.title, draft.base_version_id, draft.holder_label) == (title, None, "Iris Morel")
        assert check_bundle(session, Bundle(drafts.files_of(draft)), "gouter") == []
        with pytest.raises(NotFound):
            published(session, "gouter")
        with pytest.raises(Refused, match="déjà"):
            drafts.new_procedure(session, studio.omar, "gouter", title)
        with pytest.raises(Refused, match="déjà"):
            drafts.new_procedure(session, studio.omar, SLUG, title)


def test_an_identifier_is_made_of_the_title_when_none_is_given(database) -> None:
    studio = make_studio(database)
    with database.transaction() as session:
        made = drafts.new_procedure(session, studio.iris, "", "Goûter d’été : s’inscrire !")
        assert made.slug == "gouter-d-ete-s-inscrire"
        with pytest.raises(Refused, match="déjà cet identifiant") as refused:
            drafts.new_procedure(session, studio.iris, "", "Goûter d’été, s’inscrire")
        assert refused.value.field == "slug"
        with pytest.raises(Refused, match="sert d’adresse"):
            drafts.new_procedure(session, studio.iris, "", "2026 !")


@pytest.mark.parametrize("slug", ["a", "Goûter", "nouvelle", "../x", "a" * 70, "-x-", "x/y"])
def test_an_identifier_that_cannot_be_an_address_is_refused(database, slug: str) -> None:
    studio = make_studio(database)
    with database.transaction() as session, pytest.raises(Refused) as refused:
        drafts.new_procedure(session, studio.iris, slug, "Titre")
    assert refused.value.field == "slug"


def test_opening_what_does_not_exist_is_not_found(database) -> None:
    studio = make_studio(database)
    with database.transaction() as session:
        with pytest.raises(NotFound):
            drafts.open_draft(session, studio.iris, "rien")
        with pytest.raises(NotFound):
            drafts.take_over(session, studio.iris, SLUG)


def test_two_saves_at_once_on_one_revision_keep_exactly_one(database) -> None:
    studio = make_studio(database)
    revision = open_as(database, studio.iris)
    outcomes: list[str] = []
    together = threading.Barrier(4)

    def save(number: int) -> None:
        together.wait()
        try:
            with database.transaction() as session:
                text = SETTINGS + f"# {number}\n".encode()
                drafts.save_files(session, studio.iris, SLUG, {"demarche.toml": text}, revision)
            outcomes.append("saved")
        except DraftMoved:
            outcomes.append("refused")

    hands = [threading.Thread(target=save, args=(number,)) for number in range(4)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(30)
    assert sorted(outcomes) == ["refused", "refused", "refused", "saved"]
    with database.transaction(read_only=True) as session:
        assert drafts.the_draft(session, SLUG).revision == revision + 1


def test_two_administrators_who_open_at_once_share_one_draft(database) -> None:
    studio = make_studio(database)
    together = threading.Barrier(2)
    held: list[str] = []

    def begin(actor) -> None:
        together.wait()
        with database.transaction() as session:
            held.append(drafts.open_draft(session, actor, SLUG).holder_label)

    hands = [threading.Thread(target=begin, args=(actor,)) for actor in (studio.iris, studio.omar)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(30)
    assert len(held) == 2
    assert len(set(held)) == 1
    assert actions(database) == ["draft.opened"]


def test_the_standard_pattern_plays_its_own_scenarios_and_meets_every_node() -> None:
    report = run_scenarios(standard_bundle("gouter", "Goûter", summary="Pour le goûter.", category="inscriptions"))
    assert [story.problem for story in report.stories] == [""] * 4
    assert report.uncovered == {}
