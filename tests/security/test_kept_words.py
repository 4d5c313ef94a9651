"""A session that ends, or a page that grows old, loses nothing of what was typed, and lets nobody else send it."""

from __future__ import annotations

import lxml.html
import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete

from app.accounts.models import LoginSession
from tests.rules.conftest import Living
from tests.rules.walk import csrf_token
from tests.security.test_stored_scripts import HOSTILE, judged

HERE = "http://localhost"
ADDRESS = "/admin/structures/nouvelle"
#: A form of an administrator, which no draft keeps.
WORDS = {"name": f"École {HOSTILE}", "kind": "ecole"}
FETCH = {"X-Requested-With": "fetch", "Accept": "application/json"}


def end_sessions(living: Living) -> None:
    with living.database.transaction() as session:
        session.execute(delete(LoginSession))


def send(client: FlaskClient, living: Living, origin: str | None = HERE, token: str | None = None, **more: str):
    headers = {"Origin": origin} if origin else {}
    token = csrf_token(living.app) if token is None else token
    return client.post(ADDRESS, data={"csrf_token": token, **WORDS, **more}, headers=headers)


def kept(page: str) -> dict[str, str]:
    form = next(form for form in lxml.html.fromstring(page).forms if form.xpath(".//input[@name='name']"))
    assert form.action == ADDRESS
    return dict(form.form_values())


def test_what_was_typed_when_the_session_had_ended_is_sent_after_signing_in_again(living: Living) -> None:
    client = living.client("admin")
    end_sessions(living)
    ended = send(client, living)
    assert ended.status_code == 401
    assert judged(ended.text).faults == []
    assert "Votre session a pris fin" in ended.text
    assert 'target="_blank"' in ended.text
    assert kept(ended.text)["name"] == WORDS["name"]
    assert ended.headers["Cache-Control"] == "private, no-store"


def test_what_was_typed_on_a_page_from_before_the_sign_in_is_sent_with_the_new_token(living: Living) -> None:
    client = living.client("admin")
    old = csrf_token(living.app, "1" * 40)
    aged = send(client, living, token=old)
    assert aged.status_code == 400
    fields = kept(aged.text)
    assert fields["name"] == WORDS["name"]
    again = client.post(ADDRESS, data=fields, headers={"Origin": HERE})
    assert again.status_code in (303, 422), "the form itself is read"
    assert "trop longtemps" not in again.text


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://localhost.evil.example", "//localhost"]
)
def test_what_another_site_sends_is_never_offered_again(living: Living, origin: str | None) -> None:
    client = living.client("admin")
    forged = send(client, living, origin, token="forged")
    assert forged.status_code == 400
    assert WORDS["name"] not in forged.text
    assert "<form" not in forged.text or 'name="name"' not in forged.text
    end_sessions(living)
    assert send(client, living, origin).status_code == 303


def test_a_secret_is_never_written_in_a_page(living: Living) -> None:
    client = living.client("admin")
    aged = send(client, living, token="old", new_password="correct cheval agrafe")
    assert aged.status_code == 400
    assert "correct cheval" not in aged.text
    assert 'name="name"' not in aged.text
    for path, secret in (("/connexion/second-facteur", "code"), ("/connexion", "password"), ("/compte", "motdepasse")):
        page = client.post(path, data={"csrf_token": "old", secret: "correct cheval"}, headers={"Origin": HERE})
        assert "correct cheval" not in page.text


def test_too_much_is_not_kept(living: Living) -> None:
    assert 'name="name"' not in send(living.client("admin"), living, token="old", long="x" * 250_000).text


def test_a_script_of_the_page_gets_the_token_to_go_on_with(living: Living) -> None:
    client = living.client("admin")
    aged = client.post(ADDRESS, data={"csrf_token": "old", **WORDS}, headers=FETCH)
    assert (aged.status_code, aged.json["error"]) == (400, "page-too-old")
    again = client.post(ADDRESS, data={"csrf_token": aged.json["csrf_token"], **WORDS}, headers=FETCH)
    assert again.status_code in (303, 422)
    end_sessions(living)
    ended = client.post(ADDRESS, data={"csrf_token": aged.json["csrf_token"], **WORDS}, headers=FETCH)
    assert (ended.status_code, ended.json["error"]) == (401, "sign-in-required")
