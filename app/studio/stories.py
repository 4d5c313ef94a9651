"""Scenarios of a draft: asked for, played by a worker apart, judged; their texts; those that are said obsolete.

``Draft.scenario_report`` holds ``stories`` [{path, title, passed, message}], ``coverage`` {element: how many stories
meet it}, ``uncovered`` {element: its name}; or ``error`` when the démarche itself cannot be played.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import tomlkit
from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from app import clock
from app.db import Database, Json, fold
from app.engine.scenarios import ScenarioError, Story, read_story
from app.errors import Conflict, NotFound, Refused
from app.facts import Work, handles, when_given_up
from app.journal import record
from app.outbox import emit
from app.policy import Actor, Permission, require
from app.studio.apart import NotPlayed, material_of, run_apart
from app.studio.drafts import SCENARIOS, files_of, must_be_current, must_hold, save_files, the_draft
from app.studio.models import Draft, ScenarioRun

MAX_TEXT = 60_000
MAX_REASON = 500
FORGOTTEN = timedelta(minutes=3)
"""A run that said nothing for so long may be asked for again."""
NAME = re.compile(r"[a-z0-9_-]{1,60}")
_PLACE = re.compile(r"\(at (?:line (\d+), column (\d+)|end of document)\)")


@dataclass(frozen=True)
class StoryLine:
    """One story of a draft. ``passed`` is ``None`` until it is played on the draft as it is; ``obsolete`` is why it may
    fail, by whom and when ({} when it may not)."""

    path: str
    title: str
    passed: bool | None
    message: str
    obsolete: Mapping[str, Json]

    @property
    def name(self) -> str:
        return name_of(self.path)


def name_of(path: str) -> str:
    """The name of a story in addresses."""
    return path.removeprefix(SCENARIOS).removesuffix(".toml")


def path_of(name: str) -> str:
    """The path of a story in the draft. Raises NotFound for what cannot be one."""
    if not NAME.fullmatch(name):
        raise NotFound("Ce scénario n’existe pas.")
    return f"{SCENARIOS}{name}.toml"


def paths_of(files: Mapping[str, bytes]) -> list[str]:
    """The stories among these files."""
    return sorted(name for name in files if name.startswith(SCENARIOS))


# -- what is known of them -------------------------------------------------------------------------------------------


def up_to_date(draft: Draft) -> bool:
    """Whether the report is about the draft as it is. Scenarios that changed since are not in it."""
    return draft.scenario_revision == draft.revision


def lines(draft: Draft, files: Mapping[str, bytes]) -> list[StoryLine]:
    """The stories of a draft, those that fail first."""
    told = {each["path"]: each for each in draft.scenario_report.get("stories", ())} if up_to_date(draft) else {}
    found = []
    for path in paths_of(files):
        known = told.get(path)
        found.append(
            StoryLine(
                path=path,
                title=title_of(files[path], path),
                passed=known["passed"] if known is not None else None,
                message=known["message"] if known is not None else "",
                obsolete=_obsolete(draft, path, files[path]),
            )
        )
    return sorted(found, key=lambda line: (line.passed is not False, line.title))


def title_of(raw: bytes, path: str) -> str:
    """What a story is called; its file name when it cannot be read."""
    try:
        return read_story(raw, name_of(path)).title
    except (ScenarioError, AttributeError, TypeError, ValueError):
        return name_of(path)


def _obsolete(draft: Draft, path: str, raw: bytes) -> Mapping[str, Json]:
    """The mark of a story; one that was put on another text of it holds no more."""
    mark: Mapping[str, Json] = draft.obsolete_stories.get(path, {})
    return mark if mark and mark["sha256"] == hashlib.sha256(raw).hexdigest() else {}


def block(draft: Draft) -> list[str]:
    """Why the scenarios forbid publication, one sentence each; empty when they do not."""
    files = files_of(draft)
    if not paths_of(files):
        return []
    if draft.scenario_revision is None:
        return ["Les scénarios n’ont pas encore été joués sur ce brouillon."]
    if not up_to_date(draft):
        return ["Les scénarios n’ont pas été rejoués depuis le dernier changement."]
    if error := draft.scenario_report.get("error"):
        return [str(error)]
    return [
        f"Le scénario « {line.title} » échoue : {line.message}"
        if line.passed is not None
        else f"Le scénario « {line.title} » n’a pas été joué depuis qu’il a changé."
        for line in lines(draft, files)
        if not line.passed and not line.obsolete
    ]


# -- playing them ----------------------------------------------------------------------------------------------------


def ask_run(session: Session, actor: Actor, slug: str) -> None:
    """Has every story of the draft played by a worker; nothing more happens while that is under way."""
    require(actor, Permission.PROCEDURE_EDIT)
    draft = the_draft(session, slug, lock=True)
    run = session.get(ScenarioRun, draft.id)
    now = clock.now()
    if run is not None and under_way(run) and run.revision == draft.revision:
        return
    if run is None:
        run = ScenarioRun(draft_id=draft.id)
        session.add(run)
    run.revision, run.state, run.message, run.asked_at = draft.revision, "waiting", "", now
    run.done, run.total = 0, len(paths_of(files_of(draft)))
    session.flush()
    emit(session, "scenarios.asked", draft=str(draft.id), revision=draft.revision)


def under_way(run: ScenarioRun) -> bool:
    """Whether a worker is at it, or will be."""
    return run.state in ("waiting", "running") and clock.now() - run.asked_at < FORGOTTEN


def run_of(session: Session, draft: Draft) -> ScenarioRun | None:
    """How far playing the draft as it is went, if it was asked for."""
    run = session.get(ScenarioRun, draft.id)
    return run if run is not None and run.revision == draft.revision else None


@handles("scenarios.asked")
def play_asked(work: Work, payload: Mapping[str, Json]) -> None:
    """Treats ``scenarios.asked``: a draft that moved on meanwhile, or a run that ended, is left alone."""
    play_draft(work.database, uuid.UUID(payload["draft"]), payload["revision"])


@when_given_up("scenarios.asked")
def say_given_up(session: Session, payload: Mapping[str, Json], _cause: str) -> None:
    """The person who waits is told."""
    _note(session, uuid.UUID(payload["draft"]), payload["revision"], state="failed", message="Le jeu n’a pas abouti.")


def play_draft(database: Database, draft_id: uuid.UUID, revision: int) -> None:
    """Plays the stories of a draft outside any transaction, noting how far it is, then keeps the report."""
    with database.transaction() as session:
        draft, run = session.get(Draft, draft_id), session.get(ScenarioRun, draft_id)
        if draft is None or run is None or draft.revision != revision:
            return
        if run.revision != revision or run.state not in ("waiting", "running"):
            return
        run.state = "running"
        material = material_of(session, draft.slug, draft.archive)

    def progress(done: int, total: int) -> None:
        with database.transaction() as session:
            _note(session, draft_id, revision, done=done, total=total)

    try:
        report = run_apart(material, progress)
    except NotPlayed as failure:
        with database.transaction() as session:
            _note(session, draft_id, revision, state="failed", message=str(failure))
        return
    with database.transaction() as session:
        store(session, draft_id, revision, report)
        count = len(report.get("stories", ()))
        _note(session, draft_id, revision, state="done", done=count, total=count)


def _note(session: Session, draft_id: uuid.UUID, revision: int, **values: Json) -> None:
    session.execute(
        update(ScenarioRun)
        .where(ScenarioRun.draft_id == draft_id, ScenarioRun.revision == revision)
        .where(ScenarioRun.state.in_(("waiting", "running")))
        .values(**values)
    )


def store(session: Session, draft_id: uuid.UUID, revision: int, report: Mapping[str, Json]) -> None:
    """Keeps the report of ``revision``, unless a newer one was made meanwhile."""
    session.execute(
        update(Draft)
        .where(Draft.id == draft_id, Draft.revision >= revision)
        .where(or_(Draft.scenario_revision.is_(None), Draft.scenario_revision <= revision))
        .values(scenario_report=dict(report), scenario_revision=revision)
    )


# -- their texts -----------------------------------------------------------------------------------------------------


def checked(text: str, name: str) -> Story:
    """The story that this text tells. Raises Refused (field ``text``) saying where it is wrong."""
    if len(text) > MAX_TEXT:
        raise Refused("Ce scénario est trop long.", "text")
    try:
        return read_story(text.encode(), name)
    except ScenarioError as error:
        raise Refused(_in_french(str(error)), "text") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise Refused("Les étapes s’écrivent chacune sous une ligne [[etapes]].", "text") from error


def _in_french(message: str) -> str:
    """What the reader of TOML says in English, by its place only."""
    place = _PLACE.search(message)
    if place is None:
        return message
    where = f"ligne {place[1]}, colonne {place[2]}" if place[1] else "à la fin du texte"
    return f"Ce texte ne se lit pas ({where}) : vérifiez les guillemets, les crochets et les signes =."


def written(text: str, path: str) -> bytes:
    """The file of a story, once it reads well. Raises Refused (field ``text``)."""
    text = text.replace("\r\n", "\n").rstrip() + "\n"
    checked(text, name_of(path))
    return text.encode()


def save_story(session: Session, actor: Actor, slug: str, path: str, text: str, revision: int) -> int:
    """Writes a story of the draft, once it reads well. Raises Refused, and what ``save_files`` raises."""
    return save_files(session, actor, slug, {path: written(text, path)}, revision)


def quoted(text: str) -> str:
    """A text as TOML writes it."""
    return tomlkit.string(text).as_string()


def free_path(files: Mapping[str, bytes], title: str) -> str:
    """Where a story of this title goes among these files."""
    stem = re.sub(r"[^a-z0-9]+", "-", fold(title)).strip("-")[:50].strip("-") or "scenario"
    names = (stem, *(f"{stem}-{number}" for number in range(2, 1000)))
    return next(path for name in names if (path := f"{SCENARIOS}{name}.toml") not in files)


def copy_story(session: Session, actor: Actor, slug: str, path: str, revision: int) -> str:
    """Adds the same story under another name; gives its path."""
    files = files_of(the_draft(session, slug))
    if path not in files:
        raise NotFound("Ce scénario n’existe pas.")
    made = free_path(files, f"{name_of(path)}-copie")
    save_files(session, actor, slug, {made: files[path]}, revision)
    return made


# -- obsolete ones ---------------------------------------------------------------------------------------------------


def mark_obsolete(session: Session, actor: Actor, slug: str, path: str, reason: str, revision: int) -> None:
    """Says that a story may fail, and why: it no longer holds publication back while its text stays the same."""
    require(actor, Permission.PROCEDURE_PUBLISH)
    reason = " ".join(reason.split())[:MAX_REASON]
    if not reason:
        raise Refused("Dites pourquoi ce scénario n’a plus cours.", "reason")
    draft, raw = _held_story(session, actor, slug, path, revision)
    if not any(line.path == path and line.passed is False for line in lines(draft, files_of(draft))):
        raise Conflict("Ce scénario n’échoue pas : il n’y a rien à écarter.")
    mark = {
        "sha256": hashlib.sha256(raw).hexdigest(),
        "reason": reason,
        "by": actor.label,
        "at": f"{clock.in_paris(clock.now()):%d/%m/%Y}",
    }
    draft.obsolete_stories = {**draft.obsolete_stories, path: mark}
    draft.approval_revision = None
    # the reason is about a démarche and nobody's file: it belongs in the journal
    record(session, actor, "story.obsolete", "draft", draft.id, slug=slug, story=path, reason=reason)
    session.flush()


def unmark_obsolete(session: Session, actor: Actor, slug: str, path: str, revision: int) -> None:
    """Takes the mark away: the story counts again."""
    require(actor, Permission.PROCEDURE_PUBLISH)
    draft, _ = _held_story(session, actor, slug, path, revision)
    draft.obsolete_stories = {key: mark for key, mark in draft.obsolete_stories.items() if key != path}
    record(session, actor, "story.counts_again", "draft", draft.id, slug=slug, story=path)
    session.flush()


def _held_story(session: Session, actor: Actor, slug: str, path: str, revision: int) -> tuple[Draft, bytes]:
    draft = the_draft(session, slug, lock=True)
    must_hold(draft, actor)
    must_be_current(draft, revision)
    files = files_of(draft)
    if path not in files:
        raise NotFound("Ce scénario n’existe pas.")
    return draft, files[path]
