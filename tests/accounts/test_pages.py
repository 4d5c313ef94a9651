"""The pages of accounts, in the application: sessions, fixation, redirects, second factor, demonstration."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from app.accounts import passwords, sessions, signing
from app.accounts.models import Account, LoginSession
from app.clock import FrozenClock
from app.web.identity import safe_suite
from app.web.requests import Portal
from tests.accounts.conftest import MakeApp
from tests.accounts.house import PASSWORD, actions, make_account, make_agent, sign_in

CLAIRE = "claire.martin@example.org"
NEW = "lampadaire tricot virgule"


def open_claire(app: Portal, **values: object) -> None:
    with app.database.transaction() as session:
        make_account(session, CLAIRE, **values)


def status(client: FlaskClient, path: str = "/compte") -> int:
    return client.get(path).status_code


# -- signing in and out ----------------------------------------------------------------------------------------------


def test_a_family_signs_in_reads_her_account_and_signs_out(app: Portal, client: FlaskClient) -> None:
    open_claire(app)
    assert client.get("/compte").headers["Location"] == "/connexion?suite=/compte"
    answer = sign_in(client, "Claire.Martin@EXAMPLE.org")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tableau-de-bord")
    page = client.get("/compte").text
    assert "Claire Martin" in page
    assert "cet appareil" in page
    assert client.post("/deconnexion").headers["Location"] == "/"
    assert status(client) == 303
    with app.database.transaction() as session:
        assert {"account.signed_in", "account.signed_out"} <= set(actions(session))


@pytest.mark.parametrize("email", [CLAIRE, "personne@example.org"])
def test_a_failure_is_the_same_page_for_everybody(app: Portal, client: FlaskClient, email: str) -> None:
    open_claire(app)
    answer = sign_in(client, email, "faux faux faux faux")
    assert answer.status_code == 422
    page = told(answer.text.replace(email, "…"))
    assert signing.WRONG in page
    assert "faux faux" not in page
    other = told(sign_in(client, "x" + email, "faux faux faux faux").text.replace("x" + email, "…"))
    assert page == other


def told(page: str) -> str:
    """A page without its forgery token, which holds the second of its making."""
    return re.sub(r'(name="csrf_token" value=)"[^"]*"', r"\1", page)


def test_signing_in_changes_the_whole_cookie(app: Portal, client: FlaskClient) -> None:
    open_claire(app)
    with client.session_transaction() as cookie:
        cookie["planted"], cookie["visitor"], cookie["csrf_token"] = "by a stranger", "known", "known"
    sign_in(client, CLAIRE)
    with client.session_transaction() as cookie:
        assert "planted" not in cookie
        assert "visitor" not in cookie
        assert cookie.get("csrf_token") != "known"
        first = cookie["_user_id"]
    sign_in(client, CLAIRE)
    with client.session_transaction() as cookie:
        assert cookie["_user_id"] != first
    with app.database.transaction() as session:
        assert session.query(LoginSession).filter(LoginSession.revoked_at.is_(None)).count() == 1


def test_a_copied_cookie_is_worth_nothing_after_signing_out(app: Portal, client: FlaskClient) -> None:
    open_claire(app)
    sign_in(client, CLAIRE)
    stolen = client.get_cookie("portail")
    client.post("/deconnexion")
    thief = app.test_client()
    assert stolen is not None
    thief.set_cookie("portail", stolen.value)
    assert status(thief) == 303


def test_the_raw_session_token_is_not_in_the_database(app: Portal, client: FlaskClient) -> None:
    open_claire(app)
    sign_in(client, CLAIRE)
    with client.session_transaction() as cookie, app.database.transaction() as session:
        assert session.query(LoginSession).one().token_hash != cookie["_user_id"]


def test_loading_who_is_asking_takes_one_statement(app: Portal, client: FlaskClient) -> None:
    with app.database.transaction() as session:
        make_agent(session, "agent@example.org", "gestionnaire", "direction", "restauration")
        token = sessions.open_session(session, session.query(Account).one(), second_factor=True)
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
    client.get("/aide")
    statements: list[str] = []
    event.listen(app.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert client.get("/aide").status_code == 200
    assert [text.split()[0] for text in statements if text != "BEGIN"] == ["SELECT"], statements


def test_an_idle_session_ends_and_a_used_one_lives_until_the_end_of_the_day(
    app: Portal, client: FlaskClient, clock: FrozenClock
) -> None:
    open_claire(app)
    sign_in(client, CLAIRE)
    for _ in range(13):
        clock.advance(minutes=55)
        assert status(client) == 200
    clock.advance(minutes=10)  # twelve hours and five minutes after signing in, ten minutes after the last page
    assert status(client) == 303
    sign_in(client, CLAIRE)
    clock.advance(minutes=60)
    assert status(client) == 303


def test_use_is_noted_once_a_minute(app: Portal, client: FlaskClient, clock: FrozenClock) -> None:
    open_claire(app)
    sign_in(client, CLAIRE)
    seen = []
    for _ in range(4):
        clock.advance(seconds=30)
        status(client)
        with app.database.transaction() as session:
            seen.append(session.query(LoginSession).one().last_seen_at)
    assert len(set(seen)) == 3


@pytest.mark.parametrize("busy", ["/connexion"])
def test_when_too_many_sign_in_the_page_says_to_try_again(
    app: Portal, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, busy: str
) -> None:
    def full(*_: object) -> bool:
        raise passwords.Busy

    monkeypatch.setattr(passwords, "verify", full)
    answer = client.post(busy, data={"email": CLAIRE, "password": PASSWORD})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert CLAIRE in answer.text


def test_the_forms_refuse_a_post_from_elsewhere(make_app: MakeApp) -> None:
    app = make_app(csrf=True)
    open_claire(app)
    client = app.test_client()
    assert sign_in(client, CLAIRE).status_code == 400
    form = client.get("/connexion").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert token is not None
    assert sign_in(client, CLAIRE, csrf_token=token.group(1)).status_code == 303
    assert client.post("/deconnexion", data={"csrf_token": token.group(1)}).status_code == 400


# -- where one is sent afterwards ------------------------------------------------------------------------------------

HOSTILE_SUITES = [
    "//evil.example",
    "///evil.example",
    "https://evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "\\\\evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "/\n//evil.example",
    "\x00/compte",
    " //evil.example",
    "compte",
    "@evil.example",
    "/" + "a" * 3000,
    "/connexion?suite=/connexion",
    "/deconnexion",
    "",
]


@pytest.mark.parametrize("suite", HOSTILE_SUITES)
def test_nobody_is_sent_elsewhere_after_signing_in(app: Portal, client: FlaskClient, suite: str) -> None:
    open_claire(app)
    assert safe_suite(suite) == "/"
    if "\0" in suite:  # stops at the door, and signs nobody in
        assert client.get("/connexion", query_string={"suite": suite}).status_code == 400
        assert sign_in(client, CLAIRE, suite=suite).status_code == 400
        return
    assert sign_in(client, CLAIRE, suite=suite).headers["Location"] == "/tableau-de-bord"
    assert client.get("/connexion", query_string={"suite": suite}).headers["Location"] == "/tableau-de-bord"


def test_one_comes_back_to_the_page_that_was_asked_for(app: Portal, client: FlaskClient) -> None:
    open_claire(app)
    page = client.get("/compte/mot-de-passe?a=1", follow_redirects=True)
    assert 'value="/compte/mot-de-passe?a=1"' in page.text
    assert sign_in(client, CLAIRE, suite="/compte/mot-de-passe?a=1").headers["Location"] == "/compte/mot-de-passe?a=1"


@pytest.mark.parametrize(
    "headers",
    [{"HX-Request": "true"}, {"X-Requested-With": "fetch"}, {"Accept": "application/json"}],
)
def test_an_autosave_without_a_session_gets_401_not_a_page(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.post("/compte/identite", headers={**headers, "Referer": "http://localhost/demandes/x"})
    assert answer.status_code == 401
    assert answer.json == {"error": "sign-in-required", "sign_in": "/connexion?suite=/demandes/x"}


def test_a_referrer_from_elsewhere_is_not_a_place_to_come_back_to(client: FlaskClient) -> None:
    answer = client.post("/compte/identite", headers={"Referer": "http://evil.example/x"})
    assert answer.headers["Location"] == "/connexion?suite=/"


# -- revocation ------------------------------------------------------------------------------------------------------


def two_devices(app: Portal) -> tuple[FlaskClient, FlaskClient]:
    open_claire(app)
    one, two = app.test_client(), app.test_client()
    sign_in(one, CLAIRE)
    sign_in(two, CLAIRE)
    return one, two


def test_signing_out_everywhere_works_at_the_next_request(app: Portal) -> None:
    one, two = two_devices(app)
    assert one.post("/compte/deconnexion-partout").status_code == 303
    assert (status(one), status(two)) == (303, 303)


def test_one_device_is_signed_out_and_not_the_other(app: Portal) -> None:
    one, two = two_devices(app)
    [path] = re.findall(r'action="(/compte/sessions/[^"]+/fermer)"', one.get("/compte").text)
    assert one.post(path).status_code == 303
    assert (status(one), status(two)) == (200, 303)


def test_somebody_elses_session_does_not_exist_for_me(app: Portal) -> None:
    one, two = two_devices(app)
    with app.database.transaction() as session:
        make_account(session, "autre@example.org")
    stranger = app.test_client()
    sign_in(stranger, "autre@example.org")
    [path] = re.findall(r'action="(/compte/sessions/[^"]+/fermer)"', one.get("/compte").text)
    assert stranger.post(path).status_code == 404
    assert (status(one), status(two)) == (200, 200)


def test_changing_the_password_signs_the_other_devices_out(app: Portal) -> None:
    one, two = two_devices(app)
    answer = one.post("/compte/mot-de-passe", data={"current": PASSWORD, "password": NEW, "confirmation": NEW})
    assert answer.status_code == 303
    assert (status(one), status(two)) == (200, 303)
    assert sign_in(two, CLAIRE, NEW).status_code == 303


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"current": "faux", "password": NEW, "confirmation": NEW}, "pas votre mot de passe actuel"),
        ({"current": PASSWORD, "password": NEW, "confirmation": NEW + "x"}, "différents"),
        ({"current": PASSWORD, "password": "azertyuiop12", "confirmation": "azertyuiop12"}, "plus utilisés"),
        ({"current": PASSWORD, "password": "court", "confirmation": "court"}, "au moins 12"),
        ({"current": PASSWORD, "password": PASSWORD, "confirmation": PASSWORD}, "différent de l’actuel"),
        ({"current": PASSWORD}, "Choisissez un mot de passe"),
    ],
)
def test_a_bad_change_of_password_changes_nothing(app: Portal, form: dict[str, str], message: str) -> None:
    one, two = two_devices(app)
    answer = one.post("/compte/mot-de-passe", data=form)
    assert answer.status_code == 422
    assert message in answer.text
    assert (status(one), status(two)) == (200, 200)
    assert sign_in(app.test_client(), CLAIRE).status_code == 303


def test_an_open_session_does_not_let_the_password_be_guessed(app: Portal) -> None:
    one, _ = two_devices(app)
    form = {"password": NEW, "confirmation": NEW}
    for n in range(signing.LOCK_AFTER):
        one.post("/compte/mot-de-passe", data={**form, "current": f"faux {n}"})
    assert one.post("/compte/mot-de-passe", data={**form, "current": PASSWORD}).status_code == 422


def test_a_person_with_a_password_others_know_changes_it_first(app: Portal, client: FlaskClient) -> None:
    with app.database.transaction() as session:
        agent = make_agent(session, "agent@example.org", "restauration", "administrateur")
        agent.must_change_password = True
        token = sessions.open_session(session, agent, second_factor=True)
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
    assert client.get("/admin/utilisateurs").headers["Location"] == "/compte/mot-de-passe"
    client.post("/compte/mot-de-passe", data={"current": PASSWORD, "password": NEW, "confirmation": NEW})
    assert client.get("/admin/utilisateurs").status_code == 200
