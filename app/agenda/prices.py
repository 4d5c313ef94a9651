"""What one booking costs: the seam behind which tariffs and invoices will come (R-51, R-52, R-54)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import NamedTuple

from app.db import Json
from app.errors import Refused
from forms.french import money_text

HIGHEST = 100_000
"""Cents: a day that costs more is a slip of the keyboard."""


class Price(NamedTuple):
    """Cents, and the sentence that says where they come from."""

    cents: int
    words: str


@dataclass(frozen=True)
class Bracket:
    """A price for a quotient from ``low`` up to ``high``, which is not one of them; ``None`` for no end."""

    low: int
    high: int | None
    cents: int


@dataclass(frozen=True)
class Tariff:
    """``brackets``, or a ``rate`` in percent of the quotient between a floor and a ceiling, or one ``flat`` price.

    ``outside`` is what families of other communes pay; ``without`` what those pay whose quotient is not known: the
    highest price, when nothing else is said. ``unbooked`` is what a presence without booking costs to everybody.
    """

    brackets: tuple[Bracket, ...] = ()
    rate: Decimal | None = None
    floor: int = 0
    ceiling: int = 0
    flat: int = 0
    outside: int | None = None
    without: int | None = None
    unbooked: int | None = None

    @property
    def highest(self) -> int:
        return max((each.cents for each in self.brackets), default=self.ceiling if self.rate is not None else self.flat)


def price_of(tariff: Tariff, qf: int | None, *, resident: bool) -> Price:
    """The price of one day for a household. A quotient of 0 is a quotient; ``None`` pays the highest price (R-52)."""
    if not resident and tariff.outside is not None:
        return Price(tariff.outside, f"Tarif des familles d’autres communes\u00a0: {money_text(tariff.outside)}")
    if not tariff.brackets and tariff.rate is None:
        return Price(tariff.flat, f"Prix unique\u00a0: {money_text(tariff.flat)}" if tariff.flat else "Gratuit")
    if qf is None:
        cents = tariff.highest if tariff.without is None else tariff.without
        return Price(
            cents,
            f"Sans quotient familial connu\u00a0: {money_text(cents)}. Envoyez votre attestation pour payer moins.",
        )
    if tariff.rate is not None:
        exact = (Decimal(qf) * tariff.rate).quantize(Decimal(1), ROUND_HALF_UP)  # percent of euros: cents
        cents = max(tariff.floor, min(int(exact), tariff.ceiling))
    else:
        cents = next(each.cents for each in tariff.brackets if each.low <= qf and (each.high is None or qf < each.high))
    return Price(cents, f"Quotient familial {qf}\u00a0: {money_text(cents)}")


def price_unbooked(tariff: Tariff, qf: int | None, *, resident: bool) -> Price:
    """The price of a day that nobody had booked: that of a booking, when the tariff says nothing of it."""
    if tariff.unbooked is None:
        return price_of(tariff, qf, resident=resident)
    return Price(tariff.unbooked, f"Présence sans réservation\u00a0: {money_text(tariff.unbooked)}")


FREE: Mapping[str, str] = {
    "absent_in_time": "Absence signalée à temps\u00a0: non facturée",
    "absent_justified": "Absence excusée\u00a0: non facturée",
    "cancelled": "Annulé\u00a0: non facturé",
    "closed": "Fermé\u00a0: non facturé",
    "refused": "Refusé\u00a0: non facturé",
    "expired": "Place non prise\u00a0: non facturée",
    "waiting": "Sur liste d’attente\u00a0: non facturé",
    "offered": "Place proposée, pas encore acceptée\u00a0: non facturé",
}
"""Why a day is not billed, by the state of its booking (R-40)."""


def due(state: str, cents: int) -> Price:
    """What a day costs once its booking is in this state, at the ``cents`` of the booking: never typed (R-40)."""
    if state in FREE:
        return Price(0, FREE[state])
    words = {
        "absent_unjustified": "Absence non justifiée\u00a0: facturée",
        "present_unbooked": "Présent sans réservation",
    }
    return Price(cents, f"{words.get(state, 'Jour réservé')}\u00a0: {money_text(cents)}")


def read_tariff(written: Mapping[str, Json]) -> Tariff:
    """A tariff from JSON: ``brackets`` (rows of from, to, cents), or ``rate``, ``floor``, ``ceiling``, or ``flat``.

    Raises Refused (field ``tariff``) for a hole, an overlap, or an amount that is not one (R-50).
    """
    if unknown := set(written) - {"brackets", "rate", "floor", "ceiling", "flat", "outside", "without_qf", "unbooked"}:
        raise _wrong(f"Le tarif ne connaît pas «\u00a0{sorted(unknown)[0][:40]}\u00a0».")
    brackets = tuple(_bracket(row) for row in written.get("brackets") or ())
    expected: int | None = 0
    for each in brackets:
        if each.low != expected or (each.high is not None and each.high <= each.low):
            raise _wrong("Les tranches du tarif se suivent à partir de 0, sans trou ni chevauchement.")
        expected = each.high
    if brackets and expected is not None:
        raise _wrong("La dernière tranche du tarif n’a pas de fin.")
    rate = _rate(written["rate"]) if written.get("rate") is not None else None
    floor, ceiling = _cents(written.get("floor", 0)), _cents(written.get("ceiling", 0))
    if rate is not None and (brackets or floor > ceiling):
        raise _wrong("Un tarif au taux d’effort a un plancher et un plafond, et pas de tranches.")
    return Tariff(
        brackets,
        rate,
        floor,
        ceiling,
        _cents(written.get("flat", 0)),
        _cents(written["outside"]) if written.get("outside") is not None else None,
        *(_cents(written[key]) if written.get(key) is not None else None for key in ("without_qf", "unbooked")),
    )


def _bracket(row: Json) -> Bracket:
    if not isinstance(row, Mapping) or not isinstance(row.get("from"), int):
        raise _wrong("Une tranche du tarif a un début, une fin et un prix en centimes.")
    high = row.get("to")
    if high is not None and not isinstance(high, int):
        raise _wrong("La fin d’une tranche est un nombre entier.")
    return Bracket(row["from"], high, _cents(row.get("cents")))


def _cents(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= HIGHEST:
        raise _wrong("Un prix est un nombre de centimes, positif.")
    return value


def _rate(value: Json) -> Decimal:
    try:
        rate = Decimal(str(value))
    except InvalidOperation as error:
        raise _wrong("Le taux d’effort est un pourcentage, comme 1.20.") from error
    if not rate.is_finite() or not 0 < rate <= 100:
        raise _wrong("Le taux d’effort est un pourcentage, comme 1.20.")
    return rate


def _wrong(words: str) -> Refused:
    return Refused(words, "tariff")
