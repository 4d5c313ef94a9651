"""Letters as tagged PDF (PDF/UA-1), rendered by typst from templates and data. Knows no other room.

People's words reach a template as strings inside one JSON value, and typst never reads a string as markup: there is
nothing to escape, hence nothing to forget.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import typst

from app.pdf.coverage import drawable

_HERE = Path(__file__).parent
_TEMPLATES = _HERE / "templates"
_FONTS = _HERE / "fonts"
_TEXT_FONT = _FONTS / "Lato-Regular.ttf"


class RenderError(Exception):
    """The template failed: a mistake of ours, never of the person's. The message is for the log."""


def render(template: str, data: Mapping[str, Any], *, instant: datetime | None = None) -> bytes:
    """The PDF/UA-1 document made by ``templates/<template>.typ`` from ``data``.

    ``data`` holds JSON values; every string in it, at any depth, is shown as it is written, characters that the font
    lacks as « □ ». ``instant`` (aware) is the document's creation date; with it, the same data gives the same bytes.
    Raises RenderError for an unknown template or a template that fails.
    """
    source = _TEMPLATES / f"{template}.typ"
    if source.parent != _TEMPLATES or not source.is_file():
        raise RenderError(f"no template named {template!r}")
    try:
        document = typst.compile(
            source,
            root=_TEMPLATES,
            font_paths=_fonts(),
            sys_inputs={"data": json.dumps(_drawable_in(data))},
            pdf_standards="ua-1",
            timestamp=_whole_offset(instant) if instant else None,
        )
    except typst.TypstError as error:
        raise RenderError(f"{template}: {error.message}") from error
    return bytes(document)


@lru_cache(maxsize=1)
def _fonts() -> Any:
    """Only the bundled font: a document must not look otherwise on another machine."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[_FONTS])


def _drawable_in(value: Any) -> Any:
    """``value`` with every string made drawable; keys are ours and stay."""
    if isinstance(value, str):
        return drawable(value, _TEXT_FONT)
    if isinstance(value, Mapping):
        return {key: _drawable_in(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_drawable_in(inner) for inner in value]
    return value


def _whole_offset(instant: datetime) -> datetime:
    """The same instant, to the second, with a fixed offset: typst takes neither a named zone nor microseconds."""
    from datetime import timezone

    return instant.astimezone(timezone(instant.utcoffset() or timedelta())).replace(microsecond=0)
