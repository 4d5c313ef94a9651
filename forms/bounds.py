"""Bounds of a field that need no expression: constants, and dates counted from today."""

import re
from calendar import monthrange
from datetime import date, timedelta

CONSTANT_BOUND = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{2}:[0-9]{2}|-?[0-9]+(?:\.[0-9]+)?"
    r"|aujourd_hui(?: ?[+-] ?[0-9]{1,5} ?(?:jours?|semaines?|mois|ans?))?"
)
_FROM_TODAY = re.compile(r"aujourd_hui(?: ?([+-]) ?([0-9]{1,5}) ?(jour|semaine|mois|an)s?)?")


def date_bound(bound: str, today: date) -> date:
    """`2026-09-01`, `aujourd_hui`, `aujourd_hui + 7 jours`, `aujourd_hui - 18 ans` (a 29 February becomes the 28th).

    Raises `ValueError` on anything else.
    """
    match = _FROM_TODAY.fullmatch(bound)
    if match is None:
        return date.fromisoformat(bound)
    if match[1] is None:
        return today
    count = int(match[2]) * (1 if match[1] == "+" else -1)
    if match[3] in ("jour", "semaine"):
        return today + timedelta(days=count * (7 if match[3] == "semaine" else 1))
    months = today.year * 12 + today.month - 1 + count * (12 if match[3] == "an" else 1)
    year, month = divmod(months, 12)
    return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))
