"""Integers, decimals, amounts of money."""

from decimal import Decimal, InvalidOperation

from forms.definition import is_expression_bound
from forms.fields.portal import PortalField
from forms.french import decimal_text, integer_text, money_text
from forms.hygiene import BadInput
from forms.parsing import parse_cents, parse_decimal, parse_integer
from forms.sources import Json, Surroundings


class NumberField(PortalField):
    """A number between two bounds."""

    limit = 40
    inputmode = "numeric"

    def parse(self, suffix: str, text: str, around: Surroundings) -> Json:
        """A JSON number or string within the bounds."""
        number = self.number(text)
        low, high = self._bound("min", around), self._bound("max", around)
        if (low is not None and number < low) or (high is not None and number > high):
            raise BadInput(self._range_message(low, high))
        return self.stored(number)

    def number(self, text: str) -> Decimal:
        """The number as typed."""
        return Decimal(parse_integer(text))

    def stored(self, number: Decimal) -> Json:
        """Its JSON value."""
        return int(number)

    def told(self, number: Decimal) -> str:
        """The number in a French message."""
        return integer_text(int(number)) if number == int(number) else decimal_text(number)

    def unit(self) -> str:
        """What is shown after the input."""
        return self.spec.unit

    def _bound(self, which: str, around: Surroundings) -> Decimal | None:
        bound = self.spec.min if which == "min" else self.spec.max
        if isinstance(bound, str) and is_expression_bound(bound):
            bound = around.ask(bound, f"{self.spec.path}.{which}")
        try:
            return None if bound is None else Decimal(str(bound))
        except InvalidOperation:
            return None

    def _range_message(self, low: Decimal | None, high: Decimal | None) -> str:
        if high is None and low is not None:
            return f"Le minimum est {self.told(low)}."
        if low is None and high is not None:
            return f"Le maximum est {self.told(high)}."
        assert low is not None
        assert high is not None
        return f"Indiquez un nombre entre {self.told(low)} et {self.told(high)}."


class IntegerField(NumberField):
    """A whole number, stored as such."""


class DecimalField(NumberField):
    """A decimal number, stored as a string (`"12.5"`) so that no binary rounding happens."""

    inputmode = "decimal"

    def number(self, text: str) -> Decimal:
        """At most the places of the definition."""
        return parse_decimal(text, self.spec.places)

    def stored(self, number: Decimal) -> Json:
        """Plain notation, a point, no exponent."""
        return f"{number:f}"

    def to_typed(self, suffix: str, value: Json) -> list[str]:
        """With the French comma."""
        return [text.replace(".", ",") if _is_plain(text) else text for text in super().to_typed(suffix, value)]


class MoneyField(NumberField):
    """An amount in euros, stored in cents."""

    inputmode = "decimal"

    def number(self, text: str) -> Decimal:
        """In cents."""
        return Decimal(parse_cents(text))

    def told(self, number: Decimal) -> str:
        """« 12,40 € »."""
        return money_text(int(number))

    def unit(self) -> str:
        """Always euros."""
        return "€"

    def to_typed(self, suffix: str, value: Json) -> list[str]:
        """Cents become « 12,40 »; what a draft kept as text stays as typed."""
        if isinstance(value, int) and not isinstance(value, bool):
            return [f"{Decimal(value).scaleb(-2):.2f}".replace(".", ",")]
        return super().to_typed(suffix, value)

    def _range_message(self, low: Decimal | None, high: Decimal | None) -> str:
        return super()._range_message(low, high).replace("un nombre", "un montant")


def _is_plain(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").replace(".", "", 1).isdigit()
