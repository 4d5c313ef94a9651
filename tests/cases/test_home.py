"""The first page of the portal: it leads each person to what is theirs."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from app.accounts.models import GrantRow
from app.db import Database
from tests.cases.conftest import NewClient
from tests.cases.making import make_world, sign_in


def first_link(browser: FlaskClient) -> str:
    """Where the first button of the home page leads."""
    main = browser.get("/").text.partition("<main")[2]
    found = re.search(r'<a [^>]*href="([^"]+)"', main)
    assert found is not None
    return found[1]


def test_a_visitor_may_sign_in_and_a_parent_goes_to_her_dashboard(database: Database, new_client: NewClient) -> None:
    world = make_world(database)
    assert first_link(new_client()) == "/connexion"
    assert first_link(sign_in(new_client(), database, world.camille)) == "/tableau-de-bord"


@pytest.mark.parametrize("role", ["gestionnaire", "direction", "restauration", "comptabilite", "dpo", "administrateur"])
def test_the_home_page_leads_no_agent_to_a_page_that_refuses_him(
    database: Database, new_client: NewClient, role: str
) -> None:
    world = make_world(database)
    with database.transaction() as session:
        session.execute(update(GrantRow).where(GrantRow.account_id == world.nadia).values(role_code=role))
    browser = sign_in(new_client(), database, world.nadia)
    assert browser.get(first_link(browser)).status_code == 200
