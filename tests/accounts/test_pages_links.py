"""The pages behind mailed links, and the second factor."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from app.accounts import operations, second_factor, sessions, tokens
from app.accounts.models import Account
from app.accounts.sealing import link_token
from app.clock import FrozenClock
from app.web.requests import Portal
from tests.accounts.house import PASSWORD, SECRET, code_at, make_account, make_agent, sign_in

CLAIRE = "claire.martin@example.org"
NEW = "lampadaire tricot virgule"


def open_claire(app: Portal, **values: object) -> None:
    with app.database.transaction() as session:
        make_account(session, CLAIRE, **values)


# -- links -----------------------------------------------------------------------------------------------------------


def invited_link(app: Portal) -> str:
    with app.database.transaction() as session:
        account = make_account(session, CLAIRE, password=None, must_review_household=True)
        token_id = operations.send_choose_password_link(session, account)
    return f"/compte/mot-de-passe/{link_token(SECRET, token_id, tokens.CHOOSE_PASSWORD)}"


def test_an_invited_family_chooses_a_password_and_reviews_her_household(app: Portal, client: FlaskClient) -> None:
    path = invited_link(app)
    assert client.get(path).status_code == 200
    assert client.head(path).status_code == 200
    answer = client.post(path, data={"password": NEW, "confirmation": NEW})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/compte/premiere-visite")
    assert "Relire mon foyer" in client.get("/compte/premiere-visite").text
    assert client.post("/compte/premiere-visite").headers["Location"] == "/tableau-de-bord"
    assert client.get("/compte/premiere-visite").headers["Location"] == "/tableau-de-bord"
    assert client.get(path).status_code == 410
    assert client.post(path, data={"password": NEW, "confirmation": NEW}).status_code == 410


def test_a_refused_password_does_not_use_the_link_up(app: Portal, client: FlaskClient) -> None:
    path = invited_link(app)
    answer = client.post(path, data={"password": "ClaireMartin1985", "confirmation": "ClaireMartin1985"})
    assert answer.status_code == 422
    assert "surtout votre nom" in answer.text
    assert "ClaireMartin1985" not in answer.text
    assert client.post(path, data={"password": NEW, "confirmation": NEW}).status_code == 303


@pytest.mark.parametrize("path", ["/compte/mot-de-passe/", "/compte/deblocage/", "/compte/courriel/"])
@pytest.mark.parametrize("raw", ["x", "A" * 64, "é", "%00", "a" * 5000])
def test_links_that_are_not_ours_are_said_to_be_over(client: FlaskClient, path: str, raw: str) -> None:
    expected = 404 if raw == "%00" else 410  # a NUL stops at the door
    assert client.get(path + raw).status_code == expected
    assert client.post(path + raw, data={"password": NEW, "confirmation": NEW}).status_code == expected


def test_unlocking_by_link_asks_for_a_click(app: Portal, client: FlaskClient, clock: FrozenClock) -> None:
    open_claire(app)
    with app.database.transaction() as session:
        account = session.query(Account).one()
        account.failed_attempts, account.locked_until = 8, clock() + timedelta(hours=1)
        raw = link_token(SECRET, tokens.issue_token(session, tokens.UNLOCK, account_id=account.id), tokens.UNLOCK)
    assert client.get(f"/compte/deblocage/{raw}").status_code == 200
    assert sign_in(client, CLAIRE).status_code == 422
    assert client.post(f"/compte/deblocage/{raw}").status_code == 303
    assert sign_in(client, CLAIRE).status_code == 303


@pytest.mark.parametrize("path", ["/mot-de-passe-oublie", "/identifiant-oublie"])
def test_asking_for_help_answers_the_same_to_everybody(app: Portal, client: FlaskClient, path: str) -> None:
    open_claire(app)
    answers = [client.post(path, data={"email": email}) for email in (CLAIRE, "personne@example.org") for _ in range(5)]
    assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {(303, "/courriel-envoye")}
    assert client.post(path, data={"email": "pas une adresse"}).status_code == 422


def test_changing_address_needs_the_password_and_the_link(app: Portal, client: FlaskClient) -> None:
    open_claire(app)
    sign_in(client, CLAIRE)
    assert client.post("/compte/courriel", data={"email": "n@example.org", "password": "faux"}).status_code == 422
    assert client.post("/compte/courriel", data={"email": "n@example.org", "password": PASSWORD}).status_code == 303
    with app.database.transaction() as session:
        token = session.query(tokens.Token).filter_by(purpose=tokens.CHANGE_EMAIL).one()
        raw = link_token(SECRET, token.id, tokens.CHANGE_EMAIL)
    assert sign_in(app.test_client(), "n@example.org").status_code == 422
    assert client.post(f"/compte/courriel/{raw}").headers["Location"] == "/compte"
    assert sign_in(app.test_client(), "N@example.org").status_code == 303


# -- second factor ---------------------------------------------------------------------------------------------------


def test_a_sensitive_role_sets_its_second_factor_up_before_anything_else(
    app: Portal, client: FlaskClient, clock: FrozenClock
) -> None:
    with app.database.transaction() as session:
        make_agent(session, "admin@example.org", "administrateur")
    assert (
        sign_in(client, "admin@example.org", suite="/admin/roles")
        .headers["Location"]
        .startswith("/connexion/second-facteur")
    )
    for path in ("/admin/roles", "/compte", "/compte/mot-de-passe"):
        assert client.get(path).headers["Location"].startswith("/connexion/second-facteur")
    page = client.get("/connexion/second-facteur?suite=/admin/roles", follow_redirects=True)
    assert "data:image/svg+xml" in page.text
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page.text)
    assert secret is not None
    key = secret.group(1).replace(" ", "")
    assert client.post("/compte/second-facteur", data={"code": "000000"}).status_code == 422
    done = client.post("/compte/second-facteur", data={"code": code_at(key, clock()), "suite": "/admin/roles"})
    assert len(re.findall(r"<code>[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}</code>", done.text)) == 10
    assert client.get("/admin/roles").status_code == 200

    other = app.test_client()
    sign_in(other, "admin@example.org")
    assert other.get("/admin/roles").status_code == 302
    assert other.post("/connexion/second-facteur", data={"code": code_at(key, clock())}).status_code == 422
    clock.advance(seconds=60)
    code = code_at(key, clock())
    assert other.post("/connexion/second-facteur", data={"code": code, "suite": "//evil"}).headers["Location"] == (
        "/admin/demarches"
    )
    assert other.get("/admin/roles").status_code == 200


def test_a_family_who_chose_a_second_factor_is_asked_for_it(
    app: Portal, client: FlaskClient, clock: FrozenClock
) -> None:
    open_claire(app)
    with app.database.transaction() as session:
        account = session.query(Account).one()
        person = sessions.signed_in(session, sessions.open_session(session, account))
        assert person is not None
        secret = second_factor.begin_enrolment(session, SECRET, person.actor)
        second_factor.enrol(session, SECRET, person.actor, person.session_id, code_at(secret, clock()))
    sign_in(client, CLAIRE)
    assert client.get("/compte").status_code == 302
    clock.advance(minutes=1)
    client.post("/connexion/second-facteur", data={"code": code_at(secret, clock())})
    assert client.get("/compte").status_code == 200
    assert client.post("/compte/second-facteur/retirer").status_code == 303


def test_the_second_factor_pages_are_for_somebody_who_gave_a_password(client: FlaskClient) -> None:
    for path in ("/connexion/second-facteur", "/compte/second-facteur"):
        assert client.get(path).headers["Location"].startswith("/connexion?suite=")
        assert client.post(path, data={"code": "123456"}).headers["Location"].startswith("/connexion?suite=")
