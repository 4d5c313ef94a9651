"""Rows equal the workflow after every step, whatever people do; due dates; long lives."""

import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import clock
from app.composition import open_database
from app.db import Database
from app.engine.models import Subscription, Task, TaskKey
from app.engine.projection import due_at
from app.engine.runtime import NotWaiting
from tests.conftest import settings_for
from tests.engine.bpmn_builder import (
    after,
    boundary,
    catch,
    end,
    error,
    event_gateway,
    event_sub_process,
    every,
    lane,
    message,
    parallel,
    process,
    script,
    service,
    signal,
    start,
    sub_process,
    user_task,
    xor,
)
from tests.engine.house import House, make_facts

SHIPPED = process(
    "p",
    lane("famille", start(), user_task("saisir", statut="brouillon"), user_task("completer", statut="traitement")),
    lane(
        "agent",
        user_task("prendre", statut="en_attente"),
        boundary("m", "prendre", message("modifier")),
        boundary("c", "prendre", message("annuler")),
        boundary("r", "prendre", every("'R3/P1D'"), interrupting=False),
        user_task("instruire", statut="traitement"),
        xor("x"),
        service("agir", "essai.agir"),
        end("accepte", statut="clos"),
        end("annule", statut="annule"),
        end("relance"),
    ),
    "debut -> saisir -> prendre -> instruire -> x",
    "m -> saisir",
    "c -> annule",
    "r -> relance",
    "x -> agir if n == 0",
    "x -> completer default",
    "completer -> instruire",
    "agir -> accepte",
)

CROWDED = process(
    "p", start(), parallel("f"),
    user_task("a", each=("liste", "x"), statut="en_attente"), boundary("ma", "a", message("m1"), interrupting=False),
    sub_process(
        "sp", start("d"), user_task("b", statut="traitement"), xor("x1"), end("e", error("grave")), end("g"),
        event_sub_process("esp", start("s", signal("m2")), user_task("h"), end("fh"), "s -> h -> fh"),
        "d -> b -> x1", "x1 -> e if n == 1", "x1 -> g default", each=("liste", "x"),
    ),
    boundary("ee", "sp", error("grave")), user_task("secours"),
    event_gateway("w"), catch("w1", message("m3")), catch("w2", after("'P2D'")), xor("mw"), user_task("na"),
    parallel("j"), script("s1", "vu = 1"), end(),
    "debut -> f -> a -> j", "f -> sp -> mw2", "ee -> secours -> mw2", "f -> w", "w -> w1 -> mw", "w -> w2 -> mw",
    "mw -> j", "mw2 -> j", "j -> s1 -> fin", "ma -> na -> fin", xor("mw2"),
)  # fmt: skip

MESSAGES = ("modifier", "annuler", "m1", "m2", "m3")


@pytest.fixture(scope="module")
def walked(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("walks")
    shutil.copyfile(sqlite_template, folder / "test.db")
    database = open_database(settings_for(f"sqlite:///{folder}/test.db", folder))
    yield database
    database.dispose()


@pytest.mark.parametrize("xml", [SHIPPED, CROWDED], ids=["shipped", "crowded"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walk=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 3)), max_size=14))
def test_rows_equal_the_workflow_on_any_walk(walked: Database, xml: bytes, walk: list[tuple[int, int, int]]) -> None:
    """``House`` compares rows and state after each step; here steps are drawn at random."""
    house = House(walked, xml)
    with clock.frozen(datetime(2026, 11, 20, 8, tzinfo=UTC)) as time:
        house.start(liste=["u", "v"], n=0)
        for kind, which, n in walk:
            if house.ended:
                break
            if kind < 6 and (tasks := [task for task in house.rows(Task) if task.closed_at is None]):
                house.world.behaviour = "panne" if n == 3 else "ok"
                house.complete(sorted(tasks, key=lambda task: (task.node, task.opened_at))[which % len(tasks)].id, n=n)
            elif kind == 6:
                time.advance(hours=15 * (n + 1))
                house.tick()
            elif kind == 7:
                house.retry()
            else:
                try:
                    house.send(MESSAGES[which % len(MESSAGES)], {"n": n})
                except NotWaiting:
                    house.check()


def test_keys_of_search_live_as_long_as_the_agents_task(database: Database) -> None:
    house = House(database, SHIPPED)
    structure = uuid.uuid4()
    house.facts = make_facts(structure_id=structure, search=("lena martin", "lena martin", "x" * 300))
    house.start(n=0)

    def keys() -> set[tuple[str, str]]:
        with database.transaction(read_only=True) as session:
            return {(row.key, row.queue) for row in session.query(TaskKey)}

    assert keys() == set(), "families find their own tasks otherwise"
    house.do("saisir")
    assert keys() == {("lena martin", f"agent:{structure}"), ("x" * 120, f"agent:{structure}")}
    house.send("modifier")
    assert keys() == set()
    house.do("saisir")
    house.do("prendre")
    house.do("instruire", n=0)
    assert keys() == set()


def test_a_gateway_that_awaits_two_messages_has_two_rows(sqlite_database: Database) -> None:
    house = House(
        sqlite_database,
        process(
            "p",
            start(),
            event_gateway("g"),
            catch("a", message("oui")),
            catch("b", signal("oui")),
            catch("c", message("non")),
            end(),
            "debut -> g",
            "g -> a -> fin",
            "g -> b -> fin",
            "g -> c -> fin",
        ),
    )
    house.start()
    assert sorted((row.kind, row.name) for row in house.rows(Subscription)) == [
        ("message", "non"),
        ("message", "oui"),
        ("signal", "oui"),
    ]


def test_the_status_is_the_most_advanced_of_what_is_active(sqlite_database: Database) -> None:
    house = House(
        sqlite_database,
        process(
            "p",
            start(),
            parallel("f"),
            user_task("a", statut="en_attente"),
            user_task("b", statut="brouillon"),
            user_task("c", statut="traitement"),
            parallel("j"),
            end(statut="clos"),
            "debut -> f",
            "f -> a -> j",
            "f -> b -> j",
            "f -> c -> j",
            "j -> fin",
        ),
    )
    assert house.start().status == "traitement"
    assert house.do("c").status == "en_attente"
    assert house.do("a").status == "brouillon"
    assert house.do("b").status == "clos"


def test_a_case_may_be_modified_a_thousand_times_and_stays_small(sqlite_database: Database) -> None:
    house = House(sqlite_database, SHIPPED, forgetful=False)
    house.check = lambda: None  # type: ignore[method-assign]  # a thousand comparisons prove no more than twenty
    house.start(n=1)
    sizes = []
    for turn in range(400):
        house.do("saisir", tour=turn)
        house.send("modifier")
        sizes.append(len(house.workflow()[2].state))
    assert max(sizes[20:]) < 1200
    workflow, _, _ = house.workflow()
    assert max(task.depth for task in workflow.tasks.values()) < 60
    House.check(house)
    assert (house.open(), house.data("saisir")["tour"]) == (["saisir"], 399)
    house.do("saisir")
    house.do("prendre")
    for _ in range(60):
        house.do("instruire", n=1)
        house.do("completer")
    assert {"saisir", "m", "prendre", "instruire", "completer", "x"} <= house.visited()
    assert house.do("instruire", n=0).status == "clos"


# --- When a task should be done --------------------------------------------------------------------------------


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=clock.PARIS).astimezone(UTC)


@pytest.mark.parametrize(
    ("rule", "opened", "due"),
    [
        ("P5D", "2026-11-20T10:00", "2026-11-25T10:00"),
        ("P5D", "2026-10-23T10:00", "2026-10-28T10:00"),  # clocks go back on 25 October: the hour people read stays
        ("PT48H", "2026-10-24T10:00", "2026-10-26T09:00"),  # but hours are hours
        ("5 jours", "2026-03-27T10:00", "2026-04-01T10:00"),
        ("3 jours ouvrés", "2026-11-20T10:00", "2026-11-25T10:00"),  # Friday
        ("1 jour ouvré", "2026-12-24T17:30", "2026-12-28T17:30"),  # Christmas, then a week-end
        ("2 jours ouvrés", "2026-05-13T10:00", "2026-05-18T10:00"),  # Ascension Day
        (None, "2026-11-20T10:00", "2026-11-27T10:00"),
        ("", "2026-11-20T10:00", "2026-11-27T10:00"),
        ("2026-12-01", "2026-11-20T10:00", "2026-12-01T00:00"),
        ("2026-12-01T12:00", "2026-11-20T10:00", "2026-12-01T12:00"),
        ("P1M", "2027-01-31T10:00", "2027-02-28T10:00"),
    ],
)
def test_due_dates_follow_their_rule_on_paris_calendar(rule: str | None, opened: str, due: str) -> None:
    assert due_at(rule, at(opened)) == at(due)


def test_a_rule_that_cannot_be_read_is_told_as_such() -> None:
    for rule in ("bientôt", "P5", "3 semaines", "jours ouvrés"):
        with pytest.raises(ValueError):
            due_at(rule, datetime(2026, 11, 20, tzinfo=UTC))


def test_a_task_row_says_what_a_list_shows(sqlite_database: Database) -> None:
    xml = process(
        "p",
        lane("agent", start(), user_task("a", name="Vérifier", statut="en_attente", form="vue", echeance="P2D"), end()),
        "debut -> a -> fin",
    )
    house = House(sqlite_database, xml)
    owner, structure = uuid.uuid4(), uuid.uuid4()
    house.facts = make_facts(owner_id=owner, structure_id=structure)
    with clock.frozen(datetime(2026, 11, 20, tzinfo=UTC)):
        house.start()
    (row,) = house.rows(Task)
    found: dict[str, Any] = {
        key: getattr(row, key)
        for key in (
            "title",
            "lane",
            "queue",
            "status",
            "form",
            "procedure",
            "case_title",
            "reference",
            "subject",
            "structure_id",
            "owner_id",
            "assignee_id",
        )
    }
    assert found == {
        "title": "Vérifier", "lane": "agent", "queue": f"agent:{structure}", "status": "en_attente", "form": "vue",
        "procedure": "essai", "case_title": "Essai", "reference": "26-ABCD-EFGH", "subject": "Léna",
        "structure_id": structure, "owner_id": owner, "assignee_id": None,
    }  # fmt: skip
    assert row.due_at - row.opened_at == timedelta(days=2)
