"""« Planning » over HTTP: what a family sees, ticks and saves; only changed boxes count, and the server decides."""

from __future__ import annotations

import re
import uuid
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.agenda.booking import save_wishes
from app.agenda.models import Booking
from app.agenda.wishes import Wish
from app.families.rights import Authority
from app.policy import Actor
from tests.agenda.bookings_of import make_family
from tests.agenda.pages import Town
from tests.families.people import link, make_adult

MONDAY, TUESDAY = date(2026, 11, 30), date(2026, 12, 1)
MONTH = "/planning?mois=2026-12"


def boxes(page: str) -> dict[str, bool]:
    """The boxes of a page, and which are ticked."""
    return {
        found[1]: "checked" in found[0] for found in re.finditer(r'<input[^>]*name="jours" value="([^"]+)"[^>]*>', page)
    }


def send(client: FlaskClient, page: str, child: uuid.UUID, **changes: bool) -> str:
    """Sends the form of this page, with some boxes otherwise than shown."""
    ticked = {key for key, on in (boxes(page) | changes).items() if on}
    shown = re.findall(r'name="montre" value="([^"]+)"', page)
    answer = client.post(
        "/planning", data={"enfant": str(child), "mois": "2026-12", "jours": sorted(ticked), "montre": shown}
    )
    assert answer.status_code == 200
    return answer.text


def test_days_are_booked_then_given_back_in_one_save_each(town: Town, claire: FlaskClient) -> None:
    page = claire.get(MONTH).text
    assert boxes(page)[town.key(TUESDAY)] is False
    assert "Réservable jusqu’au vendredi 27\u00a0novembre à 10\u00a0h" in page
    days = [TUESDAY, date(2026, 12, 3), date(2026, 12, 4)]
    told = send(claire, page, town.child, **{town.key(day): True for day in days})
    assert "Réservé (3)" in told
    assert "Restauration scolaire" in told
    assert town.bookings() == [("12-01", "booked"), ("12-03", "booked"), ("12-04", "booked")]
    page = claire.get(MONTH).text
    assert boxes(page)[town.key(TUESDAY)] is True
    told = send(claire, page, town.child, **{town.key(TUESDAY): False, town.key(date(2026, 12, 7)): True})
    assert "Annulé, sans frais (1)" in told
    assert "Réservé (1)" in told
    assert town.bookings() == [("12-01", "cancelled"), ("12-03", "booked"), ("12-04", "booked"), ("12-07", "booked")]


def test_the_same_page_sent_twice_and_a_page_left_as_it_was_change_nothing(town: Town, claire: FlaskClient) -> None:
    page = claire.get(MONTH).text
    for _ in range(2):
        told = send(claire, page, town.child, **{town.key(TUESDAY): True})
    assert "Rien n’a changé" in told
    assert town.bookings() == [("12-01", "booked")]
    assert "Rien n’a changé" in send(claire, claire.get(MONTH).text, town.child)
    with town.database.transaction(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Booking)) == 1


def test_a_box_that_is_not_on_the_page_is_judged_like_any_other(town: Town, claire: FlaskClient) -> None:
    sunday, past = date(2026, 12, 6), date(2026, 11, 19)
    keys = [town.key(sunday), town.key(past), "n’importe quoi", f"{uuid.uuid4()}:2026-12-01", town.key(TUESDAY) + "x"]
    data = {"enfant": str(town.child), "jours": keys, "montre": [f"{key}:0" for key in keys]}
    answer = claire.post("/planning", data=data)
    assert answer.status_code in (200, 404)
    assert town.bookings() == []


@pytest.mark.parametrize("child", ["", "abc", "00000000-0000-4000-8000-000000000001"])
def test_a_child_of_nobody_is_none(child: str, town: Town, claire: FlaskClient) -> None:
    data = {"enfant": child, "jours": [town.key(TUESDAY)], "montre": [f"{town.key(TUESDAY)}:0"]}
    assert claire.post("/planning", data=data).status_code in (404, 422)
    assert town.bookings() == []
    if child != "abc" and child:
        assert claire.get(f"/planning?enfant={child}").status_code == 404


def test_another_family_neither_sees_nor_books(town: Town) -> None:
    with town.database.transaction() as session:
        other = make_family(session, "Roche")
    client = town.enter(other.parent.account_id)
    assert client.get(f"/planning?enfant={town.child}").status_code == 404
    data = {"enfant": str(town.child), "jours": [town.key(TUESDAY)], "montre": [f"{town.key(TUESDAY)}:0"]}
    assert client.post("/planning", data=data).status_code == 404
    assert town.bookings() == []


def test_who_is_only_informed_sees_and_changes_nothing(town: Town) -> None:
    with town.database.transaction() as session:
        father = make_adult(session, town.family.household, "Paul", "Martin", account=True, email="paul@example.org")
        link(session, town.family.child, father, Authority.INFORMED)
        save_wishes(session, town.family.actor, [Wish(town.child, town.valbrise.id("CANT"), TUESDAY, True)])
    client = town.enter(father.account_id)
    page = client.get(f"{MONTH}&enfant={town.child}").text
    assert "Réservé" in page
    assert boxes(page) == {}
    assert "Enregistrer les changements" not in page
    assert "1,00" not in page  # the price is the other's
    data = {"enfant": str(town.child), "jours": [], "montre": [f"{town.key(TUESDAY)}:1"]}
    assert client.post("/planning", data=data).status_code == 403
    assert town.bookings() == [("12-01", "booked")]


def test_a_full_day_offers_the_waiting_list_and_says_the_rank(town: Town, claire: FlaskClient) -> None:
    wednesday = date(2026, 12, 2)
    with town.database.transaction() as session:
        for name in ("A", "B", "C"):
            family = make_family(session, f"Plein{name}")
            save_wishes(
                session,
                Actor("parent", family.parent.account_id, "x"),
                [Wish(family.child.id, town.valbrise.id("MERC_J"), wednesday, True)],
            )
    page = claire.get(MONTH).text
    assert "Complet\u00a0: liste d’attente" in page
    told = send(claire, page, town.child, **{town.key(wednesday, "MERC_J"): True})
    assert "Sur liste d’attente (1)" in told
    assert "rang 1" in told
    assert "Sur liste d’attente, au rang 1" in claire.get(MONTH).text


@pytest.mark.parametrize("month", ["2026-13", "1999-01", "2030-01", "hier", "2026-12-01"])
def test_a_month_that_is_not_there_is_said(month: str, claire: FlaskClient) -> None:
    assert claire.get(f"/planning?mois={month}").status_code == 404


def test_a_week_without_anything_says_why_in_one_line(claire: FlaskClient) -> None:
    page = claire.get(MONTH).text
    assert "Semaine du 21\u00a0décembre" in page
    assert "Vacances de Noël" in page
    assert not any(key.endswith("2026-12-22") for key in boxes(page))


def test_each_child_has_his_own_tab(town: Town, claire: FlaskClient) -> None:
    second = town.family.children[1]
    assert f"enfant={second.id}" in claire.get(MONTH).text
    assert f"Planning de {second.first_name}" in claire.get(f"{MONTH}&enfant={second.id}").text
