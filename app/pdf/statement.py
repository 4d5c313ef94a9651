"""What the town states of a child on paper: where he is enrolled, in one school year (D11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.clock import in_paris
from app.pdf import render
from forms.french import date_text


@dataclass(frozen=True)
class Statement:
    """Everything the letter says; ``lines`` are (label, value), ``made_at`` is aware; ``contact``: an address."""

    commune: str
    service: str
    contact: Sequence[str]
    reference: str
    name: str
    birth: str
    year: str
    lines: Sequence[tuple[str, str]]
    made_at: datetime
    made_for: str


def statement_pdf(it: Statement) -> bytes:
    """The letter as a tagged PDF (PDF/UA-1); the same demande gives the same bytes."""
    made = in_paris(it.made_at)
    return render(
        "attestation",
        {
            "title": f"Attestation d’inscription de {it.name}",
            "commune": it.commune,
            "service": it.service,
            "contact": list(it.contact),
            "reference": it.reference,
            "body": (
                f"{it.service}, à {it.commune}, atteste que {it.name}, né(e) le {it.birth}, est inscrit(e) pour "
                f"l’année scolaire {it.year} comme suit."
            ),
            "lines": [list(line) for line in it.lines],
            "basis": (
                f"Établie le {date_text(made.date())} à {made.hour} h {made.minute:02d}, à la demande de "
                f"{it.made_for}, d’après ce que le portail savait à ce moment. Référence {it.reference}."
            ),
        },
        instant=made,
    )
