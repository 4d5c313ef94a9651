"""A family that chose a second factor is asked for it before her demandes too, though visitors may file some (A8)."""

from __future__ import annotations

from flask.testing import FlaskClient
from sqlalchemy import update

from app import clock
from app.accounts.models import Account, LoginSession
from app.db import Database
from tests.cases.conftest import NewClient
from tests.cases.making import SLUG, World, file_case, make_world, open_draft, open_task, sign_in


def half_signed_in(database: Database, new_client: NewClient, world: World) -> FlaskClient:
    """Camille's password was given, and not the code of the second factor that she set up."""
    client = sign_in(new_client(), database, world.camille)
    with database.transaction() as session:
        account = session.get(Account, world.camille)
        assert account is not None
        account.totp_secret, account.totp_enabled_at = "sealed", clock.now()
        session.execute(update(LoginSession).values(second_factor_at=None))
    return client


def test_demandes_wait_for_the_second_factor(database: Database, new_client: NewClient) -> None:
    world = make_world(database)
    filed, draft = file_case(database, world), open_draft(database, world)
    step = f"/demandes/{draft}/etapes/{open_task(database, draft).id}"
    client = half_signed_in(database, new_client, world)
    asked = [
        client.get(f"/demandes/{filed}"),
        client.get(f"/demandes/{filed}/accuse-reception.pdf"),
        client.post(f"/demandes/{filed}/annuler"),
        client.get(f"{step}?page=1"),
        client.post(f"{step}?page=1", data={"motif": "pirate"}),
        client.post(f"{step}/brouillon?page=1", data={"motif": "pirate"}),
        client.get(f"/demandes/nouvelle/{SLUG}"),
        client.get("/demandes"),
    ]
    assert {page.headers.get("Location", "").partition("?")[0] for page in asked} == {"/connexion/second-facteur"}


def test_what_everybody_may_read_stays_open(database: Database, new_client: NewClient) -> None:
    world = make_world(database)
    client = half_signed_in(database, new_client, world)
    assert client.get(f"/demarches/{SLUG}").status_code == 200
    assert client.get("/aide").status_code == 200
    assert client.get("/connexion/second-facteur").status_code == 200
    assert client.post("/deconnexion").status_code == 303
