"""The calendar of a household by its secret link: what it says, to whom, until when."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from datetime import date, datetime

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.accounts.models import Account
from app.agenda import feeds
from app.agenda.booking import save_wishes
from app.agenda.closing import close_days
from app.agenda.icalendar import FOLD, Event, calendar_text, escaped, folded
from app.agenda.wishes import Wish
from app.db import Base
from app.families.models import Guardianship
from app.families.rights import Authority
from app.policy import SYSTEM
from tests.agenda.bookings_of import make_family
from tests.agenda.pages import Town
from tests.families.people import link, make_adult

TUESDAY, THURSDAY = date(2026, 12, 1), date(2026, 12, 3)
PAGE = "/planning/calendrier"


def made(client: FlaskClient) -> str:
    """The path of a new link, as its page shows it."""
    page = client.post(PAGE, data={"lien": "creer"}).text
    found = re.search(r"<code>https?://[^/<]+(/calendrier/[^<]+\.ics)</code>", page)
    assert found is not None
    return found[1]


def events(file: str) -> list[dict[str, str]]:
    """The events of a calendar, read as RFC 5545 says: lines unfolded, each a name and a value."""
    lines = file.replace("\r\n ", "").split("\r\n")
    found: list[dict[str, str]] = []
    for line in lines:
        if line == "BEGIN:VEVENT":
            found.append({})
        elif found:
            name, _, value = line.partition(":")
            found[-1].setdefault(name, value)
    return found


def book(town: Town, *days: date, add: bool = True) -> None:
    with town.database.transaction() as session:
        wishes = [Wish(town.child, town.valbrise.id("CANT"), day, add) for day in days]
        save_wishes(session, town.family.actor, wishes)


def test_a_link_gives_the_bookings_in_paris_hours(town: Town, claire: FlaskClient) -> None:
    book(town, TUESDAY, THURSDAY)
    answer = town.enter(None).get(made(claire))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    first, second = events(answer.text)
    assert first["DTSTART;TZID=Europe/Paris"] == "20261201T114500"
    assert first["DTEND;TZID=Europe/Paris"] == "20261201T133500"
    assert first["SUMMARY"] == "Enfant0 – Restauration scolaire"
    assert (first["STATUS"], second["STATUS"]) == ("CONFIRMED", "CONFIRMED")
    assert first["UID"] != second["UID"]
    assert "TZID:Europe/Paris" in answer.text
    for private in ("Martin", "Valbrise", "99870", "€", str(town.child), "Claire"):
        assert private not in answer.text


def test_a_day_cancelled_then_booked_again_stays_one_event(town: Town, claire: FlaskClient) -> None:
    path, reader = made(claire), town.enter(None)
    seen = []
    for add in (True, False, True):
        book(town, TUESDAY, add=add)
        [event] = events(reader.get(path).text)
        seen.append((event["UID"], int(event["SEQUENCE"]), event["STATUS"]))
    assert len({uid for uid, _, _ in seen}) == 1
    assert [sequence for _, sequence, _ in seen] == [1, 2, 3]
    assert [status for *_, status in seen] == ["CONFIRMED", "CANCELLED", "CONFIRMED"]


def test_a_closed_day_is_cancelled_and_a_place_waited_for_is_tentative(town: Town, claire: FlaskClient) -> None:
    book(town, TUESDAY)
    wednesday = date(2026, 12, 9)
    with town.database.transaction() as session:
        close_days(session, SYSTEM, first=TUESDAY, last=TUESDAY, kind="greve")
        for family in (*(make_family(session, f"Plein{name}") for name in "ABC"), town.family):
            wish = [Wish(family.child.id, town.valbrise.id("MERC_J"), wednesday, True)]
            save_wishes(session, family.actor, wish)
    found = events(town.enter(None).get(made(claire)).text)
    assert [each["STATUS"] for each in found] == ["CANCELLED", "TENTATIVE"]
    assert found[1]["SUMMARY"] == "Enfant0 – Mercredi\\, journée (sur liste d’attente)"


def test_the_secret_is_shown_once_and_kept_nowhere(town: Town, claire: FlaskClient) -> None:
    secret = made(claire).removeprefix("/calendrier/").removesuffix(".ics")
    assert len(secret) >= 43
    page = claire.get(PAGE).text
    assert secret not in page
    assert "Vous avez un lien depuis" in page
    with town.database.transaction(read_only=True) as session:
        for table in Base.metadata.sorted_tables:
            assert [row for row in session.execute(select(table)) if secret in repr(row)] == []


def test_a_new_link_ends_the_one_before_and_a_removed_one_ends(town: Town, claire: FlaskClient) -> None:
    reader, old = town.enter(None), made(claire)
    new = made(claire)
    assert [reader.get(path).status_code for path in (old, new)] == [404, 200]
    for _ in range(2):  # again changes nothing
        assert "ne fonctionne plus" in claire.post(PAGE, data={"lien": "supprimer"}, follow_redirects=True).text
    assert reader.get(new).status_code == 404
    assert "Créer mon lien" in claire.get(PAGE).text


@pytest.mark.parametrize("secret", ["x", "é", "A" * 43, "a" * 5000, "%00", "..%2F.."])
def test_another_address_is_no_calendar(town: Town, claire: FlaskClient, secret: str) -> None:
    made(claire)
    assert town.enter(None).get(f"/calendrier/{secret}.ics").status_code == 404


def test_whoever_loses_the_right_reads_nothing_any_more(town: Town, claire: FlaskClient) -> None:
    book(town, TUESDAY)
    path, reader = made(claire), town.enter(None)
    with town.database.transaction() as session:
        of_child = select(Guardianship).where(Guardianship.child_id == town.child)
        session.scalars(of_child).one().authority = Authority.WITHDRAWN
    assert events(reader.get(path).text) == []
    with town.database.transaction() as session:
        session.get_one(Account, town.family.parent.account_id).state = "deactivated"
    assert reader.get(path).status_code == 404


def test_the_other_household_reads_its_own_bookings_only(town: Town, claire: FlaskClient) -> None:
    book(town, TUESDAY)
    with town.database.transaction() as session:
        other = make_family(session, "Roche")
        father = make_adult(session, other.household, "Paul", "Roche", account=True, email="paul@example.org")
        link(session, town.family.child, father)
    path = made(town.enter(father.account_id))
    assert events(town.enter(None).get(path).text) == []


def test_a_calendar_that_has_it_is_not_sent_it_again_and_an_insistent_one_waits(
    town: Town, claire: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "READS_AN_HOUR", 4)
    book(town, TUESDAY)
    path, reader = made(claire), town.enter(None)
    answer = reader.get(path)
    assert answer.headers["Cache-Control"] == "private, max-age=900"
    again = reader.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    book(town, THURSDAY)
    changed = reader.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert changed.status_code == 200
    statuses = [reader.get(path).status_code for _ in range(3)]
    assert statuses == [200, 429, 429]


@pytest.mark.parametrize("wanted", ["", "autre"])
def test_a_post_without_a_wish_makes_no_link(town: Town, claire: FlaskClient, wanted: str) -> None:
    assert claire.post(PAGE, data={"lien": wanted}).status_code == 422
    assert "Créer mon lien" in claire.get(PAGE).text


# -- the writing -----------------------------------------------------------------------------------------------------


@given(st.text(max_size=300))
def test_no_line_is_too_long_and_no_text_makes_another_line(words: str) -> None:
    event = Event(
        uid=str(uuid.UUID(int=1)),
        sequence=1,
        stamp=datetime.fromisoformat("2026-11-20T08:30:00+00:00"),
        day=TUESDAY,
        starts_at="11:45",
        ends_at="13:35",
        status="CONFIRMED",
        summary=words,
    )
    written = calendar_text("x", [event])
    assert all(len(line.encode()) <= FOLD for line in written.split("\r\n"))
    lines = written.replace("\r\n ", "").split("\r\n")
    assert sum(line.startswith("SUMMARY:") for line in lines) == 1
    assert len(lines) == len(calendar_text("x", [replace(event, summary="x")]).split("\r\n"))
    assert "".join(part.removeprefix(" ") if n else part for n, part in enumerate(folded(words))) == words
    assert "\n" not in escaped(words)
