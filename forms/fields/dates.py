"""Dates, periods, hours."""

import re
from datetime import date

from forms.bounds import date_bound
from forms.definition import is_expression_bound
from forms.fields.portal import PortalField
from forms.french import short_date, time_text
from forms.hygiene import BadInput
from forms.parsing import parse_date, parse_time
from forms.sources import Json, Surroundings

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}")


class DateField(PortalField):
    """A date, stored as ISO text. The browser's date picker, or text where there is none."""

    limit = 30
    hint = "Par exemple 14/09/2026."

    def parse(self, suffix: str, text: str, around: Surroundings) -> Json:
        """Within the bounds of the definition."""
        day = parse_date(text)
        low, high = self._bound("min", around), self._bound("max", around)
        if low is not None and day < low:
            raise BadInput(self._too_early(low, around))
        if high is not None and day > high:
            raise BadInput(self._too_late(high, around))
        return day.isoformat()

    def control(self, suffix: str = "") -> dict[str, str | None]:
        """A date picker would erase a mistake: what it cannot show is shown in a text input."""
        text = self.typed_text(suffix)
        picker = not text or _ISO.fullmatch(text) is not None
        return super().control(suffix) | ({"type": "date"} if picker else {"type": "text", "inputmode": "numeric"})

    def _bound(self, which: str, around: Surroundings) -> date | None:
        bound: Json = self.spec.min if which == "min" else self.spec.max
        if isinstance(bound, str) and is_expression_bound(bound):
            bound = around.ask(bound, f"{self.spec.path}.{which}")
        if isinstance(bound, date):
            return bound
        return date_bound(bound, around.today) if isinstance(bound, str) else None

    def _too_early(self, low: date, around: Surroundings) -> str:
        if low == around.today:
            return "Cette date est passée. Choisissez aujourd’hui ou un jour à venir."
        return f"Choisissez une date à partir du {short_date(low)}."

    def _too_late(self, high: date, around: Surroundings) -> str:
        if high == around.today:
            return "Cette date est à venir. Choisissez aujourd’hui ou un jour passé."
        return f"Choisissez une date jusqu’au {short_date(high)}."


class DateRangeField(DateField):
    """A first and a last day, both included: `<name>_debut` and `<name>_fin`."""

    suffixes = ("_debut", "_fin")
    kind = "date_range"
    in_fieldset = True
    parts = (("_debut", "Premier jour"), ("_fin", "Dernier jour"))

    def check(self, around: Surroundings) -> None:
        """The last day is not before the first, the period not too long."""
        first, last = (self.parsed[name] for name in self.produced)
        if first is None or last is None:
            return
        days = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
        if days < 1:
            self.problems.append(("_fin", "Le dernier jour est avant le premier."))
        elif self.spec.max_days and days > self.spec.max_days:
            self.problems.append(
                ("_fin", f"Cette période est trop longue\u00a0: {self.spec.max_days}\u00a0jours au plus.")
            )

    def missing(self) -> list[tuple[str, str]]:
        """Both days, or neither."""
        refused = {suffix for suffix, _ in self.problems}
        empty = [suffix for suffix in self.suffixes if not self.typed_text(suffix).strip() and suffix not in refused]
        if not self.required and len(empty) == 2:
            return []
        own = self.spec.required_message
        messages = {"_debut": own or "Indiquez le premier jour.", "_fin": own or "Indiquez le dernier jour."}
        return [(suffix, messages[suffix]) for suffix in empty]


class TimeField(PortalField):
    """An hour of the day, stored as `HH:MM`."""

    limit = 20
    hint = "Par exemple 8\u00a0h\u00a030."

    def parse(self, suffix: str, text: str, around: Surroundings) -> Json:
        """Within the bounds of the definition."""
        clock = parse_time(text)
        low, high = self._bound("min", around), self._bound("max", around)
        if low and clock < low:
            raise BadInput(f"Choisissez une heure à partir de {time_text(low)}.")
        if high and clock > high:
            raise BadInput(f"Choisissez une heure jusqu’à {time_text(high)}.")
        return clock

    def control(self, suffix: str = "") -> dict[str, str | None]:
        """The browser's hour picker, unless it could not show what was typed."""
        text = self.typed_text(suffix)
        picker = not text or _CLOCK.fullmatch(text) is not None
        return super().control(suffix) | {"type": "time" if picker else "text"}

    def _bound(self, which: str, around: Surroundings) -> str | None:
        bound: Json = self.spec.min if which == "min" else self.spec.max
        if isinstance(bound, str) and is_expression_bound(bound):
            bound = around.ask(bound, f"{self.spec.path}.{which}")
        return bound if isinstance(bound, str) and _CLOCK.fullmatch(bound) else None
