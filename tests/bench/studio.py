"""The studio: what verification costs a draft of sixty nodes, and publication one of twenty scenarios (issue 3)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.db import Database
from app.engine.bpmn_reader import read_graph
from app.engine.bundle import PROCESS, SETTINGS, Bundle
from app.engine.xml import load_xml
from app.procedures.checking import check_bundle
from app.procedures.operations import install_shipped
from app.studio import drafts, publication, stories
from app.studio.checks import problems_of, verify_draft
from app.studio.models import Draft, ScenarioRun
from tests.bench.measuring import Measure
from tests.cases.making import SLUG
from tests.studio.blocks import Block, demarche
from tests.studio.making import Studio, make_studio

SHIPPED = Path(__file__).parents[2] / "workflows"
NODES = 60
STORIES = 20
SAMPLES = 11
#: What lies between the first step of an agent and his decision: sixty nodes in all.
SHAPES: Mapping[str, Sequence[str]] = {
    "choices": ("choice", "late") * 6,
    "sub_processes": (*("inside",) * 6, *("late",) * 3, "choice", "control", "control"),
    "nine_branches": (*("wide",) * 4, "late"),
    "long_branches": ("long", "control"),
}


class Verified:
    """A draft that is saved and judged again and again, each time with something new in it."""

    def __init__(self, database: Database, studio: Studio) -> None:
        self.database, self.iris, self.saves = database, studio.iris, 0
        with database.transaction() as session:
            self.id = drafts.open_draft(session, studio.iris, SLUG).id

    def judge(self, bundle: Bundle) -> float:
        """Milliseconds from a save to the verdict that is stored, as a worker that is free gives it."""
        self.saves += 1
        kind = self.database.engine.dialect.name
        settings = bundle.files[SETTINGS] + f"# {kind}, {self.saves}\n".encode()  # nothing that was judged before
        with self.database.transaction() as session:
            revision = drafts.the_draft(session, SLUG).revision
            changes = {**bundle.files, SETTINGS: settings}
            drafts.save_files(session, self.iris, SLUG, changes, revision)
        begun = time.perf_counter()
        verify_draft(self.database, self.id)
        spent = (time.perf_counter() - begun) * 1000
        assert not [each for each in problems_of(self.draft()) or () if each.severity == "error"]
        return spent

    def publish(self) -> float:
        """Milliseconds during which others wait for the transaction that publishes the draft."""
        draft = self.draft()
        with self.database.transaction(read_only=True) as session:
            check_bundle(session, publication.about_to_be_published(session, SLUG), SLUG)
        begun = time.perf_counter()
        with self.database.transaction() as session:
            seen = draft.base_version_id
            publication.publish_draft(session, self.iris, SLUG, "Mesure", revision=draft.revision, seen=seen)
        return (time.perf_counter() - begun) * 1000

    def draft(self) -> Draft:
        with self.database.transaction(read_only=True) as session:
            return drafts.the_draft(session, SLUG)


def sixty(kinds: Sequence[str]) -> Bundle:
    """A démarche of ``NODES`` nodes."""
    bundle = demarche([Block(kind, f"bloc_{number}") for number, kind in enumerate(kinds)])
    assert len(read_graph(load_xml(bundle.files[PROCESS], PROCESS)).nodes) == NODES
    return bundle


def with_stories(database: Database, studio: Studio) -> tuple[uuid.UUID, int, uuid.UUID | None]:
    """A draft of « absence » with ``STORIES`` scenarios, its own and copies: its id, its revision, its origin."""
    with database.transaction() as session:
        draft = drafts.open_draft(session, studio.iris, "absence")
        files = drafts.files_of(draft)
        own = [files[path] for path in stories.paths_of(files)]
        more = {f"scenarios/copie-{n}.toml": own[n % len(own)] for n in range(STORIES - len(own))}
        revision = drafts.save_files(session, studio.iris, "absence", dict(more), draft.revision)
        return draft.id, revision, draft.base_version_id


def play_and_publish(database: Database, studio: Studio) -> tuple[float, float]:
    """Seconds to play the scenarios as a worker does, and to publish then."""
    draft_id, revision, seen = with_stories(database, studio)
    begun = time.perf_counter()
    with database.transaction() as session:
        stories.ask_run(session, studio.iris, "absence")
    stories.play_draft(database, draft_id, revision)
    played = time.perf_counter()
    with database.transaction(read_only=True) as session:
        run = session.get_one(ScenarioRun, draft_id)
        assert (run.state, run.done) == ("done", STORIES), run.message
        check_bundle(session, publication.about_to_be_published(session, "absence"), "absence")
    with database.transaction() as session:
        publication.publish_draft(session, studio.iris, "absence", "Mesure", revision=revision, seen=seen)
    return played - begun, time.perf_counter() - played


def measure(database: Database, kind: str, samples: int = SAMPLES) -> list[Measure]:
    """The best of some verifications, how long publication holds the others back, and publication with scenarios."""
    studio = make_studio(database)
    with database.transaction() as session:
        install_shipped(session, SHIPPED)
    draft = Verified(database, studio)
    measures = []
    for name, kinds in SHAPES.items():
        spent = min(draft.judge(sixty(kinds)) for _ in range(samples))
        measures.append(Measure(f"studio.{kind}.verify.{NODES}.{name}", round(spent, 1), "ms", bar=300))
    measures.append(Measure(f"studio.{kind}.publish.others_wait", round(draft.publish(), 1), "ms"))
    playing, publishing = play_and_publish(database, studio)
    name = f"studio.{kind}.publish.{STORIES}_scenarios"
    return [*measures, Measure(name, round(playing + publishing, 2), "s", bar=10)]
