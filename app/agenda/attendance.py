"""What a mark at the door makes of a booking: the rules, without a row (R-40, R-42)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal

from app.agenda.states import ABSENT
from app.errors import Refused
from forms.french import time_text

Kind = Literal["present", "absent", "expected", "unbooked", "left"]
KINDS: Mapping[str, str] = {
    "present": "Présent",
    "absent": "Absent",
    "expected": "Pas encore pointé",
    "unbooked": "Arrivé sans réservation",
    "left": "Parti",
}
Outcome = Literal["done", "same", "conflict", "refused"]
"""``same``: it was noted already; ``conflict``: somebody else noted otherwise, and nothing is changed."""
OUTCOMES: tuple[Outcome, ...] = ("done", "same", "conflict", "refused")

MARKED, DEPARTURE = "attendance", "departure"
"""Reasons of events: a presence or an absence was marked, an hour of departure was noted."""
REASONS = (MARKED, DEPARTURE)

AT_THE_DOOR = timedelta(days=8)
"""How long after a day whoever marks may still send or mend it: a tablet that was forgotten over a week's end."""
AT_THE_OFFICE = timedelta(days=62)
"""The same for whoever answers bookings: two months, when bills are made."""
COLLECTED_FROM = "15:00"
"""Children of an activity that ends later are handed over to who comes for them (R-24)."""
ALREADY_THERE = ("present", "present_unbooked")


def becomes(kind: str, base: str | None) -> str:
    """The state of a booking once marked. ``base`` is its state before any mark, ``None`` without a booking.

    A child who waited for a place, or for whom nothing was booked, is present without booking. An absence that was
    declared keeps what it is; a cancellation that waits for its answer too, an agent says whether it is billed (R7).
    """
    if kind in ("present", "unbooked", "left"):
        return "present_unbooked" if base in (None, "waiting", "offered") else "present"
    if kind == "absent" and base == "booked":
        return "absent_unjustified"
    return base or "cancelled"


def minutes_after(ends_at: str, left_at: str) -> int:
    """How long after the end of the service a child left; 0 in time. Hours are ``HH:MM``."""
    ends, left = (int(text[:2]) * 60 + int(text[3:]) for text in (ends_at, left_at))
    return max(0, left - ends)


def departure_words(left_at: str, minutes: int) -> str:
    """« Parti à 18 h 40, 10 minutes après la fin »."""
    words = f"Parti à {time_text(left_at)}"
    return f"{words}, {minutes}\u00a0minute{'s' if minutes > 1 else ''} après la fin" if minutes else words


def check_departure(starts_at: str, left_at: str) -> None:
    """Raises Refused for an hour that is none, or before the service begins."""
    valid = len(left_at) == 5 and left_at[2] == ":" and (left_at[:2] + left_at[3:]).isdigit()
    if not valid or not ("00" <= left_at[:2] <= "23" and "00" <= left_at[3:] <= "59") or not left_at.isascii():
        raise Refused("Écrivez l’heure de départ comme 18:40.", "left_at")
    if left_at < starts_at:
        raise Refused(f"L’activité commence à {time_text(starts_at)}\u00a0: vérifiez l’heure de départ.", "left_at")


def check_day(day: date, today: date, *, office: bool) -> None:
    """Raises Refused for a day to come, or so old that nobody mends it here any more."""
    if day > today:
        raise Refused("On ne pointe pas un jour à venir.", "day")
    if today - day > (AT_THE_OFFICE if office else AT_THE_DOOR):
        raise Refused(
            "Ce jour est trop ancien pour être pointé\u00a0: demandez au service qui tient les réservations.", "day"
        )


def shown(state: str, last_kind: str) -> str:
    """What a sheet shows as marked, a code of ``KINDS``: what the state says, else the last mark."""
    if state in ALREADY_THERE:
        return "left" if last_kind == "left" else "present"
    if state in ABSENT or last_kind == "absent":
        return "absent"
    return "expected"
