"""What intake says about a file: a clean one, or a refusal a parent can act on. The limits it works within."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from app.errors import Refused

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """How much a file may cost. Sizes in bytes, images in pixels, time in seconds.

    ``max_bytes`` is the municipality's setting (R-10: 10 MB) and binds what is *kept*. A photo may arrive as large
    as ``max_photo_bytes``, because it is reduced for the family. ``seconds`` and ``memory_bytes`` bind the
    separate process of ``app.documents.isolation`` only; the others hold everywhere.
    """

    max_bytes: int = 10 * MEBIBYTE
    max_photo_bytes: int = 25 * MEBIBYTE
    max_photo_edge: int = 2600  # an A4 page at about 220 dots per inch: small print stays readable
    max_pixels: int = 50_000_000
    max_pages: int = 100
    max_objects: int = 100_000
    max_entries: int = 2_000
    max_expanded_bytes: int = 150 * MEBIBYTE
    seconds: int = 20
    memory_bytes: int = 1024 * MEBIBYTE


DEFAULT_LIMITS = Limits()


class FileRefused(Refused):
    """The file is not taken. ``reason`` is a stable code for tests and the journal; ``message`` is for the family."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Cleaned:
    """What one format module gives back: the bytes to keep and what was learnt on the way."""

    data: bytes
    extension: str
    pages: int | None = None
    width: int | None = None
    height: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A page as a picture: ``image/png`` or ``image/jpeg``, sizes in pixels."""

    data: bytes
    mime: str
    width: int
    height: int


@dataclass(frozen=True)
class CleanFile:
    """A file fit to keep: ``data`` after cleaning, its true type, and French ``notes`` on what was changed.

    ``name`` is the family's own name for the file, made harmless and given the right extension: for display and
    for Content-Disposition, never for a path. ``width`` and ``height`` are pixels, for images only.
    """

    data: bytes
    name: str
    mime: str
    extension: str
    pages: int | None
    width: int | None
    height: int | None
    sha256: str
    notes: tuple[str, ...]


MIME_TYPES = {
    "pdf": "application/pdf",
    "jpg": "image/jpeg",
    "png": "image/png",
    "odt": "application/vnd.oasis.opendocument.text",
    "doc": "application/msword",
}


def clean_file(cleaned: Cleaned, stem: str) -> CleanFile:
    """Name and hash what a format module gave back. ``stem`` is already harmless."""
    return CleanFile(
        data=cleaned.data,
        name=f"{stem}.{cleaned.extension}",
        mime=MIME_TYPES[cleaned.extension],
        extension=cleaned.extension,
        pages=cleaned.pages,
        width=cleaned.width,
        height=cleaned.height,
        sha256=hashlib.sha256(cleaned.data).hexdigest(),
        notes=cleaned.notes,
    )


def size_in_french(count: int) -> str:
    """``10485760`` → « 10 Mo », for messages."""
    if count >= MEBIBYTE:
        return f"{count / MEBIBYTE:.1f}".replace(".", ",").removesuffix(",0") + " Mo"
    return f"{max(1, round(count / 1024))} ko"
