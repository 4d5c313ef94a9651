"""How agents find families: words, scopes, pages, doubles."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.orm import Session

from app.errors import Forbidden, NotFound
from app.families import child_operations, operations
from app.families.staff_queries import (
    MOST,
    PAGE,
    history_of,
    load_household,
    possible_doubles,
    search_families,
)
from app.policy import SYSTEM
from tests.families.people import (
    Separated,
    counting,
    make_adult,
    make_agent,
    make_child,
    make_household,
    make_structure,
)


def labels(session: Session, text: str, agent=None) -> list[str]:  # an Actor, any agent by default
    return [family.label for family in search_families(session, agent or make_agent(), text).families]


@pytest.mark.parametrize(
    "typed",
    [
        "font",
        "FONTAINE",
        "Camille font",
        "font camille",
        "inès",
        "ines morel",
        "camille@ex",
        "06 39 98 12 01",
        "+33639981201",
        "0199001201",
        "le goff yann",
    ],
)
def test_a_family_is_found_by_the_beginning_of_any_of_its_words(
    session: Session, separated: Separated, typed: str
) -> None:
    assert "Fontaine" in labels(session, typed)


def test_every_word_typed_must_be_there(session: Session, separated: Separated) -> None:
    assert labels(session, "camille morel") == ["Fontaine"], "her child is a Morel"
    assert labels(session, "marc fontaine") == []
    assert labels(session, "inès") == ["Fontaine", "Morel"], "a child of two households is found in both"


def test_the_number_is_found_however_it_is_spaced(session: Session, separated: Separated) -> None:
    number = separated.home_b.number
    for typed in (number, f"{number[:3]} {number[3:6]} {number[6:9]} {number[9]}", number[:6]):
        assert labels(session, typed) == ["Morel"]


@pytest.mark.parametrize("typed", ["%", "_", "a", "' OR 1=1 --", "\x00", "zzzz", "x" * 5000, "\U0010ffff\U0010ffff"])
def test_hostile_or_short_texts_find_nothing(session: Session, separated: Separated, typed: str) -> None:
    assert labels(session, typed) == []


def test_nothing_typed_shows_the_last_households_opened(session: Session, separated: Separated) -> None:
    assert set(labels(session, "  ")) == {"Fontaine", "Morel", "Benali"}


def test_a_change_of_name_is_found_at_once_and_the_old_one_no_more(session: Session, separated: Separated) -> None:
    agent = make_agent()
    operations.update_adult(session, agent, separated.mother.id, {"last_name": "Durand", "mobile": "0639981299"})
    assert labels(session, "durand") == ["Fontaine"]
    assert labels(session, "0639981299") == ["Fontaine"]
    assert labels(session, "0639981201") == []
    child_operations.update_child(session, agent, separated.child.id, {"first_name": "Agnès"})
    assert labels(session, "inès") == []
    assert labels(session, "agnes") == ["Fontaine", "Morel"]
    child_operations.leave_household(session, agent, separated.child.id, separated.home_b.id)
    assert labels(session, "agnes") == ["Fontaine"]


def test_search_stays_within_the_agents_structures(session: Session, separated: Separated) -> None:
    here, elsewhere = make_agent("gestionnaire", separated.school), make_agent("direction", separated.other_school)
    assert labels(session, "fontaine", here) == ["Fontaine"]
    assert labels(session, "fontaine", elsewhere) == []
    assert labels(session, "", elsewhere) == ["Benali"], "no child yet: it belongs to everybody"
    for role in ("restauration", "administrateur", "dpo", "comptabilite"):
        with pytest.raises(Forbidden):
            search_families(session, make_agent(role), "fontaine")
    with pytest.raises(Forbidden):
        search_families(session, separated.actor(separated.mother), "fontaine")


def test_pages_are_bounded_and_in_french_order(session: Session) -> None:
    names = ["Édouard", "eberlé", "Zola", *(f"Martin {n:02d}" for n in range(PAGE + 5))]
    for name in names:
        make_household(session, name, city="Valbrise")
    agent = make_agent()
    with counting(session) as sent:
        first = search_families(session, agent, "martin")
    assert len(sent) == 4
    assert (len(first.families), first.total, first.pages, first.many) == (PAGE, PAGE + 5, 2, False)
    assert len(search_families(session, agent, "martin", 2).families) == 5
    for page in (-3, 0, 99):
        assert search_families(session, agent, "martin", page).page in (1, 2)
    assert MOST < 1000
    assert labels(session, "e") == []
    assert labels(session, "eb") + labels(session, "ed") == ["eberlé", "Édouard"]


def test_the_page_of_a_family_shows_all_who_live_there(session: Session, separated: Separated) -> None:
    with counting(session) as sent:
        card = load_household(session, make_agent(), separated.home_a.id)
    assert len(sent) <= 4
    assert [adult.full_name for adult in card.adults] == ["Camille Fontaine", "Yann Le Goff"]
    assert [child.full_name for child in card.children] == ["Inès Morel"]
    with pytest.raises(NotFound):
        load_household(session, make_agent("direction", separated.other_school), separated.home_a.id)
    with pytest.raises(Forbidden):
        load_household(session, make_agent("restauration"), separated.home_a.id)
    with pytest.raises(Forbidden):
        load_household(session, separated.actor(separated.mother), separated.home_a.id)


def test_doubles_are_shown_to_agents_within_their_structures(session: Session, separated: Separated) -> None:
    again = make_household(session, "Fontaine-bis")
    make_adult(session, again, "Camille", "Fontaine", email="camille@example.org")
    make_child(session, again, "INES", "morel", birth_date=date(2018, 3, 21), school_id=separated.school.id)
    agent = make_agent()
    found = possible_doubles(session, agent, load_household(session, agent, separated.home_a.id))
    assert sorted((double.name, double.why, double.household_id) for double in found) == [
        ("Camille Fontaine", "même adresse électronique", again.id),
        ("INES morel", "même nom, né(e) le 21/03/2018", again.id),
    ]
    scoped = make_agent("direction", make_structure(session, "E3", "Autre école"))
    card = load_household(session, SYSTEM, separated.home_a.id)
    assert possible_doubles(session, scoped, card) == []


def test_the_same_child_in_two_households_is_no_double(session: Session, separated: Separated) -> None:
    agent = make_agent()
    for home in (separated.home_a, separated.home_b):
        assert possible_doubles(session, agent, load_household(session, agent, home.id)) == []


def test_history_names_the_person_of_each_change(session: Session, separated: Separated) -> None:
    agent = make_agent()
    operations.update_household(session, agent, separated.home_a.id, {"city": "Lyon"})
    operations.update_adult(session, agent, separated.mother.id, {"employer": "Mairie"})
    child_operations.update_child(session, agent, separated.child.id, {"level": "CE1"})
    lines = history_of(session, load_household(session, agent, separated.home_a.id))
    assert sorted((line.what, line.old, line.new) for line in lines) == [
        ("Commune", "Valbrise", "Lyon"),
        ("Employeur (Camille Fontaine)", "", "Mairie"),
        ("Niveau (Inès Morel)", "CE2", "CE1"),
    ]
    other = history_of(session, load_household(session, agent, separated.home_b.id))
    assert [line.what for line in other] == ["Niveau (Inès Morel)"]
