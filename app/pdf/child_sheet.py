"""The sheet of a child on paper: what the school, the canteen and the leisure centre keep at hand (F2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.clock import in_paris
from app.pdf import render
from forms.french import date_text


@dataclass(frozen=True)
class Part:
    """A part of the sheet: its title, (label, value) lines, and a sentence where there is none."""

    title: str
    lines: tuple[tuple[str, str], ...]
    none: str = ""


@dataclass(frozen=True)
class ChildSheet:
    """Everything the sheet says. ``warning`` stands first, in a frame: to whom the child must not be handed.

    ``made_at`` is aware; ``made_for`` says who asked for it; ``full`` adds « complète » to the title.
    """

    name: str
    commune: str
    service: str
    made_at: datetime
    made_for: str
    parts: Sequence[Part]
    warning: tuple[str, ...] = ()
    full: bool = False


def child_sheet_pdf(sheet: ChildSheet) -> bytes:
    """The sheet as a tagged PDF (PDF/UA-1)."""
    made = in_paris(sheet.made_at)
    when = f"{date_text(made.date())} à {made.hour} h {made.minute:02d}"
    return render(
        "fiche-enfant",
        {
            "title": f"Fiche de {sheet.name}",
            "kind": "Fiche complète" if sheet.full else "Fiche simple",
            "name": sheet.name,
            "commune": sheet.commune,
            "service": sheet.service,
            "reference": "fiche enfant",
            "warning": list(sheet.warning),
            "parts": [
                {"title": part.title, "lines": [list(line) for line in part.lines], "none": part.none}
                for part in sheet.parts
            ],
            "basis": (
                f"Éditée le {when}, pour {sheet.made_for}. Elle dit ce que le portail savait à ce moment. Ne la gardez "
                "pas plus longtemps qu’il ne faut et détruisez-la ensuite."
            ),
        },
        instant=made,
    )
