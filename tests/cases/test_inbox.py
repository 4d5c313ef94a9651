"""The inbox: who sees which tasks, in which order, page by page, filtered, searched — and at what cost."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update

from app import clock
from app.cases import inbox
from app.cases.inbox import Filters, InboxPage
from app.db import Database, new_id
from app.engine.models import Task
from app.policy import Actor, Grant
from app.town.queries import structures
from tests.bench.seed_tasks import seed_tasks
from tests.cases.making import World, count_statements, file_case, make_world, open_task, sign_in

WORK = frozenset({"task:work"})


def agent(*grants: tuple[str, uuid.UUID | None], permissions: frozenset[str] = WORK) -> Actor:
    return Actor("agent", new_id(), "Agent", tuple(Grant(role, permissions, place) for role, place in grants))


def every_page(database: Database, actor: Actor, tab: str, filters: Filters | None = None) -> list[InboxPage]:
    pages, after = [], ""
    with database.transaction(read_only=True) as session:
        while True:
            pages.append(inbox.page(session, actor, tab, filters or Filters(), after))
            if pages[-1].after is None:
                return pages
            after = pages[-1].after


def ids(pages: list[InboxPage]) -> list[uuid.UUID]:
    return [line.id for page in pages for line in page.lines]


def seeded(database: Database, count: int = 400) -> tuple[World, list[uuid.UUID]]:
    """A commune where tasks wait in two schools and in none."""
    world = make_world(database)
    agents = [world.nadia, world.paul]
    seed_tasks(database, count, structures=[world.lake, world.hill], agents=agents)
    return world, agents


def tasks_where(database: Database, *conditions) -> list[Task]:
    with database.transaction(read_only=True) as session:
        query = select(Task).where(Task.closed_at.is_(None), *conditions).order_by(Task.due_at, Task.id)
        return list(session.scalars(query))


def test_pages_follow_one_another_without_a_gap_or_a_double_in_the_order_of_due_dates(database) -> None:
    seeded(database)
    actor = agent(("gestionnaire", None), ("direction", None))
    shown = ids(every_page(database, actor, "a-prendre"))
    assert shown == [task.id for task in tasks_where(database, Task.assignee_id.is_(None))]
    assert len(shown) > 3 * inbox.PAGE


def test_an_agent_sees_the_tasks_of_her_roles_and_structures_only(database) -> None:
    world, _ = seeded(database)
    here = (Task.structure_id == world.lake) | Task.structure_id.is_(None)
    expected = [task.id for task in tasks_where(database, Task.assignee_id.is_(None), Task.lane == "direction", here)]
    assert ids(every_page(database, agent(("direction", world.lake)), "a-prendre")) == expected
    assert ids(every_page(database, agent(("regie", None)), "a-prendre")) == []
    assert ids(every_page(database, agent(("direction", None), permissions=frozenset()), "a-prendre")) == []


def test_the_three_lists_do_not_mix(database) -> None:
    world, _ = seeded(database)
    nadia = Actor("agent", world.nadia, "Nadia", (Grant("gestionnaire", WORK), Grant("direction", WORK)))
    free, mine, team = (every_page(database, nadia, tab) for tab in inbox.TABS)
    assert all(line.assignee_id is None for page in free for line in page.lines)
    assert {line.assignee_id for page in mine for line in page.lines} == {world.nadia}
    assert {line.assignee for page in team for line in page.lines} == {"Nadia Ferrand", "Paul Girod"}
    assert ids(mine) == [task.id for task in tasks_where(database, Task.assignee_id == world.nadia)]


@pytest.mark.parametrize("tab", inbox.TABS)
def test_filters_keep_what_they_say_on_every_list(database, tab) -> None:
    world, _ = seeded(database)
    nadia = Actor("agent", world.nadia, "Nadia", (Grant("gestionnaire", WORK), Grant("direction", WORK)))
    held = {
        "a-prendre": Task.assignee_id.is_(None),
        "mes-taches": Task.assignee_id == world.nadia,
        "equipe": Task.assignee_id.is_not(None),
    }[tab]
    status = "en_attente" if tab == "a-prendre" else "traitement"
    cases = [
        (Filters(procedure="absence"), (Task.procedure == "absence",)),
        (Filters(status=status), (Task.status == status,)),
        (Filters(status="brouillon"), (Task.status == "brouillon",)),
        (Filters(structure=str(world.hill)), (Task.structure_id == world.hill,)),
        (Filters(structure=inbox.NO_STRUCTURE), (Task.structure_id.is_(None),)),
        (
            Filters("contact", status, str(world.lake)),
            (Task.procedure == "contact", Task.status == status, Task.structure_id == world.lake),
        ),
    ]
    for filters, conditions in cases:
        expected = [task.id for task in tasks_where(database, held, *conditions)]
        assert ids(every_page(database, nadia, tab, filters)) == expected, filters


def test_counts_stop_at_a_hundred(database) -> None:
    world, _ = seeded(database)
    nadia = Actor("agent", world.nadia, "Nadia", (Grant("gestionnaire", WORK), Grant("direction", WORK)))
    team = len(tasks_where(database, Task.assignee_id.is_not(None)))
    mine = len(tasks_where(database, Task.assignee_id == world.nadia))
    with database.transaction(read_only=True) as session:
        assert inbox.counts(session, nadia) == {"a-prendre": inbox.COUNTED, "mes-taches": mine, "equipe": team}


def test_a_search_finds_a_family_both_ways_round_a_child_and_a_reference(database) -> None:
    world = make_world(database)
    wanted, other = file_case(database, world), file_case(database, world, world.bruno)
    actor = agent(("gestionnaire", None))
    reference = open_task(database, wanted).reference
    with database.transaction(read_only=True) as session:
        for text in ("Durand", "CAMILLE", "camille dur", "durand, camille", reference, reference[:5].lower()):
            cases = [line.case_id for line in inbox.found(session, actor, text, Filters()).lines]
            assert wanted in cases, text
        assert [line.case_id for line in inbox.found(session, actor, "roche", Filters()).lines] == [other]
        for text in ("%", "_", "urand", "'; DROP TABLE tasks", "\\", "\U0010ffff", " "):
            assert not inbox.found(session, actor, text, Filters()).lines, text


def test_a_search_stays_within_what_the_agent_may_see(database) -> None:
    world = make_world(database, structure="code:LAC")
    file_case(database, world)
    with database.transaction(read_only=True) as session:
        assert inbox.found(session, agent(("gestionnaire", world.lake)), "durand", Filters()).lines
        assert not inbox.found(session, agent(("gestionnaire", world.hill)), "durand", Filters()).lines
        assert not inbox.found(session, agent(("regie", None)), "durand", Filters()).lines


def test_a_vague_search_says_that_there_is_more(database) -> None:
    seeded(database)
    actor = agent(("gestionnaire", None), ("direction", None))
    with database.transaction(read_only=True) as session:
        shown = inbox.found(session, actor, "26", Filters())
    assert (len(shown.lines), shown.more) == (inbox.PAGE, True)


def test_a_mangled_page_address_opens_the_first_page(database) -> None:
    seeded(database, 60)
    actor = agent(("gestionnaire", None), ("direction", None))
    with database.transaction(read_only=True) as session:
        first = inbox.page(session, actor, "a-prendre", Filters())
        for after in (
            "x",
            "2026-01-01",
            "2026-01-01T00:00:00+00:00_x",
            "_",
            "9" * 90,
            f"0001-01-01T00:00:00+14:00_{uuid.UUID(int=0)}",
        ):
            assert inbox.page(session, actor, "a-prendre", Filters(), after).lines == first.lines


def test_a_closed_task_leaves_the_inbox_and_the_search(database, new_client) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    nadia = sign_in(new_client(), database, world.nadia)
    assert "Durand" in nadia.get("/agent/taches").text
    nadia.post(f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}")
    nadia.post(f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}", data={"decision": "accepter"})
    assert "Rien n’attend" in nadia.get("/agent/taches").text
    assert "Aucune tâche ne correspond" in nadia.get("/agent/taches?q=durand").text


def test_an_overdue_task_says_so_in_words(database, new_client) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    nadia = sign_in(new_client(), database, world.nadia)
    assert "En retard" not in nadia.get("/agent/taches").text
    with database.transaction() as session:
        session.execute(update(Task).where(Task.case_id == case_id).values(due_at=clock.now() - timedelta(hours=1)))
    assert "En retard" in nadia.get("/agent/taches").text


def test_the_inbox_costs_at_most_eight_statements_session_included(database, new_client) -> None:
    world, _ = seeded(database)
    nadia = sign_in(new_client(), database, world.nadia)
    for address in ("/agent/taches", "/agent/taches?onglet=equipe&statut=traitement", "/agent/taches?q=martin"):
        nadia.get(address)
        assert count_statements(database, lambda address=address: nadia.get(address)) <= 8


def test_hostile_addresses_give_a_page_not_an_error(database, new_client) -> None:
    world, _ = seeded(database, 60)
    nadia = sign_in(new_client(), database, world.nadia)
    for query in (
        "onglet=<script>", "structure=zzz", f"structure={uuid.uuid4()}", "statut=clos", "demarche=%27%3B--",
        "apres=0_0", "q=%00", "q=" + "a" * 500, "q=<script>alert(1)</script>",
    ):  # fmt: skip
        answer = nadia.get(f"/agent/taches?{query}")
        assert answer.status_code == (400 if "%00" in query else 200), query
        assert "<script>alert" not in answer.text


def test_no_list_reads_more_than_the_heads_of_its_piles(database) -> None:
    """The plan of each statement: indexes, never a whole table."""
    world = make_world(database)
    with database.transaction(read_only=True) as session:
        places = [each.id for each in structures(session)]
    seed_tasks(database, 20_000, structures=places, agents=[world.nadia, world.paul])
    nadia = Actor("agent", world.nadia, "Nadia", (Grant("gestionnaire", WORK), Grant("direction", WORK)))
    plans = []
    with database.transaction(read_only=True) as session:
        structures(session)
        for act in (
            lambda: inbox.page(session, nadia, "a-prendre", Filters()),
            lambda: inbox.page(session, nadia, "equipe", Filters(status="traitement")),
            lambda: inbox.page(session, nadia, "a-prendre", Filters(procedure="absence")),
            lambda: inbox.page(session, nadia, "mes-taches", Filters()),
            lambda: inbox.found(session, nadia, "martin", Filters()),
            lambda: inbox.counts(session, nadia),
        ):
            plans.append(plan_of(database, session, act))
    for plan, index in zip(
        plans,
        ("ix_tasks_free", "ix_tasks_team", "ix_tasks_free_procedure", "ix_tasks_mine", "ix_task_keys_queue_key", "ix"),
        strict=True,
    ):
        assert index in plan
        for whole in ("Seq Scan on tasks", "Seq Scan on task_keys", "SCAN tasks", "SCAN entry", "SCAN entry_key"):
            assert whole not in plan


def plan_of(database: Database, session, act) -> str:
    """How the database runs the statement that ``act`` sends."""
    sent = []

    def note(_connection, _cursor, statement, parameters, *_rest) -> None:
        sent.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    act()
    event.remove(database.engine, "before_cursor_execute", note)
    statement, parameters = sent[-1]
    explain = "EXPLAIN " if database.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    return "\n".join(str(row) for row in session.connection().exec_driver_sql(explain + statement, parameters))
