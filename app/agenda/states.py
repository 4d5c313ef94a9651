"""The states of a booking: what each one is called, whether it holds a place, and what may follow (R-40)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class State:
    """``letter`` is what a cell of the planning shows. ``holds`` a place; ``over``: another booking may follow."""

    letter: str
    label: str
    holds: bool = False
    over: bool = False


STATES: Mapping[str, State] = {
    "booked": State("R", "Réservé", holds=True),
    "requested": State("DR", "Demande de réservation en cours", holds=True),
    "cancel_requested": State("DA", "Demande d’annulation en cours", holds=True),
    "offered": State("PO", "Place proposée, à accepter", holds=True),
    "waiting": State("LA", "Sur liste d’attente"),
    "present": State("P", "Présent", holds=True),
    "present_unbooked": State("P", "Présent sans réservation", holds=True),
    "absent_in_time": State("AE", "Absence signalée à temps", holds=True),
    "absent_justified": State("AE", "Absence excusée"),
    "absent_unjustified": State("AF", "Absence facturée", holds=True),
    "cancelled": State("", "Annulé", over=True),
    "expired": State("", "Proposition de place sans réponse", over=True),
    "refused": State("X", "Refusé", over=True),
    "closed": State("F", "Fermé, sans frais", over=True),
}

HOLDING = tuple(code for code, state in STATES.items() if state.holds)
"""An absence keeps its place, which the family may want back; a cancellation gives it to who waits."""
OVER = tuple(code for code, state in STATES.items() if state.over)
ABSENT = ("absent_in_time", "absent_justified", "absent_unjustified")
TO_COME = ("booked", "requested", "cancel_requested", "offered", "waiting")
"""What a day that closes takes away: nobody has come yet."""
