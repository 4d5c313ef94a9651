"""Sessions: opened afresh, revoked at once, worth nothing when copied after their end (R-78)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from app import clock
from app.accounts import sessions
from app.accounts.administration import deactivate, revoke_role
from app.accounts.models import Account, GrantRow, LoginSession
from app.accounts.passwords import hash_password
from app.policy import SYSTEM
from tests.rules.cast import email_of
from tests.rules.conftest import Living
from tests.rules.walk import CSRF, csrf_token, signed

PASSWORD = "quatre chevaux sous un parapluie"


@pytest.fixture
def with_password(living: Living) -> Living:
    with living.database.transaction() as session:
        session.get_one(Account, living.cast.accounts["owner"]).password_hash = hash_password(PASSWORD)
    return living


def test_signing_in_keeps_nothing_of_the_cookie_somebody_planted(with_password: Living) -> None:
    planted = {"csrf_token": CSRF, "visitor": "planted-by-somebody", "_user_id": "planted", "more": "planted"}
    client = with_password.app.test_client()
    client.set_cookie("portail", signed(with_password.app, planted))
    data = {"csrf_token": csrf_token(with_password.app), "email": email_of("Séraphine"), "password": PASSWORD}
    answer = client.post("/connexion", data=data)
    assert answer.status_code == 303
    with client.session_transaction() as cookie:
        assert "planted" not in repr(dict(cookie))
        assert cookie.get("csrf_token") != CSRF
        assert cookie["_user_id"] not in with_password.cast.tokens.values()
    assert client.get("/tableau-de-bord").status_code == 200


def test_a_cookie_signed_with_another_key_is_nobodys(living: Living) -> None:
    from itsdangerous import URLSafeTimedSerializer

    content = {"_user_id": living.cast.tokens["admin"], "_fresh": True}
    client = living.app.test_client()
    client.set_cookie("portail", URLSafeTimedSerializer("another key", salt="cookie-session").dumps(content))
    assert client.get("/admin/utilisateurs").headers["Location"].startswith("/connexion")


def test_signing_out_ends_the_session_for_whoever_copied_the_cookie(living: Living) -> None:
    copied = living.client("owner")
    assert copied.get("/tableau-de-bord").status_code == 200
    assert living.post("owner", "/deconnexion").status_code == 303
    assert copied.get("/tableau-de-bord").headers["Location"].startswith("/connexion")


def test_what_is_revoked_is_revoked_at_the_next_request(living: Living) -> None:
    client = living.client("manager")
    assert client.get("/agent/taches").status_code == 200
    with living.database.transaction() as session:
        session.execute(
            update(LoginSession)
            .where(LoginSession.account_id == living.cast.accounts["manager"])
            .values(revoked_at=clock.now())
        )
    assert client.get("/agent/taches").headers["Location"].startswith("/connexion")


def test_a_role_taken_back_and_an_account_closed_take_effect_at_the_next_request(living: Living) -> None:
    client, other = living.client("director"), living.client("regie")
    assert client.get("/agent/absences").status_code == 200
    with living.database.transaction() as session:
        revoke_role(session, SYSTEM, living.cast.ids["grant"])
        deactivate(session, SYSTEM, living.cast.accounts["regie"])
    assert client.get("/agent/absences").status_code in (302, 303, 404)
    assert other.get("/agent/taches").headers["Location"].startswith("/connexion")


def test_an_idle_session_and_a_day_old_one_have_ended(living: Living) -> None:
    client = living.client("owner")
    now = clock.now()
    with clock.frozen(now + timedelta(hours=13)):
        assert client.get("/tableau-de-bord").headers["Location"].startswith("/connexion")
    with clock.frozen(now + timedelta(minutes=5)):
        assert client.get("/tableau-de-bord").status_code == 200


def test_a_session_without_its_second_factor_opens_nothing_of_its_role(living: Living) -> None:
    client = living.client("no2fa")
    for path in ("/agent/taches", "/agent/familles", "/compte", "/agent/pieces"):
        assert client.get(path).headers["Location"].startswith("/connexion/second-facteur"), path


def test_a_session_token_is_long_and_never_twice_the_same(living: Living) -> None:
    with living.database.transaction() as session:
        account = session.get_one(Account, living.cast.accounts["owner"])
        tokens = {sessions.open_session(session, account) for _ in range(20)}
        assert session.query(GrantRow).filter_by(account_id=account.id).count() == 0
    assert len(tokens) == 20
    assert min(map(len, tokens)) >= 43
