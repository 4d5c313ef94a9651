"""The scenarios of a draft: played apart, judged, said obsolete; publication waits for them."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from app.db import Database
from app.engine.bundle import Bundle
from app.errors import Conflict, Forbidden, Refused
from app.journal import JournalEntry
from app.outbox import OutboxFact
from app.procedures.queries import published
from app.studio import apart, drafts, publication, stories
from app.studio.apart import Material, NotPlayed, run_apart
from app.studio.models import ScenarioRun
from app.studio.standard import standard_bundle
from tests.cases.making import SLUG
from tests.studio.making import Studio, make_studio
from workers.treatment import treat_due

STORY = 'titre = "Une demande"\n\n[[etapes]]\nfaire = "saisir"\n'
PATH = "scenarios/une-demande.toml"


def standard(**files: bytes | None) -> Material:
    """The standard démarche, with other files."""
    found = dict(standard_bundle("essai", "Essai", summary="Pour voir", category="quotidien").files)
    changed = {name.replace("__", "/").replace("_toml", ".toml"): data for name, data in files.items()}
    kept = {name: data for name, data in {**found, **changed}.items() if data is not None}
    return Material(Bundle(kept).to_zip(), [], ["gestionnaire", "role_de_la_commune"])


def with_story(database: Database, studio: Studio, text: str = STORY) -> tuple[int, uuid.UUID]:
    """A draft of Iris' with one story: its revision, and the version in line."""
    with database.transaction() as session:
        draft = drafts.open_draft(session, studio.iris, SLUG)
        revision = stories.save_story(session, studio.iris, SLUG, PATH, text, draft.revision)
        return revision, published(session, SLUG).version_id


def report(*, passed: bool, message: str = "refusé") -> dict[str, Any]:
    return {
        "stories": [{"path": PATH, "title": "Une demande", "passed": passed, "message": "" if passed else message}],
        "coverage": {},
        "uncovered": {},
    }


OTHER = "scenarios/une-autre.toml"
BOTH = {
    "stories": [{"path": path, "title": "Une demande", "passed": True, "message": ""} for path in (PATH, OTHER)],
    "coverage": {"saisir": 2},
    "uncovered": {},
}


def results(database: Database) -> dict[str, bool | None]:
    with database.transaction(read_only=True) as session:
        draft = drafts.the_draft(session, SLUG)
        return {line.path: line.passed for line in stories.lines(draft, drafts.files_of(draft))}


def keep(database: Database, revision: int, kept: dict[str, Any]) -> None:
    with database.transaction() as session:
        stories.store(session, drafts.the_draft(session, SLUG).id, revision, kept)


def blocked(database: Database) -> list[str]:
    with database.transaction(read_only=True) as session:
        return stories.block(drafts.the_draft(session, SLUG))


# -- the process apart -----------------------------------------------------------------------------------------------


def test_every_story_is_played_apart_and_told() -> None:
    said: list[tuple[int, int]] = []
    bad = b'titre = "Fausse"\n[[etapes]]\nfaire = "saisir"\nvaleurs = { inconnu = 1 }\n'
    told = run_apart(standard(scenarios__fausse_toml=bad), lambda done, total: said.append((done, total)))
    results = {story["path"]: story for story in told["stories"]}
    assert [path for path, story in results.items() if not story["passed"]] == ["scenarios/fausse.toml"]
    assert "n’est pas un champ" in results["scenarios/fausse.toml"]["message"]
    assert said == [(number, 5) for number in range(5)]
    assert told["uncovered"] == {}
    assert told["coverage"]["saisir"] == 4


def test_a_story_that_no_one_foresaw_is_its_own_failure() -> None:
    bad = b'titre = "Fausse"\n[[etapes]]\navancer = "bientot"\n'
    told = run_apart(standard(scenarios__fausse_toml=bad), lambda _done, _total: None)
    assert [story["passed"] for story in told["stories"]].count(False) == 1
    assert "n’est pas une durée" in next(s["message"] for s in told["stories"] if not s["passed"])


def test_what_lasts_too_long_is_killed_with_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    real = subprocess.Popen

    def popen(*args: Any, **options: Any) -> Any:
        process = real(*args, **options)
        started.append(process.pid)
        return process

    monkeypatch.setattr(apart.subprocess, "Popen", popen)
    with pytest.raises(NotPlayed, match="secondes"):
        run_apart(standard(), lambda _done, _total: None, seconds=1)
    with pytest.raises(ProcessLookupError):
        os.killpg(started[0], signal.SIGKILL)


def test_too_much_memory_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "MEMORY", 60 * 1024 * 1024)
    with pytest.raises(NotPlayed, match="mémoire"):
        run_apart(standard(), lambda _done, _total: None)


def test_a_demarche_with_errors_is_not_played() -> None:
    told = run_apart(standard(demarche_toml=b"titre = 3\n"), lambda _done, _total: None)
    assert "corrigez-les" in told["error"]


# -- asked for, by a worker ------------------------------------------------------------------------------------------


def test_a_worker_plays_what_was_asked_and_the_report_stays_with_the_revision(database, tmp_path, monkeypatch) -> None:
    studio = make_studio(database)
    revision, _ = with_story(database, studio)
    seen: list[str] = []

    def run(_material: Material, progress: Any) -> dict[str, Any]:
        progress(0, 1)
        with database.transaction(read_only=True) as session:
            run = session.scalars(select(ScenarioRun)).one()
            seen.append(f"{run.state} {run.done}/{run.total}")
        return report(passed=True)

    monkeypatch.setattr(stories, "run_apart", run)
    with database.transaction() as session:
        stories.ask_run(session, studio.iris, SLUG)
    with database.transaction() as session:
        stories.ask_run(session, studio.omar, SLUG)
    with database.transaction(read_only=True) as session:
        asked = session.scalars(select(OutboxFact).where(OutboxFact.kind == "scenarios.asked")).all()
    assert len(asked) == 1, "asking twice is asking once"
    treat_due(database, _settings(tmp_path))
    with database.transaction(read_only=True) as session:
        draft = drafts.the_draft(session, SLUG)
        assert (draft.scenario_revision, session.scalars(select(ScenarioRun.state)).one()) == (revision, "done")
    assert seen == ["running 0/1"]
    assert blocked(database) == []
    stories.play_draft(database, draft.id, revision)
    assert seen == ["running 0/1"], "a run that ended is not run again"


def _settings(tmp_path: Any) -> Any:
    from tests.conftest import settings_for

    return settings_for("sqlite:///x", tmp_path)


def test_a_run_that_fails_says_so(database, monkeypatch) -> None:
    studio = make_studio(database)
    revision, _ = with_story(database, studio)

    def run(_material: Material, _progress: Any) -> dict[str, Any]:
        raise NotPlayed("trop long")

    monkeypatch.setattr(stories, "run_apart", run)
    with database.transaction() as session:
        stories.ask_run(session, studio.iris, SLUG)
        draft_id = drafts.the_draft(session, SLUG).id
    stories.play_draft(database, draft_id, revision)
    with database.transaction(read_only=True) as session:
        run_row = session.scalars(select(ScenarioRun)).one()
        assert (run_row.state, run_row.message) == ("failed", "trop long")
    assert "pas encore été joués" in blocked(database)[0]


def test_only_who_may_edit_asks(database) -> None:
    studio = make_studio(database)
    with_story(database, studio)
    with database.transaction() as session, pytest.raises(Forbidden):
        stories.ask_run(session, studio.nadia, SLUG)


# -- publication -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "behind", "sentence"),
    [
        (report(passed=True), 0, ""),
        (report(passed=False), 0, "Une demande\u00a0» échoue\u00a0: refusé"),
        (report(passed=True), 1, "n’ont pas été rejoués"),
        ({"error": "La démarche a encore des erreurs."}, 0, "encore des erreurs"),
        (None, 0, "pas encore été joués"),
    ],
)
def test_publication_waits_for_the_stories(database, stored, behind, sentence) -> None:
    studio = make_studio(database)
    revision, seen = with_story(database, studio)
    if stored is not None:
        keep(database, revision - behind, stored)
    assert [sentence in each for each in blocked(database)] == [True] * bool(sentence)
    with database.transaction() as session:
        if not sentence:
            publication.publish_draft(session, studio.iris, SLUG, "", revision=revision, seen=seen)
            return
        with pytest.raises(Refused, match=sentence):
            publication.publish_draft(session, studio.iris, SLUG, "", revision=revision, seen=seen)


def test_the_results_of_the_others_stand_when_only_a_story_changed(database) -> None:
    studio = make_studio(database)
    revision, _ = with_story(database, studio)
    with database.transaction() as session:
        revision = stories.save_story(session, studio.iris, SLUG, OTHER, STORY, revision)
    keep(database, revision, BOTH)
    assert results(database) == {PATH: True, OTHER: True}
    with database.transaction() as session:
        revision = stories.save_story(session, studio.iris, SLUG, PATH, STORY + 'refus = "non"\n', revision)
    assert results(database) == {PATH: None, OTHER: True}
    assert blocked(database) == ["Le scénario «\u00a0Une demande\u00a0» n’a pas été joué depuis qu’il a changé."]
    with database.transaction(read_only=True) as session:
        assert "coverage" not in drafts.the_draft(session, SLUG).scenario_report, "what they meet together is not known"
    with database.transaction() as session:
        revision = drafts.save_files(session, studio.iris, SLUG, {PATH: None}, revision)
    assert (results(database), blocked(database)) == ({OTHER: True}, [])
    with database.transaction() as session:
        settings = drafts.files_of(drafts.the_draft(session, SLUG))["demarche.toml"]
        changes = {"demarche.toml": settings + b"# autre\n", OTHER: STORY.encode()}
        revision = drafts.save_files(session, studio.iris, SLUG, changes, revision)
    assert results(database) == {OTHER: None}, "the démarche is not the same"
    assert "rejoués depuis le dernier changement" in blocked(database)[0]


def test_a_story_that_changes_while_they_are_played_is_played_again(database) -> None:
    studio = make_studio(database)
    revision, _ = with_story(database, studio)
    with database.transaction() as session:
        moved = stories.save_story(session, studio.iris, SLUG, PATH, STORY + 'refus = "non"\n', revision)
    keep(database, revision, report(passed=True))
    assert results(database) == {PATH: None}, "what was played is another text"
    assert moved > revision


def test_an_obsolete_story_no_longer_forbids_until_its_text_changes(database) -> None:
    studio = make_studio(database)
    revision, _ = with_story(database, studio)
    keep(database, revision, report(passed=False))
    with database.transaction() as session:
        with pytest.raises(Refused, match="Dites pourquoi"):
            stories.mark_obsolete(session, studio.iris, SLUG, PATH, "  ", revision)
        with pytest.raises(Conflict):
            stories.mark_obsolete(session, studio.omar, SLUG, PATH, "Pas à lui.", revision)
        with pytest.raises(Forbidden):
            stories.mark_obsolete(session, studio.nadia, SLUG, PATH, "Pas à elle.", revision)
        stories.mark_obsolete(session, studio.iris, SLUG, PATH, "L’étape n’existe plus.", revision)
    assert blocked(database) == []
    with database.transaction(read_only=True) as session:
        entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "story.obsolete")).one()
        assert entry.details["reason"] == "L’étape n’existe plus."
    with database.transaction() as session:
        stories.unmark_obsolete(session, studio.iris, SLUG, PATH, revision)
    assert blocked(database)
    with database.transaction() as session:
        stories.mark_obsolete(session, studio.iris, SLUG, PATH, "L’étape n’existe plus.", revision)
        moved = stories.save_story(session, studio.iris, SLUG, PATH, STORY + 'refus = "non"\n', revision)
    keep(database, moved, report(passed=False))
    assert "échoue" in blocked(database)[0], "the mark was about another text"


def test_a_story_that_passes_cannot_be_set_aside(database) -> None:
    studio = make_studio(database)
    revision, _ = with_story(database, studio)
    keep(database, revision, report(passed=True))
    with database.transaction() as session, pytest.raises(Conflict, match="n’échoue pas"):
        stories.mark_obsolete(session, studio.iris, SLUG, PATH, "Pour voir.", revision)


# -- texts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("titre = ", "ne se lit pas \\((ligne 1, colonne 9|à la fin)"),
        ('titre = "x"\n', "aucune étape"),
        ('[[etapes]]\nfair = "saisir"\n', "étape 1.: «.fair.» n’existe pas"),
        ('[[etapes]]\nattendre = { status = "clos" }\n', "on ne sait pas attendre «.status.»"),
        ("[[etapes]]\nattendre = 3\n", "s’écrivent chacune"),
        ("etapes = 3\n", "s’écrivent chacune"),
        ("#" * 70_000, "trop long"),
    ],
)
def test_a_text_that_tells_no_story_is_refused_in_french(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        stories.checked(text, "recit")


def test_a_copy_takes_a_free_name(database) -> None:
    studio = make_studio(database)
    revision, _ = with_story(database, studio)
    with database.transaction() as session:
        made = stories.copy_story(session, studio.iris, SLUG, PATH, revision)
        again = stories.copy_story(session, studio.iris, SLUG, PATH, revision + 1)
    assert (made, again) == ("scenarios/une-demande-copie.toml", "scenarios/une-demande-copie-2.toml")
