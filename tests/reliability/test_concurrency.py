"""Several people at the same instant, over real connections: one wins, the others get a page that says so."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.cases.models import Answer, Case, Draft
from app.db import Database
from app.engine.models import Task
from tests.cases.making import SLUG, World, answer_family, case_of, file_case, make_world, open_draft, open_task
from tests.reliability.browser import STEP, Browser, Page
from tests.reliability.counting import disagreements
from tests.reliability.serving import Served, at_once, served

TYPED = {"motif": "Léna est malade", "jour": "2030-01-07"}
ROUNDS = 4


@pytest.fixture
def portal(database: Database, tmp_path: Path) -> Iterator[Served]:
    with served(database, tmp_path) as running:
        yield running


@pytest.fixture
def world(database: Database) -> World:
    return make_world(database)


def statuses(pages: list[Page]) -> list[int]:
    return sorted(page.status for page in pages)


def lost(pages: list[Page]) -> Page:
    """The page of the one who came second."""
    (page,) = [page for page in pages if page.status == 409]
    return page


def count(database: Database, model: type[Case] | type[Answer] | type[Draft]) -> int:
    with database.transaction(read_only=True) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_two_agents_take_the_same_step(database: Database, portal: Served, world: World) -> None:
    nadia, paul = portal.browser(world.nadia), portal.browser(world.paul)
    for _ in range(ROUNDS):
        case_id = file_case(database, world)
        step = f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}"
        pages = at_once([lambda: nadia.ask("POST", step), lambda: paul.ask("POST", step)])  # noqa: B023
        assert statuses(pages) == [302, 409]
        winner = "Nadia Ferrand" if pages[0].status == 302 else "Paul Girod"
        assert f"Déjà traitée par {winner}" in lost(pages).words()
        assert open_task(database, case_id).assignee_id == (world.nadia if pages[0].status == 302 else world.paul)
    assert disagreements(database) == []


def test_two_agents_decide_differently(database: Database, portal: Served, world: World) -> None:
    nadia, paul = portal.browser(world.nadia), portal.browser(world.paul)
    refusal = {"decision": "refuser", "decision_raison": "Arrivée trop tard."}
    for _ in range(ROUNDS):
        case_id = file_case(database, world)
        assert nadia.ask("POST", f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}").status == 302
        step = f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}"
        assert nadia.ask("POST", f"{step}/liberer").status == 302
        pages = at_once(
            [
                lambda: nadia.ask("POST", step, {"decision": "accepter"}),  # noqa: B023
                lambda: paul.ask("POST", step, refusal),  # noqa: B023
            ]
        )
        assert statuses(pages) == [302, 409]
        assert "Déjà traitée par" in lost(pages).words()
        assert case_of(database, case_id).status == ("clos" if pages[0].status == 302 else "refuse")
    assert disagreements(database) == []


def test_two_tabs_send_the_same_form(database: Database, portal: Served, world: World) -> None:
    for number in range(ROUNDS):
        first = portal.browser(world.camille)
        step = first.ask("GET", f"/demandes/nouvelle/{SLUG}?autre=1").found(STEP)
        assert first.ask("POST", f"{step}?page=1", TYPED).status == 302
        second = portal.tab(first)
        assert second.ask("GET", f"{step}?page=verification").status == 200
        send = f"{step}?page=verification"
        pages = at_once([lambda tab=tab, send=send: tab.ask("POST", send) for tab in (first, second)])  # type: ignore[misc]
        assert statuses(pages) == [302, 409]
        assert "déjà été envoyée" in lost(pages).words()
        assert count(database, Answer) == number + 1
    assert disagreements(database) == []


def test_twenty_parents_file_at_once(database: Database, portal: Served, world: World) -> None:
    with database.transaction() as session:
        parents = [world._account(session, f"Parent{number}", "Essai", "parent") for number in range(20)]
    browsers = [portal.browser(parent) for parent in parents]

    def file(browser: Browser) -> Page:
        step = browser.ask("GET", f"/demandes/nouvelle/{SLUG}").found(STEP)
        assert browser.ask("POST", f"{step}?page=1", TYPED).status == 302
        assert browser.ask("GET", f"{step}?page=verification").status == 200
        return browser.ask("POST", f"{step}?page=verification")

    pages = at_once([lambda browser=browser: file(browser) for browser in browsers])  # type: ignore[misc]
    assert {page.status for page in pages} == {302}
    with database.transaction(read_only=True) as session:
        owners = session.scalars(select(Case.owner_id).where(Case.status == "en_attente")).all()
    assert sorted(owners) == sorted(parents)
    assert count(database, Case) == count(database, Answer) == 20
    assert disagreements(database) == []


def test_the_first_saves_of_a_page_open_one_demande(database: Database, portal: Served, world: World) -> None:
    for number in range(ROUNDS):
        first = portal.browser(world.camille)
        step = first.ask("GET", f"/demandes/nouvelle/{SLUG}?autre=1").found(STEP)
        assert count(database, Case) == number
        addresses = [f"{step}/brouillon?page=1", f"{step}/questions?page=1", f"{step}?page=1", f"{step}?page=1"]
        tabs = [(portal.tab(first), address) for address in addresses]
        acts = [lambda tab=tab, address=address: tab.ask("POST", address, TYPED) for tab, address in tabs]  # type: ignore[misc]
        assert statuses(at_once(acts)) == [200, 200, 302, 302]
        assert count(database, Case) == count(database, Draft) == number + 1
    assert disagreements(database) == []


def test_saving_a_page_several_times_at_once_keeps_one_draft(database: Database, portal: Served, world: World) -> None:
    for _ in range(ROUNDS):
        case_id = open_draft(database, world)
        step = f"/demandes/{case_id}/etapes/{open_task(database, case_id).id}"
        addresses = [f"{step}/brouillon?page=1"] * 2 + [f"{step}?page=1"] * 2
        tabs = [(portal.browser(world.camille), address) for address in addresses]
        acts = [lambda tab=tab, address=address: tab.ask("POST", address, TYPED) for tab, address in tabs]  # type: ignore[misc]
        assert statuses(at_once(acts)) == [200, 200, 302, 302]
    assert count(database, Draft) == ROUNDS


def test_two_tabs_that_save_different_pages_lose_none(database: Database, portal: Served, world: World) -> None:
    case_id = open_draft(database, world)
    step = f"/demandes/{case_id}/etapes/{open_task(database, case_id).id}/brouillon?page=1"
    tabs = [portal.browser(world.camille) for _ in range(2)]
    for number in range(6):
        forms = ({"motif": f"Raison {number}"}, {"jour": f"2030-01-{number + 10}"})
        acts = [lambda tab=tab, form=form: tab.ask("POST", step, form) for tab, form in zip(tabs, forms, strict=True)]  # type: ignore[misc]
        assert statuses(at_once(acts)) == [200, 200]
    with database.transaction(read_only=True) as session:
        draft = session.scalars(select(Draft)).one()
        assert draft.revision == 12


def test_an_agent_types_again_in_a_step_that_came_back(database: Database, portal: Served, world: World) -> None:
    case_id = file_case(database, world)
    nadia = portal.browser(world.nadia)
    assert nadia.ask("POST", f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}").status == 302
    step = f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}"
    asking = {"decision": "completer", "decision_raison": "La date manque.", "decision_champs": ["jour"]}
    assert nadia.ask("POST", f"{step}/brouillon", asking).status == 200
    assert nadia.ask("POST", step, asking).status == 302
    answer_family(database, world, case_id)
    step = f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}"
    assert nadia.ask("POST", f"{step}/brouillon", {"decision": "refuser"}).status == 200
    with database.transaction(read_only=True) as session:
        draft = session.get_one(Draft, (case_id, "instruire"))
        assert draft.values["decision"] == "refuser"
        assert "La date manque." not in draft.values.values()


def test_an_agent_saves_the_same_form_in_two_tabs(database: Database, portal: Served, world: World) -> None:
    case_id = file_case(database, world)
    tabs = [portal.browser(world.nadia) for _ in range(3)]
    assert tabs[0].ask("POST", f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}").status == 302
    step = f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}/brouillon"
    acts = [lambda tab=tab: tab.ask("POST", step, {"decision": "accepter"}) for tab in tabs]  # type: ignore[misc]
    assert statuses(at_once(acts)) == [200, 200, 200]
    assert count(database, Draft) == 1


@pytest.mark.parametrize("what", ["annuler", "modifier"])
def test_a_family_changes_its_mind_while_an_agent_takes_charge(
    database: Database, portal: Served, world: World, what: str
) -> None:
    camille, nadia = portal.browser(world.camille), portal.browser(world.nadia)
    seen: set[str] = set()
    for _ in range(ROUNDS):
        case_id = file_case(database, world)
        step = f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}"
        family, agent = at_once(
            [
                lambda: camille.ask("POST", f"/demandes/{case_id}/{what}"),  # noqa: B023
                lambda: nadia.ask("POST", step),  # noqa: B023
            ]
        )
        assert statuses([family, agent]) == [302, 409]
        status = case_of(database, case_id).status
        if family.status == 302:
            assert status == {"annuler": "annule", "modifier": "brouillon"}[what]
            assert "Camille Durand" in agent.words() or "n’attend plus" in agent.words()
        else:
            assert status == "traitement"
            assert "n’est plus possible" in family.words()
        seen.add(status)
        assert disagreements(database) == []


def test_a_double_click_on_cancelling_cancels_once(database: Database, portal: Served, world: World) -> None:
    case_id = file_case(database, world)
    tabs = [portal.browser(world.camille) for _ in range(3)]
    pages = at_once([lambda tab=tab: tab.ask("POST", f"/demandes/{case_id}/annuler") for tab in tabs])  # type: ignore[misc]
    assert statuses(pages) == [302, 409, 409]
    assert case_of(database, case_id).status == "annule"
    assert disagreements(database) == []


def test_a_double_click_on_abandoning_finds_nothing_to_abandon(
    database: Database, portal: Served, world: World
) -> None:
    case_id = open_draft(database, world)
    tabs = [portal.browser(world.camille) for _ in range(2)]
    pages = at_once([lambda tab=tab: tab.ask("POST", f"/demandes/{case_id}/abandonner") for tab in tabs])  # type: ignore[misc]
    assert statuses(pages) == [302, 404]
    with database.transaction(read_only=True) as session:
        assert session.scalars(select(Task.id).where(Task.case_id == case_id)).all() == []


def test_two_agents_put_the_same_step_in_their_list(database: Database, portal: Served, world: World) -> None:
    nadia, paul = portal.browser(world.nadia), portal.browser(world.paul)
    for _ in range(ROUNDS):
        case_id = file_case(database, world)
        step = f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}/prendre"
        pages = at_once([lambda: nadia.ask("POST", step), lambda: paul.ask("POST", step)])  # noqa: B023
        assert statuses(pages) == [302, 409]
        assert "collègue" in lost(pages).words()
        holder: uuid.UUID | None = open_task(database, case_id).assignee_id
        assert holder == (world.nadia if pages[0].status == 302 else world.paul)
