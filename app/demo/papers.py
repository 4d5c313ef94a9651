"""The documents that families of the demonstration send: photographs of invented papers, kept as any file is."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from app.config import Settings
from app.db import Database
from app.documents.formats.verdict import Limits
from app.documents.receiving import Incoming, Prepared, keep_files

FONTS = Path(__file__).resolve().parents[1] / "pdf" / "fonts"
SIZE = (827, 1169)
"""An A4 page at 100 dots per inch."""


def photographed(title: str, lines: Sequence[str]) -> bytes:
    """A sheet of paper with a title and some lines, as a JPEG."""
    sheet = Image.new("RGB", SIZE, (250, 248, 243))
    pen = ImageDraw.Draw(sheet)
    pen.text((80, 110), title, fill=(30, 30, 30), font=ImageFont.truetype(str(FONTS / "Lato-Bold.ttf"), 32))
    small = ImageFont.truetype(str(FONTS / "Lato-Regular.ttf"), 22)
    for rank, text in enumerate((*lines, "Document inventé pour la démonstration.")):
        pen.text((80, 220 + 44 * rank), text, fill=(60, 60, 60), font=small)
    held = io.BytesIO()
    sheet.save(held, "JPEG", quality=80)
    return held.getvalue()


def keep_papers(database: Database, settings: Settings, papers: Mapping[str, Sequence[str]]) -> Mapping[str, Prepared]:
    """Stores each paper (its title, its lines) and gives back, by title, what answers the question ``piece``.

    Call it outside any transaction. A paper that could not be kept (no room, no antivirus) is left out. Each is
    inspected in a process of its own: together they take half the time.
    """

    def keep(title: str) -> Prepared:
        arriving = Incoming("piece", f"{title}.jpg", photographed(title, papers[title]))
        return keep_files(database, settings, Limits(), [arriving])

    with ThreadPoolExecutor(max_workers=len(papers)) as pool:
        kept = dict(zip(papers, pool.map(keep, papers), strict=True))
    return {title: prepared for title, prepared in kept.items() if prepared.stored}
