"""What lists say of a demande and open: its pencil, its conversation, its structure; and a role without lists."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from app import clock
from app.cases.mails import tell_in_account
from app.cases.models import Case
from app.cases.operations import _structure
from app.db import Database, new_id
from app.facts import Work
from app.families.models import Child
from app.messages.models import Thread
from app.outbox import OutboxFact
from tests.cases.conftest import NewClient
from tests.cases.making import case_of, file_case, make_world, sign_in
from tests.conftest import settings_for


def test_a_demande_without_a_household_has_its_pencil_and_says_that_it_is_reopened(
    database: Database, new_client: NewClient
) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    assert case_of(database, case_id).household_id is None
    family = sign_in(new_client(), database, world.camille)
    pencil = f"/demandes/{case_id}/modifier"
    assert f'href="{pencil}"' in family.get("/demandes").text
    assert family.post(pencil).status_code in (302, 303)
    page = family.get("/demandes").text
    assert "Réouverte pour modification" in page
    assert "Pas encore envoyée" not in page
    assert f'href="{pencil}"' not in page


def test_the_pencil_goes_once_the_demande_is_taken_in_charge(database: Database, new_client: NewClient) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    with database.transaction() as session:
        session.get_one(Case, case_id).status = "traitement"
    page = sign_in(new_client(), database, world.camille).get("/demandes").text
    assert str(case_id) in page
    assert f"/demandes/{case_id}/modifier" not in page


def test_the_conversation_about_a_demande_bears_its_name(database: Database, tmp_path: Path) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    with database.transaction(read_only=True) as session:
        fact = session.scalars(select(OutboxFact).where(OutboxFact.kind == "case.submitted")).one()
    tell_in_account(Work(database, settings_for("sqlite://", tmp_path), fact.id), fact.payload)
    with database.transaction(read_only=True) as session:
        subject = session.scalars(select(Thread.subject).where(Thread.case_id == case_id)).one()
    assert subject == f"Demande simple, demande {case_of(database, case_id).reference}"


@pytest.mark.parametrize("with_school", [True, False])
def test_a_field_names_a_structure_or_a_child_whose_school_it_is(database: Database, with_school: bool) -> None:
    world = make_world(database)
    child_id = new_id()
    with database.transaction() as session:
        child = Child(
            id=child_id,
            first_name="Léna",
            last_name="Moreau",
            sort_key="moreau lena",
            created_at=clock.now(),
            birth_date=clock.today(),
            school_id=world.hill if with_school else None,
        )
        session.add(child)
    with database.transaction(read_only=True) as session:
        values = {"enfant": str(child_id), "lieu": str(world.lake), "vide": None, "autre": str(new_id())}
        assert _structure(session, "champ:lieu", values) == world.lake
        assert _structure(session, "champ:enfant", values) == (world.hill if with_school else None)
        for rule in ("champ:vide", "champ:autre", "champ:absent", ""):
            assert _structure(session, rule, values) is None


def test_a_role_without_lists_has_a_first_page_and_reads_by_reference(
    database: Database, new_client: NewClient
) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    client = sign_in(new_client(), database, world.accountant)
    assert client.get("/connexion").location == "/agent"
    page = client.get("/agent").text
    assert "Consulter une demande" in page
    assert "Votre rôle" in page
    reference = case_of(database, case_id).reference
    opened = client.get(f"/agent?reference= {reference.lower()}")
    assert opened.location == f"/agent/demandes/{case_id}"
    read = client.get(opened.location).text
    assert 'href="/agent"' in read
    assert 'href="/agent/taches"' not in read
    missing = client.get("/agent?reference=26-AAAA-0000")
    assert missing.status_code == 404
    assert "ne porte cette référence" in missing.text


def test_a_draft_is_not_found_by_its_reference(database: Database, new_client: NewClient) -> None:
    world = make_world(database)
    case_id = file_case(database, world)
    with database.transaction() as session:
        session.get_one(Case, case_id).submitted_at = None  # a draft stays the family's
    client = sign_in(new_client(), database, world.accountant)
    reference = case_of(database, case_id).reference
    assert client.get(f"/agent?reference={reference}").status_code == 404
