"""Addresses: French words with hyphens, ids that nobody guesses, nothing about people (design.md, invariant 12)."""

from __future__ import annotations

import re

import pytest
from werkzeug.routing import Rule

from app.web.requests import Portal
from tests.rules.cast import PERSONAS, PRIVATE_WORDS, Cast
from tests.rules.conftest import WalkOf
from tests.rules.walk import rehearsal_of, routes

_WORD = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.(pdf|zip|png|css|txt|ico|json|bpmn|dmn|webmanifest))?")
#: Parameters that are no uuid: a name that the commune publishes or chose, a hash, or a sealed token.
NAMES = frozenset(
    {
        "slug",
        "code",
        "name",
        "form_name",
        "node",
        "persona",
        "bundle_hash",
        "digest",
        "raw",
        "number",
        "what",
        "address",
        "day",
        "section",
        "status",
    }
)
ENGLISH = re.compile(
    "new|edit|delete|show|list|create|update|users?|settings|cases?|tasks?|child(ren)?|household|famil(y|ies)|files?|"
    "upload|download|log(in|out)|sign-(in|up|out)|passwords?|accounts?|search|reports?|reviews?|accept|refuse|release"
)


@pytest.fixture(scope="module")
def rules(cast: Cast) -> list[Rule]:
    return list(rehearsal_of(cast)[0].url_map.iter_rules())


def odd_address(path: str) -> list[str]:
    """Parts of an address that are not French kebab-case, and parameters that somebody could count."""
    found = []
    for part in filter(None, path.split("/")):
        if parameter := re.fullmatch(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>(\.\w+)?", part):
            kind, name = parameter[1] or "string", parameter[2]
            if kind != "uuid" and name not in NAMES:
                found.append(part)
            if kind == "int" and name != "number":
                found.append(part)
        elif not _WORD.fullmatch(part) or ENGLISH.fullmatch(part):
            found.append(part)
    return found


def test_addresses_are_french_words_and_ids_that_nobody_guesses(rules: list[Rule]) -> None:
    assert {rule.rule: odd for rule in rules if (odd := odd_address(rule.rule))} == {}


def test_what_is_named_by_an_id_is_named_by_a_uuid(rules: list[Rule]) -> None:
    for rule in rules:
        for name in rule.arguments:
            if name.endswith("_id"):
                assert f"<uuid:{name}>" in rule.rule, rule


def test_no_address_names_a_person(walk_of: WalkOf) -> None:
    """Neither those we give out (links, redirects) nor those that were asked."""
    for persona in PERSONAS:
        for answer in walk_of(persona).answers:
            given = [answer.path, answer.location, *re.findall(r'(?:href|action)="([^"]*)"', answer.page)]
            links = [link for link in given if not link.startswith(("mailto:", "tel:"))]
            assert [link for link in links for word in PRIVATE_WORDS if word.lower() in link.lower()] == []


def test_what_is_not_french_or_can_be_counted_is_found() -> None:
    for bad in ("/admin/users", "/Mon_Compte", "/demandes/<int:case_id>", "/demandes/<case_id>", "/pièces"):
        assert odd_address(bad) != [], bad
    assert odd_address("/demandes/<uuid:case_id>/accuse-reception.pdf") == []


def test_every_route_is_registered_once(cast: Cast) -> None:
    app: Portal = rehearsal_of(cast)[0]
    seen = [(rule.rule, method) for rule, method in routes(app)]
    assert len(seen) == len(set(seen))
