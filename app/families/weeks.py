"""One week in two, in the three ways people say it (R-25).

« Semaines paires » is the parity of the ISO week as judgments word it: 2026 has 53 weeks, so 2026-W53 and 2027-W01 are
both odd and follow each other. « Une semaine sur deux à partir du … » alternates for ever from its first Monday.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Turn = Literal["all", "even", "odd", "anchored"]


@dataclass(frozen=True)
class Weeks:
    """Which weeks. ``anchor`` is a day of the first week of an *anchored* turn, which comes back every ``every``."""

    turn: Turn = "all"
    anchor: date | None = None
    every: int = 2

    def __post_init__(self) -> None:
        if self.turn == "anchored" and (self.anchor is None or self.every < 1):
            raise ValueError("an anchored turn needs its first week and a number of weeks")

    def __contains__(self, day: date) -> bool:
        match self.turn:
            case "all":
                return True
            case "even":
                return day.isocalendar().week % 2 == 0
            case "odd":
                return day.isocalendar().week % 2 == 1
            case "anchored":
                assert self.anchor is not None
                return (monday_of(day) - monday_of(self.anchor)).days // 7 % self.every == 0


def monday_of(day: date) -> date:
    return day - timedelta(days=day.isoweekday() - 1)
