"""Enrolments as families ask for them: who may, what would come of it, what comes of it (R-33, R-36, J5, R-37)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.accounts.models import Account
from app.agenda.booking import save_wishes
from app.agenda.booking_mails import tell
from app.agenda.enrolling import Asked, Demande, accept, enrolable, foresee, full_days, why_not
from app.agenda.enrolment_words import overview, proposal, result
from app.agenda.loading import asker
from app.agenda.models import Booking, BookingEvent, Enrolment
from app.agenda.operations import save_activity
from app.agenda.patterns import WeekPattern
from app.agenda.planning import Cell, planning
from app.agenda.regulating import GroupRule, regulate
from app.agenda.wishes import Wish
from app.db import Database
from app.documents.piece_types import install_piece_types
from app.errors import Refused
from app.families.custody_calendars import Rhythm, set_custody
from app.families.queries import ChildCard, children_of
from app.families.weeks import Weeks
from app.policy import SYSTEM, Actor
from tests.agenda.bookings_of import Family, Valbrise, make_family, make_valbrise, rules
from tests.conftest import settings_for
from tests.families.people import Separated, make_agent, make_separated

MONDAY = date(2026, 11, 30)
DEMANDE = uuid.UUID(int=7)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with clock.frozen(datetime(2026, 11, 20, 9, 30, tzinfo=clock.PARIS)), database.transaction() as session:
        yield session


@pytest.fixture
def valbrise(session: Session) -> Valbrise:
    made = make_valbrise(session)
    set_canteen(session, made)
    return made


def set_canteen(session: Session, valbrise: Valbrise, places: int = 170, **more: Any) -> None:
    group = GroupRule("tous", "Tous", 2, 11, places=places)
    regulate(session, SYSTEM, valbrise.id("CANT"), rules(**{"needs_enrolment": True, **more}), [group])


def asked(family: Family, code: str = "CANT", weekdays: frozenset[int] = frozenset({1, 2}), **more: Any) -> Asked:
    told = {"first": MONDAY, "last": date(2026, 12, 8), "pattern": WeekPattern(weekdays)} | more
    return Asked(tuple(child.id for child in family.children), code, **told)


def take(session: Session, family: Family, wanted: Asked, *, decided: bool = False, at: datetime | None = None) -> Any:
    demande = Demande(DEMANDE, at or clock.now(), family.parent.account_id, decided)
    return accept(session, SYSTEM, asker(session, family.actor), wanted, demande)


def foreseen(session: Session, family: Family, wanted: Asked) -> Any:
    return foresee(session, asker(session, family.actor), wanted)


def card_of(session: Session, family: Family) -> ChildCard:
    assert family.parent.account_id is not None
    return children_of(session, family.parent.account_id)[0]


def test_what_is_foreseen_is_what_is_done(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session)
    wanted = asked(family, last=date(2026, 12, 29))
    prospect = foreseen(session, family, wanted)
    assert [each.result for each in prospect.outcomes] == ["booked"] * 6
    assert (prospect.cents, prospect.automatic) == (600, True)
    assert list(prospect.off) == ["Vacances de Noël"]
    assert len(prospect.off["Vacances de Noël"]) == 4
    assert session.scalars(select(Enrolment)).all() == []
    _, outcomes = take(session, family, wanted)
    assert [each.result for each in outcomes] == [each.result for each in prospect.outcomes]
    [enrolment] = session.scalars(select(Enrolment))
    assert (enrolment.first_day, enrolment.last_day, enrolment.case_id) == (MONDAY, date(2026, 12, 29), DEMANDE)
    assert enrolment.household_id == family.household.id
    again = foreseen(session, family, wanted)
    assert [each.result for each in again.outcomes] == ["unchanged"] * 6


def test_one_week_in_two_books_these_weeks_only(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session)
    pattern = WeekPattern(frozenset({1}), Weeks("even"))
    take(session, family, asked(family, last=date(2026, 12, 18), pattern=pattern))
    assert list(session.scalars(select(Booking.day).order_by(Booking.day))) == [date(2026, 12, 7)]


def test_asking_for_a_month_never_shortens_the_year(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session)
    take(session, family, asked(family, last=date(2027, 7, 2), pattern=None))
    assert session.scalars(select(Booking)).all() == [], "enrolled without a week: nothing is booked yet"
    take(session, family, asked(family))
    [enrolment] = session.scalars(select(Enrolment))
    assert enrolment.last_day == date(2027, 7, 2)


def test_the_full_days_wait_in_order_and_the_letter_says_the_rank(session: Session, valbrise: Valbrise) -> None:
    set_canteen(session, valbrise, places=1)
    first, second = make_family(session), make_family(session, "Petit")
    take(session, first, asked(first, weekdays=frozenset({1})))
    prospect = foreseen(session, second, asked(second))
    shown = overview(prospect)
    titles = [block["titre"].replace("\u00a0", " ") for block in shown["blocs"]]
    assert titles == ["Réservé dès l’envoi : 2 jours", "En liste d’attente : 2 jours"]
    assert "au rang 1" in shown["blocs"][1]["lignes"][0]["texte"]
    assert shown["total"].replace("\u00a0", " ") == "2,00 € pour 2 jours"
    activity, outcomes = take(session, second, asked(second))
    children = {second.child.id: card_of(session, second)}
    letter = result(activity.card.label, children, outcomes).replace("\u00a0", " ")
    assert "En liste d’attente : 30/11/2026 (rang 1), 07/12/2026 (rang 1)." in letter
    assert "Réservé : 2 jours (01/12/2026, 08/12/2026). Prix : 2,00 €." in letter


def test_limits_look_at_the_day_it_was_asked(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session)
    wanted, sent = asked(family), clock.now()
    with clock.frozen(datetime(2026, 11, 28, 9, tzinfo=UTC)):
        late = foreseen(session, family, wanted)
        assert [each.result for each in late.outcomes] == ["refused", "refused", "booked", "booked"]
        _, outcomes = take(session, family, wanted, at=sent)
    assert [each.result for each in outcomes] == ["booked"] * 4


def test_a_day_that_has_passed_is_not_booked_whenever_it_was_asked(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session)
    sent = clock.now()
    with clock.frozen(datetime(2026, 12, 1, 9, tzinfo=UTC)):
        _, outcomes = take(session, family, asked(family), at=sent)
    assert [(each.result, each.words) for each in outcomes[:1]] == [("refused", "Ce jour est passé.")]


def test_an_agents_yes_books_what_the_activity_would_ask_him_again(session: Session, valbrise: Valbrise) -> None:
    set_canteen(session, valbrise, acceptance="agent")
    family, other = make_family(session), make_family(session, "Petit")
    assert not foreseen(session, family, asked(family)).automatic
    assert {each.result for each in take(session, family, asked(family), decided=True)[1]} == {"booked"}
    assert {each.result for each in take(session, other, asked(other))[1]} == {"requested"}


def test_nothing_is_accepted_while_a_piece_is_missing(session: Session, valbrise: Valbrise) -> None:
    install_piece_types(session, SYSTEM)
    set_canteen(session, valbrise, pieces=["vaccins"])
    family = make_family(session)
    prospect = foreseen(session, family, asked(family))
    assert not prospect.automatic
    assert "Vaccinations à jour" in str(overview(prospect)["blocs"])
    assert "Vaccinations à jour" in str(proposal(prospect)[0]["avertissement"])
    with pytest.raises(Refused, match="Vaccinations à jour"):
        take(session, family, asked(family), decided=True)
    assert session.scalars(select(Enrolment)).all() == []


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"enrolment": {"first": "2027-01-04", "last": "2027-06-30"}}, "ouvrent le 04/01/2027"),
        ({"enrolment": {"first": "2026-06-01", "last": "2026-11-19"}}, "sont closes"),
        ({"enrolment": {"first": "2026-06-01", "last": "2026-11-20"}}, ""),
        ({"schools": ["RS"]}, "pour les élèves de Restaurant scolaire"),
    ],
)
def test_an_activity_says_why_it_is_not_open_to_a_child(
    session: Session, valbrise: Valbrise, rule: dict[str, Any], why: str
) -> None:
    set_canteen(session, valbrise, **rule)
    family = make_family(session)
    said = why_not(session, enrolable(session, "CANT"), card_of(session, family), MONDAY)
    assert why in said
    assert bool(said) == bool(why)
    if why:
        with pytest.raises(Refused, match=why):
            take(session, family, asked(family))


def test_the_age_is_that_of_the_first_day(session: Session, valbrise: Valbrise) -> None:
    born = date(2024, 12, 15)
    family = make_family(session, born=[born])
    with pytest.raises(Refused, match="de 2 à 11"):
        take(session, family, asked(family))
    take(session, family, asked(family, first=born.replace(year=2026), last=date(2026, 12, 18)))


def test_a_strangers_child_is_not_enrolled(session: Session, valbrise: Valbrise) -> None:
    family, other = make_family(session), make_family(session, "Petit")
    with pytest.raises(Refused, match="un de vos enfants"):
        take(session, family, asked(other))


def test_full_is_measured_on_every_day_asked(session: Session, valbrise: Valbrise) -> None:
    set_canteen(session, valbrise, places=1)
    first, second = make_family(session), make_family(session, "Petit")
    take(session, first, asked(first, weekdays=frozenset({1})))
    rows, full = full_days(session, asker(session, second.actor), asked(second))
    assert not full, "Tuesdays have room"
    assert [(row["jour"], row["places"], row["prises"]) for row in rows][:2] == [
        ("2026-11-30", 1, 1), ("2026-12-01", 1, 0),
    ]  # fmt: skip
    assert full_days(session, asker(session, second.actor), asked(second, weekdays=frozenset({1})))[1]


def test_the_parent_of_the_other_home_hears_of_it(session: Session, valbrise: Valbrise, tmp_path: Path) -> None:
    pair = make_separated(session)
    settings = settings_for("sqlite://", tmp_path)
    wish = [Wish(pair.child.id, valbrise.id("MERC_J"), date(2026, 12, 2), add=True)]
    save_wishes(session, pair.actor(pair.mother), wish)
    act = session.scalars(select(BookingEvent.act_id)).one()
    told = {"act_id": str(act), "what": "saved"}
    mother, father = (session.get_one(Account, each.account_id).email for each in (pair.mother, pair.father))
    mails = tell(session, settings, told)
    assert [mail.to for mail in mails] == [mother, father]
    assert "Un autre responsable" in mails[1].body
    assert "Mercredi, journée" in mails[1].body
    by_demande = tell(session, settings, {**told, "what": "told", "by": str(pair.mother.account_id)})
    assert [mail.to for mail in by_demande] == [father], "her demande tells the mother"


def cell(session: Session, actor: Actor, wish: Wish, household_id: uuid.UUID | None = None) -> Cell:
    """What the planning shows where the wish is."""
    [child] = planning(session, actor, [wish.child_id], wish.day, wish.day, household_id=household_id)
    return next(line.cells[0] for line in child.lines if line.activity.id == wish.activity_id)


def give_weeks(session: Session, pair: Separated) -> None:
    """Even weeks with the mother."""
    set_custody(session, SYSTEM, pair.child.id, Rhythm("parity", first=pair.mother.household_id), source="Jugement")


def test_each_parent_books_the_days_that_custody_gives_him(session: Session, valbrise: Valbrise) -> None:
    pair = make_separated(session)
    give_weeks(session, pair)
    days = (date(2026, 12, 2), date(2026, 12, 9))  # weeks 49 and 50
    wishes = [Wish(pair.child.id, valbrise.id("MERC_J"), day, add=True) for day in days]
    shown = [cell(session, pair.actor(pair.mother), wish) for wish in wishes]
    assert [(each.kind, each.why, each.may_add) for each in shown] == [("barred", "custody", False), ("free", "", True)]
    mother = save_wishes(session, pair.actor(pair.mother), wishes)
    assert [each.result for each in mother] == ["refused", "booked"]
    assert "autre foyer" in mother[0].words
    assert [each.result for each in save_wishes(session, pair.actor(pair.father), wishes)] == ["booked", "refused"]
    rows = session.execute(select(Booking.day, Booking.household_id).order_by(Booking.day)).all()
    assert [tuple(row) for row in rows] == [(days[0], pair.father.household_id), (days[1], pair.mother.household_id)]


def test_swapped_days_are_written_at_the_desk(session: Session, valbrise: Valbrise) -> None:
    pair = make_separated(session)
    give_weeks(session, pair)
    wish = [Wish(pair.child.id, valbrise.id("MERC_J"), date(2026, 12, 2), add=True)]
    assert cell(session, make_agent(), wish[0], household_id=pair.mother.household_id).may_add
    [outcome] = save_wishes(session, make_agent(), wish, household_id=pair.mother.household_id)
    assert outcome.result == "booked"


def add_half_day(session: Session, valbrise: Valbrise) -> uuid.UUID:
    half = save_activity(
        session, SYSTEM, code="MERC_MR", label="Mercredi, matin", structure_id=valbrise.leisure.id, weekdays=(3,),
        starts_at="07:30", ends_at="13:30", rank=5,
    )  # fmt: skip
    groups = [GroupRule("tous", "Tous", 3, 11)]
    regulate(session, SYSTEM, half.id, rules(needs_enrolment=False), groups)
    return half.id


def test_a_child_is_nowhere_else_at_the_same_hour(session: Session, valbrise: Valbrise) -> None:
    half, day = add_half_day(session, valbrise), date(2026, 12, 2)
    family = make_family(session)
    both = [Wish(family.child.id, activity, day, add=True) for activity in (valbrise.id("MERC_J"), half)]
    first, second = save_wishes(session, family.actor, both)
    assert (first.result, second.result) == ("booked", "refused")
    assert "déjà en «\u00a0Mercredi, journée\u00a0»" in second.words
    shown = cell(session, family.actor, both[1])
    assert (shown.words, shown.may_add) == ("Libre si vous décochez «\u00a0Mercredi, journée\u00a0»", True)
    left = [Wish(family.child.id, valbrise.id("MERC_J"), day, add=False), both[1]]
    assert [each.result for each in save_wishes(session, family.actor, left)] == ["cancelled", "booked"]


def test_the_other_parents_booking_at_that_hour_says_no_more_than_that(session: Session, valbrise: Valbrise) -> None:
    half, day = add_half_day(session, valbrise), date(2026, 12, 2)
    pair = make_separated(session)
    save_wishes(session, pair.actor(pair.mother), [Wish(pair.child.id, valbrise.id("MERC_J"), day, add=True)])
    wish = Wish(pair.child.id, half, day, add=True)
    shown = cell(session, pair.actor(pair.father), wish)
    assert (shown.kind, shown.why, shown.may_add) == ("barred", "hours", False)
    [outcome] = save_wishes(session, pair.actor(pair.father), [wish])
    assert outcome.words.replace("\u00a0", " ") == "À cette heure-là : déjà réservé par l’autre parent."


def test_days_chosen_one_by_one_are_booked_and_no_other(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session)
    days = (MONDAY, MONDAY + timedelta(days=1), MONDAY + timedelta(days=2))
    prospect = foreseen(session, family, asked(family, pattern=None, days=days))
    assert [each.wish for each in prospect.outcomes] == [
        Wish(family.child.id, valbrise.id("CANT"), day, add=True) for day in days[:2]
    ]
    assert list(prospect.off) == ["Pas d’accueil ce jour de la semaine"]
