"""Plays the scenarios of a démarche on real rows: a database of its own, the real operations, the real mails.

Nothing outside that database is touched: mails are written, not sent. Time is frozen for the whole process while a
story is played, so scenarios run in a process of their own (tests, the command line), never inside the web server.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock, outbox
from app.cases import machinery, opening, operations
from app.cases.models import Case
from app.cases.queries import Opened, Who, open_case_rows, open_tasks
from app.cases.scenario_cast import FILE, Cast, build_cast, silence
from app.cases.steps import StepPage, step_page
from app.composition import open_database
from app.config import Settings, settings_from
from app.db import Base, Database, Json
from app.documents.receiving import Prepared, StoredFile
from app.documents.storage import new_key
from app.documents.uploads import attach_uploads
from app.engine.bpmn_reader import read_graph
from app.engine.bundle import PROCESS, Bundle
from app.engine.models import Task
from app.engine.operations import Call, registry
from app.engine.runtime import Outcome
from app.engine.scenarios import Act, ActRefused, ScenarioError, Seen, Story, never_met, play, read_story
from app.engine.steps import EngineFault
from app.engine.timers import after
from app.engine.xml import load_xml
from app.errors import PortalError
from app.facts import Work, handler_of
from app.mail import writer_of
from app.outbox import OutboxFact
from app.policy import FAMILY_LANE, SYSTEM, Actor, Grant, Permission
from app.procedures.checking import process_id
from app.procedures.operations import publish
from app.procedures.queries import published
from app.town.operations import change_settings

BEGINS = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
MAX_ROUNDS = 20
VISITOR = Who(Actor("visitor", None, "Une personne sans compte"), "0" * 64)

EmptyDatabase = Callable[[], AbstractContextManager[Database]]
#: Told how many stories were played, of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Told:
    """How one story went: ``problem`` is empty when all is as it says; ``met`` are the nodes it went through."""

    file: str
    title: str
    problem: str
    met: frozenset[str]


@dataclass(frozen=True)
class Report:
    """How the stories of a démarche went, and the drawn elements that none of them met (id → name)."""

    slug: str
    stories: tuple[Told, ...]
    uncovered: Mapping[str, str]

    @property
    def ok(self) -> bool:
        return not self.uncovered and all(not story.problem for story in self.stories)


def run_scenarios(
    bundle: Bundle,
    callees: Mapping[str, Bundle] | None = None,
    *,
    empty_database: EmptyDatabase | None = None,
    roles: Collection[str] = (),
    progress: Progress = lambda _done, _total: None,
) -> Report:
    """Plays every ``scenarios/*.toml`` of ``bundle``; ``callees`` are the démarches it calls, by slug, ``roles`` those
    of the commune beside the shipped ones. Raises NotPublishable when the démarche itself is wrong: verify it first.
    Each story has its own database: a copy of one SQLite file prepared once, or the empty one that ``empty_database``
    opens (to play on PostgreSQL).
    """
    bundles = {**(callees or {}), process_id(bundle): bundle}
    stories = sorted(name for name in bundle.files if name.startswith("scenarios/"))
    told: list[Told] = []
    with clock.frozen(BEGINS) as time, _stages(bundles, empty_database, roles) as stage:
        for name in stories:
            progress(len(told), len(stories))
            time.set(BEGINS)
            told.append(_tell(name, bundle, stage, time))
    met = frozenset[str]().union(*(story.met for story in told))
    graph = read_graph(load_xml(bundle.files[PROCESS], PROCESS))
    return Report(process_id(bundle), tuple(told), never_met(graph, met))


Stage = Callable[[], AbstractContextManager["tuple[Database, Settings, Cast]"]]


def _tell(name: str, bundle: Bundle, stage: Stage, time: clock.FrozenClock) -> Told:
    try:
        story = read_story(bundle.files[name], name)
    except ScenarioError as error:
        return Told(name, name, str(error), frozenset())
    with stage() as (database, settings, cast):
        player = Player(database, settings, process_id(bundle), cast, time)
        try:
            play(story, player)
        except (ScenarioError, EngineFault) as error:
            return Told(name, story.title, str(error), frozenset(player.met))
        except (
            Exception
        ) as error:  # written by hand: one wrong value is this story's failure, not the end of the others
            return Told(name, story.title, f"ne peut pas être joué : {str(error)[:200]}", frozenset(player.met))
    return Told(name, story.title, "", frozenset(player.met))


# -- the stage -------------------------------------------------------------------------------------------------------


def stage_settings(folder: Path) -> Settings:
    """Settings that reach nothing outside ``folder``."""
    return settings_from(
        {
            "PORTAIL_MODE": "test",
            "SECRET_KEY": "scenario" * 8,
            "MAIL_URL": "outbox:",
            "DATA_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder}/scenario.db",
            "STORAGE_URL": f"file://{folder}/pieces",
            "PUBLIC_URL": "https://portail.example.org",
        }
    )


def prepare(database: Database, bundles: Mapping[str, Bundle], roles: Collection[str] = ()) -> Cast:
    """The cast, and the démarches published as an administrator would; those that are called come first."""
    with database.transaction() as session:
        cast = build_cast(session, roles)
    with database.transaction() as session:
        for slug, bundle in bundles.items():
            publish(session, SYSTEM, slug, bundle, "Essai des scénarios.")
    with database.transaction() as session:
        silence(session)
    return cast


@contextmanager
def one_stage(bundle: Bundle, callees: Mapping[str, Bundle], roles: Collection[str]) -> Iterator[Player]:
    """A player for one story that is being written. Raises NotPublishable as ``run_scenarios`` does."""
    slug = process_id(bundle)
    bundles = {**callees, slug: bundle}
    with clock.frozen(BEGINS) as time, _stages(bundles, None, roles) as stage, stage() as (database, settings, cast):
        yield Player(database, settings, slug, cast, time)


@contextmanager
def _stages(
    bundles: Mapping[str, Bundle], empty_database: EmptyDatabase | None, roles: Collection[str]
) -> Iterator[Stage]:
    """What gives each story its database, its settings and its cast."""
    folder = Path(tempfile.mkdtemp(prefix="portail-scenarios-"))
    try:
        if empty_database is None:
            template = folder / "template"
            template.mkdir()
            cast = _build_template(template, bundles, roles)
            yield lambda: _copy(template, folder / "story", cast)
        else:
            yield lambda: _fresh(empty_database, folder, bundles)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _build_template(folder: Path, bundles: Mapping[str, Bundle], roles: Collection[str]) -> Cast:
    database = open_database(stage_settings(folder))
    try:
        Base.metadata.create_all(database.engine)
        cast = prepare(database, bundles, roles)
    finally:
        # the last connection of a SQLite database folds its write-ahead log back into the file that is copied
        database.dispose()
    return cast


@contextmanager
def _copy(template: Path, folder: Path, cast: Cast) -> Iterator[tuple[Database, Settings, Cast]]:
    shutil.copytree(template, folder)
    settings = stage_settings(folder)
    database = open_database(settings)
    try:
        yield database, settings, cast
    finally:
        database.dispose()
        shutil.rmtree(folder)


@contextmanager
def _fresh(
    empty_database: EmptyDatabase, folder: Path, bundles: Mapping[str, Bundle]
) -> Iterator[tuple[Database, Settings, Cast]]:
    with empty_database() as database:
        yield database, stage_settings(folder), prepare(database, bundles)


# -- the player ------------------------------------------------------------------------------------------------------


class Player:
    """The driver of one story; ``met`` gathers the nodes it goes through, also when the story fails half-way."""

    def __init__(self, database: Database, settings: Settings, slug: str, cast: Cast, time: clock.FrozenClock) -> None:
        self.database, self.settings, self.slug, self.cast, self.time = database, settings, slug, cast, time
        self.case_id = uuid.UUID(int=0)
        self.filer = VISITOR
        self.met: set[str] = set()
        self.mails: list[tuple[str, str]] = []

    def begin(self, story: Story) -> Iterable[str]:
        if story.begins:
            self.time.set(story.begins)
        if story.commune:
            with self.database.transaction() as session:
                change_settings(session, SYSTEM, story.commune)
        with self.database.transaction() as session:
            procedure = published(session, self.slug)
            if procedure.needs_account or story.by:
                self.filer = self._named(story.by or "parent")
            data = {name: self.cast.value(value) for name, value in story.initial.items()}
            case, outcome = opening.open_case(session, self.filer, procedure, data=data)
            self.case_id = case.id
            self._follow(outcome)
        return self.met

    def act(self, act: Act) -> Iterable[str]:
        self.mails = []
        if act.advance:
            self._advance(act.advance)
        elif act.operation:
            self._meanwhile(act)
        elif act.message or act.do:
            with self.database.transaction() as session:
                opened = open_case_rows(session, self.case_id, self._task(act), lock=True)
                try:
                    outcome = self._step(session, act, opened)
                except PortalError as refusal:
                    session.rollback()
                    raise ActRefused(refusal.message) from refusal
                self._follow(outcome)
        self._deliver()
        return self.met

    def _step(self, session: Session, act: Act, opened: Opened) -> Outcome:
        if act.message:
            return operations.send_message(session, self.who(act, None), opened, act.message)
        return self._do(session, act, opened)

    def _follow(self, outcome: Outcome) -> None:
        self.met |= set(outcome.visited)
        if outcome.failures:
            raise ScenarioError(f"incident sur « {outcome.failures[0].node} » : {outcome.failures[0].cause}")

    def _task(self, act: Act) -> uuid.UUID | None:
        if not act.do:
            return None
        with self.database.transaction(read_only=True) as session:
            found = next((task.id for task in open_tasks(session, self.case_id) if task.node == act.do), None)
        if found is None:
            raise ScenarioError(f"l’étape « {act.do} » n’attend personne")
        return found

    def who(self, act: Act, task: Task | None) -> Who:
        """Whom the story names; else whoever filed, or an agent of the lane."""
        if act.by == "agent" or (not act.by and task is not None and task.lane != FAMILY_LANE):
            return Who(_agent(task))
        return self._named(act.by) if act.by else self.filer

    def _named(self, name: str) -> Who:
        if name == "visiteur":
            return replace(VISITOR, visitor_hash="1" * 64)
        if name not in self.cast.people:
            known = ", ".join(sorted([*self.cast.people, "agent", "visiteur"]))
            raise ScenarioError(f"« {name} » n’est personne. Connus : {known}")
        return Who(self.cast.people[name])

    def _do(self, session: Session, act: Act, opened: Opened) -> Outcome:
        who = self.who(act, opened.task)
        if opened.task is not None and opened.task.form is None:
            return operations.submit(session, who, opened, {}, [])
        page = step_page(session, who, opened)
        given = {name: self.cast.value(value) for name, value in (act.values or {}).items()}
        _check_names(page, given)
        self._upload(session, who, page, given)
        # read again: what was just sent is among the choices now, as on the page that checks before sending
        page = step_page(session, who, opened)
        form = page.form(stored=given)
        if not form.validate():
            raise ActRefused(" ".join(text for _, text in form.errors))
        values = form.values()
        return operations.submit(session, who, opened, values, page.told(values))

    def _upload(self, session: Session, who: Who, page: StepPage, given: dict[str, Json]) -> None:
        """Files sent now (``@fichier``) become documents of the demande, as they do when a page is sent."""
        sent = [name for name, value in given.items() if isinstance(value, list) and FILE in value]
        if not sent:
            return
        for name in sent:
            given[name] = [each for each in given[name] if each != FILE]
        form = page.form(stored=given)
        case = page.opened.case
        refused = attach_uploads(
            session,
            who.actor,
            form,
            Prepared(stored=tuple(_received(name) for name in sent)),
            case_id=case.id,
            household_id=case.household_id,
        )
        if refused:
            raise ActRefused(refused[0][1])
        session.flush()
        values = form.values()
        given.update({name: values[name] for name in sent})

    def _meanwhile(self, act: Act) -> None:
        """Something happens elsewhere: an operation of the catalogue, called by the portal itself."""
        with self.database.transaction() as session:
            spec = registry[act.operation]
            given = {name: self.cast.value(value) for name, value in (act.values or {}).items()}
            facts = open_case_rows(session, self.case_id).facts
            spec.run(Call(session, SYSTEM, facts, uuid.uuid4()), spec.bind(given))

    def _advance(self, duration: str) -> None:
        self.time.set(after(duration, clock.now()))
        with self.database.transaction() as session:
            outcome = machinery.fire_timers_of(session, self.case_id)
            if outcome is not None:
                self._follow(outcome)

    def _deliver(self) -> None:
        """What the workers would do now: handlers run, mails are written and kept for the story, nothing is sent."""
        for _ in range(MAX_ROUNDS):
            with self.database.transaction(read_only=True) as session:
                waiting = select(OutboxFact).where(OutboxFact.state == "pending")
                facts = [
                    (fact.id, fact.kind, dict(fact.payload))
                    for fact in session.scalars(waiting.order_by(OutboxFact.created_at))
                ]
            if not facts:
                return
            for fact_id, kind, payload in facts:
                self._treat(Work(self.database, self.settings, fact_id), kind, payload)
        raise ScenarioError("les faits s’appellent l’un l’autre sans fin")

    def _treat(self, work: Work, kind: str, payload: dict[str, Json]) -> None:
        if (handler := handler_of(kind)) is not None:
            handler(work, payload)
        with self.database.transaction() as session:
            if (writer := writer_of(kind)) is not None:
                self.mails += [(draft.subject, draft.body) for draft in writer(session, self.settings, payload)]
            outbox.mark_done(session, work.fact_id)

    def look(self) -> Seen:
        with self.database.transaction(read_only=True) as session:
            case = session.get_one(Case, self.case_id)
            nodes = frozenset(task.node for task in open_tasks(session, self.case_id))
            return Seen(case.status, nodes, tuple(self.mails), case.closed_at is not None, case.reason or "")


def _check_names(page: StepPage, given: Mapping[str, Json]) -> None:
    """A story may only fill what the page shows: a slip of the pen, or a field that is not reopened, is a mistake."""
    fields = {name: spec.name for spec in page.definition.fields() for name in spec.produced()}
    for name in given:
        if name not in fields:
            raise ScenarioError(f"« {name} » n’est pas un champ de cette étape")
        if page.only is not None and fields[name] not in page.only:
            raise ScenarioError(f"« {name} » n’est pas à corriger : {', '.join(page.only)}")


def _agent(task: Task | None) -> Actor:
    """An agent who holds the role of this task, whichever it is."""
    role = task.lane if task is not None else "gestionnaire"
    return Actor("agent", None, "Agent du scénario", (Grant(role, frozenset(Permission)),))


def _received(field: str) -> StoredFile:
    return StoredFile(field, new_key(), "document.pdf", "application/pdf", 1000, 1, "0" * 64, (), "clean")
