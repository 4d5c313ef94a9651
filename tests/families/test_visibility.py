"""Who sees what of a child: owner, co-parent, informed parent, withdrawn parent, step-parent, stranger, agents."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import FrozenClock
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.families import child_operations
from app.families.models import Guardianship
from app.families.queries import (
    agreement_needed,
    children_for,
    children_of,
    children_of_household,
    guardians_of,
    household_of,
    load_child,
    other_holders,
)
from app.families.rights import Action, Authority
from app.policy import SYSTEM, Actor
from tests.families.people import TODAY, Separated, counting, link, make_adult, make_agent, make_separated


def test_both_parents_see_the_child_with_school_and_level(session: Session, separated: Separated) -> None:
    for adult in (separated.mother, separated.father):
        with counting(session) as sent:
            cards = children_of(session, adult.account_id)
        assert [card.full_name for card in cards] == ["Inès Morel"]
        assert cards[0].schooling == "École Les Marronniers, CE2"
        assert cards[0].age == 8
        assert len(sent) <= 2, "the children, and the structures when they are not in memory yet"


def test_living_with_a_child_gives_no_right_over_her(session: Session, separated: Separated) -> None:
    step_father = separated.step_father
    assert children_of(session, step_father.account_id) == []
    assert children_for(session, step_father.account_id, separated.home_a.id, Action.BOOK) == []
    home = household_of(session, step_father.account_id)
    assert home is not None
    assert home.children == ()
    assert [adult.first_name for adult in home.adults] == ["Camille", "Yann"]
    with pytest.raises(NotFound):
        load_child(session, separated.actor(step_father), separated.child.id)


def test_a_strangers_child_and_a_child_that_is_not_are_answered_alike(session: Session, separated: Separated) -> None:
    me = separated.actor(separated.stranger)
    with pytest.raises(NotFound) as real:
        load_child(session, me, separated.child.id)
    with pytest.raises(NotFound) as invented:
        load_child(session, me, uuid.uuid4())
    assert real.value.message == invented.value.message
    assert children_of(session, uuid.uuid4()) == []
    assert household_of(session, uuid.uuid4()) is None


def test_an_informed_parent_sees_but_does_nothing(session: Session) -> None:
    family = make_separated(session, Authority.INFORMED)
    me = family.actor(family.father)
    assert load_child(session, me, family.child.id, Action.PLANNING).first_name == "Inès"
    for action in (Action.BOOK, Action.CANCEL, Action.MODIFY, Action.AUTHORISE, Action.HEALTH):
        with pytest.raises(Forbidden):
            load_child(session, me, family.child.id, action)
        assert children_of(session, family.father.account_id, action) == []


def test_a_parent_whose_authority_was_withdrawn_finds_no_trace_of_the_child(session: Session) -> None:
    family = make_separated(session, Authority.WITHDRAWN)
    me = family.actor(family.father)
    assert children_of(session, family.father.account_id) == []
    home = household_of(session, family.father.account_id)
    assert home is not None
    assert home.children == ()
    for action in Action:
        with pytest.raises(NotFound):
            load_child(session, me, family.child.id, action)
    mother = load_child(session, family.actor(family.mother), family.child.id)
    seen = guardians_of(session, [mother], family.home_a.id)[family.child.id]
    assert [card.name for card in seen] == ["Camille Fontaine"]
    staff = load_child(session, make_agent(), family.child.id)
    assert len(guardians_of(session, [staff], None)[family.child.id]) == 2


def test_agents_see_the_children_of_their_structures(session: Session, separated: Separated) -> None:
    for agent in (make_agent(), make_agent("direction", separated.school), SYSTEM):
        assert load_child(session, agent, separated.child.id).authority is None
    with pytest.raises(NotFound):
        load_child(session, make_agent("gestionnaire", separated.other_school), separated.child.id)
    for role in ("restauration", "administrateur", "dpo"):
        with pytest.raises(Forbidden):
            load_child(session, make_agent(role), separated.child.id)
    with pytest.raises(Forbidden):
        load_child(session, Actor("visitor", None, "?"), separated.child.id)


def test_the_other_parents_private_life_is_blanked(session: Session, separated: Separated) -> None:
    card = load_child(session, separated.actor(separated.father), separated.child.id)
    with counting(session) as sent:
        seen = {g.adult_id: g for g in guardians_of(session, [card], separated.home_b.id)[card.id]}
    assert len(sent) == 2
    mother, me = seen[separated.mother.id], seen[separated.father.id]
    assert (mother.phone, mother.email) == (None, None)
    assert mother.address == ("12 rue des Lilas", "99870 Valbrise"), "the child lives there"
    assert me.phone == "+33639981202"
    assert me.same_household


def test_another_adults_own_address_stays_hidden_when_it_is_not_the_childs(
    session: Session, separated: Separated
) -> None:
    separated.mother.street = "99 chemin Secret"
    session.flush()
    card = load_child(session, separated.actor(separated.father), separated.child.id)
    seen = {g.adult_id: g for g in guardians_of(session, [card], separated.home_b.id)[card.id]}
    assert seen[separated.mother.id].address is None


def test_a_household_may_keep_its_address_from_the_other_parent(session: Session, separated: Separated) -> None:
    separated.home_a.address_hidden = True
    session.flush()
    card = load_child(session, separated.actor(separated.father), separated.child.id)
    seen = {g.adult_id: g for g in guardians_of(session, [card], separated.home_b.id)[card.id]}
    assert seen[separated.mother.id].address is None
    mine = load_child(session, separated.actor(separated.mother), separated.child.id)
    own = {g.adult_id: g for g in guardians_of(session, [mine], separated.home_a.id)[mine.id]}
    assert own[separated.mother.id].address is not None


def test_a_link_holds_from_its_first_day_to_its_last(
    session: Session, separated: Separated, clock: FrozenClock
) -> None:
    aunt = make_adult(session, separated.home_b, "Rose", "Morel", account=True)
    link(session, separated.child, aunt, Authority.GUARDIAN, since=date(2026, 12, 1), until=date(2026, 12, 31))
    for day, seen in ((1, False), (11, True), (41, True), (42, False)):
        clock.set(clock.instant.replace(year=2026, month=11, day=20) + timedelta(days=day))
        assert bool(children_of(session, aunt.account_id)) is seen, day
    clock.set(clock.instant.replace(year=2026, month=11, day=20))


def test_a_judgment_ends_the_link_before_it_and_keeps_it_in_history(session: Session, separated: Separated) -> None:
    agent = make_agent()
    tomorrow = TODAY + timedelta(days=1)
    child_operations.link_adult(
        session,
        agent,
        separated.child.id,
        separated.father.id,
        quality="pere",
        authority="withdrawn",
        source="Jugement du 18 novembre 2026",
        since=tomorrow,
    )
    assert children_of(session, separated.father.account_id) != []
    child_operations.link_adult(
        session,
        agent,
        separated.child.id,
        separated.father.id,
        quality="pere",
        authority="withdrawn",
        source="Jugement du 18 novembre 2026",
    )
    assert children_of(session, separated.father.account_id) == []
    rows = session.scalars(
        select(Guardianship).where(Guardianship.adult_id == separated.father.id).order_by(Guardianship.since)
    ).all()
    assert [row.authority for row in rows] == ["withdrawn"], "both began today: the later word replaces the earlier"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"authority": "withdrawn"}, "source"),
        ({"authority": "sole", "source": "  "}, "source"),
        ({"authority": "friend", "source": "x"}, "authority"),
        ({"authority": "joint", "quality": "voisin"}, "quality"),
        ({"authority": "joint", "until": date(2026, 1, 1)}, "until"),
    ],
)
def test_a_link_that_proves_nothing_is_refused(
    session: Session, separated: Separated, values: dict[str, object], field: str
) -> None:
    with pytest.raises(Refused) as refusal:
        child_operations.link_adult(
            session, make_agent(), separated.child.id, separated.stranger.id, **{"quality": "parent", **values}
        )
    assert refusal.value.field == field
    assert children_of(session, separated.stranger.account_id) == []


def test_nobody_gets_a_link_to_a_child_of_another_structure(session: Session, separated: Separated) -> None:
    agent = make_agent("gestionnaire", separated.other_school)
    with pytest.raises(NotFound):
        child_operations.link_adult(
            session, agent, separated.child.id, separated.stranger.id, quality="parent", authority="joint"
        )
    with pytest.raises(Forbidden):
        child_operations.link_adult(
            session,
            separated.actor(separated.father),
            separated.child.id,
            separated.father.id,
            quality="pere",
            authority="sole",
            source="moi",
        )


def test_an_opposition_makes_both_agreements_needed_until_it_is_lifted(session: Session, separated: Separated) -> None:
    agent = make_agent()
    assert not agreement_needed(session, separated.child.id)
    child_operations.note_opposition(session, agent, separated.child.id, separated.father.id, True)
    assert agreement_needed(session, separated.child.id)
    child_operations.note_opposition(session, agent, separated.child.id, separated.father.id, False)
    assert not agreement_needed(session, separated.child.id)
    with pytest.raises(Conflict):
        child_operations.note_opposition(session, agent, separated.child.id, separated.step_father.id, True)


def test_the_other_holder_is_the_one_to_tell(session: Session, separated: Separated) -> None:
    told = other_holders(session, separated.child.id, separated.mother.account_id)
    assert told == [separated.father.account_id]
    assert len(other_holders(session, separated.child.id, None)) == 2


def test_at_the_desk_a_family_files_for_the_children_its_adults_answer_for(session: Session) -> None:
    family = make_separated(session, Authority.WITHDRAWN)
    assert [c.first_name for c in children_of_household(session, family.home_a.id, Action.BOOK)] == ["Inès"]
    assert children_of_household(session, family.home_b.id, Action.BOOK) == []
    assert children_of_household(session, family.home_b.id) == []
    assert [c.id for c in children_for(session, None, family.home_a.id, Action.BOOK)] == [family.child.id]
    assert children_for(session, None, None, Action.BOOK) == []
