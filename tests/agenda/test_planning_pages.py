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
from app.clock import FrozenClock
from app.families.rights import Authority
from app.policy import Actor
from tests.agenda.bookings_of import make_family
from tests.agenda.pages import Town, hidden, text_of
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


@pytest.mark.parametrize("view", ["vue=semaine&semaine=2026-W49", "vue=liste&mois=2026-12"])
def test_a_week_and_a_list_save_as_the_month_does_and_lead_back_to_themselves(
    view: str, town: Town, claire: FlaskClient
) -> None:
    page = claire.get(f"/planning?{view}").text
    assert boxes(page)[town.key(TUESDAY)] is False
    assert "Réservable jusqu’au vendredi 27\u00a0novembre à 10\u00a0h" in page
    ticked = [town.key(TUESDAY), town.key(date(2026, 12, 3))]
    data = {**hidden(page), "jours": ticked}
    answer = claire.post("/planning", data=data)
    assert "Réservé (2)" in answer.text
    back = re.search(r'href="(/planning\?[^"]+)"', answer.text[answer.text.index("Réservé (2)") :])
    assert back is not None
    address = back[1].replace("&amp;", "&")
    assert all(each in address for each in view.split("&"))
    page = claire.get(address).text
    assert boxes(page)[town.key(TUESDAY)] is True
    data = {**hidden(page), "jours": ticked[1:]}
    assert "Annulé, sans frais (1)" in claire.post("/planning", data=data).text
    assert town.bookings() == [("12-01", "cancelled"), ("12-03", "booked")]


def test_a_week_shows_its_own_days_and_a_list_names_each_activity(town: Town, claire: FlaskClient) -> None:
    week = boxes(claire.get("/planning?vue=semaine&semaine=2026-W49").text)
    assert {key.rpartition(":")[2] for key in week} == {"2026-11-30", *(f"2026-12-0{day}" for day in range(1, 5))}
    listed = text_of(claire.get("/planning?vue=liste&mois=2026-12").text)
    assert "Mercredi 2 décembre 2026 Mercredi, journée , mercredi 2 décembre 2026 : Libre" in listed


# -- a place that is offered -------------------------------------------------------------------------------------------


@pytest.fixture
def offered(town: Town) -> date:
    """The first child of the family is first on the list of a Wednesday whose three places were taken; one is freed."""
    wednesday, activity = date(2026, 12, 9), town.valbrise.id("MERC_J")
    with town.database.transaction() as session:
        others = [make_family(session, f"Plein{name}") for name in ("A", "B", "C")]
        for family in (*others, town.family):
            save_wishes(session, family.actor, [Wish(family.child.id, activity, wednesday, True)])
    with town.database.transaction() as session:
        save_wishes(session, others[0].actor, [Wish(others[0].child.id, activity, wednesday, False)])
    return wednesday


def reply(town: Town, day: date, answer: str) -> dict[str, str]:
    return {
        "enfant": str(town.child),
        "activite": str(town.valbrise.id("MERC_J")),
        "jour": day.isoformat(),
        "reponse": answer,
    }


@pytest.mark.parametrize("page", ["/planning", "/tableau-de-bord"])
def test_an_offer_shows_until_when_and_is_taken(page: str, town: Town, claire: FlaskClient, offered: date) -> None:
    shown = text_of(claire.get(page).text)
    assert "Une place se libère pour Enfant0" in shown
    assert "gardée pour vous jusqu’au samedi 21 novembre 2026 à 9 h 30" in shown
    answer = claire.post("/planning/proposition", data=reply(town, offered, "accepter"), follow_redirects=True)
    assert "La place est à vous" in answer.text
    assert ("12-09", "booked") in town.bookings()
    assert "Une place se libère" not in claire.get(page).text
    again = claire.post("/planning/proposition", data=reply(town, offered, "accepter"), follow_redirects=True)
    assert "Votre réponse est déjà enregistrée" in again.text


def test_an_offer_is_left_to_the_next(town: Town, claire: FlaskClient, offered: date) -> None:
    answer = claire.post("/planning/proposition", data=reply(town, offered, "laisser"), follow_redirects=True)
    assert "laissée à la personne suivante" in answer.text
    assert town.bookings().count(("12-09", "cancelled")) == 2
    assert "Une place se libère" not in claire.get("/planning").text


def test_an_offer_that_is_over_is_not_taken(town: Town, offered: date, clock: FrozenClock) -> None:
    clock.advance(hours=24)
    claire = town.enter(town.family.parent.account_id)
    assert "Une place se libère" not in claire.get("/planning").text
    answer = claire.post("/planning/proposition", data=reply(town, offered, "accepter"), follow_redirects=True)
    assert "Demandez-la de nouveau" in answer.text
    assert ("12-09", "offered") in town.bookings()


def test_nobody_else_answers_an_offer(town: Town, offered: date) -> None:
    with town.database.transaction() as session:
        father = make_adult(session, town.family.household, "Paul", "Martin", account=True, email="paul@example.org")
        link(session, town.family.child, father, Authority.INFORMED)
        other = make_family(session, "Roche")
    for account_id, status in ((father.account_id, 403), (other.parent.account_id, 404)):
        client = town.enter(account_id)
        for page in ("/planning", "/tableau-de-bord"):
            assert "Une place se libère" not in client.get(page).text
        assert client.post("/planning/proposition", data=reply(town, offered, "laisser")).status_code == status
    assert ("12-09", "offered") in town.bookings()


@pytest.mark.parametrize("name", ["enfant", "activite", "jour", "reponse"])
def test_an_answer_that_makes_no_sense_changes_nothing(
    name: str, town: Town, claire: FlaskClient, offered: date
) -> None:
    answer = claire.post("/planning/proposition", data={**reply(town, offered, "laisser"), name: "x"})
    assert answer.status_code == 422
    assert ("12-09", "offered") in town.bookings()
