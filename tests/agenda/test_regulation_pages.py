"""The règlement of an activity, by administrators: what is written, what is refused, what families then see."""

from __future__ import annotations

import re
import uuid
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts import sessions
from app.agenda.booking import save_wishes
from app.agenda.models import Activity, AgeGroup
from app.agenda.regulation import Regulation, read_regulation
from app.agenda.wishes import Wish
from tests.accounts.house import make_agent
from tests.agenda.pages import Town, text_of


@pytest.fixture
def admin(town: Town) -> FlaskClient:
    client = town.enter(None)
    with town.database.transaction() as session:
        made = make_agent(session, "admin@example.org", "administrateur")
        token = sessions.open_session(session, made, second_factor=True)
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = token, True
    return client


def address(town: Town, code: str = "MERC_J") -> str:
    return f"/admin/structures/{town.valbrise.leisure.id}/activites/{town.valbrise.id(code)}/reglement"


def filled(page: str) -> dict[str, list[str]]:
    """What a browser would send of this page as it is."""
    form = page[page.index('<form class="form" method="post"') :]
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        kind = re.search(r'type="([^"]*)"', tag)
        if name and (kind is None or kind[1] not in ("checkbox", "radio") or " checked" in tag):
            found.setdefault(name[1], []).append(value[1] if value else "")
    for name, inside in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        found[name] = re.findall(r'<option selected value="([^"]*)"', inside)[:1]
    return found


def regulation(
    town: Town, code: str = "MERC_J"
) -> tuple[Regulation, list[tuple[str, str, int, int | None, int | None]]]:
    with town.database.transaction(read_only=True) as session:
        rows = session.scalars(select(AgeGroup).where(AgeGroup.activity_id == town.valbrise.id(code)))
        groups = sorted((row.code, row.label, row.age_from, row.age_to, row.places) for row in rows)
        return read_regulation(session.get_one(Activity, town.valbrise.id(code)).rules), groups


def test_the_page_sent_as_it_is_changes_nothing(town: Town, admin: FlaskClient) -> None:
    before = regulation(town)
    page = admin.get(address(town)).text
    assert "Avec le règlement en vigueur, pour le mercredi 2 décembre 2026" in text_of(page)
    assert "Pour réserver : jusqu’au mercredi 25 novembre 2026 à 12 h" in text_of(page)
    answer = admin.post(address(town), data=filled(page))
    assert (answer.status_code, answer.location) == (303, address(town))
    assert regulation(town) == before


def test_limits_places_pieces_and_acceptance_are_changed_and_families_see_it(town: Town, admin: FlaskClient) -> None:
    data = filled(admin.get(address(town)).text) | {
        "acceptance": ["agent"],
        "book-mode": ["semaine_precedente"],
        "book-n": ["1"],
        "book-weekday": ["4"],
        "book-at": ["18h30"],
        "groupe1-places": ["12"],
        "groupe2-label": ["Ados"],
        "groupe2-age_from": ["12"],
        "groupe2-staff": ["2"],
        "offer_hours": ["48"],
    }
    assert admin.post(address(town), data=data).status_code == 303
    rules, groups = regulation(town)
    assert (rules.acceptance, rules.offer_hours, rules.deadlines.book.mode) == ("agent", 48, "semaine_precedente")
    assert rules.tariff.highest == 490  # the page does not show it: it stays
    assert groups == [
        ("ados", "Ados", 12, None, None),
        ("moins6", "Moins de 6 ans", 3, 5, 2),
        ("plus6", "6 ans et plus", 6, 11, 12),
    ]
    claire = town.enter(town.family.parent.account_id)
    assert "Réservable jusqu’au jeudi 26\u00a0novembre à 18\u00a0h\u00a030" in claire.get("/planning?mois=2026-12").text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"acceptance": ["parfois"]}, "choix valide"),
        ({"book-n": ["-1"]}, "de 0 à 400"),
        ({"cancel-at": ["tôt"]}, "Écrivez une heure"),
        ({"offer_hours": ["0"]}, "de 1 à 240"),
        ({"groupe0-age_from": ["9"]}, "vont de 0 à 25"),
        ({"groupe0-age_to": ["7"]}, "se chevauchent"),
        ({"groupe0-places": ["beaucoup"]}, "nombre entier"),
        ({"groupe0-label": [""], "groupe1-label": [""]}, "au moins un groupe d’âge"),
        ({"periode1-name": ["Hiver"]}, "premier et un dernier jour"),
        ({"periode0-last": ["2026-08-01"]}, "finit après avoir commencé"),
        ({"periode0-first": ["2026-02-30"]}, "date qui existe"),
        ({"pieces": ["inconnue"]}, "choix valide"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_typed_is_lost(
    town: Town, admin: FlaskClient, changes: dict[str, list[str]], said: str
) -> None:
    before = regulation(town)
    data = filled(admin.get(address(town)).text) | {"book-at": ["07:07"]}
    answer = admin.post(address(town), data=data | changes)
    assert answer.status_code == 422
    assert said in text_of(answer.text)
    assert 'value="07:07"' in answer.text
    assert regulation(town) == before


def test_a_group_where_somebody_is_stays(town: Town, admin: FlaskClient) -> None:
    with town.database.transaction() as session:
        wednesday = [Wish(town.child, town.valbrise.id("MERC_J"), date(2026, 12, 9), True)]
        save_wishes(session, town.family.actor, wednesday)
    data = filled(admin.get(address(town)).text) | {"groupe1-label": [""]}
    answer = admin.post(address(town), data=data)
    assert answer.status_code == 422
    assert "Des enfants sont ou ont été dans le groupe" in text_of(answer.text)
    assert len(regulation(town)[1]) == 2


@pytest.mark.parametrize("count", ["", "-1", "٣", "999", "abc"])
def test_a_number_of_rows_that_is_none_breaks_nothing(town: Town, admin: FlaskClient, count: str) -> None:
    data = filled(admin.get(address(town)).text) | {"groupes": [count], "periodes": [count]}
    assert admin.post(address(town), data=data).status_code in (303, 422)


def test_another_structure_s_activity_has_no_reglement_here(town: Town, admin: FlaskClient) -> None:
    for path in (address(town, "CANT"), address(town).replace(str(town.valbrise.id("MERC_J")), str(uuid.uuid4()))):
        assert admin.get(path).status_code == 404
        assert admin.post(path, data={}).status_code == 404
    assert town.enter(town.family.parent.account_id).get(address(town)).status_code == 404
