"""Households and adults: opened, changed, invited; by whom; and what history and journal keep."""

from __future__ import annotations

import uuid
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.db import Database
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.families import child_operations, operations
from app.families.models import Adult, Household, HouseholdChange
from app.policy import Actor
from tests.families.people import (
    Separated,
    actions,
    journal_text,
    make_account,
    make_adult,
    make_agent,
    make_child,
    make_household,
    make_structure,
    parent,
)

VISITOR = Actor("visitor", None, "Une personne sans compte")


def test_an_agent_opens_a_household_and_its_values_are_cleaned(session: Session) -> None:
    agent = make_agent()
    made = operations.create_household(
        session,
        agent,
        label="  Le  Goff ",
        street="1 rue\u200b des Lilas",
        phone="01 99 00 12 01",
        caf_number="12 34 ab",
        qf=0,
    )
    assert (made.label, made.street, made.phone, made.caf_number, made.qf) == (
        "Le Goff",
        "1 rue des Lilas",
        "+33199001201",
        "1234AB",
        0,
    )
    assert made.sort_key == "le goff"
    assert "household.created" in actions(session)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("label", ""),
        ("label", "\u200b \x00"),
        ("label", "x" * 81),
        ("street", "x" * 201),
        ("street", ["12 rue"]),
        ("phone", "un deux trois"),
        ("phone", "0612"),
        ("postal_code", "<script>"),
        ("situation", "marié"),
        ("caisse", "urssaf"),
        ("caf_number", "12'; DROP TABLE"),
        ("qf", -1),
        ("qf", True),
        ("qf", "640"),
        ("qf", 100_000),
        ("qf_month", date(2026, 12, 1)),
        ("address_hidden", "oui"),
        ("desk_only", None),
    ],
)
def test_a_bad_value_is_refused_with_its_field(session: Session, field: str, value: object) -> None:
    with pytest.raises(Refused) as refusal:
        operations.create_household(session, make_agent(), **{"label": "Martin", field: value})
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_name", "12"),
        ("email", "camille@"),
        ("email", "a b@example.org"),
        ("email", '"<x>"@example.org'),
        ("birth_date", date(2026, 11, 21)),
        ("birth_date", date(1850, 1, 1)),
        ("birth_date", "1990-01-01"),
        ("civility", "Docteur"),
        ("quality", "voisin"),
        ("mail_consent", 1),
        ("employer", "x" * 151),
    ],
)
def test_a_bad_value_of_an_adult_is_refused_with_its_field(session: Session, field: str, value: object) -> None:
    household = make_household(session)
    with pytest.raises(Refused) as refusal:
        make_adult(session, household, **{field: value})
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "actor", [VISITOR, make_agent("restauration"), make_agent("administrateur"), make_agent("direction")]
)
def test_who_may_not_write_families_opens_none(session: Session, actor: Actor) -> None:
    with pytest.raises(Forbidden):
        operations.create_household(session, actor, label="Martin")
    assert session.scalars(select(Household)).all() == []


def test_a_parent_does_not_change_a_household_herself(session: Session) -> None:
    household = make_household(session)
    adult = make_adult(session, household, account=True)
    me = Actor("parent", adult.account_id, "Claire Martin")
    with pytest.raises(Forbidden):
        operations.update_household(session, me, household.id, {"qf": 0})
    with pytest.raises(Forbidden):
        operations.update_adult(session, me, adult.id, {"email": "x@example.org"})


def test_a_change_keeps_old_and_new_in_the_history_and_only_names_in_the_journal(database: Database) -> None:
    case_id, agent = uuid.uuid4(), make_agent()
    with database.transaction() as session:
        household = make_household(session, street="12 rue des Lilas", situation="marie")
    with database.transaction() as session:
        changed = operations.update_household(
            session,
            agent,
            household.id,
            {"street": "3 impasse du Verger", "situation": "divorce", "phone": "", "address_hidden": True},
            case_id,
        )
    assert changed == ["address_hidden", "situation", "street"]
    with database.transaction() as session:
        rows = session.scalars(select(HouseholdChange).order_by(HouseholdChange.field)).all()
        assert [(row.field, row.old, row.new) for row in rows] == [
            ("address_hidden", "non", "oui"),
            ("situation", "Marié(e)", "Divorcé(e)"),
            ("street", "12 rue des Lilas", "3 impasse du Verger"),
        ]
        assert {(row.case_id, row.by_id, row.by_label, row.household_id) for row in rows} == {
            (case_id, agent.id, agent.label, household.id)
        }
    written = journal_text(database)
    assert "household.changed" in written
    assert "situation" in written
    assert "Verger" not in written
    assert "Lilas" not in written


def test_a_change_that_changes_nothing_leaves_no_trace(session: Session) -> None:
    household = make_household(session, street="12 rue des Lilas")
    before = actions(session)
    assert operations.update_household(session, make_agent(), household.id, {"street": " 12 rue  des Lilas"}) == []
    assert actions(session) == before
    assert session.scalars(select(HouseholdChange)).all() == []


def test_an_unknown_field_is_a_fault_of_the_caller(session: Session) -> None:
    household = make_household(session)
    with pytest.raises(ValueError):
        operations.update_household(session, make_agent(), household.id, {"number": "1"})


def test_an_agent_of_another_structure_does_not_know_the_household(session: Session, separated: Separated) -> None:
    for agent in (make_agent("gestionnaire", separated.other_school),):
        with pytest.raises(NotFound):
            operations.update_household(session, agent, separated.home_a.id, {"qf": 1})
        with pytest.raises(NotFound):
            operations.update_adult(session, agent, separated.mother.id, {"employer": "x"})
        with pytest.raises(NotFound):
            operations.invite(session, agent, separated.mother.id)
    here = make_agent("gestionnaire", separated.school)
    assert operations.update_household(session, here, separated.home_a.id, {"qf": 1}) == ["qf"]


def test_a_structure_that_receives_the_child_opens_the_household_to_its_staff(
    session: Session, separated: Separated
) -> None:
    leisure = make_structure(session, "AL", "Accueil de loisirs", kind="alsh")
    agent = make_agent("gestionnaire", leisure)
    with pytest.raises(NotFound):
        operations.update_household(session, agent, separated.home_a.id, {"qf": 1})
    child_operations.receive_child(session, make_agent(), separated.child.id, leisure.id)
    child_operations.receive_child(session, make_agent(), separated.child.id, leisure.id)
    assert operations.update_household(session, agent, separated.home_a.id, {"qf": 1}) == ["qf"]


def test_a_household_without_children_belongs_to_every_agent_who_reads_families(session: Session) -> None:
    household, school = make_household(session), make_structure(session, "EM", "École")
    agent = make_agent("gestionnaire", school)
    assert operations.update_household(session, agent, household.id, {"qf": 1}) == ["qf"]


def test_what_does_not_exist_is_not_found(session: Session) -> None:
    agent = make_agent()
    with pytest.raises(NotFound):
        operations.update_household(session, agent, uuid.uuid4(), {"qf": 1})
    with pytest.raises(NotFound):
        operations.update_adult(session, agent, uuid.uuid4(), {"employer": "x"})


def test_an_account_has_one_household_only(session: Session) -> None:
    account = make_account(session, "claire@example.org")
    make_adult(session, make_household(session), account_id=account.id)
    with pytest.raises(Conflict):
        make_adult(session, make_household(session, "Autre"), account_id=account.id)


def test_adults_keep_the_order_in_which_they_came(session: Session) -> None:
    household = make_household(session)
    names = ["Zoé", "Ana", "Max"]
    assert [make_adult(session, household, name).rank for name in names] == [1, 2, 3]


def test_an_invited_adult_gets_an_account_and_may_be_invited_again(session: Session) -> None:
    adult = make_adult(
        session, make_household(session), email="claire@example.org", civility="Madame", mobile="0639981201"
    )
    agent = make_agent()
    account = operations.invite(session, agent, adult.id)
    assert (account.email, account.civility, account.must_review_household) == ("claire@example.org", "Madame", True)
    assert operations.invite(session, agent, adult.id).id == account.id
    assert session.get(Adult, adult.id).account_id == account.id
    assert [f["kind"] for f in session.info["outbox"]] == ["account.invited", "account.invited"]
    account.password_hash = "opened"
    session.flush()
    with pytest.raises(Conflict):
        operations.invite(session, agent, adult.id)


def test_an_invitation_needs_an_address_that_is_nobody_elses(session: Session) -> None:
    agent, household = make_agent(), make_household(session)
    silent = make_adult(session, household, "Paul")
    with pytest.raises(Refused):
        operations.invite(session, agent, silent.id)
    make_account(session, "taken@example.org")
    taken = make_adult(session, household, "Jean", email="taken@example.org")
    with pytest.raises(Refused):
        operations.invite(session, agent, taken.id)
    first = make_adult(session, household, "Ana", email="both@example.org")
    second = make_adult(session, household, "Bea", email="both@example.org")
    operations.invite(session, agent, first.id)
    with pytest.raises(Refused):
        operations.invite(session, agent, second.id)
    assert session.get(Adult, second.id).account_id is None


def test_only_who_may_invite_invites(session: Session) -> None:
    adult = make_adult(session, make_household(session), email="claire@example.org")
    for actor in (make_agent("direction"), make_agent("regie"), parent(make_account(session, "p@example.org"))):
        with pytest.raises(Forbidden):
            operations.invite(session, actor, adult.id)
    assert session.scalar(select(Account.id).where(Account.email == "claire@example.org")) is None


def test_a_childs_change_shows_school_names_in_the_history(session: Session, separated: Separated) -> None:
    agent = make_agent()
    changes = {"school_id": separated.other_school.id, "level": "GS"}
    assert child_operations.update_child(session, agent, separated.child.id, changes) == ["level", "school_id"]
    rows = session.scalars(select(HouseholdChange).order_by(HouseholdChange.field)).all()
    assert [(r.old, r.new) for r in rows] == [("CE2", "GS"), ("École Les Marronniers", "École Les Tilleuls")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("birth_date", None),
        ("birth_date", date(2027, 1, 1)),
        ("birth_date", date(1990, 1, 1)),
        ("sex", "X"),
        ("level", "6e"),
        ("school_id", uuid.uuid4()),
        ("first_name", "—"),
    ],
)
def test_a_bad_value_of_a_child_is_refused_with_its_field(session: Session, field: str, value: object) -> None:
    household = make_household(session)
    with pytest.raises(Refused) as refusal:
        make_child(session, household, **{field: value})
    assert refusal.value.field == field


def test_only_a_school_is_a_childs_school(session: Session) -> None:
    canteen = make_structure(session, "RS", "Restaurant scolaire", kind="restauration")
    with pytest.raises(Refused):
        make_child(session, make_household(session), school_id=canteen.id)


def test_the_same_child_is_not_added_twice_to_a_household(session: Session) -> None:
    household = make_household(session)
    make_child(session, household, "Léna", "Martin")
    with pytest.raises(Refused):
        make_child(session, household, "LENA", "martin ")
    make_child(session, household, "Léna", "Martin", birth_date=date(2019, 5, 13))
    elsewhere = make_household(session, "Autre")
    assert make_child(session, elsewhere, "Léna", "Martin").id is not None


def test_a_child_leaves_a_household_but_never_his_last(session: Session, separated: Separated) -> None:
    agent = make_agent()
    child_operations.leave_household(session, agent, separated.child.id, separated.home_b.id)
    with pytest.raises(NotFound):
        child_operations.leave_household(session, agent, separated.child.id, separated.home_b.id)
    with pytest.raises(Conflict):
        child_operations.leave_household(session, agent, separated.child.id, separated.home_a.id)
