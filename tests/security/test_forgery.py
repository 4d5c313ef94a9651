"""Every post is refused without the token of its own session (X2)."""

from __future__ import annotations

import re

import pytest
from werkzeug.routing import Rule

from app.web.requests import Portal
from tests.rules.cast import Cast
from tests.rules.conftest import Living
from tests.rules.walk import address, client_of, csrf_token, rehearsal_of, routes

#: Whoever could do it, with the right token.
ALLOWED = ("owner", "manager", "admin", "visitor")


@pytest.fixture(scope="module")
def app(cast: Cast) -> Portal:
    return rehearsal_of(cast)[0]


def posts(app: Portal) -> list[Rule]:
    return [rule for rule, method in routes(app) if method == "POST"]


@pytest.mark.parametrize("persona", ALLOWED)
def test_no_post_passes_without_its_token(persona: str, cast: Cast, app: Portal) -> None:
    others = csrf_token(app, "1" * 40)
    forged = csrf_token(app)[:-4] + "AAAA"
    assert len(posts(app)) > 50
    for rule in posts(app):
        path = address(app, rule, cast)
        for data in ({}, {"csrf_token": ""}, {"csrf_token": others}, {"csrf_token": forged}):
            answer = client_of(app, cast, persona).post(path, data=data)
            assert answer.status_code == 400, f"{path} {data}"
        assert "trop longtemps" in answer.text


def test_a_token_in_the_address_or_in_a_cookie_is_none(cast: Cast, app: Portal) -> None:
    client = client_of(app, cast, "owner")
    assert client.post(f"/deconnexion?csrf_token={csrf_token(app)}").status_code == 400
    client.set_cookie("csrf_token", csrf_token(app))
    assert client.post("/deconnexion").status_code == 400


def test_the_token_of_the_page_is_what_passes(living: Living) -> None:
    client = living.app.test_client()
    field = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/mot-de-passe-oublie").text)
    assert field is not None
    answer = client.post("/mot-de-passe-oublie", data={"csrf_token": field[1], "email": "personne@example.org"})
    assert answer.status_code == 303
    other = living.app.test_client()
    other.get("/mot-de-passe-oublie")
    refused = other.post("/mot-de-passe-oublie", data={"csrf_token": field[1], "email": "personne@example.org"})
    assert refused.status_code == 400


def test_a_get_changes_nothing_but_what_is_said_to_write(cast: Cast, app: Portal) -> None:
    """A link on another site must not act: the views whose GET writes note a read, prepare a secret."""
    writing = {name for name, view in app.view_functions.items() if getattr(view, "writes", False)}
    assert writing == {
        "accounts_public.enrolment", "attendance_agent.health", "attendance_agent.show", "cases_agent.show_health",
        "families_agent.health", "families_agent.show",
        "families_child.show", "messages_agent.read", "messages_family.read",
    }  # fmt: skip
