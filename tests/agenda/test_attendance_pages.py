"""« Présences » over HTTP: sheets, marks by ordinary forms, and what each reader is shown."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import create_app
from app.accounts import administration
from app.accounts.models import Account
from app.accounts.operations import open_account
from app.agenda.models import AttendanceMark
from app.clock import FrozenClock
from app.db import Database
from app.families.consents import Health, set_health
from app.journal import JournalEntry
from app.policy import SYSTEM
from tests.agenda.bookings_of import Family, Valbrise, ask, make_family, make_valbrise, stored
from tests.cases.making import sign_in
from tests.conftest import settings_for

MONDAY = date(2026, 11, 23)
EARLY, LUNCH = datetime(2026, 11, 10, 9, tzinfo=UTC), datetime(2026, 11, 23, 11, tzinfo=UTC)


@dataclass
class Door:
    database: Database
    valbrise: Valbrise
    family: Family
    folder: Path

    def agent(self, role: str, structure: uuid.UUID | None = None) -> FlaskClient:
        """Somebody with this role, signed in with a second factor."""
        with self.database.transaction() as session:
            administration.seed_roles(session, SYSTEM)
            email = f"{uuid.uuid4().hex[:8]}@valbrise.example.org"
            account = open_account(session, SYSTEM, email=email, first_name="Yves", last_name="Caron", kind="agent")
            session.flush()
            administration.grant_role(session, SYSTEM, account.id, role, structure)
            account_id = account.id
        return self.enter(account_id)

    def enter(self, account_id: uuid.UUID) -> FlaskClient:
        app = create_app(settings_for(str(self.database.engine.url), self.folder), self.database)
        app.config["WTF_CSRF_ENABLED"] = False
        return sign_in(app.test_client(), self.database, account_id)

    def path(self, code: str = "CANT", day: date = MONDAY) -> str:
        return f"/agent/presences/{self.valbrise.id(code)}/{day.isoformat()}"

    @property
    def states(self) -> list[tuple[str, str]]:
        with self.database.transaction(read_only=True) as session:
            return stored(session)


@pytest.fixture
def door(database: Database, tmp_path: Path, clock: FrozenClock) -> Door:
    """The canteen, on a Monday at lunch; one child is expected."""
    clock.set(EARLY)
    with database.transaction() as session:
        valbrise = make_valbrise(session)
        family = make_family(session)
        ask(session, family, valbrise.id("CANT"), MONDAY)
        told = Health(diet="vegetarien", allergies=("lait",), pai=True, allergy_note="Trousse au bureau")
        set_health(session, SYSTEM, family.child.id, told)
    clock.set(LUNCH)
    return Door(database, valbrise, family, tmp_path)


def fields(page: str) -> dict[str, str]:
    """The hidden fields of the first line of a sheet."""
    found = re.findall(r'name="(enfant|vu|cle)" value="([^"]*)"', page)
    return dict(reversed(found))


def test_a_sheet_is_marked_by_ordinary_forms(door: Door) -> None:
    yves = door.agent("restauration", door.valbrise.canteen.id)
    assert "Restauration scolaire" in yves.get("/agent/presences").text
    page = yves.get(door.path()).text
    assert "Martin Enfant0" in page
    assert "À pointer" in page
    sent = fields(page) | {"marque": "present"}
    for _ in range(2):  # a double click
        answer = yves.post(door.path(), data=sent)
        assert (answer.status_code, answer.location) == (303, f"{door.path()}#enfant-{door.family.child.id}")
    assert door.states == [("11-23", "present")]
    with door.database.transaction(read_only=True) as session:
        assert len(session.scalars(select(AttendanceMark)).all()) == 1
    assert "par Yves Caron" in yves.get(door.path()).text
    assert 'data-total="present">1<' in yves.get(door.path()).text


def test_codes_for_the_canteen_and_nothing_for_who_may_not_read_them(door: Door) -> None:
    kitchen = door.agent("restauration", door.valbrise.canteen.id).get(door.path()).text
    assert "VG" in kitchen
    assert "LAI" in kitchen
    assert ">PAI<" in kitchen
    assert "Trousse au bureau" not in kitchen
    office = door.agent("gestionnaire").get(door.path()).text
    assert "Martin Enfant0" in office
    assert "VG" not in office
    assert "LAI" not in office
    assert "PAI" not in office


def test_the_content_of_a_pai_is_for_who_may_read_health(door: Door) -> None:
    path = f"{door.path()}/enfants/{door.family.child.id}/sante"
    assert door.agent("restauration", door.valbrise.canteen.id).get(path).status_code == 403
    assert door.agent("direction", door.valbrise.leisure.id).get(path).status_code == 404
    assert "Trousse au bureau" in door.agent("direction", door.valbrise.canteen.id).get(path).text


def test_somebody_elses_mark_comes_back_on_the_page(door: Door) -> None:
    first, second = door.agent("restauration"), door.agent("gestionnaire")
    seen = fields(second.get(door.path()).text)
    first.post(door.path(), data=fields(first.get(door.path()).text) | {"marque": "absent"})
    answer = second.post(door.path(), data=seen | {"marque": "present"})
    assert answer.status_code == 409
    assert "Yves Caron a noté" in unescape(answer.text)
    assert door.states == [("11-23", "absent_unjustified")]
    assert second.post(door.path(), data=fields(answer.text) | {"marque": "present"}).status_code == 303
    assert door.states == [("11-23", "present")]


def test_bad_input_is_refused_in_french_and_changes_nothing(door: Door) -> None:
    yves = door.agent("restauration")
    good = fields(yves.get(door.path()).text)
    for wrong in ({}, good, good | {"marque": "vole"}, good | {"enfant": "x", "marque": "present"}):
        answer = yves.post(door.path(), data=wrong)
        assert answer.status_code == 422
        assert "Le pointage n’est pas enregistré" in answer.text
    answer = yves.post(door.path(), data=good | {"marque": "left", "parti": "soir"})
    assert answer.status_code == 422
    assert "comme 18:40" in answer.text
    assert door.states == [("11-23", "booked")]
    for lost in ("hier", "1999-01-01"):
        assert yves.get(f"/agent/presences/{door.valbrise.id('CANT')}/{lost}").status_code == 404


def test_a_child_without_booking_is_found_by_name_and_marked(door: Door) -> None:
    with door.database.transaction() as session:
        make_family(session, "Lenoir")
    yves = door.agent("restauration")
    page = yves.get(f"{door.path()}?nom=lenoir").text
    assert "Lenoir Enfant0" in page
    found = re.findall(r'name="(enfant|vu|cle)" value="([^"]*)"', page[page.index('id="arrive"') :])
    answer = yves.post(door.path(), data=dict(reversed(found)) | {"marque": "unbooked"})
    assert answer.status_code == 303
    assert "Sans réservation" in yves.get(door.path()).text
    assert "Aucun enfant de ce nom" in yves.get(f"{door.path()}?nom=zzz").text


def test_families_and_other_structures_see_no_sheet(door: Door) -> None:
    with door.database.transaction(read_only=True) as session:
        parent = session.scalars(select(Account.id).where(Account.id == door.family.parent.account_id)).one()
    assert door.enter(parent).get("/agent/presences").status_code == 404
    assert door.agent("direction", door.valbrise.leisure.id).get(door.path()).status_code == 404
    assert door.agent("regie").get("/agent/presences").status_code == 403


def test_lists_are_taken_away_and_the_journal_knows_it(door: Door) -> None:
    yves = door.agent("restauration", door.valbrise.canteen.id)
    page = yves.get(door.path()).text
    yves.post(door.path(), data=fields(page) | {"marque": "absent"})
    assert "Restauration scolaire" in yves.get("/agent/presences/exporter").text
    asked = {"what": "absences", "activity": "", "first": "2026-11-23", "last": "2026-11-23", "kind": "csv"}
    answer = yves.post("/agent/presences/exporter", data=asked)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="absences-2026-11-23-2026-11-23.csv"'
    assert "Martin;Enfant0;" in answer.text
    assert "Absence facturée" in answer.text
    assert "Martin" not in yves.post("/agent/presences/exporter", data=asked | {"what": "presences"}).text
    assert yves.post("/agent/presences/exporter", data=asked | {"kind": "xlsx"}).data.startswith(b"PK")
    for wrong in ({}, asked | {"first": "2026-11-24"}, asked | {"kind": "exe"}, asked | {"first": "1999-01-01"}):
        assert yves.post("/agent/presences/exporter", data=wrong).status_code == 422
    other = {**asked, "activity": str(door.valbrise.id("MERC_J"))}
    assert yves.post("/agent/presences/exporter", data=other).status_code == 422
    with door.database.transaction(read_only=True) as session:
        query = select(func.count()).where(JournalEntry.action == "attendance.exported")
        assert session.scalar(query) == 3


# -- what a tablet asks and sends ------------------------------------------------------------------------------------


def sent(door: Door, page: str, **changes: object) -> dict[str, object]:
    """A mark as the script of the page sends it."""
    found = fields(page)
    one = {"id": str(uuid.uuid4()), "activity": str(door.valbrise.id("CANT")), "day": MONDAY.isoformat()}
    return one | {"child": found["enfant"], "kind": "present", "seen": found["vu"], "left": "", "at": None} | changes


def test_marks_that_waited_are_answered_one_by_one(door: Door) -> None:
    yves = door.agent("restauration", door.valbrise.canteen.id)
    page = yves.get(door.path()).text
    good = sent(door, page, at="2026-11-23T10:50:00.000Z")
    elsewhere = sent(door, page, activity=str(door.valbrise.id("SOIR1")))
    for outcome in ("done", "same"):
        answer = yves.post("/agent/presences/envoi", json={"marks": [good, elsewhere]})
        told = answer.get_json()["told"]
        assert [one["outcome"] for one in told] == [outcome, "refused"]
        assert told[0]["state"] == "present"
        assert told[1]["words"]
    assert door.states == [("11-23", "present")]


@pytest.mark.parametrize(
    "wrong", [None, [], {}, {"marks": 3}, {"marks": ["x"]}, {"marks": [{"id": []}]}, {"marks": [{"id": "1"}]}]
)
def test_what_no_page_sends_is_refused(door: Door, wrong: object) -> None:
    assert door.agent("restauration").post("/agent/presences/envoi", json=wrong).status_code == 422


@pytest.mark.parametrize("key", ["day", "at", "child", "activity", "left", "seen", "kind"])
def test_an_odd_value_never_breaks_anything(door: Door, key: str) -> None:
    yves = door.agent("restauration")
    page = yves.get(door.path()).text
    for odd in (5, "\x00", "é" * 300, ["a"], {"b": 1}):
        answer = yves.post("/agent/presences/envoi", json={"marks": [sent(door, page, kind="left") | {key: odd}]})
        assert answer.status_code in (200, 422)
    assert door.states == [("11-23", "booked")]


def test_a_tablet_that_is_not_signed_in_is_told_so(door: Door) -> None:
    app = create_app(settings_for(str(door.database.engine.url), door.folder), door.database)
    app.config["WTF_CSRF_ENABLED"] = False
    asked = {"Accept": "application/json", "X-Requested-With": "fetch"}
    assert app.test_client().post("/agent/presences/envoi", json={"marks": []}, headers=asked).status_code == 401


def test_the_page_can_be_installed_and_its_worker_reaches_no_further(door: Door) -> None:
    yves = door.agent("restauration")
    worker = yves.get("/agent/presences/hors-ligne")
    assert worker.mimetype == "text/javascript"
    assert worker.headers["Service-Worker-Allowed"] == "/agent/presences"
    told = yves.get("/agent/presences/application.webmanifest").get_json(force=True)
    assert (told["scope"], told["start_url"], told["display"]) == (*["/agent/presences"] * 2, "standalone")
    assert yves.get(told["icons"][0]["src"]).status_code == 200
