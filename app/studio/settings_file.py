"""demarche.toml, changed where it is asked and left as it is elsewhere: comments, order and own settings are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from app.db import Json
from app.engine.bundle import SETTINGS
from app.errors import Refused
from app.procedures.settings import SettingsError, read_settings

Value = Json | date | None


def rewritten(raw: bytes, changes: Mapping[str, Value]) -> bytes:
    """The file with these settings changed. A key is written as ``titre`` or ``notifications.clos.objet``; ``None`` or
    an empty value removes it. Raises Refused when the file cannot be read, or when the result would be wrong.
    """
    try:
        document = tomlkit.parse(raw.decode("utf-8"))
    except (UnicodeDecodeError, TOMLKitError) as error:
        raise Refused(f"Le fichier {SETTINGS} ne se lit pas : corrigez-le d’abord, en bas de cette page.") from error
    new = {}
    for key, value in changes.items():
        *path, name = key.split(".")
        if path or name in document:
            _change(document, path, name, value)
        elif not _is_nothing(value):
            new[name] = _item(value)
    made = _with_new(document, new).encode()
    try:
        read_settings(made)
    except SettingsError as error:
        raise Refused(error.problems[0]) from error
    return made


def _change(document: tomlkit.TOMLDocument, path: list[str], name: str, value: Value) -> None:
    tables: list[Any] = [document]
    for part in path:
        if part not in tables[-1]:
            if _is_nothing(value):
                return
            tables[-1][part] = tomlkit.table(is_super_table=len(path) > 1 and part == path[0])
        tables.append(tables[-1][part])
    if _is_nothing(value):
        tables[-1].pop(name, None)
    elif name not in tables[-1] or tables[-1][name] != value:
        tables[-1][name] = _item(value)
    for parent, part in reversed(list(zip(tables, path, strict=False))):
        if isinstance(parent[part], Table) and not parent[part]:
            parent.pop(part)


def _with_new(document: tomlkit.TOMLDocument, new: Mapping[str, Any]) -> str:
    """The text, the new keys after the last one that stands before the first section."""
    text = tomlkit.dumps(document)
    if not new:
        return text
    added = tomlkit.document()
    for name, item in new.items():
        added[name] = item
    top = tomlkit.parse(text)
    for name in [name for name, item in top.items() if isinstance(item, (Table, AoT))]:
        top.pop(name)
    head = tomlkit.dumps(top).rstrip()
    if not text.startswith(head):  # a layout that we do not know: before everything, keys belong to no section
        return tomlkit.dumps(added) + text
    rest = text[len(head) :].lstrip("\n")
    return f"{head}\n{tomlkit.dumps(added)}" + (f"\n{rest}" if rest else "")


def _item(value: Value) -> Any:
    """Several lines are written as they are read."""
    if isinstance(value, str):
        return tomlkit.string(value, multiline="\n" in value)
    return value


def _is_nothing(value: Value) -> bool:
    return value is None or value == "" or value == []
