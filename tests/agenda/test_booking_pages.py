"""« Réservations » of agents over HTTP: answers day by day, the places of a day, days that close."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts import sessions
from app.agenda.booking import save_wishes
from app.agenda.models import Booking, Closure
from app.agenda.wishes import Wish
from app.clock import FrozenClock
from app.town.models import Structure
from tests.accounts.house import facts, make_agent
from tests.agenda.bookings_of import make_family, set_wednesday
from tests.agenda.pages import Town, hidden, text_of

MONDAY, WEDNESDAY = date(2026, 11, 30), date(2026, 12, 9)
PAGE = "/agent/reservations"


def agent(town: Town, role: str = "gestionnaire", structure: Structure | None = None) -> FlaskClient:
    client = town.enter(None)
    with town.database.transaction() as session:
        made = make_agent(session, f"a{uuid.uuid4().hex}@example.org", role, structure=structure)
        token = sessions.open_session(session, made, second_factor=True)
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = token, True
    return client


@pytest.fixture
def asked(town: Town, clock: FrozenClock) -> list[uuid.UUID]:
    """Two requests of Wednesdays, which an agent accepts, and two late cancellations of the canteen; their ids."""
    with town.database.transaction() as session:
        set_wednesday(session, town.valbrise, acceptance="agent")
        canteen, leisure = town.valbrise.id("CANT"), town.valbrise.id("MERC_J")
        days = [(canteen, MONDAY), (canteen, date(2026, 12, 1)), (leisure, WEDNESDAY), (leisure, date(2026, 12, 16))]
        save_wishes(session, town.family.actor, [Wish(town.child, activity, day, True) for activity, day in days])
    clock.set(datetime(2026, 11, 27, 16, tzinfo=UTC))
    with town.database.transaction() as session:
        save_wishes(session, town.family.actor, [Wish(town.child, canteen, day, False) for _, day in days[:2]])
        return list(session.scalars(select(Booking.id).order_by(Booking.day)))


def told(town: Town) -> list[object]:
    """What families are to be told, gesture by gesture."""
    with town.database.transaction(read_only=True) as session:
        return [payload["what"] for name, payload in facts(session) if name == "bookings.changed"]


def test_each_day_has_its_answer_and_one_mail_tells_all(town: Town, asked: list[uuid.UUID]) -> None:
    client = agent(town)
    shown = text_of(client.get(PAGE).text)
    assert "4 jours attendent une réponse" in shown
    assert "Restauration scolaire (2)" in shown
    assert "Mercredi, journée (2)" in shown
    codes = ["excuse", "bill", "accept", "refuse"]
    data = {f"jour-{each}": code for each, code in zip(asked, codes, strict=True)}
    answer = client.post(PAGE, data={**data, "reason": "accueil", "words": "À bientôt."}, follow_redirects=True)
    assert "4\u00a0jours ont reçu leur réponse" in answer.text
    assert "Aucune demande en attente" in answer.text
    assert town.bookings() == [
        ("11-30", "absent_justified"),
        ("12-01", "absent_unjustified"),
        ("12-09", "booked"),
        ("12-16", "refused"),
    ]
    assert told(town).count("answered") == 1


def test_a_day_left_without_answer_stays_and_prefilling_only_fills_in(town: Town, asked: list[uuid.UUID]) -> None:
    client = agent(town)
    before = town.bookings()
    data = {f"jour-{each}": "" for each in asked}
    page = client.post(PAGE, data={**data, f"jour-{asked[0]}": "bill", "partout": "accept"}).text
    assert page.count('value="accept" selected') == 2
    assert page.count('value="bill" selected') == 1
    assert town.bookings() == before
    client.post(PAGE, data={**data, f"jour-{asked[2]}": "accept"})
    assert town.bookings()[2] == ("12-09", "booked")
    assert [state for _, state in town.bookings()].count("cancel_requested") == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Choisissez au moins une réservation"),
        ({2: "refuse"}, "Choisissez le motif du refus"),
        ({2: "donner"}, "Cette réponse n’existe pas"),
        ({0: "accept"}, "a changé"),
    ],
)
def test_a_wrong_answer_is_said_and_what_was_chosen_stays(
    town: Town, asked: list[uuid.UUID], changes: dict[int, str], said: str
) -> None:
    before = town.bookings()
    data = {f"jour-{asked[number]}": code for number, code in changes.items()}
    answer = agent(town).post(PAGE, data={**data, "words": "Ce que j’écris"})
    assert answer.status_code in (409, 422)
    assert said in text_of(answer.text)
    assert "Ce que j’écris" in text_of(answer.text)
    if 2 in changes and changes[2] == "refuse":
        assert 'value="refuse" selected' in answer.text
    assert town.bookings() == before


def test_what_a_colleague_answered_meanwhile_is_said(town: Town, asked: list[uuid.UUID]) -> None:
    client = agent(town)
    data = {f"jour-{asked[2]}": "accept", f"jour-{asked[0]}": "excuse"}
    agent(town, "direction").post(PAGE, data={f"jour-{asked[2]}": "accept"})
    answer = client.post(PAGE, data=data)
    assert answer.status_code == 409
    assert "Une de ces réservations a changé" in text_of(answer.text)
    assert 'value="excuse" selected' in answer.text
    assert town.bookings()[0] == ("11-30", "cancel_requested")


def test_an_agent_sees_and_answers_his_own_structures(town: Town, asked: list[uuid.UUID]) -> None:
    client = agent(town, "direction", town.valbrise.leisure)
    shown = text_of(client.get(PAGE).text)
    assert "2 jours attendent" in shown
    assert "Restauration scolaire" not in shown
    assert client.post(PAGE, data={f"jour-{asked[0]}": "excuse"}).status_code == 404
    for rest in ("", "/journee"):
        assert client.get(f"{PAGE}{rest}?structure={town.valbrise.canteen.id}").status_code == 404
    assert "Toute la commune" not in client.get(f"{PAGE}/fermetures").text
    scope = {"scope": f"structure:{town.valbrise.canteen.id}", "first": "2026-12-01", "last": "2026-12-01"}
    assert client.post(f"{PAGE}/fermetures", data={**scope, "kind": "greve", "etape": "fermer"}).status_code == 422


def test_the_places_of_a_day_and_who_waits(town: Town) -> None:
    with town.database.transaction() as session:
        for name in ("A", "B", "C", "D", "E"):
            family = make_family(session, f"Plein{name}")
            save_wishes(session, family.actor, [Wish(family.child.id, town.valbrise.id("MERC_J"), WEDNESDAY, True)])
    shown = text_of(agent(town).get(f"{PAGE}/journee?jour=2026-12-09").text)
    assert "La Clairière – Mercredi, journée" in shown
    assert "6 ans et plus 3 3 Complet – PleinD Enfant0 – rang 1 PleinE Enfant0 – rang 2" in shown
    assert "Moins de 6 ans 0 2 2 – personne" in shown
    assert "Vacances de Noël" in text_of(agent(town, "direction").get(f"{PAGE}/journee?jour=2026-12-23").text)


@pytest.mark.parametrize("day", ["hier", "2026-02-30", "1999-01-01", "2032-01-01"])
def test_a_day_that_is_not_there_is_said(town: Town, day: str) -> None:
    assert agent(town).get(f"{PAGE}/journee?jour={day}").status_code == 404


# -- days that close -------------------------------------------------------------------------------------------------


def closing(town: Town, **changes: str) -> dict[str, str]:
    return {
        "scope": f"activity:{town.valbrise.id('CANT')}",
        "first": "2026-12-01",
        "last": "2026-12-04",
        "kind": "greve",
        "words": "Grève à la cantine",
        **changes,
    }


@pytest.fixture
def booked(town: Town) -> list[date]:
    days = [date(2026, 12, 1), date(2026, 12, 4), date(2026, 12, 7)]
    with town.database.transaction() as session:
        wishes = [Wish(child.id, town.valbrise.id("CANT"), day, True) for day in days for child in town.family.children]
        save_wishes(session, town.family.actor, wishes)
    return days


def closed(town: Town) -> int:
    with town.database.transaction(read_only=True) as session:
        return len(session.scalars(select(Closure).where(Closure.reopened_at.is_(None))).all())


@pytest.mark.parametrize("scope", ["activity", "structure", "commune"])
def test_who_is_affected_is_seen_before_anything_closes(town: Town, booked: list[date], scope: str) -> None:
    client = agent(town)
    place = {"activity": town.valbrise.id("CANT"), "structure": town.valbrise.canteen.id}.get(scope)
    answer = client.post(f"{PAGE}/fermetures", data=closing(town, scope=f"{scope}:{place}" if place else scope))
    shown = text_of(answer.text)
    assert "4 jours réservés ou demandés seront annulés, sans frais" in shown
    assert "1 famille" in shown
    assert "mardi 1er décembre 2026 – Martin Enfant1 (réservé)" in shown
    assert closed(town) == 0
    data = {**hidden(answer.text), "etape": "fermer"}
    done = client.post(f"{PAGE}/fermetures", data=data, follow_redirects=True)
    assert "Grève à la cantine" in done.text
    assert [state for _, state in town.bookings()] == ["closed"] * 4 + ["booked"] * 2
    assert told(town).count("closed") == 1
    page = client.get(f"{PAGE}/fermetures").text
    [reopening] = re.findall(r'action="([^"]+/rouvrir)"', page)
    assert "ouverts de nouveau" in client.post(reopening, follow_redirects=True).text
    assert client.post(reopening).status_code == 409
    assert closed(town) == 0
    assert [state for _, state in town.bookings()].count("booked") == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scope": ""}, "Choisissez ce que vous fermez"),
        ({"scope": f"structure:{uuid.UUID(int=4)}"}, "choix valide"),
        ({"kind": "envie"}, "choix valide"),
        ({"first": ""}, "Indiquez le premier jour"),
        ({"first": "2026-12-05"}, "du premier au dernier"),
        ({"first": "2026-11-01"}, "Fermez des jours à venir"),
        ({"last": "2027-12-05"}, "trois mois au plus"),
        ({"words": "x" * 201}, "trop long"),
    ],
)
def test_a_closure_that_makes_no_sense_closes_nothing(town: Town, changes: dict[str, str], said: str) -> None:
    client = agent(town)
    for step in ("", "fermer"):
        answer = client.post(f"{PAGE}/fermetures", data=closing(town, etape=step, **changes))
        assert answer.status_code == 422
        assert said in text_of(answer.text)
    assert closed(town) == 0


def test_others_have_no_such_pages(town: Town, booked: list[date]) -> None:
    with town.database.transaction() as session:
        other = make_family(session, "Roche")
    for client, status in ((agent(town, "restauration"), 403), (town.enter(other.parent.account_id), 404)):
        for rest in ("", "/journee", "/fermetures"):
            assert client.get(PAGE + rest).status_code == status
        assert client.post(f"{PAGE}/fermetures", data=closing(town, etape="fermer")).status_code == status
    assert closed(town) == 0
