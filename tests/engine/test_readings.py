"""A request that looks at an instance and then makes a step loads it once; nothing of the looking may show."""

import uuid

import pytest

from app.db import Database
from app.engine.runtime import NotWaiting
from tests.engine.bpmn_builder import end, lane, process, start, user_task
from tests.engine.house import AGENT, House


@pytest.fixture
def house(sqlite_database: Database) -> House:
    steps = lane(
        "agent",
        start("debut"),
        user_task("saisir", statut="traitement"),
        user_task("relire", statut="traitement"),
        end("fin", statut="clos"),
    )
    return House(sqlite_database, process("p", steps, "debut -> saisir -> relire -> fin"))


def test_what_a_page_does_to_what_it_read_stays_out_of_the_case(house: House) -> None:
    house.start(enfants=[{"prenom": "Lou"}])
    task_id = house.tasks("saisir")[0].id
    with house.step() as (session, instance):
        known = house.runtime.data(session, house.facts, instance, task_id)
        known["enfants"][0]["prenom"] = "Zoé"
        known["de_plus"] = True
        house.runtime.complete(session, AGENT, house.facts, instance, task_id, {"avis": "oui"})
    assert house.data("relire") == {"enfants": [{"prenom": "Lou"}], "avis": "oui"}


def test_a_step_that_is_refused_leaves_the_next_one_the_case_as_it_is(house: House) -> None:
    house.start()
    task_id = house.tasks("saisir")[0].id
    with house.step() as (session, instance):
        house.runtime.data(session, house.facts, instance, task_id)
        with pytest.raises(NotWaiting):
            house.runtime.complete(session, AGENT, house.facts, instance, uuid.uuid4(), {"avis": "non"})
        house.runtime.complete(session, AGENT, house.facts, instance, task_id, {"avis": "oui"})
    assert house.data("relire") == {"avis": "oui"}


def test_the_first_page_is_read_from_what_has_just_been_started(house: House) -> None:
    with house.database.transaction() as session:
        outcome = house.runtime.start(session, AGENT, house.facts, "h", {"enfants": [{"prenom": "Lou"}]})
        assert outcome.instance is not None
        (task_id,) = outcome.opened
        known = house.runtime.data(session, house.facts, outcome.instance, task_id)
        assert house.runtime.visited(session, house.facts, outcome.instance) == {"debut"}
        house.runtime.complete(session, AGENT, house.facts, outcome.instance, task_id, {"avis": "oui"})
    assert known == {"enfants": [{"prenom": "Lou"}]}
    assert house.data("relire") == {"enfants": [{"prenom": "Lou"}], "avis": "oui"}
    assert house.visited() == {"debut", "saisir"}
