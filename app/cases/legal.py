"""Legal clock of a demande: silence, and what an acknowledgement must say (CRPA L112-11, L231-1; R-01…R-03)."""

from __future__ import annotations

from datetime import date, timedelta

from app.clock import months_after
from app.procedures.settings import LegalRegime


def implicit_date(received_on: date, months: int) -> date:
    """The day on which silence decides: the day after reception plus ``months``, clamped to the month's end (R-03)."""
    return months_after(received_on + timedelta(days=1), months)


def implicit_on(regime: LegalRegime, received_on: date) -> date | None:
    """``implicit_date`` under this regime; ``None`` when silence decides nothing."""
    return None if regime.regime == "AUCUN" else implicit_date(received_on, regime.months)
