"""« Saisie groupée » over HTTP: several children and activities at once, previewed, saved, and what changed between."""

from __future__ import annotations

import re
import uuid
from datetime import date

import pytest
from flask.testing import FlaskClient

from app.agenda.booking import save_wishes
from app.agenda.closing import close_days
from app.agenda.wishes import Wish
from app.families.rights import Authority
from app.policy import SYSTEM
from tests.agenda.bookings_of import make_family
from tests.agenda.pages import Town, hidden, text_of
from tests.families.people import link, make_adult

PAGE = "/planning/saisie-groupee"


def entry(town: Town, **changes: object) -> dict[str, object]:
    """Both children at the canteen, on Mondays and Tuesdays of the first half of December."""
    return {
        "children": [str(child.id) for child in town.family.children],
        "action": "reserver",
        "activities": [str(town.valbrise.id("CANT"))],
        "first": "2026-12-01",
        "last": "2026-12-15",
        "weekdays": ["1", "2"],
        "turn": "all",
        **changes,
    }


def previewed(client: FlaskClient, data: dict[str, object]) -> str:
    answer = client.post(PAGE, data=data)
    assert answer.status_code == 200, text_of(answer.text)
    return answer.text


def saved(client: FlaskClient, preview: str) -> str:
    answer = client.post(PAGE, data={**hidden(preview), "etape": "enregistrer"})
    assert answer.status_code == 200
    return text_of(answer.text)


def test_a_preview_writes_nothing_and_its_button_saves_what_it_showed(town: Town, claire: FlaskClient) -> None:
    page = previewed(claire, entry(town))
    told = text_of(page)
    assert "Sera réservé (10 jours)" in told
    assert "Prix total des jours réservés ou demandés : 10,00 €" in told
    assert town.bookings() == []
    told = saved(claire, page)
    assert "Réservé (10 jours)" in told
    assert "quelque chose a changé" not in told
    days = ["12-01", "12-07", "12-08", "12-14", "12-15"]
    assert town.bookings() == [(day, "booked") for day in days for _ in range(2)]
    again = text_of(previewed(claire, entry(town)))
    assert "Rien à changer (10 jours)" in again
    assert "Rien ne changerait" in again


def test_the_same_entry_takes_away_what_it_added(town: Town, claire: FlaskClient) -> None:
    saved(claire, previewed(claire, entry(town)))
    page = previewed(claire, entry(town, action="annuler", weekdays=["2"]))
    assert "Sera annulé, sans frais (6 jours)" in text_of(page)
    assert "Prix total" not in text_of(page)
    assert "Annulé, sans frais (6 jours)" in saved(claire, page)
    assert [state for _, state in town.bookings()].count("cancelled") == 6


@pytest.mark.parametrize(
    ("turn", "days"),
    # the ISO weeks of these Mondays are 53, 1, 2, 3: « impaires » names two weeks in a row at the turn of 2027
    [("all", ["01-04", "01-11", "01-18"]), ("even", ["01-11"]), ("odd", ["01-04", "01-18"])],
)
def test_even_and_odd_weeks_are_those_of_the_calendar(
    town: Town,
    claire: FlaskClient,
    turn: str,
    days: list[str],
) -> None:
    wanted = entry(
        town,
        children=[str(town.child)],
        first="2026-12-28",
        last="2027-01-18",
        weekdays=["1"],
        turn=turn,
    )
    saved(claire, previewed(claire, wanted))
    assert [day for day, _ in town.bookings()] == days


def test_what_is_impossible_says_why_and_days_without_the_activity_are_left_out(
    town: Town,
    claire: FlaskClient,
) -> None:
    both = [str(town.valbrise.id(code)) for code in ("CANT", "MERC_J")]
    told = text_of(
        previewed(claire, entry(town, activities=both, first="2026-11-25", last="2026-12-31", weekdays=["1", "2", "3"]))
    )
    assert "Pas d’accueil ce jour de la semaine" not in told
    assert "Vacances de Noël : choisissez un autre jour." in told
    assert "Trop tard pour réserver : c’était possible jusqu’au mercredi 18 novembre 2026 à 12 h" in told
    assert re.search(r"Impossible \(\d+ jours\)", told)


def test_what_changed_since_the_preview_is_said_and_the_server_decides(town: Town, claire: FlaskClient) -> None:
    page = previewed(claire, entry(town, activities=[str(town.valbrise.id("MERC_J"))], weekdays=["3"]))
    assert "Sera réservé (4 jours)" in text_of(page)
    with town.database.transaction() as session:
        close_days(session, SYSTEM, first=date(2026, 12, 9), last=date(2026, 12, 9), kind="greve", words="Grève")
    told = saved(claire, page)
    assert "Depuis l’aperçu, quelque chose a changé" in told
    assert "« Sera réservé » est devenu « Impossible »" in told
    assert "Grève : choisissez un autre jour." in told
    assert town.bookings() == [("12-02", "booked"), ("12-02", "booked")]


def test_a_place_taken_meanwhile_is_a_place_on_the_waiting_list(town: Town, claire: FlaskClient) -> None:
    wednesday, activity = date(2026, 12, 2), town.valbrise.id("MERC_J")
    wanted = entry(
        town,
        children=[str(town.child)],
        activities=[str(activity)],
        weekdays=["3"],
        first="2026-12-02",
        last="2026-12-02",
    )
    page = previewed(claire, wanted)
    with town.database.transaction() as session:
        for name in ("A", "B", "C"):
            family = make_family(session, f"Plein{name}")
            save_wishes(session, family.actor, [Wish(family.child.id, activity, wednesday, True)])
    told = saved(claire, page)
    assert "« Sera réservé » est devenu « Sur liste d’attente »" in told
    assert "Le prix total était de 1,00 €, il est maintenant de 0,00 €." in told
    assert "au rang 1" in told


@pytest.mark.parametrize(
    "tampered",
    [{"vu": "zz"}, {"vu": "b"}, {"vu": ""}, {"total": "١"}, {"total": "-1"}, {"total": "9" * 40}],
)
def test_what_a_page_says_of_its_preview_is_believed_of_nothing(
    town: Town,
    claire: FlaskClient,
    tampered: dict[str, str],
) -> None:
    page = previewed(claire, entry(town))
    answer = claire.post(PAGE, data={**hidden(page), "etape": "enregistrer", **tampered})
    assert answer.status_code == 200
    assert len(town.bookings()) == 10


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"children": []}, "Choisissez au moins un enfant"),
        ({"activities": []}, "Choisissez au moins une activité"),
        ({"weekdays": []}, "Choisissez au moins un jour de la semaine"),
        ({"weekdays": ["6"]}, "choix valide"),
        ({"first": "", "last": ""}, "Indiquez le premier jour"),
        ({"first": "2026-02-30"}, "Indiquez une date qui existe"),
        ({"last": "2026-11-30"}, "La date de fin précède la date de début"),
        ({"last": "2028-11-30"}, "La période dure un an au plus"),
        ({"weekdays": ["3"]}, "Aucune de ces activités n’a lieu ces jours-là"),
        ({"action": "tout"}, "choix valide"),
        ({"turn": "jamais"}, "choix valide"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    town: Town,
    claire: FlaskClient,
    changes: dict[str, object],
    said: str,
) -> None:
    for step in ("", "enregistrer"):
        answer = claire.post(PAGE, data=entry(town, **changes, etape=step))
        assert answer.status_code == 422
        assert said in text_of(answer.text)
        assert 'value="2026-12-15"' in answer.text or "last" in changes
    assert town.bookings() == []


def test_going_back_from_the_preview_keeps_what_was_entered(town: Town, claire: FlaskClient) -> None:
    page = claire.post(PAGE, data={**hidden(previewed(claire, entry(town, turn="odd"))), "etape": "modifier"}).text
    assert len(re.findall(r'type="checkbox"[^>]*checked', page)) == 5  # two children, an activity, two days
    assert '<option selected value="odd">' in page
    assert 'value="2026-12-15"' in page


def test_a_child_of_somebody_else_is_no_choice(town: Town, claire: FlaskClient) -> None:
    with town.database.transaction() as session:
        other = make_family(session, "Roche")
    for child in (str(other.child.id), str(uuid.uuid4()), "abc"):
        for step in ("", "enregistrer"):
            answer = claire.post(PAGE, data=entry(town, children=[child], etape=step))
            assert answer.status_code == 422
            assert other.child.first_name not in answer.text or other.child.first_name == town.family.child.first_name
    assert town.bookings() == []


def test_who_is_only_informed_enters_nothing(town: Town) -> None:
    with town.database.transaction() as session:
        father = make_adult(session, town.family.household, "Paul", "Martin", account=True, email="paul@example.org")
        link(session, town.family.child, father, Authority.INFORMED)
    client = town.enter(father.account_id)
    assert "Vous ne pouvez pas réserver" in client.get(PAGE).text
    assert client.post(PAGE, data=entry(town, etape="enregistrer")).status_code == 422
    assert town.bookings() == []
