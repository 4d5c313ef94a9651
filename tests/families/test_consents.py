"""Authorisations (R-23) and health (R-73)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import journal
from app.clock import FrozenClock
from app.db import Database
from app.errors import Forbidden, NotFound, Refused
from app.families.consents import (
    Health,
    age_on,
    authorisation_states,
    authorisations_of,
    authorise,
    health_of,
    read_health,
    set_health,
)
from app.families.models import Authorisation
from app.families.rights import Authority
from tests.families.people import (
    Separated,
    counting,
    journal_text,
    link,
    make_adult,
    make_agent,
    make_child,
    make_household,
    make_separated,
)


def test_nothing_is_authorised_until_somebody_says_so(session: Session, separated: Separated) -> None:
    states = authorisation_states(session, separated.child)
    assert [state.valid for state in states.values()] == [False] * 4
    assert {state.reason for state in states.values()} == {"Non donnée"}


def test_the_image_needs_both_holders_and_either_may_withdraw(session: Session, separated: Separated) -> None:
    agent, child = make_agent(), separated.child
    authorise(session, agent, child.id, separated.mother.id, {"image": True, "transport": True})
    states = authorisation_states(session, child)
    assert states["image"].reason == "Il manque l’accord de Marc Morel"
    assert states["transport"].valid, "a usual act: one holder is enough"
    authorise(session, agent, child.id, separated.father.id, {"image": True})
    assert authorisation_states(session, child)["image"].valid
    authorise(session, agent, child.id, separated.mother.id, {"image": False})
    assert authorisation_states(session, child)["image"].reason == "Refusée"
    authorise(session, agent, child.id, separated.father.id, {"transport": False})
    assert not authorisation_states(session, child)["transport"].valid, "the other holder opposes"


def test_a_sole_holder_is_enough_for_the_image(session: Session) -> None:
    family = make_separated(session, Authority.INFORMED)
    authorise(session, make_agent(), family.child.id, family.mother.id, {"image": True})
    assert authorisation_states(session, family.child)["image"].valid


def test_what_a_parent_said_counts_no_more_once_she_lost_authority(session: Session, separated: Separated) -> None:
    agent, child = make_agent(), separated.child
    authorise(session, agent, child.id, separated.mother.id, {"image": True})
    authorise(session, agent, child.id, separated.father.id, {"image": False})
    link(session, child, separated.father, Authority.WITHDRAWN)
    assert authorisation_states(session, child)["image"].valid


@pytest.mark.parametrize("authority", [Authority.INFORMED, Authority.WITHDRAWN])
def test_who_does_not_exercise_authority_authorises_nothing(session: Session, authority: Authority) -> None:
    family = make_separated(session, authority)
    for adult in (family.father, family.step_father):
        with pytest.raises(Refused):
            authorise(session, make_agent(), family.child.id, adult.id, {"image": True})


def test_every_answer_is_kept_with_its_date(session: Session, separated: Separated, clock: FrozenClock) -> None:
    agent, child, mother = make_agent(), separated.child, separated.mother
    for granted in (True, True, False, True):
        clock.advance(days=1)
        authorise(session, agent, child.id, mother.id, {"image": granted})
    rows = session.scalars(select(Authorisation).order_by(Authorisation.declared_at)).all()
    assert [row.granted for row in rows] == [True, False, True], "the same answer again adds nothing"
    assert [row.superseded_at is None for row in rows] == [False, False, True]
    assert rows[0].superseded_at == rows[1].declared_at


def test_an_unknown_kind_or_an_answer_that_is_none_is_refused(session: Session, separated: Separated) -> None:
    for answers in ({"baignade": True}, {"image": "oui"}, {"image": 1}):
        with pytest.raises(Refused):
            authorise(session, make_agent(), separated.child.id, separated.mother.id, answers)  # type: ignore[arg-type]
    assert session.scalar(select(func.count()).select_from(Authorisation)) == 0


@pytest.mark.parametrize(("born", "alone"), [(date(2020, 11, 20), True), (date(2020, 11, 21), False)])
def test_nobody_goes_home_alone_before_six(session: Session, born: date, alone: bool) -> None:
    household = make_household(session)
    child, adult = make_child(session, household, birth_date=born), make_adult(session, household)
    link(session, child, adult)
    authorise(session, make_agent(), child.id, adult.id, {"sortie_seul": True})
    assert authorisation_states(session, child)["sortie_seul"].valid is alone


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2020, 2, 29), date(2026, 2, 28), 5),
        (date(2020, 2, 29), date(2026, 3, 1), 6),
        (date(2020, 1, 1), date(2026, 1, 1), 6),
        (date(2020, 1, 2), date(2026, 1, 1), 5),
    ],
)
def test_age_in_whole_years(born: date, day: date, age: int) -> None:
    assert age_on(born, day) == age


def test_several_children_cost_two_statements(session: Session, separated: Separated) -> None:
    sister = make_child(session, separated.home_a, "Lou", "Morel", birth_date=date(2021, 1, 1))
    link(session, sister, separated.mother)
    with counting(session) as sent:
        states = authorisations_of(session, [separated.child, sister])
    assert len(sent) == 2
    assert set(states) == {separated.child.id, sister.id}


def test_reading_the_health_of_a_child_is_for_named_roles_and_leaves_a_trace(database: Database) -> None:
    with database.transaction() as session:
        family = make_separated(session)
        health = Health("sans_porc", ("arachides", "arachides", "lait"), "Trousse au secrétariat", "", pai=True)
        set_health(session, make_agent(), family.child.id, health)
    with database.transaction() as session:
        for role in ("gestionnaire", "restauration", "administrateur", "regie"):
            with pytest.raises(Forbidden):
                read_health(session, make_agent(role), family.child.id)
        with pytest.raises(NotFound):
            read_health(session, make_agent("direction", family.other_school), family.child.id)
        with pytest.raises(Forbidden):
            read_health(session, family.actor(family.mother), family.child.id)
    with database.transaction() as session:
        read = read_health(session, make_agent("direction", family.school), family.child.id)
        assert (read.diet_label, read.allergy_labels, read.pai) == ("Sans porc", ("Arachides", "Lait"), True)
    with database.transaction() as session:
        query = select(journal.JournalEntry).where(journal.JournalEntry.action == "child.health_read")
        assert [entry.object_id for entry in session.scalars(query)] == [family.child.id]
    written = journal_text(database)
    assert "arachides" not in written
    assert "Trousse" not in written


@pytest.mark.parametrize(
    "health",
    [
        Health(diet="halal"),
        Health(diet="casher"),
        Health(allergies=("asthme",)),
        Health(allergy_note="x" * 2001),
        Health(pai=None),  # type: ignore[arg-type]
    ],
)
def test_no_religion_no_illness_no_novel(session: Session, separated: Separated, health: Health) -> None:
    with pytest.raises(Refused):
        set_health(session, make_agent(), separated.child.id, health)


def test_health_is_replaced_as_a_whole(session: Session, separated: Separated) -> None:
    assert health_of(session, separated.child.id) == Health()
    set_health(session, make_agent(), separated.child.id, Health(pai=True, meal_note="Panier"))
    set_health(session, make_agent(), separated.child.id, Health(diet="vegetarien"))
    assert health_of(session, separated.child.id) == Health(diet="vegetarien")


def test_the_declared_instant_is_the_clocks(session: Session, separated: Separated, clock: FrozenClock) -> None:
    clock.set(datetime(2026, 12, 1, 7, tzinfo=UTC))
    authorise(session, make_agent(), separated.child.id, separated.mother.id, {"image": True})
    answers = authorisation_states(session, separated.child)["image"].answers
    said = {answer.name: answer.at for answer in answers}
    assert said == {"Camille Fontaine": datetime(2026, 12, 1, 7, tzinfo=UTC), "Marc Morel": None}
