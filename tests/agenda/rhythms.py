"""The activities of Valbrise as the rules see them, and its calendar (domain.md, part C)."""

from __future__ import annotations

from datetime import date

from app.agenda.calendars import Calendar, Span
from app.agenda.opening import Rhythm

YEAR = Span("Année 2026-2027", date(2026, 9, 1), date(2027, 7, 3))
VALBRISE = Calendar("B", closures=frozenset({date(2026, 12, 24), date(2026, 12, 31), date(2027, 5, 7)}))
CANTEEN = Rhythm("scolaire", frozenset({1, 2, 4, 5}), (YEAR,))
WEDNESDAY = Rhythm("scolaire", frozenset({3}), (YEAR,))
HOLIDAY_CENTRE = Rhythm(
    "vacances",
    frozenset({1, 2, 3, 4, 5}),
    (
        Span("Toussaint", date(2026, 10, 19), date(2026, 10, 31)),
        Span("Hiver", date(2027, 2, 22), date(2027, 3, 6)),
        Span("Printemps", date(2027, 4, 19), date(2027, 5, 1)),
        Span("Été", date(2027, 7, 5), date(2027, 7, 31)),
    ),
)
