"""The public holidays of France, from the ``holidays`` library (Code du travail, art. L3133-1 and L3134-13)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from types import MappingProxyType

GOOD_FRIDAY = "Vendredi saint"
REGIMES = {
    "metropole": "Métropole",
    "alsace-moselle": "Alsace-Moselle",
    "alsace-moselle-sans-vendredi-saint": "Alsace-Moselle, commune sans temple ni église mixte",
}
"""Which days are holidays in a commune: Good Friday is one where there is a protestant temple or a mixed church."""


@lru_cache(maxsize=128)
def public_holidays(year: int, regime: str = "metropole") -> Mapping[date, str]:
    """The public holidays of a year and their French names; none before 1803 nor after 4099, which Easter ends.

    Raises KeyError for a regime that is not one of ``REGIMES``.
    """
    from holidays.countries.france import France  # a quarter of a second, for whoever needs it

    subdivision = {"metropole": None}.get(regime, "57")
    if regime not in REGIMES:
        raise KeyError(regime)
    found = France(years=year, subdiv=subdivision, language="fr")  # type: ignore[no-untyped-call]  # it ships no annotations
    named: dict[date, str] = dict(found)
    if regime == "alsace-moselle-sans-vendredi-saint":
        named = {day: name for day, name in named.items() if GOOD_FRIDAY not in name}
    return MappingProxyType(named)
