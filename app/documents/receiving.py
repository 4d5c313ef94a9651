"""Files as they arrive: scanned, inspected in a process of their own, put together, kept under random keys.

All of it happens outside any transaction, and a refusal is a line for the person, never an exception: the rest of the
form goes on, and the draft is saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import insert

from app import clock
from app.config import Settings
from app.db import Database
from app.documents.antivirus import scan
from app.documents.formats.verdict import MEBIBYTE, CleanFile, FileRefused, Limits
from app.documents.isolation import inspect_isolated, merge_isolated
from app.documents.models import UploadKey
from app.documents.storage import StorageUnavailable, new_key, storage_from_url

MAX_FILES = 20
"""Files treated in one request: each one costs a process."""

INFECTED = "Ce fichier contient un programme dangereux : il n’a pas été gardé. Vérifiez l’appareil d’où il vient."
NO_ANTIVIRUS = (
    "La vérification antivirus ne répond pas, votre fichier n’a pas été gardé. Votre saisie est conservée : "
    "réessayez dans quelques minutes."
)
TOO_MANY = f"Envoyez {MAX_FILES} fichiers au plus à la fois. Ajoutez les suivants ensuite."


@dataclass(frozen=True)
class Incoming:
    """A file as the browser sent it, for one field of a form."""

    field: str
    filename: str
    data: bytes


@dataclass(frozen=True)
class StoredFile:
    """A file now kept under ``key``, not yet known to any row. ``scan`` is ``clean`` or ``not_scanned``."""

    field: str
    key: str
    filename: str
    mime: str
    size: int
    pages: int | None
    sha256: str
    notes: tuple[str, ...]
    scan: str


@dataclass(frozen=True)
class Refusal:
    """Why a file of this field was not kept: a stable code for the journal, a French sentence for the person."""

    field: str
    reason: str
    message: str


@dataclass(frozen=True)
class Prepared:
    """What became of the files of one request."""

    stored: tuple[StoredFile, ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class _Passed:
    """A file that was scanned (or not) and cleaned."""

    field: str
    file: CleanFile
    scan: str


def limits_for(max_upload_mb: int) -> Limits:
    """The limits of the commune: what is kept obeys its setting; a photo may arrive larger, it is reduced (J2)."""
    kept = max_upload_mb * MEBIBYTE
    return Limits(max_bytes=kept, max_photo_bytes=max(Limits.max_photo_bytes, kept))


def keep_files(database: Database, settings: Settings, limits: Limits, incoming: Sequence[Incoming]) -> Prepared:
    """Checks and keeps what a person sent in one go. Never raises for what a file, the antivirus or the disk does."""
    passed: list[_Passed] = []
    refusals: list[Refusal] = []
    if len(incoming) > MAX_FILES:
        return Prepared(refusals=(Refusal(incoming[MAX_FILES].field, "too_many_files", TOO_MANY),))
    for one in incoming:
        outcome = _check(one, settings.antivirus_url, limits)
        if isinstance(outcome, _Passed):
            passed.append(outcome)
            continue
        refusals.append(outcome)
        if outcome.reason == "antivirus_unavailable":
            break  # the next file would wait as long to hear the same
    stored, unkept = _store(database, settings, _one_piece_each(passed, limits))
    return Prepared(tuple(stored), tuple(refusals + unkept))


def _check(one: Incoming, antivirus_url: str, limits: Limits) -> _Passed | Refusal:
    """The antivirus sees the bytes as they came: cleaning may remove what it would recognise."""
    if len(one.data) <= limits.max_photo_bytes:  # larger ones are refused for their size
        verdict = scan(one.data, antivirus_url)
        if verdict.status == "infected":
            return Refusal(one.field, "infected", _named(one, INFECTED))
        if verdict.status == "unavailable":
            return Refusal(one.field, "antivirus_unavailable", NO_ANTIVIRUS)
    else:
        verdict = scan(b"", "")
    try:
        clean = inspect_isolated(one.data, one.filename, limits=limits)
    except FileRefused as refused:
        return Refusal(one.field, refused.reason, _named(one, refused.message))
    return _Passed(one.field, clean, "clean" if verdict.is_clean else "not_scanned")


def _named(one: Incoming, message: str) -> str:
    """With several files in one field, a person must know which one is meant."""
    name = "".join(c for c in one.filename.replace("\\", "/").rsplit("/", 1)[-1] if c.isprintable())[:60].strip()
    return f"« {name} » : {message}" if name and name not in message else message


def _one_piece_each(passed: Sequence[_Passed], limits: Limits) -> list[_Passed]:
    """Several photos sent in one go for one piece are its pages: they become one PDF, in the order sent (J2).

    When they do not fit in one file they stay as they are.
    """
    kept: list[_Passed] = []
    for field in dict.fromkeys(one.field for one in passed):
        mine = [one for one in passed if one.field == field]
        photos = [one for one in mine if one.file.mime.startswith("image/")]
        others = [one for one in mine if one not in photos]
        if len(photos) > 1:
            try:
                merged = merge_isolated([one.file for one in photos], limits=limits)
            except FileRefused:
                pass
            else:
                told = tuple(dict.fromkeys(note for one in photos for note in (*one.file.notes, *merged.notes)))
                clean = all(one.scan == "clean" for one in photos)
                photos = [_Passed(field, replace(merged, notes=told), "clean" if clean else "not_scanned")]
        kept += photos + others
    return kept


def _store(database: Database, settings: Settings, passed: Sequence[_Passed]) -> tuple[list[StoredFile], list[Refusal]]:
    """Writes the keys down, then the bytes: a key without a document is swept later, whatever dies here."""
    if not passed:
        return [], []
    keys = [new_key() for _ in passed]
    with database.transaction() as session:
        session.execute(insert(UploadKey), [{"key": key, "drawn_at": clock.now()} for key in keys])
    storage = storage_from_url(settings.storage_url)
    stored: list[StoredFile] = []
    for key, one in zip(keys, passed, strict=True):
        try:
            storage.put(key, one.file.data)
        except StorageUnavailable as error:
            rest = dict.fromkeys(later.field for later in passed[len(stored) :])
            return stored, [Refusal(field, "storage_unavailable", error.message) for field in rest]
        file = one.file
        stored.append(
            StoredFile(
                one.field, key, file.name, file.mime, len(file.data), file.pages, file.sha256, file.notes, one.scan
            )
        )
    return stored, []
