"""How many children a group may take, and how many adults it needs (R-34; art. R227-16 CASF, décret 2018-647)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Setting = Literal["extrascolaire", "periscolaire"]
LONG = 5
"""Hours beyond which a périscolaire day counts as long."""


@dataclass(frozen=True)
class Ratio:
    """Children for one adult: under six years old on the day, and from six."""

    under_six: int
    from_six: int

    def adults(self, under_six: int, from_six: int) -> int:
        """Adults needed by a mixed group: each age rounded up by itself."""
        return -(-under_six // self.under_six) - (-from_six // self.from_six)


_STRICT = Ratio(8, 12)
_MIDDLE = Ratio(10, 14)
_LIGHT = Ratio(14, 18)
_RATIOS: Mapping[tuple[Setting, bool, bool], Ratio] = {
    # (setting, more than five hours, PEdT)
    ("extrascolaire", False, False): _STRICT,
    ("extrascolaire", False, True): _STRICT,
    ("extrascolaire", True, False): _STRICT,
    ("extrascolaire", True, True): _STRICT,
    ("periscolaire", True, False): _STRICT,
    ("periscolaire", False, False): _MIDDLE,
    ("periscolaire", True, True): _MIDDLE,
    ("periscolaire", False, True): _LIGHT,
}


def ratio_of(setting: Setting, hours: float, *, pedt: bool) -> Ratio:
    """The legal ratio of a reception of ``hours`` a day; a PEdT is the commune's educational project."""
    return _RATIOS[setting, hours > LONG, pedt]


def places(room: int | None, adults: int | None, for_one: int) -> int | None:
    """Children of one age group at most: the room, or what its adults may look after, whichever is less.

    ``None`` for what does not bound it; ``None`` when nothing does.
    """
    bounds = [room] if room is not None else []
    if adults is not None:
        bounds.append(adults * for_one)
    return min(bounds, default=None)
