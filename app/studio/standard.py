"""The standard pattern of a démarche, complete and valid: what « Nouvelle démarche » starts from.

Its files are in ``pattern/``; a few words in them are replaced, each written as its file needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from app.engine.bundle import Bundle

_FOLDER = Path(__file__).parent / "pattern"
_WORD = re.compile(r"@(SLUG|TITRE|RESUME|CATEGORIE)@")
#: Read once, at start: no file is opened inside a transaction.
_PATTERN: Mapping[str, str] = {
    path.relative_to(_FOLDER).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(_FOLDER.rglob("*"))
    if path.is_file()
}


def _xml(text: str) -> str:
    return escape(text, {'"': "&quot;"})


def _json(text: str) -> str:
    """The inside of a JSON string, which is also the inside of a TOML one."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


_WRITES: Mapping[str, Callable[[str], str]] = {".bpmn": _xml, ".toml": _json, ".json": _json}


def standard_bundle(slug: str, title: str, *, summary: str, category: str) -> Bundle:
    """The files of a new démarche; ``slug`` becomes the identifier of its process. The texts hold no control
    character."""
    words = {"SLUG": slug, "TITRE": title, "RESUME": summary, "CATEGORIE": category}

    def written(name: str, text: str) -> bytes:
        write = _WRITES[Path(name).suffix]
        return _WORD.sub(lambda match: write(words[match[1]]), text).encode()

    return Bundle({name: written(name, text) for name, text in _PATTERN.items()})
