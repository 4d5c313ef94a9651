"""The démarche « personnes autorisées »: the list changes once validated, both parents read it, nobody goes round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from app.cases.casework import proposed_changes
from app.cases.queries import open_case_rows, open_tasks
from app.db import Database
from app.engine.scenarios import ActRefused
from app.families.models import Child, Guardianship
from app.families.pickup import Named, block_person, name_person, persons_of, remove_person
from app.policy import SYSTEM
from app.town.operations import change_settings
from app.town.queries import forget_all
from tests.workflows.stage import Stage, on_stage

ODETTE = {
    "enfant": "@enfant",
    "changement": "ajouter",
    "personne_prenom": "Odette",
    "personne_nom": "Martin",
    "personne_telephone": "06 39 98 04 40",
    "personne_lien": "grand_parent",
    "personne_mineure": False,
}


@pytest.fixture(autouse=True)
def clock() -> None:
    """The stage has its own."""


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Iterator[Callable[[], Stage]]:
    entered: list[AbstractContextManager[Stage]] = []

    def enter() -> Stage:
        entered.append(on_stage(database, "personnes-autorisees", tmp_path))
        opened = entered[0].__enter__()
        opened.open()
        return opened

    yield enter
    for each in entered:
        each.__exit__(None, None, None)


def listed(demande: Stage) -> list[str]:
    with demande.database.transaction(read_only=True) as session:
        [child] = session.scalars(select(Child).where(Child.last_name == "Martin")).all()
        return [card.name for card in persons_of(session, [child.id])[child.id]]


def changed(demande: Stage, change: Callable[[Any, Child], None]) -> None:
    """Something else happens to the child meanwhile."""
    with demande.database.transaction() as session:
        change(session, session.scalars(select(Child).where(Child.last_name == "Martin")).one())


def shown_to_agent(demande: Stage) -> list[tuple[str, str, str]]:
    with demande.database.transaction(read_only=True) as session:
        case_id = demande.player.case_id
        [task] = open_tasks(session, case_id)
        found = proposed_changes(session, open_case_rows(session, case_id, task.id))
        return [(change.before, change.now, change.warning) for change in found or ()]


def test_the_list_changes_when_the_service_says_so_and_the_other_parent_is_told(stage: Callable[[], Stage]) -> None:
    demande = stage()
    demande.do("saisir", **ODETTE)
    assert listed(demande) == []
    demande.do("prendre_en_charge")
    assert shown_to_agent(demande) == [("", "Odette Martin, grand-parent, 06\u00a039\u00a098\u00a004\u00a040", "")]
    demande.do("instruire", decision="accepter")
    assert listed(demande) == ["Odette Martin"]
    told = [mail for mail in demande.mails if "Un changement pour Lou" in mail]
    assert len(told) == 1
    assert "Bonjour Alex" in told[0]
    assert "Odette" not in told[0]


def test_the_other_parent_is_not_told_where_the_commune_does_not_wish_it(stage: Callable[[], Stage]) -> None:
    demande = stage()
    changed(demande, lambda session, _child: change_settings(session, SYSTEM, {"tell_other_holder": False}))
    forget_all()
    demande.do("saisir", **ODETTE)
    demande.do("prendre_en_charge")
    demande.do("instruire", decision="accepter")
    assert [mail for mail in demande.mails if "Un changement pour Lou" in mail] == []


@pytest.mark.parametrize("twice", [False, True])
def test_somebody_of_the_list_is_removed_and_a_removal_made_twice_is_done(
    stage: Callable[[], Stage], twice: bool
) -> None:
    demande = stage()
    made: list[Any] = []
    odette = Named("Odette", "Martin")
    changed(demande, lambda session, child: made.append(name_person(session, SYSTEM, child.id, odette)))
    demande.do("saisir", enfant="@enfant", changement="retirer", personne=str(made[0]))
    demande.do("prendre_en_charge")
    assert shown_to_agent(demande)[0][1] == ""
    if twice:
        changed(demande, lambda session, child: remove_person(session, SYSTEM, child.id, made[0]))
    demande.do("instruire", decision="accepter")
    assert listed(demande) == []


def test_a_person_of_somebody_elses_list_cannot_be_chosen(stage: Callable[[], Stage]) -> None:
    demande = stage()
    made: list[Any] = []

    def elsewhere(session: Any, _child: Child) -> None:
        other = session.scalars(select(Child).where(Child.last_name == "Durand")).one()
        made.append(name_person(session, SYSTEM, other.id, Named("Gaston", "Durand")))

    changed(demande, elsewhere)
    for what in ("retirer", "reprendre"):
        with pytest.raises(ActRefused, match="choix"):
            demande.do("saisir", enfant="@enfant", changement=what, personne=str(made[0]))


def test_rights_lost_between_sending_and_deciding_change_nothing(stage: Callable[[], Stage]) -> None:
    demande = stage()
    demande.do("saisir", **ODETTE)
    demande.do("prendre_en_charge")

    def judged(session: Any, child: Child) -> None:
        session.execute(update(Guardianship).where(Guardianship.child_id == child.id).values(authority="withdrawn"))

    changed(demande, judged)
    with pytest.raises(ActRefused, match="ne peut plus"):
        demande.do("instruire", decision="accepter")
    assert listed(demande) == []


def test_the_agent_is_warned_of_somebody_blocked_and_cannot_accept(stage: Callable[[], Stage]) -> None:
    demande = stage()
    changed(
        demande,
        lambda session, child: block_person(session, SYSTEM, child.id, Named("Odette", "Martin"), source="Ordonnance"),
    )
    demande.do("saisir", **ODETTE)  # the family is told nothing of it
    demande.do("prendre_en_charge")
    assert "Ordonnance" in shown_to_agent(demande)[0][2]
    with pytest.raises(ActRefused, match="interdit de confier"):
        demande.do("instruire", decision="accepter")
    assert listed(demande) == []


def test_names_are_kept_as_they_are_written(stage: Callable[[], Stage]) -> None:
    demande = stage()
    demande.do("saisir", **{**ODETTE, "personne_nom": "<b>O’Brien</b> & fils"})
    demande.do("prendre_en_charge")
    demande.do("instruire", decision="accepter")
    assert listed(demande) == ["Odette <b>O’Brien</b> & fils"]


def test_a_name_without_end_is_refused(stage: Callable[[], Stage]) -> None:
    demande = stage()
    with pytest.raises(ActRefused):
        demande.do("saisir", **{**ODETTE, "personne_nom": "x" * 200})
