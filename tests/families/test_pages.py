"""Pages of families and of agents: each gate, each refusal, what is shown and what is not."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from app import create_app, journal
from app.accounts import administration, sessions
from app.accounts.models import Account
from app.agenda.models import AbsenceSlot
from app.clock import FrozenClock
from app.db import Database
from app.families import operations
from app.families.consents import Health, set_health
from app.families.models import Adult, FamilyWord, Household
from app.families.rights import Authority
from app.policy import SYSTEM
from app.town.models import Structure
from app.web.requests import Portal
from tests.agenda.day import Day, make_day
from tests.conftest import settings_for
from tests.families.people import link, make_account


@pytest.fixture
def portal(sqlite_database: Database, tmp_path: Path) -> Portal:
    made = create_app(settings_for(str(sqlite_database.engine.url), tmp_path), sqlite_database)
    made.config["WTF_CSRF_ENABLED"] = False
    return made


@dataclass
class House:
    """The separated family, its absences, and doors for everybody."""

    portal: Portal
    database: Database
    day: Day
    clients: dict[str, FlaskClient] = field(default_factory=dict)

    def enter(self, account_id: uuid.UUID | None) -> FlaskClient:
        """A browser signed in as this account, second factor given."""
        with self.database.transaction() as session:
            account = session.get(Account, account_id)
            assert account is not None
            token = sessions.open_session(session, account, second_factor=True)
        client = self.portal.test_client()
        with client.session_transaction() as kept:
            kept["_user_id"] = token
            kept["_fresh"] = True
        return client

    def agent(self, role: str, *structures: Structure) -> FlaskClient:
        with self.database.transaction() as session:
            administration.seed_roles(session, SYSTEM)
            account = make_account(session, f"{role}-{uuid.uuid4().hex[:6]}@valbrise.example.org", "Nadia", "Perrin")
            account.kind = "agent"
            session.flush()
            for structure in structures or (None,):
                administration.grant_role(session, SYSTEM, account.id, role, structure.id if structure else None)
        return self.enter(account.id)


@pytest.fixture
def house(portal: Portal, sqlite_database: Database) -> House:
    with sqlite_database.transaction() as session:
        day = make_day(session)
        set_health(session, SYSTEM, day.child.id, Health("sans_porc", ("arachides",)))
        day.declare(session)
    return House(portal, sqlite_database, day)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def text(response: object) -> str:
    """What a person reads on the page, spaces made plain."""
    parser = _Text()
    parser.feed(response.get_data(as_text=True))  # type: ignore[attr-defined]
    return " ".join(" ".join(parser.words).replace("\u00a0", " ").split())


@pytest.fixture
def statements(sqlite_database: Database) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(sqlite_database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(sqlite_database.engine, "before_cursor_execute", note)


# -- the family -------------------------------------------------------------------------------------------------------


def test_a_parent_reads_her_household(house: House, statements: list[str]) -> None:
    client = house.enter(house.day.family.mother.account_id)
    client.get("/foyer")  # the commune is in memory from the second page on
    statements.clear()
    page = client.get("/foyer")
    assert page.status_code == 200
    assert len([s for s in statements if not s.startswith(("BEGIN", "COMMIT"))]) <= 8
    shown = text(page)
    for expected in ("Inès Morel", "École Les Marronniers, CE2", "12 rue des Lilas", "06 39 98 12 01", "847 €"):
        assert expected in shown
    html = page.get_data(as_text=True)
    assert "/demandes/nouvelle/modification-foyer" in html
    assert "/demandes/nouvelle/ajout-enfant" in html
    assert "Marc" not in shown
    assert "1625" not in shown


def test_a_step_father_sees_the_household_without_the_child(house: House) -> None:
    client = house.enter(house.day.family.step_father.account_id)
    shown = text(client.get("/foyer"))
    assert "Camille Fontaine" in shown
    assert "Inès" not in shown
    assert client.get(f"/foyer/enfants/{house.day.child.id}").status_code == 404


def test_each_parent_reads_the_child_without_the_private_life_of_the_other(house: House) -> None:
    family = house.day.family
    address = f"/foyer/enfants/{house.day.child.id}"
    mine = text(house.enter(family.father.account_id).get(address))
    for expected in ("École Les Marronniers", "CE2", "Sans porc", "Arachides", "Camille Fontaine", "Non communiqué"):
        assert expected in mine
    for hidden in ("06 39 98 12 01", "camille@example.org", "847"):
        assert hidden not in mine
    theirs = text(house.enter(family.mother.account_id).get(address))
    assert "06 39 98 12 01" in theirs
    assert "06 39 98 12 02" not in theirs


def test_an_informed_parent_reads_less_and_declares_nothing(house: House) -> None:
    with house.database.transaction() as session:
        link(session, house.day.child, house.day.family.father, Authority.INFORMED)
    page = house.enter(house.day.family.father.account_id).get(f"/foyer/enfants/{house.day.child.id}")
    shown = text(page)
    assert "École Les Marronniers" in shown
    for hidden in ("Arachides", "Autorisations", "Déclarer une absence"):
        assert hidden not in shown


def test_strangers_and_withdrawn_parents_get_the_page_of_what_does_not_exist(house: House) -> None:
    with house.database.transaction() as session:
        link(session, house.day.child, house.day.family.father, Authority.WITHDRAWN)
    pages = [
        house.enter(adult.account_id).get(f"/foyer/enfants/{child}")
        for adult, child in (
            (house.day.family.stranger, house.day.child.id),
            (house.day.family.stranger, uuid.uuid4()),
            (house.day.family.father, house.day.child.id),
        )
    ]
    assert [page.status_code for page in pages] == [404, 404, 404]
    assert len({text(page) for page in pages[:2]}) == 1
    assert "Inès" not in "".join(text(page) for page in pages)
    assert "Inès" not in text(house.enter(house.day.family.father.account_id).get("/foyer"))


def test_an_account_without_a_household_is_told_what_to_do(house: House) -> None:
    with house.database.transaction() as session:
        account = make_account(session, "neuve@example.org")
    shown = text(house.enter(account.id).get("/foyer"))
    assert "pas encore enregistré" in shown


def test_nobody_signed_in_is_sent_to_the_sign_in_page(house: House) -> None:
    for address in ("/foyer", f"/foyer/enfants/{house.day.child.id}", "/agent/familles", "/agent/absences"):
        answer = house.portal.test_client().get(address)
        assert answer.status_code in (302, 303)
        assert "/connexion" in answer.location


def test_each_audience_stays_at_home(house: House) -> None:
    parent = house.enter(house.day.family.mother.account_id)
    for address in ("/agent/familles", "/agent/familles/nouvelle", "/agent/absences"):
        assert parent.get(address).status_code == 404
    agent = house.agent("gestionnaire")
    assert agent.get("/foyer").status_code == 404


# -- agents -----------------------------------------------------------------------------------------------------------


def test_an_agent_searches_opens_and_leaves_a_trace(house: House) -> None:
    agent = house.agent("gestionnaire")
    found = agent.get("/agent/familles?q=fontaine")
    assert f"/agent/familles/{house.day.family.home_a.id}" in found.get_data(as_text=True)
    assert "Aucun foyer" in text(agent.get("/agent/familles?q=zzz"))
    page = agent.get(f"/agent/familles/{house.day.family.home_a.id}")
    shown = text(page)
    for expected in ("Camille Fontaine", "Inès Morel", "Marc Morel", "Autorité parentale conjointe", "Compte ouvert"):
        assert expected in shown
    for hidden in ("Arachides", "Sans porc"):
        assert hidden not in shown
    with house.database.transaction() as session:
        query = select(func.count()).where(journal.JournalEntry.action == "household.read")
        assert session.scalar(query) == 1


def test_the_search_shows_what_was_typed_as_text(house: House) -> None:
    page = house.agent("gestionnaire").get("/agent/familles", query_string={"q": "<script>alert(1)</script>"})
    assert "<script>alert" not in page.get_data(as_text=True)
    assert page.status_code == 200
    assert house.agent("gestionnaire").get("/agent/familles?page=x&q=fo").status_code == 200


def test_agents_of_another_structure_or_role_do_not_open_a_family(house: House) -> None:
    home = house.day.family.home_a.id
    elsewhere = house.agent("direction", house.day.family.other_school)
    assert elsewhere.get(f"/agent/familles/{home}").status_code == 404
    assert "Fontaine" not in text(elsewhere.get("/agent/familles"))
    kitchen = house.agent("restauration")
    for address in (f"/agent/familles/{home}", "/agent/familles", "/agent/familles/nouvelle"):
        assert kitchen.get(address).status_code == 403
    direction = house.agent("direction", house.day.family.school)
    assert direction.get(f"/agent/familles/{home}").status_code == 200
    assert direction.get("/agent/familles/nouvelle").status_code == 403
    assert direction.post("/agent/familles/nouvelle", data={"last_name": "X"}).status_code == 403
    assert "Nouveau foyer" not in text(direction.get("/agent/familles"))


NEW = {
    "last_name": "Nguyen",
    "first_name": "Minh",
    "email": "minh@example.org",
    "mobile": "06 39 98 12 77",
    "city": "Valbrise",
}


def test_an_agent_creates_a_household_then_invites(house: House) -> None:
    agent = house.agent("gestionnaire")
    answer = agent.post("/agent/familles/nouvelle", data=NEW)
    assert answer.status_code == 303
    shown = text(agent.get(answer.location))
    assert "Foyer Nguyen" in shown
    assert "Pas de compte" in shown
    with house.database.transaction() as session:
        adult = session.scalars(select(Adult).where(Adult.last_name == "Nguyen")).one()
    invitation = f"{answer.location}/adultes/{adult.id}/invitation"
    assert "minh@example.org" in agent.get(invitation).get_data(as_text=True)
    sent = agent.post(invitation, data={"email": "minh.nguyen@example.org"})
    assert sent.status_code == 303
    assert "Invitation envoyée" in text(agent.get(answer.location))
    with house.database.transaction() as session:
        account = session.scalars(select(Account).where(Account.email == "minh.nguyen@example.org")).one()
        assert session.get(Adult, adult.id).account_id == account.id
        account.password_hash = "opened"
    assert agent.post(invitation, data={"email": "minh.nguyen@example.org"}).status_code == 409


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"last_name": ""}, "Indiquez le nom."),
        ({"email": "minh@"}, "adresse"),
        ({"mobile": "un deux"}, "numéro de téléphone"),
        ({"birth_date": "2999-01-01"}, "à venir"),
        ({"birth_date": "hier"}, ""),
        ({"quality": "voisin"}, ""),
        ({"postal_code": "<b>"}, "code postal"),
    ],
)
def test_a_refused_household_is_not_half_created(house: House, values: dict[str, str], said: str) -> None:
    agent = house.agent("gestionnaire")
    with house.database.transaction() as session:
        before = [session.scalar(select(func.count()).select_from(t)) for t in (Household, Adult, FamilyWord)]
    page = agent.post("/agent/familles/nouvelle", data={**NEW, **values})
    assert page.status_code == 422
    assert said in text(page)
    assert 'value="Minh"' in page.get_data(as_text=True), "what was typed is kept"
    with house.database.transaction() as session:
        after = [session.scalar(select(func.count()).select_from(t)) for t in (Household, Adult, FamilyWord)]
        query = select(func.count()).where(journal.JournalEntry.action == "household.created")
        assert after == before
        assert session.scalar(query) == 3, "the three of the family made before, none of what was refused"


def test_an_address_that_is_somebody_elses_is_refused_and_not_kept(house: House) -> None:
    agent, home = house.agent("gestionnaire"), house.day.family.home_a
    with house.database.transaction() as session:
        guest = operations.add_adult(session, SYSTEM, home.id, first_name="Ana", last_name="Lopes")
    address = f"/agent/familles/{home.id}/adultes/{guest.id}/invitation"
    page = agent.post(address, data={"email": "sonia.benali@example.org"})
    assert page.status_code == 422
    with house.database.transaction() as session:
        row = session.get(Adult, guest.id)
        assert (row.email, row.account_id) == ("", None)
    assert agent.post(address, data={"email": ""}).status_code == 422


def test_adults_are_reached_through_their_own_household(house: House) -> None:
    agent, family = house.agent("gestionnaire"), house.day.family
    wrong = f"/agent/familles/{family.home_b.id}/adultes/{family.mother.id}"
    assert agent.get(f"{wrong}/invitation").status_code == 404
    assert agent.post(f"{wrong}/deblocage").status_code == 404
    scoped = house.agent("gestionnaire", family.other_school)
    right = f"/agent/familles/{family.home_a.id}/adultes/{family.mother.id}"
    assert scoped.post(f"{right}/deblocage").status_code == 404
    assert scoped.post(f"{right}/invitation", data={"email": "x@example.org"}).status_code == 404
    direction = house.agent("direction")
    assert direction.post(f"{right}/deblocage").status_code == 403
    assert direction.get(f"{right}/invitation").status_code == 403


def test_an_agent_unlocks_an_account(house: House, clock: FrozenClock) -> None:
    agent, family = house.agent("gestionnaire"), house.day.family
    with house.database.transaction() as session:
        account = session.get(Account, family.mother.account_id)
        account.locked_until = clock.instant.replace(hour=23)
        account.failed_attempts = 9
    page = f"/agent/familles/{family.home_a.id}"
    assert "Compte bloqué" in text(agent.get(page))
    assert agent.post(f"{page}/adultes/{family.mother.id}/deblocage").status_code == 303
    assert "Compte bloqué" not in text(agent.get(page))
    with house.database.transaction() as session:
        guest = operations.add_adult(session, SYSTEM, family.home_a.id, first_name="Ana", last_name="Lopes")
    assert agent.post(f"{page}/adultes/{guest.id}/deblocage").status_code == 409


def test_health_is_for_named_roles_and_each_reading_is_noted(house: House) -> None:
    family = house.day.family
    address = f"/agent/familles/{family.home_a.id}/enfants/{house.day.child.id}/sante"
    assert house.agent("gestionnaire").get(address).status_code == 403
    assert house.agent("direction", family.other_school).get(address).status_code == 404
    direction = house.agent("direction", family.school)
    assert "Arachides" in text(direction.get(address))
    other_home = f"/agent/familles/{family.home_b.id}/enfants/{house.day.child.id}/sante"
    assert direction.get(other_home).status_code == 200
    with house.database.transaction() as session:
        query = select(func.count()).where(journal.JournalEntry.action == "child.health_read")
        assert session.scalar(query) == 2


def test_the_csrf_token_is_asked_for(house: House) -> None:
    house.portal.config["WTF_CSRF_ENABLED"] = True
    agent = house.agent("gestionnaire")
    assert agent.post("/agent/familles/nouvelle", data=NEW).status_code == 400
    assert 'name="csrf_token"' in agent.get("/agent/familles/nouvelle").get_data(as_text=True)


# -- absences of the day ----------------------------------------------------------------------------------------------


def test_the_staff_reads_the_absences_of_the_day(house: House, statements: list[str]) -> None:
    kitchen = house.agent("restauration", house.day.canteen)
    kitchen.get("/agent/absences")
    statements.clear()
    page = kitchen.get("/agent/absences")
    assert len([s for s in statements if not s.startswith(("BEGIN", "COMMIT"))]) <= 4
    shown = text(page)
    for expected in ("vendredi 20 novembre 2026", "1 enfant absent", "Cantine", "Morel Inès", "Maladie", "CE2"):
        assert expected in shown
    for hidden in ("Accueil du soir", "Arachides", "Sans porc", "arachides"):
        assert hidden not in page.get_data(as_text=True)
    assert "Aucune absence" in text(kitchen.get("/agent/absences?jour=2026-11-21"))
    assert "Morel Inès" in text(kitchen.get("/agent/absences?jour=2026-11-23"))


@pytest.mark.parametrize("query", ["jour=hier", "jour=2026-02-30", "jour=9999-12-31", "jour=0001-01-01", "structure=1"])
def test_a_day_or_structure_that_does_not_exist_is_a_404(house: House, query: str) -> None:
    assert house.agent("restauration").get(f"/agent/absences?{query}").status_code == 404


def test_absences_are_for_who_may_read_them_where_they_may(house: House) -> None:
    kitchen = house.agent("restauration", house.day.canteen)
    assert kitchen.get(f"/agent/absences?structure={house.day.leisure.id}").status_code == 404
    assert kitchen.get(f"/agent/absences?structure={house.day.canteen.id}").status_code == 200
    assert house.agent("administrateur").get("/agent/absences").status_code == 403
    everywhere = text(house.agent("gestionnaire").get("/agent/absences"))
    assert "Accueil du soir" in everywhere
    assert "Toutes mes structures" in everywhere


def test_a_name_is_shown_as_text_on_the_sheet(house: House) -> None:
    with house.database.transaction() as session:
        child = session.merge(house.day.child)
        child.last_name = "<b>Morel</b>"
    page = house.agent("restauration").get("/agent/absences").get_data(as_text=True)
    assert "<b>Morel" not in page
    with house.database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(AbsenceSlot)) == 4
