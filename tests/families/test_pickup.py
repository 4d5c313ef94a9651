"""Who may come for a child, and who must not (R-24)."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import Forbidden, NotFound, Refused
from app.families.models import PickupPerson
from app.families.pickup import Named, block_person, blocked_of, name_person, persons_of, remove_person
from app.families.rights import Authority
from app.policy import SYSTEM
from app.town.operations import change_settings
from app.town.queries import forget_all
from tests.families.people import (
    TODAY,
    Separated,
    journal_text,
    make_agent,
    make_child,
    make_household,
    make_separated,
)

GRANNY = Named("Odette", "Morel", "0639981299", "grand_parent")
ORDER = "Ordonnance du 9 mai 2025, tribunal judiciaire"


def names(session: Session, child_id: uuid.UUID) -> list[str]:
    return [card.name for card in persons_of(session, [child_id])[child_id]]


def test_somebody_is_named_then_removed_and_her_row_is_kept(session: Session, separated: Separated) -> None:
    it = separated
    person = name_person(session, make_agent(), it.child.id, GRANNY, adult_id=it.mother.id)
    card = persons_of(session, [it.child.id])[it.child.id][0]
    assert (card.name, card.phone, card.relation_label) == ("Odette Morel", "+33639981299", "Grand-parent")
    assert card.named_by == "Camille Fontaine"
    assert card.in_force
    remove_person(session, make_agent(), it.child.id, person, adult_id=it.father.id)
    assert names(session, it.child.id) == []
    row = session.scalars(select(PickupPerson)).one()
    assert row.superseded_at is not None


def test_the_same_person_named_again_is_one_line_and_the_older_row_stays(
    session: Session, separated: Separated
) -> None:
    it = separated
    first = name_person(session, SYSTEM, it.child.id, GRANNY)
    assert name_person(session, SYSTEM, it.child.id, GRANNY) == first
    again = name_person(session, SYSTEM, it.child.id, Named("ODETTE", "morel", "0639981288", "grand_parent"))
    assert again != first
    assert names(session, it.child.id) == ["ODETTE morel"]
    assert session.scalar(select(func.count()).select_from(PickupPerson)) == 2


def test_dates_bound_what_counts_and_an_ended_line_is_not_shown(session: Session, separated: Separated) -> None:
    child_id = separated.child.id
    tomorrow, yesterday = TODAY + timedelta(days=1), TODAY - timedelta(days=1)
    name_person(session, SYSTEM, child_id, Named("Lise", "Later", since=tomorrow))
    name_person(session, SYSTEM, child_id, Named("Paul", "Past", since=yesterday, until=yesterday))
    name_person(session, SYSTEM, child_id, Named("Luc", "Last", since=yesterday, until=TODAY))
    assert {c.first_name: c.in_force for c in persons_of(session, [child_id])[child_id]} == {"Lise": False, "Luc": True}


@pytest.mark.parametrize(
    ("named", "field"),
    [
        (Named("", "Morel"), "first_name"),
        (Named("Odette", "  "), "last_name"),
        (Named("O" * 81, "Morel"), "first_name"),
        (Named("Odette", "Morel", "bonjour"), "phone"),
        (Named("Odette", "Morel", relation="imam"), "relation"),
        (Named("Odette", "Morel", since=TODAY, until=TODAY - timedelta(days=1)), "until"),
        (Named("Odette", "Morel", birth_date=TODAY + timedelta(days=1)), "birth_date"),
    ],
)
def test_what_is_wrong_names_its_field(session: Session, separated: Separated, named: Named, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        name_person(session, SYSTEM, separated.child.id, named)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("least", "born", "taken"), [(18, 2008, True), (18, 2009, False), (15, 2011, True), (15, 2012, False)]
)
def test_a_minor_comes_only_from_the_age_that_the_commune_sets(
    session: Session, separated: Separated, least: int, born: int, taken: bool
) -> None:
    change_settings(session, SYSTEM, {"pickup_minimum_age": least})
    forget_all()
    brother = Named("Théo", "Morel", relation="fratrie", birth_date=date(born, 11, 20))
    if taken:
        name_person(session, SYSTEM, separated.child.id, brother)
        assert persons_of(session, [separated.child.id])[separated.child.id][0].minor is (born > 2008)
        return
    with pytest.raises(Refused, match=f"au moins {least}"):
        name_person(session, SYSTEM, separated.child.id, brother)


def test_nobody_is_blocked_without_a_court_document_and_only_by_staff(session: Session, separated: Separated) -> None:
    it = separated
    with pytest.raises(Refused, match="décision de justice"):
        block_person(session, make_agent(), it.child.id, GRANNY, source=" ")
    with pytest.raises(Forbidden):
        block_person(session, it.actor(it.mother), it.child.id, GRANNY, source=ORDER)
    with pytest.raises(NotFound):
        block_person(session, make_agent("gestionnaire", it.other_school), it.child.id, GRANNY, source=ORDER)


def test_who_is_blocked_is_on_one_list_only_and_cannot_be_named(session: Session, separated: Separated) -> None:
    it = separated
    name_person(session, SYSTEM, it.child.id, GRANNY, adult_id=it.mother.id)
    person = block_person(session, make_agent(), it.child.id, GRANNY, source=ORDER)
    assert names(session, it.child.id) == []
    assert [card.source for card in blocked_of(session, [it.child.id])[it.child.id]] == [ORDER]
    with pytest.raises(Refused, match="interdit de confier"):
        name_person(session, SYSTEM, it.child.id, Named("odette", "MOREL"))
    with pytest.raises(NotFound):  # a family's removal never reaches the other list
        remove_person(session, SYSTEM, it.child.id, person, adult_id=it.mother.id)
    remove_person(session, make_agent(), it.child.id, person, blocked=True)
    name_person(session, SYSTEM, it.child.id, GRANNY)
    assert blocked_of(session, [it.child.id])[it.child.id] == []


@pytest.mark.parametrize("authority", [Authority.INFORMED, Authority.WITHDRAWN])
def test_without_the_exercise_of_authority_nobody_names_or_removes(session: Session, authority: Authority) -> None:
    it = make_separated(session, authority)
    person = name_person(session, SYSTEM, it.child.id, GRANNY, adult_id=it.mother.id)
    for adult in (it.father, it.step_father, it.stranger):
        with pytest.raises(Refused, match="autorité parentale"):
            name_person(session, SYSTEM, it.child.id, Named("A", "B"), adult_id=adult.id)
        with pytest.raises(Refused, match="autorité parentale"):
            remove_person(session, SYSTEM, it.child.id, person, adult_id=adult.id)


def test_a_person_of_another_child_is_not_removed_from_this_one(session: Session, separated: Separated) -> None:
    other = make_child(session, make_household(session, "Benali"), "Nour")
    person = name_person(session, SYSTEM, other.id, GRANNY)
    with pytest.raises(NotFound):
        remove_person(session, SYSTEM, separated.child.id, person)


def test_a_list_has_an_end(session: Session, separated: Separated) -> None:
    for n in range(20):
        name_person(session, SYSTEM, separated.child.id, Named("Odette", f"Morel {n}"))
    with pytest.raises(Refused, match="20 personnes"):
        name_person(session, SYSTEM, separated.child.id, Named("Odette", "Morel vingt"))


def test_the_journal_names_nobody(database: Database) -> None:
    with database.transaction() as session:
        it = make_separated(session)
        name_person(session, SYSTEM, it.child.id, GRANNY)
        block_person(session, make_agent(), it.child.id, GRANNY, source=ORDER)
    written = journal_text(database)
    assert "child.pickup_named" in written
    assert "child.pickup_blocked" in written
    assert "Odette" not in written
    assert "tribunal" not in written
