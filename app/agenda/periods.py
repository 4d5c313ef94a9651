"""What a page of the planning shows: a month, as tables or as a list, or a week; and the ones before and after."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from app.clock import months_after
from app.errors import NotFound
from app.families.weeks import monday_of
from forms.french import MONTHS, date_text

View = Literal["mois", "semaine", "liste"]
VIEWS: Mapping[View, str] = {"mois": "Mois", "semaine": "Semaine", "liste": "Liste"}
MONTHS_BEHIND, MONTHS_AHEAD = 12, 13
A_WEEK = timedelta(weeks=1)
_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")


@dataclass(frozen=True)
class Period:
    """A month, from its first day, or a week, from its Monday."""

    view: View
    first: date

    @property
    def last(self) -> date:
        return (self.first + A_WEEK if self.view == "semaine" else months_after(self.first, 1)) - timedelta(days=1)

    @property
    def address(self) -> dict[str, str]:
        """What the address of the page says of it."""
        if self.view == "semaine":
            year, week, _ = self.first.isocalendar()
            return {"vue": self.view, "semaine": f"{year}-W{week:02d}"}
        found = {"mois": f"{self.first:%Y-%m}"}
        return found if self.view == "mois" else {"vue": self.view, **found}

    @property
    def label(self) -> str:
        """« Décembre 2026 », « Semaine 49 (impaire), du 30 novembre au 6 décembre 2026 »."""
        if self.view != "semaine":
            return f"{MONTHS[self.first.month - 1].capitalize()} {self.first.year}"
        week = self.first.isocalendar().week
        begins = date_text(self.first, weekday=False).removesuffix(f" {self.last.year}")
        parity = "impaire" if week % 2 else "paire"
        return f"Semaine {week} ({parity}), du {begins} au {date_text(self.last, weekday=False)}"

    @property
    def short(self) -> str:
        """« décembre 2026 », « semaine 49 »: the words of a link."""
        if self.view == "semaine":
            return f"semaine {self.first.isocalendar().week}"
        return f"{MONTHS[self.first.month - 1]} {self.first.year}"

    def shifted(self, by: int) -> Period:
        """So many weeks or months later."""
        return replace(self, first=self.first + by * A_WEEK if self.view == "semaine" else months_after(self.first, by))

    def is_near(self, today: date) -> bool:
        """Whether there is a page of it: a year behind, a school year ahead."""
        here = today.replace(day=1)
        return months_after(here, -MONTHS_BEHIND) <= self.first.replace(day=1) <= months_after(here, MONTHS_AHEAD)

    def seen_as(self, view: View, today: date) -> Period:
        """The same days in another view: this week when the month has it, the month that has most of a week."""
        if view == "semaine" != self.view:
            return Period(view, monday_of(today if self.first <= today <= self.last else self.first))
        if self.view == "semaine" != view:
            return Period(view, (self.first + timedelta(days=3)).replace(day=1))
        return Period(view, self.first)


def asked_period(address: Mapping[str, str], today: date) -> Period:
    """The period of an address, this month without one. Raises NotFound for one too far away, or that is none."""
    view: View = next((each for each in VIEWS if each == address.get("vue")), "mois")
    name = "semaine" if view == "semaine" else "mois"
    asked = address.get(name, "")
    if not asked:
        return Period(view, monday_of(today) if view == "semaine" else today.replace(day=1))
    first = _monday(asked) if view == "semaine" else _month(asked)
    here = today.replace(day=1)
    if first is None or not months_after(here, -MONTHS_BEHIND) <= first.replace(day=1) <= months_after(
        here, MONTHS_AHEAD
    ):
        raise NotFound(f"{'Cette semaine' if view == 'semaine' else 'Ce mois'} n’est pas dans le planning.")
    return Period(view, first)


def _month(asked: str) -> date | None:
    try:
        return date.fromisoformat(f"{asked}-01") if len(asked) == 7 else None
    except ValueError:
        return None


def _monday(asked: str) -> date | None:
    found = _WEEK.fullmatch(asked)
    try:
        return date.fromisocalendar(int(found[1]), int(found[2]), 1) if found is not None else None
    except ValueError:
        return None
