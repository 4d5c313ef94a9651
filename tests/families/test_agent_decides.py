"""The agents' page of a demande about a file: what it says today, health only for those who may, nothing overwritten
unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app import create_app
from app.accounts.administration import grant_role
from app.accounts.operations import open_account
from app.db import Database
from app.families.child_operations import update_child
from app.families.consents import Health, set_health
from app.families.models import Child
from app.journal import JournalEntry
from app.policy import SYSTEM
from tests.cases.making import sign_in
from tests.conftest import settings_for
from tests.workflows.stage import Stage, on_stage


@pytest.fixture(autouse=True)
def clock() -> None:
    """The stage has its own."""


@pytest.fixture
def demande(database: Database, tmp_path: Path) -> Iterator[Stage]:
    with on_stage(database, "modification-enfant", tmp_path) as opened:
        opened.open()
        with database.transaction() as session:
            child = session.scalars(select(Child).where(Child.last_name == "Martin")).one()
            set_health(session, SYSTEM, child.id, Health(allergies=("sesame",)))
        opened.do("choisir", enfant="@enfant")
        opened.do("saisir", niveau="CM1", allergies=["lait"])
        opened.do("prendre_en_charge")
        yield opened


def client(demande: Stage, tmp_path: Path, *roles: str) -> FlaskClient:
    app = create_app(settings_for(str(demande.database.engine.url), tmp_path), demande.database)
    with demande.database.transaction() as session:
        agent = open_account(
            session, SYSTEM, email="nadia@example.org", first_name="Nadia", last_name="Ferrand", kind="agent"
        )
        session.flush()
        for role in roles:
            grant_role(session, SYSTEM, agent.id, role, None)
    return sign_in(app.test_client(), demande.database, agent.id)


def health_reads(database: Database) -> int:
    with database.transaction(read_only=True) as session:
        return len(session.scalars(select(JournalEntry).where(JournalEntry.action == "child.health_read")).all())


def test_health_on_file_is_not_shown_to_who_may_not_read_it(demande: Stage, tmp_path: Path) -> None:
    nadia = client(demande, tmp_path, "gestionnaire")
    page = nadia.get(f"/agent/demandes/{demande.player.case_id}").text
    assert "Réservé aux personnes habilitées" in page
    assert "Sésame" not in page
    assert "CE2" in page
    assert nadia.get(f"/agent/demandes/{demande.player.case_id}/sante").status_code == 403
    assert health_reads(demande.database) == 0


def test_who_may_read_health_asks_for_it_and_the_journal_says_so(demande: Stage, tmp_path: Path) -> None:
    nadia = client(demande, tmp_path, "gestionnaire", "direction")
    page = nadia.get(f"/agent/demandes/{demande.player.case_id}").text
    assert "Sésame" not in page
    assert "inscrite au journal" in page
    shown = nadia.get(f"/agent/demandes/{demande.player.case_id}/sante")
    assert shown.status_code == 200
    assert "Sésame" in shown.text
    assert health_reads(demande.database) == 1


def test_an_acceptance_of_what_was_not_shown_is_asked_again(demande: Stage, tmp_path: Path) -> None:
    nadia = client(demande, tmp_path, "gestionnaire")
    page = nadia.get(f"/agent/demandes/{demande.player.case_id}").text
    address = re.search(r'action="(/agent/demandes/[^"]+/etapes/[^"]+)"', page)
    seen = re.search(r'name="dossier_vu" value="([0-9a-f]+)"', page)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert address is not None
    assert seen is not None
    assert token is not None
    with demande.database.transaction() as session:
        child = session.scalars(select(Child).where(Child.last_name == "Martin")).one()
        update_child(session, SYSTEM, child.id, {"level": "CM2"})
    form = {"decision": "accepter", "dossier_vu": seen[1], "csrf_token": token[1]}
    answer = nadia.post(address[1], data=form)
    assert answer.status_code == 409
    assert "Le dossier a changé pendant que vous lisiez" in answer.text
    assert "Changé depuis l’envoi" in answer.text
    with demande.database.transaction(read_only=True) as session:
        assert session.scalars(select(Child.level).where(Child.last_name == "Martin")).one() == "CM2"
    again = re.search(r'name="dossier_vu" value="([0-9a-f]+)"', answer.text)
    assert again is not None
    assert nadia.post(address[1], data=form | {"dossier_vu": again[1]}).status_code == 302
    with demande.database.transaction(read_only=True) as session:
        assert session.scalars(select(Child.level).where(Child.last_name == "Martin")).one() == "CM1"
