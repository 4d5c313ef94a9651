"""The waiting list and its offers; what agents answer; days that close; what families are told by mail."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agenda.answering import answer, bookings_to_answer
from app.agenda.booking import save_wishes
from app.agenda.booking_mails import tell
from app.agenda.chores import pass_on, pass_places_on
from app.agenda.closing import close_days, closures_to_come, reopen_days
from app.agenda.models import Booking, BookingEvent, SessionDay
from app.agenda.wishes import Wish
from app.clock import FrozenClock, frozen
from app.db import Database
from app.errors import Conflict, Forbidden, NotFound, Refused
from app.mail import MailDraft
from app.policy import SYSTEM
from tests.agenda.bookings_of import (
    Family,
    Valbrise,
    ask,
    is_sound,
    make_family,
    make_valbrise,
    results,
    set_wednesday,
    stored,
)
from tests.conftest import settings_for
from tests.families.people import NOW, actions, journal_text, make_agent

WEDNESDAY, MONDAY = date(2026, 12, 2), date(2026, 11, 30)


@pytest.fixture
def valbrise(session: Session) -> Valbrise:
    return make_valbrise(session)


def mails(session: Session) -> list[MailDraft]:
    """What the acts of this transaction say by mail."""
    facts = [fact for fact in session.info.get("outbox", []) if fact["kind"] == "bookings.changed"]
    told = settings_for("sqlite://", Path())
    return [draft for fact in facts for draft in tell(session, told, fact["payload"])]


def state_of(session: Session, family: Family) -> str:
    return (
        session.scalars(
            select(Booking.state).where(Booking.household_id == family.household.id).order_by(Booking.version.desc())
        ).first()
        or ""
    )


def full_wednesday(session: Session, valbrise: Valbrise, waiting: int = 2) -> list[Family]:
    """One place, taken by the first family; the others wait."""
    set_wednesday(session, valbrise, big=1)
    families = [make_family(session, f"Famille{n}") for n in range(waiting + 1)]
    for family in families:
        ask(session, family, valbrise.id("MERC_J"), WEDNESDAY)
    return families


def rows(session: Session, state: str) -> list[uuid.UUID]:
    return list(session.scalars(select(Booking.id).where(Booking.state == state)))


# -- offers ----------------------------------------------------------------------------------------------------------


def test_a_freed_place_is_offered_to_the_first_arrived_who_takes_it(session: Session, valbrise: Valbrise) -> None:
    first, second, third = full_wednesday(session, valbrise)
    ask(session, first, valbrise.id("MERC_J"), WEDNESDAY, add=False)
    assert [state_of(session, each) for each in (first, second, third)] == ["cancelled", "offered", "waiting"]
    until = session.scalars(select(Booking.offered_until).where(Booking.state == "offered")).one()
    assert until == NOW + timedelta(hours=24)
    [offer] = [each for each in mails(session) if each.subject == "Une place se libère"]
    assert offer.to == "claire.famille1@example.org"
    assert "samedi 21\u00a0novembre 2026 à 9\u00a0h\u00a030" in offer.body
    newcomer = make_family(session, "Nouvelle")
    [outcome] = ask(session, newcomer, valbrise.id("MERC_J"), WEDNESDAY)
    assert (outcome.result, outcome.rank) == ("waiting", 2), "an offered place is taken"
    assert results(ask(session, second, valbrise.id("MERC_J"), WEDNESDAY)) == ["booked"]
    assert is_sound(session)


def test_an_offer_declined_goes_to_the_next(session: Session, valbrise: Valbrise) -> None:
    first, second, third = full_wednesday(session, valbrise)
    ask(session, first, valbrise.id("MERC_J"), WEDNESDAY, add=False)
    assert results(ask(session, second, valbrise.id("MERC_J"), WEDNESDAY, add=False)) == ["cancelled"]
    assert state_of(session, third) == "offered"
    assert is_sound(session)


def test_an_offer_without_answer_ends_and_goes_to_the_next(
    database: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    with database.transaction() as session:
        valbrise = make_valbrise(session)
        first, second, third = full_wednesday(session, valbrise)
        ask(session, first, valbrise.id("MERC_J"), WEDNESDAY, add=False)
    told = settings_for("sqlite://", tmp_path)
    clock.advance(hours=23, minutes=59)
    pass_places_on(database, told)
    with database.transaction() as session:
        assert state_of(session, second) == "offered"
    clock.advance(minutes=1)
    with database.transaction() as session:
        [outcome] = ask(session, second, valbrise.id("MERC_J"), WEDNESDAY)
        assert outcome.result == "refused"
        assert "Demandez-la de nouveau" in outcome.words
    pass_places_on(database, told)
    pass_places_on(database, told)
    with database.transaction() as session:
        assert [state_of(session, each) for each in (second, third)] == ["expired", "offered"]
        assert is_sound(session)
        assert ask(session, second, valbrise.id("MERC_J"), WEDNESDAY)[0].rank == 1


def test_places_that_are_added_go_to_those_who_wait(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        valbrise = make_valbrise(session)
        full_wednesday(session, valbrise, waiting=3)
        set_wednesday(session, valbrise, big=3)
        [outcome] = ask(session, make_family(session, "Nouvelle"), valbrise.id("MERC_J"), WEDNESDAY)
        assert outcome.result == "waiting", "who waited comes first"
    pass_places_on(database, settings_for("sqlite://", tmp_path))
    with database.transaction() as session:
        assert (len(rows(session, "offered")), len(rows(session, "waiting"))) == (2, 2)
        assert is_sound(session)


def test_nobody_is_offered_a_day_that_has_begun(session: Session, valbrise: Valbrise, clock: FrozenClock) -> None:
    first, second, _ = full_wednesday(session, valbrise)
    [key] = session.execute(select(SessionDay.activity_id, SessionDay.day, SessionDay.group_id)).all()
    clock.set(datetime(2026, 12, 2, 6, 0, tzinfo=UTC))  # half an hour before
    set_wednesday(session, valbrise, big=2)
    pass_on(session, (key[0], key[1], key[2]))
    assert session.scalars(select(Booking.offered_until).where(Booking.state == "offered")).one() == datetime(
        2026, 12, 2, 6, 30, tzinfo=UTC
    )
    clock.advance(minutes=30)
    pass_on(session, (key[0], key[1], key[2]))
    assert (rows(session, "offered"), len(rows(session, "waiting"))) == ([], 1)
    assert state_of(session, second) == "expired"
    assert state_of(session, first) == "booked"


# -- answers of agents -----------------------------------------------------------------------------------------------


def test_requests_are_accepted_or_refused_with_a_reason_in_one_mail(session: Session, valbrise: Valbrise) -> None:
    set_wednesday(session, valbrise, acceptance="agent")
    family = make_family(session)
    days = [WEDNESDAY + timedelta(weeks=n) for n in range(3)]
    ask(session, family, valbrise.id("MERC_J"), *days)
    session.info["outbox"].clear()
    lines = bookings_to_answer(session, make_agent())
    assert [(line.day, line.state) for line in lines] == [(day, "requested") for day in days]
    assert set(lines[0].answers) == {"accept", "refuse"}
    given = {line.id: "refuse" if line.day == days[1] else "accept" for line in lines}
    with pytest.raises(Refused):
        answer(session, make_agent(), given)
    with pytest.raises(Refused) as refusal:
        answer(session, make_agent(), given, reason="complet")
    assert refusal.value.field == "reason", "there is room left (R-37)"
    assert answer(session, make_agent(), given, reason="accueil", words="Appelez la directrice.") == 3
    assert stored(session) == [("12-02", "booked"), ("12-09", "refused"), ("12-16", "booked")]
    [mail] = mails(session)
    assert "Réservé" in mail.body
    assert "02/12/2026, 16/12/2026" in mail.body
    assert (
        "Refusé (L’accueil de l’enfant demande d’abord un échange avec la structure). Appelez la directrice."
        in mail.body
    )
    assert is_sound(session)
    with pytest.raises(Conflict):
        answer(session, make_agent(), {lines[0].id: "accept"})
    assert bookings_to_answer(session, make_agent()) == []


def test_late_cancellations_are_split_into_excused_and_billed_days(
    session: Session, valbrise: Valbrise, clock: FrozenClock
) -> None:
    family = make_family(session)
    days = [date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 26), date(2026, 11, 27)]
    clock.set(datetime(2026, 11, 10, 9, tzinfo=UTC))
    ask(session, family, valbrise.id("CANT"), *days)
    clock.set(datetime(2026, 11, 22, 9, tzinfo=UTC))
    # Thursday and Friday are still in time
    assert (
        results(ask(session, family, valbrise.id("CANT"), *days, add=False))
        == ["cancel_requested"] * 2 + ["cancelled"] * 2
    )
    session.info["outbox"].clear()
    monday, tuesday = bookings_to_answer(session, make_agent())
    assert set(monday.answers) == {"excuse", "bill", "keep"}
    answer(session, make_agent(), {monday.id: "excuse", tuesday.id: "bill"})
    assert [state for _, state in stored(session)[:2]] == ["absent_justified", "absent_unjustified"]
    [mail] = mails(session)
    assert "Annulation excusée, non facturée\u00a0: 23/11/2026" in mail.body
    assert "Annulation facturée\u00a0: 24/11/2026" in mail.body
    assert "Une absence est notée" in ask(session, family, valbrise.id("CANT"), date(2026, 11, 24))[0].words
    assert is_sound(session)


def test_a_refused_cancellation_leaves_the_day_booked(session: Session, valbrise: Valbrise, clock: FrozenClock) -> None:
    family = make_family(session)
    ask(session, family, valbrise.id("CANT"), MONDAY)
    clock.set(datetime(2026, 11, 28, 9, tzinfo=UTC))
    ask(session, family, valbrise.id("CANT"), MONDAY, add=False)
    [line] = bookings_to_answer(session, SYSTEM)
    answer(session, SYSTEM, {line.id: "keep"})
    assert stored(session) == [("11-30", "booked")]
    assert "Annulation refusée" in mails(session)[-1].body


def test_answers_are_for_agents_of_the_structure(session: Session, valbrise: Valbrise) -> None:
    set_wednesday(session, valbrise, acceptance="agent")
    family = make_family(session)
    ask(session, family, valbrise.id("MERC_J"), WEDNESDAY)
    [line] = bookings_to_answer(session, make_agent("direction", valbrise.leisure))
    assert bookings_to_answer(session, make_agent("direction", valbrise.canteen)) == []
    with pytest.raises(NotFound):
        answer(session, make_agent("direction", valbrise.canteen), {line.id: "accept"})
    with pytest.raises(NotFound):
        bookings_to_answer(session, make_agent("direction", valbrise.canteen), valbrise.leisure.id)
    with pytest.raises(NotFound):
        answer(session, make_agent(), {uuid.uuid4(): "accept"})
    for actor in (family.actor, make_agent("restauration"), make_agent("administrateur")):
        with pytest.raises(Forbidden):
            answer(session, actor, {line.id: "accept"})
        with pytest.raises(Forbidden):
            bookings_to_answer(session, actor)
    for wrong in ({}, {line.id: "maybe"}, {uuid.uuid4(): "accept" for _ in range(1001)}):
        with pytest.raises(Refused):
            answer(session, make_agent(), wrong)
    with pytest.raises(Refused):
        answer(session, make_agent(), {line.id: "accept"}, words="x" * 501)
    answer(session, make_agent("direction", valbrise.leisure), {line.id: "accept"})


def test_a_refusal_frees_its_place_for_who_waits(session: Session, valbrise: Valbrise) -> None:
    set_wednesday(session, valbrise, big=1, acceptance="agent")
    first, second = make_family(session, "Un"), make_family(session, "Deux")
    ask(session, first, valbrise.id("MERC_J"), WEDNESDAY)
    ask(session, second, valbrise.id("MERC_J"), WEDNESDAY)
    [line] = bookings_to_answer(session, SYSTEM)
    answer(session, SYSTEM, {line.id: "refuse"}, reason="age")
    assert state_of(session, second) == "offered"
    assert results(ask(session, second, valbrise.id("MERC_J"), WEDNESDAY)) == ["requested"], "an agent still answers"
    assert is_sound(session)


# -- days that close -------------------------------------------------------------------------------------------------


def close(session: Session, valbrise: Valbrise, **more: object) -> uuid.UUID:
    told = {"first": MONDAY, "last": WEDNESDAY, "kind": "greve", "words": "Grève du personnel", **more}
    return close_days(session, make_agent(), **told).id


def test_a_day_that_closes_cancels_free_of_charge_and_tells_each_family_once(
    session: Session, valbrise: Valbrise
) -> None:
    families = full_wednesday(session, valbrise)
    ask(session, families[0], valbrise.id("CANT"), MONDAY, MONDAY + timedelta(days=1), MONDAY + timedelta(days=3))
    session.info["outbox"].clear()
    close(session, valbrise)
    assert {state for day, state in stored(session) if day <= "12-02"} == {"closed"}
    assert ("12-03", "booked") in stored(session)
    told = mails(session)
    assert len(told) == len({mail.to for mail in told}) == 3
    mine = next(mail for mail in told if "famille0" in mail.to)
    assert "Grève du personnel" in mine.body
    assert "30/11/2026, 01/12/2026" in mine.body
    assert "days.closed" in actions(session)
    events = session.scalars(select(BookingEvent.reason).where(BookingEvent.to_state == "closed")).all()
    assert set(events) == {"greve"}
    assert is_sound(session)


def test_opening_again_gives_nothing_back_but_may_be_booked(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session)
    ask(session, family, valbrise.id("CANT"), MONDAY)
    closure = close(session, valbrise, structure_id=valbrise.canteen.id, words="")
    [outcome] = ask(session, family, valbrise.id("CANT"), MONDAY)
    assert outcome.words.startswith("Grève\u00a0:")
    assert [each.id for each in closures_to_come(session, make_agent())] == [closure]
    reopen_days(session, make_agent(), closure)
    assert stored(session) == [("11-30", "closed")]
    assert results(ask(session, family, valbrise.id("CANT"), MONDAY)) == ["booked"]
    with pytest.raises(Conflict):
        reopen_days(session, make_agent(), closure)
    assert closures_to_come(session, make_agent()) == []


def test_one_activity_closes_without_the_others(session: Session, valbrise: Valbrise) -> None:
    family = make_family(session)
    ask(session, family, valbrise.id("CANT"), MONDAY)
    ask(session, family, valbrise.id("MERC_J"), WEDNESDAY)
    close(session, valbrise, activity_id=valbrise.id("MERC_J"))
    assert stored(session) == [("11-30", "booked"), ("12-02", "closed")]


def test_who_may_close_what(session: Session, valbrise: Valbrise) -> None:
    director = make_agent("direction", valbrise.leisure)
    told = {"first": MONDAY, "last": MONDAY, "kind": "greve"}
    closure = close_days(session, director, **told, structure_id=valbrise.leisure.id).id
    for actor, scope in (
        (director, {}),
        (director, {"structure_id": valbrise.canteen.id}),
        (director, {"activity_id": valbrise.id("CANT")}),
        (make_family(session).actor, {}),
        (make_agent("administrateur"), {}),
    ):
        with pytest.raises(Forbidden):
            close_days(session, actor, **told, **scope)
    with pytest.raises(NotFound):
        reopen_days(session, make_agent("direction", valbrise.canteen), closure)
    with pytest.raises(NotFound):
        close_days(session, make_agent(), **told, activity_id=uuid.uuid4())
    with pytest.raises(NotFound):
        reopen_days(session, make_agent(), uuid.uuid4())
    assert closures_to_come(session, make_agent("direction", valbrise.canteen)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"last": date(2026, 11, 29)},
        {"last": date(2027, 6, 1)},
        {"first": date(2026, 11, 1)},
        {"kind": "x"},
        {"words": "x" * 201},
    ],
)
def test_a_closure_that_makes_no_sense_is_refused(
    session: Session, valbrise: Valbrise, wrong: dict[str, object]
) -> None:
    with pytest.raises(Refused):
        close(session, valbrise, **wrong)


# -- whatever happens ------------------------------------------------------------------------------------------------


def test_the_journal_holds_no_word_of_a_family(database: Database) -> None:
    with database.transaction() as session:
        families = full_wednesday(session, make_valbrise(session))
    told = journal_text(database)
    assert "bookings.saved" in told
    assert families[0].child.first_name not in told


GESTURES = st.lists(
    st.tuples(
        st.integers(0, 5), st.integers(0, 2), st.sampled_from(["add", "remove", "close", "later", "pass", "open"])
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(GESTURES)
def test_places_ranks_and_counts_hold_whatever_families_do(
    sqlite_database: Database, gestures: list[tuple[int, int, str]]
) -> None:
    with frozen(NOW) as time:
        try:
            with sqlite_database.transaction() as session:
                _play(session, time, gestures)
                raise _Over
        except _Over:
            pass


class _Over(Exception):
    """Rolls back what was played."""


def _play(session: Session, time: FrozenClock, gestures: list[tuple[int, int, str]]) -> None:
    valbrise = make_valbrise(session)
    families = [make_family(session, f"Famille{n}") for n in range(6)]
    days = [WEDNESDAY + timedelta(weeks=n) for n in range(3)]
    closed: dict[date, uuid.UUID] = {}
    for who, when, what in gestures:
        family, day = families[who], days[when]
        if what in ("add", "remove"):
            wish = [Wish(family.child.id, valbrise.id("MERC_J"), day, what == "add")]
            first = save_wishes(session, family.actor, wish)
            again = save_wishes(session, family.actor, wish)
            assert again[0].result in ("unchanged", "refused"), (first, again)
        elif what == "close" and day not in closed:
            closed[day] = close_days(session, SYSTEM, first=day, last=day, kind="greve").id
        elif what == "open" and day in closed:
            reopen_days(session, SYSTEM, closed.pop(day))
        elif what == "later":
            time.advance(hours=13)
        elif what == "pass":
            for key in session.execute(select(SessionDay.activity_id, SessionDay.day, SessionDay.group_id)).all():
                pass_on(session, (key[0], key[1], key[2]))
        assert is_sound(session)
        living = session.execute(select(Booking.day, Booking.state).where(Booking.day.in_(closed))).all()
        assert all(state in ("cancelled", "closed", "expired", "refused") for _, state in living)
        queue = session.execute(
            select(Booking.day, Booking.queue).where(Booking.state == "waiting").order_by(Booking.day, Booking.asked_at)
        ).all()
        assert [tuple(row) for row in queue] == sorted(tuple(row) for row in queue)
