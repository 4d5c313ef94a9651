"""Every page that answers GET, for whom it is made, on a phone and on a desk: clean under axe, whole, quiet.

The pages are found as people find them, by following links; an address that no link leads to is named below, or fails.
"""

from __future__ import annotations

from collections import Counter, deque
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select
from werkzeug.exceptions import HTTPException

from app.accounts import tokens
from app.accounts.models import Account
from app.accounts.sealing import link_token
from app.db import Database
from app.web.requests import Portal
from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.deeds import declare_an_absence, monday
from tests.journeys.people import DESK, Somebody, photograph, somebody

#: How many addresses of one route are opened: a demande looks different at each status.
OFTEN = {
    "cases_family.show": 4,
    "cases_family.step": 3,
    "cases_family.confirm": 3,
    "cases_agent.show": 5,
    "studio.settings_section": 5,
}
USUALLY = 2
#: Answers that are not pages.
FILES = {
    "agenda_feed.read",
    "asset",
    "attendance_agent.manifest",
    "attendance_agent.worker",
    "theme",
    "cases_family.receipt",
    "cases_family.statement",
    "families_child.full_sheet",
    "families_child.sheet",
    "families_family.full_sheet",
    "families_family.sheet",
    "studio.archive",
    "studio.draft_archive",
    "studio.download_diagram",
    "studio.download_table",
    "studio.problems",
    "studio.scenarios_progress",
    "documents_agent.file",
    "documents_agent.preview",
    "documents_family.download",
    "messages_agent.file",
    "messages_family.file",
    "town_public.logo",
    "town_public.health",
}
#: Routes that no link of the demonstration leads to, and what proves them.
ELSEWHERE = {
    "accounts_public.second_factor_page": "asked only of whoever set one up: tests/accounts/test_second_factor.py",
    "accounts_public.second_factor": "same",
    "accounts_links.unlock": "needs a locked account: tests/accounts/test_pages_links.py",
    "cases_activation.show": "a mail leads to it: test_first_absence.py",
    "studio.tryout": "needs a draft: test_scenarios.py",
    "studio.publication": "needs a draft: test_studio.py",
    "studio.verification": "same",
    "studio.discard_page": "same",
    "studio.form_removal": "needs a draft: test_form_editor.py",
    "studio.migration": "needs a migration: test_running.py",
    "studio.proposal": "needs a newer release: tests/studio/test_shipped.py",
    "studio.table": "needs a decision table: tests/studio/test_pages.py",
    "studio.show": "leads to the diagram",
    "cases_erasures.lift": "needs a demande that is held: tests/cases/test_holding.py",
    "cases_agent.show_health": "for who decides and may read health: tests/families/test_agent_decides.py",
    "families_child.custody": "needs a child of two households: in the access matrix",
    "cases_agent.home": "for roles that open no list: where the accountant below arrives",
    "cases_agent.step": "leads to the page of the demande",
    "accounts_public.enrolment": "offered to members: in the test of agents",
    "accounts_member.identity_page": "families correct their name by a démarche: in the test of agents",
}


def endpoint_of(app: Portal, address: str) -> str | None:
    try:
        endpoint, _ = app.url_map.bind("localhost").match(urlsplit(address).path)
    except HTTPException:
        return None
    return str(endpoint)


def pages_for(app: Portal, audience: str) -> set[str]:
    """The routes that answer GET with a page, in the blueprints of this audience."""
    found = set()
    for rule in app.url_map.iter_rules():
        room = app.blueprints.get(rule.endpoint.rpartition(".")[0])
        if room is not None and getattr(room, "audience", "") == audience and "GET" in (rule.methods or ()):
            found.add(rule.endpoint)
    return found - FILES - set(ELSEWHERE)


def crawl(person: Somebody, app: Portal, starts: list[str], label: str, only: str = "") -> set[str]:
    """Opens every kind of page that can be reached from ``starts``, a few of each; the routes seen.

    ``only``: how the name of a route begins, for whoever is followed in one part of the portal.
    """
    waiting, known, opened = deque(starts), set(starts), Counter[str]()
    faults: list[str] = []
    while waiting:
        path = waiting.popleft()
        endpoint = endpoint_of(app, path)
        if endpoint is None:
            faults.append(f"un lien mène à {path}, qui n’existe pas")
            continue
        if endpoint in FILES:
            if not opened[endpoint]:
                answer = person.page.context.request.get(person.address + path)
                assert answer.ok, f"{path} : {answer.status}"
            opened[endpoint] += 1
            continue
        if not endpoint.startswith(only) or opened[endpoint] >= OFTEN.get(endpoint, USUALLY):
            continue
        status = person.go(path)
        faults += [f"{path} : {status}"] if status != 200 else []
        opened[endpoint] += 1
        landed = endpoint_of(app, person.page.url) or ""
        opened[landed] += landed != endpoint
        faults += audit(person.page, f"{label}-{landed}-{opened[landed]}")
        # what a letter says was written for somebody else
        links = person.page.locator("a[href]:not(.message__text a)")
        # a link drawn over a diagram (SVG) has no ``href`` that is a text
        for address in links.evaluate_all("them => them.map(a => new URL(a.getAttribute('href'), a.baseURI).href)"):
            parts = urlsplit(address)
            there = parts.path + (f"?{parts.query}" if parts.query else "")
            if address.startswith(person.address) and there not in known:
                known.add(there)
                waiting.append(there)
    assert not faults, "\n".join(faults)
    return set(opened)


def assert_all_seen(app: Portal, seen: set[str], *audiences: str) -> None:
    """Fails with the pages of these audiences that were not seen."""
    lost = sorted(set().union(*(pages_for(app, audience) for audience in audiences)) - seen)
    assert not lost, f"aucun lien ne mène à {', '.join(lost)}"


def links_of_mails(database: Database, app: Portal) -> list[str]:
    """The pages that only a mail leads to."""
    key = app.settings.secret_key
    with database.transaction() as session:
        account = session.scalars(select(Account).where(Account.persona == "camille-moreau")).one()
        choose = tokens.issue_token(session, tokens.CHOOSE_PASSWORD, account_id=account.id)
        email = tokens.issue_token(session, tokens.CHANGE_EMAIL, account_id=account.id, data={"email": "a@example.org"})
    return [
        f"/compte/mot-de-passe/{link_token(key, choose, tokens.CHOOSE_PASSWORD)}",
        f"/compte/courriel/{link_token(key, email, tokens.CHANGE_EMAIL)}",
    ]


@pytest.mark.timeout(300)
def test_every_public_page(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=DESK) as visitor:
        starts = [
            "/",
            "/?recherche=cantine",
            "/connexion",
            "/courriel-envoye",
            *links_of_mails(commune.database, commune.app),
        ]
        visitor.go("/demandes/nouvelle/creation-compte")
        visitor.press("Enregistrer le brouillon et quitter")
        seen = crawl(visitor, commune.app, starts, "visiteur")
        assert_all_seen(commune.app, seen, "public")


@pytest.mark.timeout(300)
def test_every_page_of_a_family(commune: Commune, browser: Browser, tmp_path: Path) -> None:
    with somebody(browser, commune.address, size=DESK) as parent:
        parent.become("camille-moreau")
        declare_an_absence(parent, "Inès", monday(), photo=photograph(tmp_path))
        seen = crawl(parent, commune.app, ["/tableau-de-bord", "/compte/premiere-visite"], "parent")
        assert_all_seen(commune.app, seen, "family", "member")


@pytest.mark.timeout(300)
def test_every_page_of_an_agent(commune: Commune, browser: Browser, tmp_path: Path) -> None:
    here = commune.address
    with (
        somebody(browser, here) as parent,
        somebody(browser, here, size=DESK) as agent,
        somebody(browser, here, size=DESK) as head,
    ):
        parent.become("antoine-lefort")
        declare_an_absence(parent, "Inès", monday(2), photo=photograph(tmp_path))
        agent.become("gestionnaire")
        seen = crawl(agent, commune.app, ["/agent/taches", "/agent/familles?q=fontaine"], "agent")
        head.become("directrice")
        seen |= crawl(head, commune.app, ["/agent/familles?q=fontaine"], "directrice", only="families_agent")
        seen |= crawl(head, commune.app, ["/agent/presences"], "directrice", only="attendance_agent")
        assert_all_seen(commune.app, seen, "agent")
        assert {"accounts_public.enrolment", "accounts_member.identity_page"} <= seen


@pytest.mark.timeout(300)
def test_every_page_of_an_administrator(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address, size=DESK) as admin:
        admin.become("administrateur")
        seen = crawl(admin, commune.app, [admin.page.url.removeprefix(commune.address)], "admin")
        assert_all_seen(commune.app, seen, "admin")


@pytest.mark.parametrize("persona", ["directrice", "restauration", "regisseur", "comptable", "dpo", "marta-da-silva"])
def test_what_the_menu_offers_to_everybody_else(commune: Commune, browser: Browser, persona: str) -> None:
    with somebody(browser, commune.address, size=DESK) as person:
        person.become(persona)
        menu = person.page.locator("header nav a, .side-nav__column a").evaluate_all("links => links.map(a => a.href)")
        for address in [person.page.url, *menu]:
            assert person.go(address) == 200
            assert audit(person.page, f"{persona}-{endpoint_of(commune.app, address)}") == []


@pytest.mark.parametrize("persona", [None, "camille-moreau", "gestionnaire", "administrateur"])
def test_a_page_that_does_not_exist_says_so_and_leads_somewhere(
    commune: Commune, browser: Browser, persona: str | None
) -> None:
    with somebody(browser, commune.address, size=DESK) as person:
        person.expected = ["404"]
        if persona:
            person.become(persona)
        assert person.go("/une-page-perdue") == 404
        assert audit(person.page, f"{persona or 'visiteur'}-404") == []
        assert person.page.locator("main a").count() > 0
