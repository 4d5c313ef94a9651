"""An address with somebody else's id, or nobody's, leads nowhere: 404, whatever the method (design.md, invariant 8)."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select
from werkzeug.routing import Rule

from app.accounts.models import Account, GrantRow
from app.families.models import Adult, Child, Household
from app.web.requests import Portal
from tests.rules.cast import Cast, person
from tests.rules.conftest import Living
from tests.rules.walk import Rehearsal, client_of, csrf_token, methods, parameters, rehearsal_of, routes

Opened = tuple[Portal, Rehearsal]


@pytest.fixture(scope="module")
def opened(cast: Cast) -> Opened:
    return rehearsal_of(cast)


def ask(app: Portal, cast: Cast, persona: str, method: str, path: str) -> int:
    data = {"csrf_token": csrf_token(app)} if method == "POST" else None
    answer = client_of(app, cast, persona).open(path, method=method, data=data)
    answer.close()
    return answer.status_code


def with_ids(app: Portal) -> list[tuple[Rule, str]]:
    return [(rule, method) for rule, method in routes(app) if any(name.endswith("_id") for name in rule.arguments)]


def built(app: Portal, rule: Rule, given: dict[str, str]) -> str:
    values = {name: uuid.UUID(text) if name.endswith("_id") else text for name, text in given.items()}
    return app.url_map.bind("localhost").build(rule.endpoint, values, method=min(methods(rule)))


@pytest.mark.parametrize("persona", ["owner", "manager", "admin"])
def test_an_id_that_does_not_exist_is_not_found(persona: str, cast: Cast, opened: Opened) -> None:
    """Each id of each address in turn, for whoever may use the others."""
    app, _ = opened
    assert len(with_ids(app)) > 40
    for rule, method in with_ids(app):
        for name in [name for name in rule.arguments if name.endswith("_id")]:
            given = {**parameters(rule, cast), name: str(uuid.uuid4())}
            status = ask(app, cast, persona, method, built(app, rule, given))
            # a step of her own demande that is no longer there: she is led to the demande
            gone = rule.endpoint == "cases_family.step" and name == "task_id" and persona == "owner"
            assert status in ((302, 409) if gone else (403, 404, 409)), (
                f"{method} {rule.rule} {name}: {persona} {status}"
            )


def test_two_ids_that_do_not_go_together_are_not_found(cast: Cast, opened: Opened) -> None:
    """Both exist and this person may see both, but not one within the other."""
    app, database = opened
    with database.transaction(read_only=True) as session:
        mine = select(Household.id).where(Household.label == "Fontaine")
        other_home = session.scalars(mine).one()
        other_adult = session.scalars(select(Adult.id).where(Adult.household_id == other_home).limit(1)).one()
        other_child = session.scalars(select(Child.id).where(Child.first_name == "Léna")).one()
        other_account = session.scalars(select(Account.id).where(Account.persona == "comptable")).one()
        other_grant = session.scalars(select(GrantRow.id).where(GrantRow.account_id == other_account)).one()
    swaps = {
        "task_id": ("manager", str(cast.ids["visitor-task"])),
        "adult_id": ("manager", str(other_adult)),
        "child_id": ("director", str(other_child)),
        "grant_id": ("admin", str(other_grant)),
    }
    asked = 0
    for rule, method in with_ids(app):
        for name, (persona, other) in swaps.items():
            if name in rule.arguments and len([n for n in rule.arguments if n.endswith("_id")]) > 1:
                who = "owner" if rule.endpoint.startswith("cases_family") else persona
                path = built(app, rule, {**parameters(rule, cast), name: other})
                status = ask(app, cast, who, method, path)
                # a step that the family does not have answers « already sent » or leads back, and does nothing
                expected = (302, 404, 409) if rule.endpoint == "cases_family.step" else (404, 409)
                assert status in expected, f"{method} {rule.rule} with somebody else's {name}: {who} got {status}"
                asked += 1
    assert asked > 12


@pytest.mark.parametrize(
    "bad",
    [
        "1", "0", "-1", "null", "..", "%2e%2e%2f", "..%2f..%2fetc%2fpasswd", "%00", "a" * 3000, "%27%20OR%201%3D1",
        "00000000-0000-0000-0000-00000000000g", "{}", "$%7B7*7%7D", "é", "%f0%9f%92%a9", "%ff%fe",
    ],
)  # fmt: skip
def test_what_is_no_id_is_not_found(bad: str, cast: Cast, opened: Opened) -> None:
    app, _ = opened
    for persona, prefix in (
        ("owner", "/demandes/"), ("owner", "/pieces/"), ("owner", "/foyer/enfants/"), ("manager", "/agent/demandes/"),
        ("manager", "/agent/pieces/"), ("manager", "/agent/familles/"), ("admin", "/admin/courriels/"),
        ("visitor", "/demarches/"), ("owner", "/demandes/nouvelle/"), ("visitor", "/static/"), ("visitor", "/logo/"),
        ("admin", "/admin/roles/"), ("admin", "/admin/reglages/"), ("admin", "/admin/demarches/"),
        ("admin", "/admin/demarches/absence/verification/"), ("visitor", "/compte/mot-de-passe/"),
        ("visitor", "/compte/activation/"), ("visitor", "/compte/courriel/"), ("visitor", "/compte/deblocage/"),
    ):  # fmt: skip
        answer = client_of(app, cast, persona).get(f"{prefix}{bad}")
        answer.close()
        assert answer.status_code in (404, 410, 308), f"{prefix}{bad}: {answer.status_code}"
        if answer.status_code == 308:
            assert answer.headers["Location"].startswith(("/", "http://localhost/"))


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/app/config.py", "css/../../config.py", "/etc/passwd"],
)
def test_no_address_climbs_out_of_its_folder(path: str, living: Living) -> None:
    client = living.client("admin")
    for prefix in ("/static/", "/logo/", "/admin/demarches/", "/pieces/"):
        answer = client.get(prefix + path)
        assert answer.status_code in (404, 308)
        assert "root:" not in answer.text
        assert "SECRET_KEY" not in answer.text


def test_an_agent_is_no_parent_of_anybody(living: Living) -> None:
    assert person(living.database, living.cast.accounts["manager"]).kind == "agent"
    for path in ("/tableau-de-bord", "/foyer", "/pieces", "/messages"):
        assert living.client("manager").get(path).status_code == 404
