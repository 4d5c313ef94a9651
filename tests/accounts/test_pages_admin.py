"""The demonstration's buttons, the pages of administrators, and what every page has."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from app.accounts import queries, sessions
from app.accounts.models import Account
from app.web.requests import Portal
from tests.accounts.conftest import MakeApp
from tests.accounts.house import make_account, make_agent, sign_in

CLAIRE = "claire.martin@example.org"
NEW = "lampadaire tricot virgule"


def open_claire(app: Portal, **values: object) -> None:
    with app.database.transaction() as session:
        make_account(session, CLAIRE, **values)


# -- the demonstration -----------------------------------------------------------------------------------------------


def make_persona(app: Portal) -> None:
    with app.database.transaction() as session:
        make_agent(session, "admin@example.org", "administrateur").persona = "administratrice"


@pytest.mark.parametrize("mode", ["production", "test"])
def test_signing_in_as_somebody_does_not_exist_outside_the_demonstration(make_app: MakeApp, mode: str) -> None:
    app = make_app(PORTAIL_MODE=mode)
    make_persona(app)
    client = app.test_client()
    assert not [rule for rule in app.url_map.iter_rules() if "demonstration" in rule.rule + rule.endpoint]
    assert client.post("/connexion/demonstration/administratrice").status_code == 404
    assert "Se connecter comme" not in client.get("/connexion").text


def test_in_the_demonstration_one_click_signs_in_with_everything_given(make_app: MakeApp) -> None:
    app = make_app(PORTAIL_MODE="demonstration")
    make_persona(app)
    client = app.test_client()
    page = client.get("/connexion").text
    assert re.search(r"Se connecter comme </span><span [^>]+>Claire Martin<", page)
    answer = client.post("/connexion/demonstration/administratrice")
    assert answer.headers["Location"] == "/admin/demarches"
    assert client.get("/admin/utilisateurs").status_code == 200
    assert client.post("/connexion/demonstration/inconnue").status_code == 404
    assert client.get("/connexion/demonstration/administratrice").status_code in (400, 405)


# -- administration --------------------------------------------------------------------------------------------------


@pytest.fixture
def admin(app: Portal) -> FlaskClient:
    with app.database.transaction() as session:
        account = make_agent(session, "admin@example.org", "administrateur", first_name="Alix", last_name="Roy")
        token = sessions.open_session(session, account, second_factor=True)
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
    return client


def test_an_administrator_invites_an_agent_and_gives_a_role(app: Portal, admin: FlaskClient) -> None:
    form = {"first_name": "Ana", "last_name": "Petit", "capacity": "animatrice", "email": "Ana@example.org"}
    answer = admin.post("/admin/utilisateurs/nouveau", data=form)
    assert answer.status_code == 303
    place = answer.headers["Location"]
    assert "Aucun rôle" in admin.get(place).text
    assert admin.post(f"{place}/roles", data={"role": "direction", "structure": ""}).status_code == 303
    page = admin.get(place).text
    assert "Direction d’une structure" in page
    assert "Toutes les structures" in page
    again = admin.post("/admin/utilisateurs/nouveau", data={**form, "email": "admin@example.org"})
    assert again.status_code == 422
    assert "existe déjà" in again.text
    assert admin.post(f"{place}/roles", data={"role": "inconnu"}).status_code == 422
    assert admin.post(f"{place}/roles", data={"role": "direction", "structure": "' OR 1"}).status_code == 422
    [revoke] = re.findall(r'action="([^"]+/retirer)"', page)
    assert admin.post(revoke).status_code == 303
    assert admin.get(f"{place}/desactivation").status_code == 200
    assert admin.post(f"{place}/desactivation").status_code == 303
    assert "désactivé" in admin.get(place).text
    assert "Ana" in admin.get("/admin/utilisateurs?q=pet").text


def test_an_administrator_edits_roles_within_the_vocabulary(app: Portal, admin: FlaskClient) -> None:
    good = {"code": "accueil", "label": "Accueil", "permissions": ["absence:read"]}
    assert admin.post("/admin/roles/nouveau", data=good).status_code == 303
    assert admin.post("/admin/roles/nouveau", data=good).status_code == 422
    assert admin.post("/admin/roles/accueil", data={**good, "permissions": ["all:all"]}).status_code == 422
    assert admin.post("/admin/roles/accueil", data={**good, "label": "Accueil du matin"}).status_code == 303
    assert "Accueil du matin" in admin.get("/admin/roles").text
    assert admin.get("/admin/roles/accueil").status_code == 200
    assert admin.get("/admin/roles/inconnu").status_code == 404
    assert admin.post("/admin/roles/accueil/suppression").status_code == 303
    assert admin.post("/admin/roles/administrateur/suppression").status_code == 409


@pytest.mark.parametrize(
    "path", ["/admin/utilisateurs", "/admin/utilisateurs/nouveau", "/admin/roles", "/admin/roles/nouveau"]
)
def test_administration_does_not_exist_for_families_and_simple_agents(app: Portal, path: str) -> None:
    open_claire(app)
    with app.database.transaction() as session:
        make_agent(session, "compta@example.org", "comptabilite")
    assert app.test_client().get(path).status_code == 303
    for email in (CLAIRE, "compta@example.org"):
        client = app.test_client()
        sign_in(client, email)
        assert client.get(path).status_code == 404
        assert client.post(path, data={}).status_code in (400, 404, 405)


@pytest.mark.parametrize(
    ("roles", "has", "has_not"),
    [
        (("administrateur",), "/admin/utilisateurs", "/agent/taches"),
        (("gestionnaire",), "/agent/taches", "/admin/utilisateurs"),
        ((), "/compte", "/tableau-de-bord"),
    ],
)
def test_my_account_keeps_the_menu_of_what_i_do(
    app: Portal, client: FlaskClient, roles: tuple[str, ...], has: str, has_not: str
) -> None:
    with app.database.transaction() as session:
        token = sessions.open_session(session, make_agent(session, "a@example.org", *roles), second_factor=True)
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
    page = client.get("/compte").text
    assert f'href="{has}"' in page
    assert f'href="{has_not}"' not in page


def test_every_page_has_a_title_a_heading_and_no_inline_code(app: Portal, admin: FlaskClient) -> None:
    open_claire(app)
    with app.database.transaction() as session:
        claire = session.query(Account).filter_by(email=CLAIRE).one().id
        assert queries.account(session, claire)
    anybody = app.test_client()
    pages = [
        (anybody, path) for path in ("/connexion", "/mot-de-passe-oublie", "/identifiant-oublie", "/courriel-envoye")
    ]
    pages += [
        (admin, path)
        for path in (
            "/compte",
            "/compte/mot-de-passe",
            "/compte/courriel",
            "/compte/identite",
            "/admin/utilisateurs?qui=familles",
            f"/admin/utilisateurs/{claire}",
            "/admin/roles/direction",
        )
    ]
    for client, path in pages:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.text.count("<h1") == 1, path
        assert re.search(r"<title>[^<]{3,} – Portail famille", answer.text), path
        assert not re.search(r"<style|style=|<script>|onclick=", answer.text), path
        assert not re.search(r"[a-zé]'[a-zé]", re.sub(r"<[^>]+>", "", answer.text)), path
