"""Whatever is put into the questions of an address or the fields of a form, the portal answers what was asked.

On both kinds of databases: PostgreSQL refuses a NUL, compares bytes and limits numbers where SQLite does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from werkzeug.datastructures import MultiDict

from app.web.requests import Portal
from tests.rules.cast import Cast, make_cast
from tests.rules.walk import address, client_of, csrf_token, listening, rehearsal_of, routes
from tests.services import fresh_postgresql

PEOPLE = ("owner", "manager", "admin", "visitor")
#: Each kind of database gets what it takes otherwise than the other; what is only text goes to the quicker one.
VALUES = ("a\0b", "9" * 40, "0001-01-01", "\U0001f600\u202e\ufffe\x1b", "00000000-0000-0000-0000-000000000000")
PECULIAR = ("9" * 40, "-1", "' OR 1=1 --", "é" * 500 + "{{7*7}}%s%n\r\nX-Injected: 1")
#: Of the questions that pages ask in their addresses.
QUESTIONS = (
    *("page", "q", "recherche", "jour", "structure", "onglet", "apres", "avant", "demarche", "statut", "enfant"),
    *("periode", "service", "vue", "famille", "type", "acteur", "action", "objet", "du", "au", "etat", "qui"),
    *("destinataire", "suite", "autre", "type_piece", "envoi", "secours"),
)


@dataclass
class Opened:
    cast: Cast
    app: Portal
    values: tuple[str, ...]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared: object
) -> Iterator[Opened]:
    if request.param == "sqlite":
        made: Cast = request.getfixturevalue("cast")
        app, database = rehearsal_of(made)
        yield Opened(made, app, PECULIAR)
        database.dispose()
        return
    with fresh_postgresql() as url:
        made = make_cast(url, tmp_path_factory.mktemp("hostile"))
        app, database = rehearsal_of(made)
        yield Opened(made, app, VALUES)
        database.dispose()


def fields_of(opened: Opened) -> list[str]:
    """The names of every field of every form, as pages show them."""
    names: set[str] = set()
    for persona in PEOPLE:
        for rule, method in routes(opened.app):
            if method == "GET":
                answer = client_of(opened.app, opened.cast, persona).get(address(opened.app, rule, opened.cast))
                if "html" in answer.content_type:
                    names |= set(re.findall(r'<(?:input|select|textarea)[^>]*\sname="([^"]+)"', answer.text))
                answer.close()
    return sorted(names - {"csrf_token"})


def test_no_question_breaks_a_page(opened: Opened) -> None:
    """Every value in every question at once, then the likeliest alone."""
    broken = []
    with listening() as lines:
        for rule, method in routes(opened.app):
            if method != "GET" or rule.endpoint == "asset":
                continue
            path = address(opened.app, rule, opened.cast).partition("?")[0]
            persona = "admin" if path.startswith("/admin") else "manager" if path.startswith("/agent") else "owner"
            client = client_of(opened.app, opened.cast, persona)
            for value in opened.values:
                answer = client.get(path, query_string=dict.fromkeys(QUESTIONS, value))
                answer.close()
                if answer.status_code >= 500 or "X-Injected" in answer.headers:
                    broken.append(f"{path} {value[:20]!r}: {answer.status_code}\n{lines[-1][-900:]}")
    assert broken == [], "\n".join(broken)


def test_no_field_breaks_a_form(opened: Opened) -> None:
    names = fields_of(opened)
    assert len(names) > 60
    token = csrf_token(opened.app)
    broken = []
    with listening() as lines:
        for rule, method in routes(opened.app):
            if method != "POST" or rule.endpoint in (
                "accounts_public.check_sign_in",
                "accounts_member.change_password",
            ):
                continue  # hashing takes its time: tried below, once
            path = address(opened.app, rule, opened.cast)
            persona = "admin" if path.startswith("/admin") else "manager" if path.startswith("/agent") else "owner"
            for value in opened.values:
                data = MultiDict([("csrf_token", token), *((name, value) for name in names)])
                answer = client_of(opened.app, opened.cast, persona).post(path, data=data)
                answer.close()
                if answer.status_code >= 500 or "X-Injected" in answer.headers:
                    broken.append(f"{path} {value[:20]!r}: {answer.status_code}\n{lines[-1][-900:]}")
    assert broken == [], "\n".join(broken)


@pytest.mark.parametrize("value", ["\0", "a\0b@example.org", "' OR 1=1 --", "é" * 3000, "\r\nBcc: x@example.org"])
def test_no_sign_in_breaks(value: str, opened: Opened) -> None:
    for data in ({"email": value, "password": value}, {"email": "a@example.org", "password": value}):
        answer = client_of(opened.app, opened.cast, "visitor").post(
            "/connexion", data={"csrf_token": csrf_token(opened.app), **data}
        )
        assert answer.status_code in (400, 422, 429)


SEARCHES = (
    ("manager", "/agent/familles", "q"),
    ("admin", "/admin/utilisateurs", "q"),
    ("admin", "/admin/courriels", "destinataire"),
    ("manager", "/agent/taches", "q"),
    ("admin", "/admin/journal", "acteur"),
)


@pytest.mark.parametrize(
    "wildcard", ["%", "_", "%%", "r_v%", "*", "?", "' OR '1'='1", "\\%", ".*", "'; DROP TABLE x --"]
)
def test_a_search_takes_wildcards_as_letters(wildcard: str, opened: Opened) -> None:
    """Nothing here is written with these signs: whoever types them finds nothing, least of all everything."""
    for persona, path, name in SEARCHES:
        client = client_of(opened.app, opened.cast, persona)
        nothing = client.get(path, query_string={name: "zzzzzz introuvable"})
        found = client.get(path, query_string={name: wildcard})
        assert found.status_code == 200
        links = [
            len(re.findall(r'href="/(?:agent|admin)/[a-z]+/[0-9a-f-]{36}', page.text)) for page in (found, nothing)
        ]
        assert links[0] <= links[1], f"{path}?{name}={wildcard}"
