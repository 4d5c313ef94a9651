"""The door: sheets on a phone and a tablet, with the network really cut, somebody else's marks, a session that ends."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import date

import pytest
from playwright.sync_api import Browser, Locator, expect
from sqlalchemy import func, select, update

from app import clock
from app.accounts.models import Account, LoginSession
from app.agenda.attendance_marks import Mark, mark
from app.agenda.attendance_sheets import sheet, unfinished_sheets
from app.agenda.models import AttendanceMark
from app.policy import SYSTEM
from tests.journeys.audit import audit
from tests.journeys.commune import Commune
from tests.journeys.deeds import declare_an_absence, monday
from tests.journeys.people import DESK, PHONE, Somebody, somebody

TABLET = (1024, 768)
QUIET = ["ERR_INTERNET_DISCONNECTED", "Failed to fetch", "401", "409"]


@pytest.fixture
def yves(commune: Commune, browser: Browser) -> Iterator[Somebody]:
    """The agent of the canteen, with the sheet of the last day before him, kept on his tablet."""
    with somebody(browser, commune.address, size=TABLET) as person:
        person.expected = QUIET
        person.become("restauration")
        open_sheet(person)
        yield person


def open_sheet(person: Somebody) -> None:
    """The last sheet of the canteen, and the device has all it needs."""
    person.go("/agent/presences")
    person.page.get_by_role("link", name=re.compile("^Restauration scolaire, ")).first.click()
    expect(person.page.locator("[data-attendance][data-kept]")).to_be_attached()


def lines(person: Somebody) -> Locator:
    return person.page.locator("section[aria-labelledby=enfants] .door")


def press(person: Somebody, row: int, name: str) -> None:
    lines(person).nth(row).get_by_role("button", name=re.compile(f"^{name}")).click()


def banner(person: Somebody) -> Locator:
    return person.page.locator("[data-network]")


def marks_of(commune: Commune, persona: str) -> int:
    """How many marks this agent has left in the database."""
    with commune.database.transaction(read_only=True) as session:
        query = select(func.count()).select_from(AttendanceMark).join(Account, Account.id == AttendanceMark.by_id)
        return session.scalar(query.where(Account.persona == persona)) or 0


def somebody_else_marks(commune: Commune, person: Somebody, row: int, kind: str) -> None:
    """A colleague notes this child meanwhile, on another device."""
    child = uuid.UUID((lines(person).nth(row).get_attribute("id") or "").removeprefix("enfant-"))
    found = re.search(r"presences/([0-9a-f-]+)/([0-9-]+)", person.page.url)
    assert found is not None
    activity, day = uuid.UUID(found[1]), date.fromisoformat(found[2])
    with commune.database.transaction() as session:
        [token] = [line.token for line in sheet(session, SYSTEM, activity, day).lines if line.child_id == child]
        told = mark(session, SYSTEM, Mark(uuid.uuid4(), activity, day, child, kind, token))
    assert told.outcome == "done"


@pytest.mark.timeout(120)
def test_a_day_without_network_then_everything_is_sent_once(commune: Commune, yves: Somebody) -> None:
    before = marks_of(commune, "restauration")
    here = yves.page.url
    yves.page.context.set_offline(True)
    yves.page.goto(here)  # the tablet was closed, and is opened again
    expect(banner(yves)).to_contain_text("Hors ligne")
    for row in range(3):
        press(yves, row, "Absent")
    expect(banner(yves)).to_contain_text("Hors ligne, 3 pointages à envoyer")
    assert audit(yves.page, "presences-hors-ligne") == []
    yves.page.goto(here)
    expect(banner(yves)).to_contain_text("3 pointages à envoyer")
    expect(lines(yves).nth(0)).to_contain_text("À envoyer")
    assert marks_of(commune, "restauration") == before
    yves.page.context.set_offline(False)
    expect(banner(yves)).to_contain_text("Tout est envoyé")
    assert marks_of(commune, "restauration") == before + 3
    yves.page.goto(here)
    expect(yves.page.locator("[data-attendance][data-kept]")).to_be_attached()
    expect(banner(yves)).to_be_hidden()
    expect(lines(yves).nth(0).locator("[data-state]")).to_have_text("Absent")
    assert marks_of(commune, "restauration") == before + 3


@pytest.mark.timeout(120)
def test_what_a_colleague_noted_meanwhile_is_shown_and_never_overwritten(commune: Commune, yves: Somebody) -> None:
    yves.page.context.set_offline(True)
    press(yves, 4, "Absent")
    expect(banner(yves)).to_contain_text("1 pointage à envoyer")
    somebody_else_marks(commune, yves, 4, "absent")
    somebody_else_marks(commune, yves, 4, "present")
    yves.page.context.set_offline(False)
    box = lines(yves).nth(4).locator(".door__conflict")
    expect(box).to_contain_text("a noté «\u00a0Présent\u00a0»")
    expect(lines(yves).nth(4).locator("[data-state]")).to_have_text("Présent")
    open_sheet(yves)  # still there when the page is opened again
    expect(box).to_be_visible()
    assert audit(yves.page, "presences-conflit") == []
    box.get_by_role("button", name=re.compile("^Noter quand même")).click()
    expect(banner(yves)).to_contain_text("Tout est envoyé")
    expect(lines(yves).nth(4).locator("[data-state]")).to_have_text("Absent")
    expect(box).to_have_count(0)


@pytest.mark.timeout(120)
def test_a_session_that_ended_meanwhile_loses_no_mark(commune: Commune, yves: Somebody) -> None:
    before = marks_of(commune, "restauration")
    yves.page.context.set_offline(True)
    press(yves, 5, "Absent")
    with commune.database.transaction() as session:
        of = select(Account.id).where(Account.persona == "restauration")
        session.execute(update(LoginSession).where(LoginSession.account_id.in_(of)).values(revoked_at=clock.now()))
    yves.page.context.set_offline(False)
    expect(banner(yves)).to_contain_text("Votre session a pris fin")
    expect(banner(yves)).to_contain_text("1 pointage à envoyer")
    yves.page.get_by_role("link", name="Se reconnecter").click()
    yves.page.locator('form[action$="/restauration"] button').click()
    yves.page.wait_for_url(lambda url: "/connexion" not in url)
    open_sheet(yves)
    expect(lines(yves).nth(5).locator("[data-state]")).to_have_text("Absent")
    assert marks_of(commune, "restauration") == before + 1


@pytest.mark.timeout(120)
def test_signing_out_leaves_no_sheet_on_the_device(commune: Commune, yves: Somebody) -> None:
    here = yves.page.url
    kept = "() => caches.open('presences-pages').then(cache => cache.keys()).then(keys => keys.length)"
    assert yves.page.evaluate(kept) > 0
    yves.press("Se déconnecter")
    yves.page.wait_for_url(lambda url: "/agent/" not in url)
    assert yves.page.evaluate(kept) == 0
    yves.page.context.set_offline(True)
    yves.expected.append("503")
    yves.page.goto(here)
    expect(yves.page.locator("h1")).to_have_text("Hors ligne")


@pytest.mark.timeout(120)
def test_a_family_tells_and_the_sheet_says_it(commune: Commune, browser: Browser) -> None:
    with somebody(browser, commune.address) as parent, somebody(browser, commune.address, size=DESK) as agent:
        parent.become("linh-nguyen")
        day = monday(2)
        declare_an_absence(parent, "Maël", day)
        agent.become("restauration")
        agent.go(f"/agent/presences?jour={day.isoformat()}")
        agent.follow("Restauration scolaire")
        row = agent.page.locator(".door", has_text="Nguyen Maël")
        expect(row).to_contain_text("Absence annoncée : Raison familiale")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("size", [PHONE, TABLET, DESK])
def test_the_door_by_keyboard_and_without_javascript(commune: Commune, browser: Browser, size: tuple[int, int]) -> None:
    with somebody(browser, commune.address, size=size, javascript=False) as head:
        head.become("directrice")
        with commune.database.transaction(read_only=True) as session:
            evening = next(each for each in unfinished_sheets(session, SYSTEM) if each.activity.card.code == "SOIR1")
        head.go(f"/agent/presences/{evening.activity.id}/{evening.day.isoformat()}")
        row = lines(head).nth(0)
        field = row.get_by_label(re.compile("^Parti à"))
        field.fill("17:42")
        field.press("Enter")  # the departure, not the first button of the page
        expect(lines(head).nth(0)).to_contain_text("12\u00a0minutes après la fin")
        button = lines(head).nth(0).get_by_role("button", name=re.compile("^Absent"))
        button.focus()
        head.page.keyboard.press("Enter")
        expect(lines(head).nth(0).locator("[data-state]")).to_have_text(re.compile("Absent"))
        assert head.page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
