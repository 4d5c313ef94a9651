"""Administrators give a structure its activities: what families may then name in an absence."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app import create_app
from app.accounts import sessions
from app.agenda.models import Activity
from app.agenda.operations import save_activity
from app.agenda.queries import activities
from app.db import Database
from app.errors import Forbidden, Refused
from app.policy import SYSTEM, Actor, Grant, Permission
from tests.accounts.house import make_agent, make_structure
from tests.conftest import settings_for

GOOD = {
    "label": "Atelier théâtre",
    "code": "theatre",
    "weekdays": ["5", "2"],
    "starts_at": "16:30",
    "ends_at": "17h30",
    "rank": "4",
    "open": "y",
}
SignIn = Callable[..., FlaskClient]


@pytest.fixture
def places(database: Database) -> tuple[uuid.UUID, uuid.UUID]:
    """Two structures, without any activity."""
    with database.transaction() as session:
        return make_structure(session).id, make_structure(session, "AL", "La Clairière", kind="alsh").id


@pytest.fixture
def sign_in(database: Database, tmp_path: Path) -> SignIn:
    """Makes browsers of agents who hold a role."""
    app = create_app(settings_for(str(database.engine.url), tmp_path), database)
    app.config["WTF_CSRF_ENABLED"] = False

    def enter(role: str) -> FlaskClient:
        with database.transaction() as session:
            agent = make_agent(session, f"{role}@example.org", role)
            token = sessions.open_session(session, agent, second_factor=True)
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = token, True
        return client

    return enter


@pytest.fixture
def admin(sign_in: SignIn) -> FlaskClient:
    return sign_in("administrateur")


def stored(database: Database) -> list[tuple[str, str, list[int], str, str, int, bool]]:
    with database.transaction(read_only=True) as session:
        rows = session.scalars(select(Activity).order_by(Activity.code))
        return [(a.code, a.label, a.weekdays, a.starts_at, a.ends_at, a.rank, a.open) for a in rows]


def make_activity(database: Database, structure_id: uuid.UUID, code: str = "CANT", **values: object) -> uuid.UUID:
    given: dict[str, object] = {
        "label": "Cantine",
        "weekdays": (1, 2, 4, 5),
        "starts_at": "11:45",
        "ends_at": "13:35",
        **values,
    }
    with database.transaction() as session:
        return save_activity(session, SYSTEM, code=code, structure_id=structure_id, **given).id  # type: ignore[arg-type]  # keywords of tests


def address(structure_id: uuid.UUID, rest: object = "") -> str:
    return f"/admin/structures/{structure_id}/activites" + (f"/{rest}" if rest else "")


def test_an_activity_added_is_listed_and_offered_to_families(
    database: Database, admin: FlaskClient, places: tuple[uuid.UUID, uuid.UUID]
) -> None:
    school, _ = places
    assert f'href="{address(school)}"' in admin.get(f"/admin/structures/{school}").text
    assert "Aucune activité" in admin.get(address(school)).text
    answer = admin.post(address(school, "nouvelle"), data=GOOD)
    assert (answer.status_code, answer.location) == (303, address(school))
    assert stored(database) == [("THEATRE", "Atelier théâtre", [2, 5], "16:30", "17:30", 4, True)]
    page = admin.get(address(school)).text
    assert "L’activité est ajoutée." in page
    assert "mardi, vendredi" in page
    assert "de 16\u00a0h\u00a030 à 17\u00a0h\u00a030" in page
    with database.transaction(read_only=True) as session:
        assert [a.code for a in activities(session, school)] == ["THEATRE"]


def test_an_activity_is_changed_then_closed_without_losing_its_code(
    database: Database, admin: FlaskClient, places: tuple[uuid.UUID, uuid.UUID]
) -> None:
    school, _ = places
    activity = make_activity(database, school)
    page = admin.get(address(school, activity)).text
    assert page.count("checked") == 5
    assert 'value="11:45"' in page
    closed = {key: value for key, value in GOOD.items() if key != "open"} | {"code": "AUTRE", "rank": ""}
    assert admin.post(address(school, activity), data=closed).status_code == 303
    assert stored(database) == [("CANT", "Atelier théâtre", [2, 5], "16:30", "17:30", 0, False)]
    assert "fermée" in admin.get(address(school)).text
    with database.transaction(read_only=True) as session:
        assert activities(session) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": "  "}, "Indiquez le nom"),
        ({"label": "x" * 101}, "trop long"),
        ({"code": ""}, "Indiquez le code"),
        ({"code": "É-1"}, "lettres majuscules"),
        ({"code": "cant"}, "porte déjà ce code"),
        ({"weekdays": []}, "au moins un jour"),
        ({"weekdays": ["8"]}, "choix valide"),
        ({"weekdays": ["lundi"]}, "au moins un jour"),
        ({"starts_at": ""}, "Indiquez l’heure du début"),
        ({"starts_at": "24:00"}, "n’existe pas"),
        ({"starts_at": "tôt"}, "Écrivez une heure"),
        ({"ends_at": "16:30"}, "doit finir après"),
        ({"rank": "premier"}, "entier valide"),
        ({"rank": "-1"}, "de 0 à 999"),
        ({"rank": "99999999999999"}, "de 0 à 999"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(
    database: Database,
    admin: FlaskClient,
    places: tuple[uuid.UUID, uuid.UUID],
    changes: dict[str, object],
    said: str,
) -> None:
    school, other = places
    make_activity(database, other)
    before = stored(database)
    answer = admin.post(address(school, "nouvelle"), data=GOOD | changes)
    assert answer.status_code == 422
    assert said in answer.text
    assert stored(database) == before


def test_another_structure_s_activity_does_not_exist_here(
    database: Database, admin: FlaskClient, places: tuple[uuid.UUID, uuid.UUID]
) -> None:
    school, other = places
    activity = make_activity(database, other)
    before = stored(database)
    assert admin.get(address(school, activity)).status_code == 404
    assert admin.post(address(school, activity), data=GOOD).status_code == 404
    assert admin.get(address(uuid.uuid4())).status_code == 404
    assert admin.get(address(school, uuid.uuid4())).status_code == 404
    assert stored(database) == before


def test_other_agents_have_no_such_pages(
    database: Database, sign_in: SignIn, places: tuple[uuid.UUID, uuid.UUID]
) -> None:
    client = sign_in("gestionnaire")
    assert client.get(address(places[0])).status_code == 404
    assert client.post(address(places[0], "nouvelle"), data=GOOD).status_code == 404
    assert stored(database) == []


def test_whoever_manages_one_structure_takes_nothing_from_another(
    database: Database, places: tuple[uuid.UUID, uuid.UUID]
) -> None:
    school, other = places
    make_activity(database, other)
    scoped = Actor("agent", None, "Iris", (Grant("x", frozenset({Permission.STRUCTURE_MANAGE}), school),))
    given = {"label": "Volée", "weekdays": (1,), "starts_at": "08:00", "ends_at": "09:00"}
    for code, structure_id in (("CANT", school), ("NEUVE", other)):
        with pytest.raises(Forbidden), database.transaction() as session:
            save_activity(session, scoped, code=code, structure_id=structure_id, **given)  # type: ignore[arg-type]  # keywords of tests
    assert [line[1] for line in stored(database)] == ["Cantine"]


@pytest.mark.parametrize("hour", ["0٣:30", "8:30", "08:30\n", "08:3０", "24:00", ""])
def test_an_hour_is_two_plain_numbers(database: Database, places: tuple[uuid.UUID, uuid.UUID], hour: str) -> None:
    with pytest.raises(Refused):
        make_activity(database, places[0], starts_at=hour)
