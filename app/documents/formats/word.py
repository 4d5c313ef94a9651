"""Word 97–2003 (.doc): the one accepted format that cannot be written anew, so doubts are refused.

Structure: [MS-DOC] 2.5.1 (FibBase) and [MS-CFB]. What cannot be proven here (templates on a remote server, flaws of
Word itself) is left to the antivirus and to serving the file as an attachment, never in the page.
"""

from __future__ import annotations

import io
import re
import struct

import olefile

from app.documents.formats.sniff import opens_as_zip
from app.documents.formats.verdict import Cleaned, FileRefused, Limits

_FIB_MAGIC = 0xA5EC
_FLAG_ENCRYPTED = 0x0100
_MACRO_STORAGES = {"macros", "_vba_project_cur", "vba", "_vba_project"}
_EMBEDDED = {"objectpool", "\x01ole10native", "package", "equation native", "mbd"}
# A field that starts another program: 0x13 opens a field, then its name, in 8-bit or in 16-bit characters.
_DDE = re.compile(rb"\x13[ \t]*DDE(?:AUTO)?\b|\x13\x00(?: \x00|\t\x00)*D\x00D\x00E\x00", re.IGNORECASE)
_TO_PDF = "Ouvrez-le, enregistrez-le en PDF, puis déposez le PDF."


def clean_doc(data: bytes, limits: Limits) -> Cleaned:
    """The same bytes, once proven plain. Refusals: unreadable, truncated, macro, encrypted, embedded_file, polyglot."""
    if opens_as_zip(data):
        raise FileRefused("polyglot", f"Ce document contient une archive cachée. {_TO_PDF}")
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            _check_entries(ole, limits)
            document = ole.openstream("WordDocument").read()
    except (FileRefused, MemoryError):
        raise
    except Exception as error:  # olefile raises many types on hostile bytes; all mean « unreadable »
        raise _unreadable() from error
    _check_header(document)
    if _DDE.search(document):
        raise _macro()
    return Cleaned(data, "doc")


def _check_entries(ole: olefile.OleFileIO, limits: Limits) -> None:
    entries = ole.listdir(streams=True, storages=True)
    if len(entries) > limits.max_entries:
        raise _unreadable()
    for path in entries:
        names = {part.lower() for part in path}
        if names & _MACRO_STORAGES:
            raise _macro()
        # An empty ObjectPool is what Word leaves once the object has been deleted.
        if names & _EMBEDDED and [part.lower() for part in path] != ["objectpool"]:
            raise FileRefused(
                "embedded_file",
                f"Ce document contient un objet inséré (classeur, programme, équation…). {_TO_PDF}",
            )
        if {"encryptedpackage", "encryptioninfo"} & names:
            raise _encrypted()


def _check_header(document: bytes) -> None:
    if len(document) < 32:
        raise _unreadable()
    magic, flags = struct.unpack_from("<H8xH", document, 0)
    if magic != _FIB_MAGIC:
        raise _unreadable()
    if flags & _FLAG_ENCRYPTED:
        raise _encrypted()


def _macro() -> FileRefused:
    return FileRefused(
        "macro",
        f"Ce document contient des macros (petits programmes), que nous refusons pour la sécurité de tous. {_TO_PDF}",
    )


def _encrypted() -> FileRefused:
    return FileRefused(
        "encrypted",
        "Ce document est protégé par un mot de passe, nous ne pouvons pas le lire. "
        "Enregistrez-le sans mot de passe, ou en PDF, puis déposez la copie obtenue.",
    )


def _unreadable() -> FileRefused:
    return FileRefused("unreadable", f"Ce document Word est incomplet ou abîmé, il ne peut pas être lu ici. {_TO_PDF}")
