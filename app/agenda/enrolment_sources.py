"""What forms offer to who enrols or cancels: the activities open to the children chosen before, their days."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.agenda.activities import KEPT_REGULATED, Agenda, Regulated, agendas
from app.agenda.calendars import Span
from app.agenda.days import moment_text
from app.agenda.enrolling import seasons, why_not
from app.agenda.judging import limit_of
from app.agenda.loading import payer
from app.agenda.models import Booking
from app.agenda.prices import price_of
from app.agenda.states import STATES
from app.db import Json
from app.families.queries import ChildCard, children_for
from app.families.rights import Action
from app.families.sources import family_account
from app.sources import Filer, Offered, provides
from app.town.queries import structure_names
from forms import Choice
from forms.french import date_text, money_text, short_date

AHEAD = timedelta(days=366)
Answers = Mapping[str, Json]


@provides("activities:inscription")
def open_to(session: Session, filer: Filer) -> Offered:
    """The activities of term time, each open or not to every child chosen before (``enfants`` or ``enfant``)."""
    held = [each for each in KEPT_REGULATED.get(session) if each.regulation.times == "scolaire"]
    names = structure_names(session)
    cards = _children(session, filer, Action.BOOK)
    price = _prices(session, filer)

    def offered(answers: Answers) -> Sequence[Choice]:
        return [
            Choice(
                each.card.code,
                each.card.label,
                ", ".join(filter(None, (names.get(each.card.structure_id), each.card.hours, price(each)))),
                _closed(session, each, _chosen(cards, answers), clock.today()),
            )
            for each in held
        ]

    return offered


@provides("activities:vacances")
def holidays(session: Session, filer: Filer) -> Offered:
    """The holidays to come, period by period: the value is the activity's code, then the first day of the period."""
    held = [each for each in KEPT_REGULATED.get(session) if each.regulation.times == "vacances"]
    cards = _children(session, filer, Action.BOOK)
    price = _prices(session, filer)
    periods = [(each, span) for each in held for span in seasons(session, each) if span.end is not None]

    def offered(answers: Answers) -> Sequence[Choice]:
        return [
            Choice(
                f"{each.card.code}:{span.first.isoformat()}",
                f"{span.name} – {each.card.label}",
                ", ".join(filter(None, (_dates(span), each.card.hours, price(each)))),
                _closed(session, each, _chosen(cards, answers), max(span.first, clock.today())),
            )
            for each, span in sorted(periods, key=lambda pair: (pair[1].first, pair[0].card.starts_at))
        ]

    return offered


@provides("slots:jours")
def days(session: Session, _filer: Filer) -> Offered:
    """The days of the activity (and period) chosen before, ``activite``: closed ones are left out, late ones say so."""
    held = {each.card.code: each for each in KEPT_REGULATED.get(session)}

    def offered(answers: Answers) -> Sequence[Choice]:
        code, _, since = str(answers.get("activite") or "").partition(":")
        activity = held.get(code)
        if activity is None:
            return []
        span = next((each for each in seasons(session, activity) if each.first.isoformat() == since), None)
        last = span.last if span is not None else None
        if span is None or last is None:
            return []
        first = max(span.first, clock.today())
        agenda = agendas(session, [activity], first, last)[activity.id]
        return [_day(agenda, each) for each in agenda.rhythm.open_days(first, last, agenda.calendar)]

    return offered


@provides("slots:reservations")
def booked(session: Session, filer: Filer) -> Offered:
    """The days to come that this household has booked for the child chosen before (``enfant``): the value is the
    activity's code, then the day."""
    cards = {str(card.id): card for card in _children(session, filer, Action.CANCEL)}
    labels = {each.id: each for each in KEPT_REGULATED.get(session)}

    def offered(answers: Answers) -> Sequence[Choice]:
        card = cards.get(str(answers.get("enfant") or ""))
        if card is None or filer.household_id is None:
            return []
        today = clock.today()
        rows = session.execute(
            select(Booking.activity_id, Booking.day, Booking.state)
            .where(
                Booking.child_id == card.id,
                Booking.household_id == filer.household_id,
                Booking.day.between(today, today + AHEAD),
                Booking.state.in_(("booked", "requested", "waiting", "offered")),
            )
            .order_by(Booking.day, Booking.activity_id)
        ).all()
        mine = [row for row in rows if row.activity_id in labels]
        if not mine:
            return []
        read = agendas(session, {labels[row.activity_id] for row in mine}, today, mine[-1].day)
        return [_booked(read[row.activity_id], row.day, row.state) for row in mine]

    return offered


@provides("slots:tardives")
def late(_session: Session, _filer: Filer) -> Offered:
    """The late cancellations of this demande, as ``annulation.demander`` gave them (variable ``hors_delai``)."""

    def offered(answers: Answers) -> Sequence[Choice]:
        return [Choice(each["identifiant"], each["libelle"]) for each in answers.get("hors_delai") or []]

    return offered


def _booked(agenda: Agenda, day: date, state: str) -> Choice:
    card = agenda.activity.card
    value, label = f"{card.code}:{day.isoformat()}", f"{date_text(day).capitalize()} – {card.label}"
    if state != "booked":
        return Choice(value, label, STATES[state].label)
    limit, now = limit_of(agenda, day, "cancel"), clock.now()
    if limit is not None and now < limit:
        return Choice(value, label, f"Sans frais jusqu’au {moment_text(limit)}")
    if card.starts(day) <= now or not agenda.activity.regulation.late_cancel:
        return Choice(value, label, closed="trop tard pour annuler. Déclarez plutôt une absence")
    return Choice(value, label, "Hors délai\u00a0: le service dira si ce jour est facturé")


def _day(agenda: Agenda, day: date) -> Choice:
    limit = limit_of(agenda, day, "book")
    if limit is None or clock.now() >= limit:
        told = f" (c’était possible jusqu’au {moment_text(limit)})" if limit is not None else ""
        return Choice(day.isoformat(), date_text(day).capitalize(), closed=f"trop tard{told}")
    return Choice(day.isoformat(), date_text(day).capitalize())


def _closed(session: Session, activity: Regulated, cards: Iterable[ChildCard], on: date) -> str:
    """Why one of the children chosen may not be enrolled there; empty when all may."""
    return next(filter(None, (why_not(session, activity, card, on) for card in cards)), "")


def _chosen(cards: Iterable[ChildCard], answers: Answers) -> list[ChildCard]:
    named = {str(each) for each in answers.get("enfants") or [answers.get("enfant")] if each}
    return [card for card in cards if str(card.id) in named]


def _children(session: Session, filer: Filer, action: Action) -> list[ChildCard]:
    return children_for(session, family_account(filer), filer.household_id, action)


def _prices(session: Session, filer: Filer) -> Callable[[Regulated], str]:
    """« 2,40 € par jour », for the household that pays; empty for nobody's."""
    if filer.household_id is None:
        return lambda _activity: ""
    qf, resident = payer(session, filer.household_id)

    def told(activity: Regulated) -> str:
        cents = price_of(activity.regulation.tariff, qf, resident=resident).cents
        return f"{money_text(cents)} par jour" if cents else "gratuit"

    return told


def _dates(span: Span) -> str:
    first = short_date(span.first)
    return f"du {first} au {short_date(span.last)}" if span.last else f"à partir du {first}"
