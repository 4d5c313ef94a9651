"""What must hold of any page that somebody opens: accessible, whole at both widths, named."""

from __future__ import annotations

import os
import re
from pathlib import Path

from playwright.sync_api import Page

from tests.journeys.axe import violations
from tests.journeys.people import DESK, PHONE

TITLE = re.compile(r"^(Erreur : )?\S.* – Portail famille de Valbrise$")
#: A folder for a picture of each page at each width, for whoever wants to look at them all.
SHOTS = os.environ.get("JOURNEY_SHOTS", "")


def audit(page: Page, name: str) -> list[str]:
    """What must hold of any page, at both widths; the faults found."""
    faults = []
    for width, height in (DESK, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        if SHOTS:
            page.screenshot(path=str(Path(SHOTS) / f"{name}-{width}.png"), full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        faults += [f"{wide} px de trop à {width} px"] if wide > 0 else []
        faults += [f"{one['id']} à {width} px : {one['nodes'][:3]}" for one in violations(page)]
    for part in ("h1", "main", "html[lang=fr]"):
        if (count := page.locator(part).count()) != 1:
            faults.append(f"{count} {part}")
    if not TITLE.match(page.title()):
        faults.append(f"titre « {page.title()} »")
    return [f"{page.url} : {fault}" for fault in faults]
