"""Outcomes told together: for a child and an activity, the days that have the same fate for the same reason (R-36)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from app.agenda.wishes import Outcome, Result

FORESEEN: Mapping[Result, str] = {
    "booked": "Sera réservé",
    "requested": "Sera demandé au service",
    "waiting": "Complet\u00a0: sur liste d’attente",
    "cancelled": "Sera annulé, sans frais",
    "cancel_requested": "Trop tard pour annuler sans frais\u00a0: sera demandé au service",
    "kept": "Annulation retirée\u00a0: le jour reste réservé",
    "refused": "Impossible",
    "unchanged": "Rien à changer",
}
DONE: Mapping[Result, str] = {
    "booked": "Réservé",
    "requested": "Demandé\u00a0: le service vous répondra",
    "waiting": "Sur liste d’attente",
    "cancelled": "Annulé, sans frais",
    "cancel_requested": "Annulation demandée\u00a0: le service vous répondra",
    "kept": "Annulation retirée\u00a0: la réservation reste",
    "refused": "Impossible",
    "unchanged": "Rien à changer",
}
"""What becomes, and became, of wishes, in the order of the pages."""
_LETTERS: Mapping[Result, str] = dict(zip(DONE, "brwcqkxu", strict=True))
_RESULTS: Mapping[str, Result] = {letter: result for result, letter in _LETTERS.items()}


@dataclass(frozen=True)
class Bundle:
    """Days of one child in one activity. ``cents`` is their price together, 0 for what costs nothing."""

    child: str
    activity: str
    words: str
    days: tuple[date, ...]
    cents: int

    @property
    def months(self) -> list[tuple[date, list[date]]]:
        """The days by month, named by its first day."""
        return [(first, list(days)) for first, days in groupby(self.days, key=lambda day: day.replace(day=1))]


def bundled(
    outcomes: Sequence[Outcome], children: Mapping[uuid.UUID, str], activities: Mapping[uuid.UUID, str]
) -> list[tuple[Result, int, list[Bundle]]]:
    """The results there are, in the order of ``DONE``: how many days, and their bundles."""
    found: dict[Result, dict[tuple[str, str, str], list[Outcome]]] = {result: {} for result in DONE}
    for each in outcomes:
        head = children.get(each.wish.child_id, ""), activities.get(each.wish.activity_id, ""), each.words
        found[each.result].setdefault(head, []).append(each)
    return [
        (
            result,
            sum(len(each) for each in heads.values()),
            [
                Bundle(*head, tuple(sorted(each.wish.day for each in them)), sum(each.cents or 0 for each in them))
                for head, them in heads.items()
            ],
        )
        for result, heads in found.items()
        if heads
    ]


def price_of_added(outcomes: Sequence[Outcome]) -> int:
    """Cents of the days that are added."""
    return sum(each.cents or 0 for each in outcomes if each.result in ("booked", "requested"))


def written(outcomes: Sequence[Outcome]) -> str:
    """A letter a wish: what a preview showed, kept by the page. Believed of nothing but what was read there."""
    return "".join(_LETTERS[each.result] for each in outcomes)


def changed(outcomes: Sequence[Outcome], shown: str) -> list[tuple[Outcome, Result]] | None:
    """The outcomes that are not what the preview showed, with what it did; ``None`` when it was about other days."""
    if len(shown) != len(outcomes) or not set(shown) <= _RESULTS.keys():
        return None
    pairs = zip(outcomes, (_RESULTS[letter] for letter in shown), strict=True)
    return [(each, before) for each, before in pairs if each.result != before]
