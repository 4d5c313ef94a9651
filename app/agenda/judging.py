"""What becomes of each wish, from facts that were read before: no statement here.

The same judgement serves the preview, which writes nothing, and the saving, which reads its facts under its locks.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Literal

from app import clock
from app.agenda.activities import Agenda, Group
from app.agenda.days import moment_text
from app.agenda.deadlines import Deadline, NoLimit
from app.agenda.prices import Price, price_of
from app.agenda.states import ABSENT
from app.agenda.wishes import Key, Outcome, Wish
from app.families.custody_calendars import Homes

SessionKey = tuple[uuid.UUID, date, uuid.UUID]
"""Activity, day, age group: what is locked."""
Limit = Literal["book", "change", "cancel"]
FURTHEST = timedelta(days=800)

ALREADY = "Déjà réservé par l’autre parent."
CONTACT = "Pour ce jour, écrivez au service ou téléphonez-lui."
ELSEWHERE = (
    "D’après le calendrier de garde, l’enfant est ce jour-là dans son autre foyer, qui réserve et paie. Si vous avez "
    "échangé vos jours, écrivez au service."
)
THERE = ("booked", "requested", "offered", "present", "present_unbooked")
"""States of a child who is expected somewhere: nowhere else at that hour."""


@dataclass(frozen=True)
class Held:
    """A booking as it is stored."""

    id: uuid.UUID
    child_id: uuid.UUID
    activity_id: uuid.UUID
    group_id: uuid.UUID
    day: date
    household_id: uuid.UUID
    state: str
    version: int
    queue: int | None
    offered_until: datetime | None
    cents: int

    @property
    def session(self) -> SessionKey:
        return self.activity_id, self.day, self.group_id


@dataclass
class Places:
    """A session as it is, then as the wishes before this one leave it."""

    held: int = 0
    waiting: int = 0
    arrivals: int = 0


@dataclass(frozen=True)
class Hours:
    """When an activity begins and ends, ``HH:MM`` on Paris' clock."""

    label: str
    starts_at: str
    ends_at: str

    def meets(self, other: Hours) -> bool:
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass(frozen=True)
class Kid:
    first_name: str
    birth_date: date
    disputed: bool
    """R-22: the agreement of both parents is needed."""


@dataclass(frozen=True)
class Facts:
    """Everything a judgement looks at. ``bookings`` are those that live, of every activity; ``enrolled`` are first and
    last days; ``missing`` are labels of pieces, by child and activity; ``homes`` of children whose custody decides who
    books (empty at the desk, where swapped days are written); ``hours`` of activities, ``HH:MM``.

    ``asked_at``: when a demande was filed, which is what limits look at (R-32). ``accepted``: an agent said yes."""

    now: datetime
    household_id: uuid.UUID
    qf: int | None
    resident: bool
    children: Mapping[uuid.UUID, Kid]
    agendas: Mapping[uuid.UUID, Agenda]
    enrolled: Mapping[tuple[uuid.UUID, uuid.UUID], Sequence[tuple[date, date]]]
    missing: Mapping[tuple[uuid.UUID, uuid.UUID], Sequence[str]]
    bookings: Mapping[Key, Held]
    places: Mapping[SessionKey, Places]
    homes: Mapping[uuid.UUID, Homes] = field(default_factory=dict)
    hours: Mapping[uuid.UUID, Hours] = field(default_factory=dict)
    asked_at: datetime | None = None
    accepted: bool = False


@dataclass(frozen=True)
class Change:
    """A booking to write: ``before`` is ``None`` for a new one."""

    key: Key
    group_id: uuid.UUID
    before: Held | None
    state: str
    queue: int | None = None
    cents: int = 0
    reason: str = ""
    offered_until: datetime | None = None
    answer: str = ""


@dataclass
class Verdict:
    """The outcome of each wish, in order, and what they change."""

    outcomes: list[Outcome] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    places: dict[SessionKey, Places] = field(default_factory=dict)


class _No(Exception):
    """A refusal, and its sentence."""


def judge(facts: Facts, wishes: Sequence[Wish]) -> Verdict:
    """Judges wishes one after the other: the first who asks has the place."""
    return _Judge(facts).heard(wishes)


class _Judge:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.verdict = Verdict(places={key: Places(**vars(each)) for key, each in facts.places.items()})
        self.said: dict[Key, Outcome] = {}
        self.swaps: dict[Key, Key] = {}
        self.there: dict[tuple[uuid.UUID, date], dict[uuid.UUID, uuid.UUID]] = {}
        for (child_id, activity_id, day), held in facts.bookings.items():
            if held.state in THERE:
                self.there.setdefault((child_id, day), {})[activity_id] = held.household_id
        self._closed = cache(lambda activity_id, day: facts.agendas[activity_id].why_closed(day))
        self._limits = cache(self._limit)
        self._prices = cache(self._price)

    def heard(self, wishes: Sequence[Wish]) -> Verdict:
        torn = {wish.key for wish in wishes if wish.add} & {wish.key for wish in wishes if not wish.add}
        self._find_swaps(wishes)
        # what is left gives its hour to what is asked; but what replaces is judged before what it replaces, which stays
        # when nothing does
        for wish in sorted(wishes, key=lambda wish: 1 if wish.add else 2 * (wish.key in self.swaps)):
            if wish.key not in self.said:
                self.said[wish.key] = self._outcome(wish, torn=wish.key in torn)
        self.verdict.outcomes = [replace(self.said[wish.key], wish=wish) for wish in wishes]
        return self.verdict

    def _find_swaps(self, wishes: Sequence[Wish]) -> None:
        """A change: on one day, a child leaves an activity of a structure for another one there. Each side of it may
        also be asked until the limit to change of its activity (R-31)."""
        sides: dict[tuple[uuid.UUID, date, uuid.UUID], tuple[list[Key], list[Key]]] = {}
        for wish in wishes:
            if (agenda := self.facts.agendas.get(wish.activity_id)) is not None:
                place = wish.child_id, wish.day, agenda.activity.card.structure_id
                sides.setdefault(place, ([], []))[wish.add].append(wish.key)
        for left, taken in sides.values():
            if len(left) == len(taken) == 1:
                self.swaps |= {left[0]: taken[0], taken[0]: left[0]}

    def _outcome(self, wish: Wish, *, torn: bool) -> Outcome:
        if torn:
            return Outcome(
                wish, "refused", "Ce jour est demandé et retiré à la fois\u00a0: choisissez l’un ou l’autre."
            )
        try:
            agenda = self._possible(wish)
            mine = self.facts.bookings.get(wish.key)
            if mine is not None and mine.household_id != self.facts.household_id:
                raise _No(ALREADY if wish.add else f"{ALREADY} Lui seul peut l’annuler.")
            if mine is None:
                return self._new(wish, agenda) if wish.add else Outcome(wish, "unchanged")
            return self._again(wish, agenda, mine) if wish.add else self._removed(wish, agenda, mine)
        except _No as refusal:
            return Outcome(wish, "refused", str(refusal))

    def _possible(self, wish: Wish) -> Agenda:
        """What needs no look at bookings. The activity's agenda."""
        agenda = self.facts.agendas.get(wish.activity_id)
        if agenda is None:
            raise _No("Cette activité n’existe plus, ou ne se réserve pas sur le portail. Écrivez au service.")
        today = clock.in_paris(self.facts.now).date()
        if wish.day < today:
            raise _No("Ce jour est passé.")
        if wish.day - today > FURTHEST:
            raise _No("Ce jour est trop loin\u00a0: les réservations ne sont pas encore ouvertes.")
        if self.facts.children[wish.child_id].disputed:
            raise _No("L’accord des deux parents est nécessaire pour cet enfant. Écrivez au service.")
        return agenda

    # -- to be there ---------------------------------------------------------------------------------------------

    def _new(self, wish: Wish, agenda: Agenda) -> Outcome:
        kid, label = self.facts.children[wish.child_id], agenda.activity.card.label
        group = agenda.activity.group_of(kid.birth_date, wish.day)
        if group is None:
            ages = agenda.activity.ages
            raise _No(f"{label}\u00a0: pour les enfants {ages}, un âge que {kid.first_name} n’a pas ce jour-là.")
        if (closed := self._closed(wish.activity_id, wish.day)) is not None:
            raise _No(f"{closed.words}\u00a0: choisissez un autre jour.")
        pair = wish.child_id, wish.activity_id
        if agenda.activity.regulation.needs_enrolment and not any(
            first <= wish.day <= last for first, last in self.facts.enrolled.get(pair, ())
        ):
            raise _No(
                f"{label}\u00a0: aucune inscription de {kid.first_name} ne couvre ce jour. "
                "Faites d’abord la démarche d’inscription."
            )
        home = self.facts.homes[wish.child_id].on(wish.day) if wish.child_id in self.facts.homes else None
        if home is not None and home != self.facts.household_id:
            raise _No(ELSEWHERE)
        self._in_time(wish, agenda, "book")
        if agenda.activity.regulation.pieces_block and (missing := self.facts.missing.get(pair)):
            raise _No(
                f"Il manque\u00a0: {', '.join(missing)}. Envoyez-le depuis «\u00a0Mes pièces\u00a0», puis réservez."
            )
        self._free_then(wish, kid)
        return self._placed(wish, agenda, group)

    def _free_then(self, wish: Wish, kid: Kid) -> None:
        """Raises _No for a child who is expected somewhere else at that hour."""
        mine = self.facts.hours.get(wish.activity_id)
        for activity_id, household_id in self.there.get((wish.child_id, wish.day), {}).items():
            other = self.facts.hours.get(activity_id)
            if mine is None or other is None or activity_id == wish.activity_id or not mine.meets(other):
                continue
            if self._leaves(wish.key, (wish.child_id, activity_id, wish.day)):
                continue
            if household_id != self.facts.household_id:
                raise _No(f"À cette heure-là\u00a0: {ALREADY[0].lower()}{ALREADY[1:]}")
            raise _No(
                f"À cette heure-là, {kid.first_name} est déjà en «\u00a0{other.label}\u00a0»\u00a0: annulez d’abord "
                "cette réservation."
            )

    def _leaves(self, key: Key, other: Key) -> bool:
        """Whether this wish replaces the other booking, which may still be left."""
        if self.swaps.get(key) != other or (agenda := self.facts.agendas.get(other[1])) is None:
            return False
        held = self.facts.bookings.get(other)
        if held is None or held.household_id != self.facts.household_id:
            return False
        if held.state in ("requested", "offered"):
            return True
        started = agenda.activity.card.starts(other[2]) <= self.facts.now
        try:
            self._in_time(Wish(*other, add=False), agenda, "cancel")
        except _No:
            return not started and agenda.activity.regulation.late_cancel
        return True

    def _placed(self, wish: Wish, agenda: Agenda, group: Group) -> Outcome:
        places = self.verdict.places[wish.activity_id, wish.day, group.id]
        price = self._prices(wish.activity_id)
        # whoever waits already comes first, even for a place that has just been freed
        if group.capacity is not None and (places.held >= group.capacity or places.waiting):
            places.waiting += 1
            places.arrivals += 1
            change = Change(wish.key, group.id, None, "waiting", places.arrivals, price.cents)
            self.verdict.changes.append(change)
            rank = places.waiting
            words = f"Complet\u00a0: en liste d’attente, au rang {rank}. Nous vous écrirons si une place se libère."
            return Outcome(wish, "waiting", words, rank=rank)
        places.held += 1
        automatic = self._is_automatic(agenda)
        state: Literal["booked", "requested"] = "booked" if automatic else "requested"
        self.there.setdefault((wish.child_id, wish.day), {})[wish.activity_id] = self.facts.household_id
        self.verdict.changes.append(Change(wish.key, group.id, None, state, None, price.cents))
        words = "" if automatic else "Votre demande part au service, qui vous répondra."
        return Outcome(wish, state, words, cents=price.cents)

    def _again(self, wish: Wish, agenda: Agenda, mine: Held) -> Outcome:
        """Something lives there already: an offer is taken, a cancellation taken back, the rest is as it is."""
        if mine.state == "offered":
            if mine.offered_until is None or mine.offered_until <= self.facts.now:
                raise _No("Cette place vous était proposée jusqu’à une heure passée. Demandez-la de nouveau.")
            self._free_then(wish, self.facts.children[wish.child_id])
            state: Literal["booked", "requested"] = "booked" if self._is_automatic(agenda) else "requested"
            self._change(mine, state, "offer_taken")
            return Outcome(wish, state, cents=mine.cents)
        if mine.state == "cancel_requested":
            self._change(mine, "booked", "taken_back")
            return Outcome(wish, "kept", "Votre demande d’annulation est retirée.", cents=mine.cents)
        if mine.state in ABSENT:
            raise _No(f"Une absence est notée ce jour-là. {CONTACT}")
        return Outcome(wish, "unchanged")

    def _is_automatic(self, agenda: Agenda) -> bool:
        return self.facts.accepted or agenda.activity.regulation.acceptance == "automatic"

    # -- not to be there -----------------------------------------------------------------------------------------

    def _removed(self, wish: Wish, agenda: Agenda, mine: Held) -> Outcome:
        if mine.state in ("waiting", "offered", "requested"):
            return self._cancelled(wish, mine)
        if mine.state == "cancel_requested":
            return Outcome(wish, "unchanged", "Votre demande d’annulation est déjà partie au service.")
        if mine.state != "booked":
            raise _No(f"Cette journée est déjà notée par la structure. {CONTACT}")
        other = self.said.get(self.swaps.get(wish.key, wish.key))
        if other is not None and other.result not in ("booked", "requested", "unchanged"):
            raise _No(
                "Nous gardons cette réservation, puisque l’autre activité n’est pas possible. Choisissez-en une autre."
            )
        try:
            self._in_time(wish, agenda, "cancel")
        except _No:
            started = agenda.activity.card.starts(wish.day) <= self.facts.now
            if started or not agenda.activity.regulation.late_cancel:
                raise
            self.there.get((wish.child_id, wish.day), {}).pop(wish.activity_id, None)
            self._change(mine, "cancel_requested", "late")
            limit = self._limits(wish.activity_id, wish.day, "cancel")
            words = "Trop tard pour annuler sans frais" + (f" (jusqu’au {moment_text(limit)})" if limit else "")
            return Outcome(wish, "cancel_requested", f"{words}\u00a0: le service dira si ce jour est facturé.")
        return self._cancelled(wish, mine)

    def _cancelled(self, wish: Wish, mine: Held) -> Outcome:
        places = self.verdict.places[mine.session]
        if mine.state == "waiting":
            places.waiting -= 1
        else:
            places.held -= 1
        self.there.get((wish.child_id, wish.day), {}).pop(wish.activity_id, None)
        self._change(mine, "cancelled", "by_family")
        return Outcome(wish, "cancelled")

    def _change(self, mine: Held, state: str, reason: str) -> None:
        key = mine.child_id, mine.activity_id, mine.day
        self.verdict.changes.append(Change(key, mine.group_id, mine, state, mine.queue, mine.cents, reason))

    # -- limits and prices ---------------------------------------------------------------------------------------

    def _in_time(self, wish: Wish, agenda: Agenda, kind: Limit) -> None:
        """Raises _No from the limit on, and once the service has begun: the server's clock decides (R-32)."""
        if agenda.activity.card.starts(wish.day) <= self.facts.now:
            raise _No(f"Le service a déjà commencé. {CONTACT}")
        asked = self.facts.asked_at or self.facts.now
        limit = self._limits(wish.activity_id, wish.day, kind)
        if limit is not None and asked < limit:
            return
        changing = self._limits(wish.activity_id, wish.day, "change") if wish.key in self.swaps else None
        if changing is not None and asked < changing:
            return
        what = "réserver" if kind == "book" else "annuler"
        if limit is None:
            raise _No(f"Ce jour ne se laisse pas {what} sur le portail. {CONTACT}")
        raise _No(f"Trop tard pour {what}\u00a0: c’était possible jusqu’au {moment_text(limit)}. {CONTACT}")

    def _limit(self, activity_id: uuid.UUID, day: date, kind: Limit) -> datetime | None:
        return limit_of(self.facts.agendas[activity_id], day, kind)

    def _price(self, activity_id: uuid.UUID) -> Price:
        tariff = self.facts.agendas[activity_id].activity.regulation.tariff
        return price_of(tariff, self.facts.qf, resident=self.facts.resident)


def limit_of(agenda: Agenda, day: date, kind: Limit) -> datetime | None:
    """The instant from which it is too late, ``None`` where no limit can be told: then it always is."""
    deadline: Deadline = getattr(agenda.activity.regulation.deadlines, kind)
    try:
        return deadline.limit(day, agenda.rhythm, agenda.calendar)
    except NoLimit:
        return None
