"""The door for files: what comes in is proven, cleaned or refused (J2, J7, R-10).

Everything here runs in the caller's process and trusts the format limits alone. For bytes sent by a person, call the
same two functions through ``app.documents.isolation``, which adds a deadline and a memory ceiling.

The antivirus is to see the bytes as they came, before this door: cleaning may remove what it would recognise.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

from app.documents.formats.assembly import assemble
from app.documents.formats.image import clean_heic, clean_jpeg, clean_png
from app.documents.formats.odt import clean_odt
from app.documents.formats.pdf import clean_pdf
from app.documents.formats.sniff import Kind, sniff
from app.documents.formats.verdict import (
    DEFAULT_LIMITS,
    Cleaned,
    CleanFile,
    FileRefused,
    Limits,
    clean_file,
    size_in_french,
)
from app.documents.formats.word import clean_doc

__all__ = ["ACCEPTED_EXTENSIONS", "CleanFile", "FileRefused", "Limits", "inspect", "merge"]

_KINDS = {
    "pdf": Kind.PDF,
    "jpg": Kind.JPEG,
    "jpeg": Kind.JPEG,
    "png": Kind.PNG,
    "heic": Kind.HEIC,
    "heif": Kind.HEIC,
    "odt": Kind.ODT,
    "doc": Kind.DOC,
}
ACCEPTED_EXTENSIONS = tuple(f".{extension}" for extension in _KINDS)
_CLEANERS: dict[Kind, Callable[[bytes, Limits], Cleaned]] = {
    Kind.PDF: clean_pdf,
    Kind.JPEG: clean_jpeg,
    Kind.PNG: clean_png,
    Kind.HEIC: clean_heic,
    Kind.ODT: clean_odt,
    Kind.DOC: clean_doc,
}
_PHOTOS = {Kind.JPEG, Kind.PNG, Kind.HEIC}
_FORMATS_IN_FRENCH = "PDF, JPEG, PNG, HEIC, ODT ou DOC"
_LONGEST_STEM = 80


def inspect(data: bytes, filename: str, *, limits: Limits = DEFAULT_LIMITS) -> CleanFile:
    """Prove that ``data`` is what ``filename`` says and give back a clean copy of it.

    ``filename`` is the browser's word: it gives the expected type and a name to show, never a path.
    Raises FileRefused (``reason``, French ``message``): extension, empty, too_large, content_mismatch, or one of the
    reasons that the format modules list.
    """
    stem, extension = _split_name(filename)
    expected = _KINDS.get(extension)
    if expected is None:
        raise FileRefused("extension", _wrong_type_message(extension))
    if not data:
        raise FileRefused("empty", "Ce fichier est vide. Vérifiez qu’il s’ouvre bien, puis déposez-le à nouveau.")
    _check_size(data, expected, limits)
    found = sniff(data)
    if found is not expected:
        raise FileRefused("content_mismatch", _mismatch_message(f"{stem}.{extension}", stem, found))
    cleaned = _CLEANERS[found](data, limits)
    if len(cleaned.data) > limits.max_bytes:
        raise _too_large(len(cleaned.data), limits)
    return clean_file(cleaned, stem)


def merge(files: Sequence[CleanFile], *, limits: Limits = DEFAULT_LIMITS) -> CleanFile:
    """One PDF from several photos and PDFs, in the order given: a piece of several pages (J2).

    Takes only what ``inspect`` gave back. Raises FileRefused: no_page, not_mergeable, too_many_pages, too_large.
    """
    if not files:
        raise FileRefused("no_page", "Ajoutez au moins une page avant de continuer.")
    cleaned = assemble(files, limits)
    if len(cleaned.data) > limits.max_bytes:
        raise _too_large(len(cleaned.data), limits)
    stem, _ = _split_name(files[0].name)
    return clean_file(cleaned, stem)


def _split_name(filename: str) -> tuple[str, str]:
    """A harmless stem to show and the lower-case extension: no folder, no control or direction character."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    name = unicodedata.normalize("NFC", name)
    # Category C holds controls and the marks that turn text around, which disguise « fdp.exe » as « exe.pdf ».
    name = "".join(character for character in name if unicodedata.category(character)[0] != "C")
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    stem = " ".join(stem.replace('"', "").split())[:_LONGEST_STEM].strip(" .")
    return stem or "document", extension.strip().lower()


def _check_size(data: bytes, kind: Kind, limits: Limits) -> None:
    allowed = max(limits.max_bytes, limits.max_photo_bytes) if kind in _PHOTOS else limits.max_bytes
    if len(data) > allowed:
        raise _too_large(len(data), limits, allowed)


def _too_large(size: int, limits: Limits, allowed: int | None = None) -> FileRefused:
    return FileRefused(
        "too_large",
        f"Ce fichier est trop lourd : {size_in_french(size)}, alors que la limite est de "
        f"{size_in_french(allowed or limits.max_bytes)}. "
        "Photographiez le document, ou numérisez-le en qualité ordinaire.",
    )


def _wrong_type_message(extension: str) -> str:
    if extension == "docx":
        return "Les documents Word récents (.docx) ne sont pas acceptés. Enregistrez le vôtre en PDF, puis déposez-le."
    shown = (
        f"Les fichiers « .{extension[:10]} » ne sont pas acceptés." if extension else "Ce fichier n’a pas d’extension."
    )
    return f"{shown} Déposez un fichier {_FORMATS_IN_FRENCH} ; une photo du document convient très bien."


def _mismatch_message(name: str, stem: str, found: Kind) -> str:
    said = f"Le fichier « {name} » ne correspond pas à son nom : il contient {found.label}."
    if found.extension:
        return f"{said} Renommez-le « {stem}.{found.extension} », puis déposez-le à nouveau."
    return f"{said} Déposez plutôt un fichier {_FORMATS_IN_FRENCH} ; une photo du document convient très bien."
