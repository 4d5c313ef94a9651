"""OpenDocument text: a zip whose every entry is checked before and while it is read, then zipped anew.

Zipping anew drops whatever hid before, between or after the entries. Structure: OpenDocument 1.3, part 2 (packages).
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from app.documents.formats.sniff import ODT_MIME, looks_like_web_page
from app.documents.formats.verdict import MEBIBYTE, Cleaned, FileRefused, Limits

_MACRO_ENTRIES = ("basic/", "scripts/", "dialogs/")
_NESTED = (b"PK\x03\x04", b"MZ", b"\x7fELF", b"Rar!\x1a\x07", b"7z\xbc\xaf", b"\xd0\xcf\x11\xe0", b"%PDF-", b"#!")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LARGE_ENTRY = 4 * MEBIBYTE
_LARGEST_RATIO = 200  # ordinary XML shrinks 5 to 50 times; only emptiness shrinks more
_LARGEST_XML = 40 * MEBIBYTE
# Elements and addresses by which a document reaches for code, or for a file elsewhere, without being asked.
_ACTIVE = re.compile(
    r"\}(script|event-listeners?|event-listener|applet|plugin|dde-source|dde-connection-decl|floating-frame|"
    r"object-ole)$"
)
_EMBEDDING = re.compile(r"\}(object|image|section-source|fill-image|background-image|font-face-uri)$")
_LINK_OUT = re.compile(r"^\s*([a-z][a-z0-9+.-]*:|//|\\\\|\.\./\.\.|/)", re.IGNORECASE)
_HREF = "{http://www.w3.org/1999/xlink}href"


def clean_odt(data: bytes, limits: Limits) -> Cleaned:
    """The same document, its package written anew.

    Refusals: unreadable, polyglot, bomb, zip_path, macro, encrypted, external_object, embedded_file, xml_entity.
    """
    if looks_like_web_page(data[:1024]) or b"%PDF-" in data[:1024]:
        raise _refused_polyglot()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = _checked_entries(archive, data, limits)
            content = _read_all(archive, entries, limits)
    except (FileRefused, MemoryError):
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise _unreadable() from error
    _check_parts(content)
    return Cleaned(_zipped(content), "odt")


def _checked_entries(archive: zipfile.ZipFile, data: bytes, limits: Limits) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > limits.max_entries:
        raise _bomb()
    if not entries or entries[0].filename != "mimetype" or "content.xml" not in archive.namelist():
        raise _unreadable()
    # Whatever follows the directory belongs to another file; zipfile puts a prefix into the first offset.
    if entries[0].header_offset != 0 or archive.comment or not data[-22:].startswith(b"PK\x05\x06"):
        raise _refused_polyglot()
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names) or any(not _is_plain_path(entry) for entry in entries):
        raise FileRefused(
            "zip_path",
            "La structure interne de ce document est piégée (noms de fichiers anormaux). "
            "Ouvrez-le dans LibreOffice, exportez-le en PDF, puis déposez le PDF.",
        )
    if any(name.lower().startswith(_MACRO_ENTRIES) for name in names):
        raise _macro()
    if sum(entry.file_size for entry in entries) > limits.max_expanded_bytes:
        raise _bomb()
    for entry in entries:
        if entry.file_size > _LARGE_ENTRY and entry.file_size > _LARGEST_RATIO * max(1, entry.compress_size):
            raise _bomb()
    return entries


def _is_plain_path(entry: zipfile.ZipInfo) -> bool:
    name = entry.orig_filename
    parts = name.split("/")
    return (
        not stat.S_ISLNK(entry.external_attr >> 16)
        and not re.search(r"[\\:\x00-\x1f]", name)
        and not name.startswith("/")
        and ".." not in parts
        and len(name) <= 200
    )


def _read_all(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], limits: Limits) -> dict[str, bytes]:
    """Every file of the package. The directory's sizes may lie, so the reading is bounded too."""
    content: dict[str, bytes] = {}
    room = limits.max_expanded_bytes
    for entry in entries:
        if entry.is_dir():
            continue
        if entry.flag_bits & 0x1:
            raise _encrypted()
        with archive.open(entry) as stream:
            part = stream.read(room + 1)
        room -= len(part)
        if room < 0:
            raise _bomb()
        content[entry.filename] = part
    return content


def _check_parts(content: dict[str, bytes]) -> None:
    if content["mimetype"].strip() != ODT_MIME:
        raise _unreadable()
    manifest = content.get("META-INF/manifest.xml", b"")
    if b"encryption-data" in manifest:
        raise _encrypted()
    for name, part in content.items():
        if name.lower().endswith((".xml", ".rdf")):
            _check_xml(part)
        elif part.startswith(_NESTED) or looks_like_web_page(part[:1024]):
            raise FileRefused(
                "embedded_file",
                "Ce document contient un autre fichier (classeur, archive, programme…). "
                "Exportez-le en PDF depuis LibreOffice, puis déposez le PDF.",
            )


def _check_xml(part: bytes) -> None:
    if not part.strip():
        return  # LibreOffice writes some empty parts
    if len(part) > _LARGEST_XML:
        raise _bomb()
    try:
        root = fromstring(part, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        raise FileRefused(
            "xml_entity",
            "Ce document contient des définitions cachées (entités XML) que LibreOffice n’écrit jamais. "
            "Ouvrez-le dans LibreOffice, exportez-le en PDF, puis déposez le PDF.",
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise _unreadable() from error
    for element in root.iter():
        if _ACTIVE.search(element.tag) and (len(element) or element.attrib or (element.text or "").strip()):
            raise _macro()
        if _EMBEDDING.search(element.tag) and _LINK_OUT.match(element.get(_HREF, "")):
            raise FileRefused(
                "external_object",
                "Ce document va chercher une image ou un objet ailleurs sur internet ou sur votre ordinateur. "
                "Exportez-le en PDF depuis LibreOffice, puis déposez le PDF.",
            )


def _zipped(content: dict[str, bytes]) -> bytes:
    """The package anew: « mimetype » first and stored, as the standard wants, and no date that tells anything."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in content.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(info, part)
    return buffer.getvalue()


def _macro() -> FileRefused:
    return FileRefused(
        "macro",
        "Ce document contient des macros (petits programmes), que nous refusons pour la sécurité de tous. "
        "Exportez-le en PDF depuis LibreOffice, puis déposez le PDF.",
    )


def _encrypted() -> FileRefused:
    return FileRefused(
        "encrypted",
        "Ce document est protégé par un mot de passe, nous ne pouvons pas le lire. "
        "Enregistrez-le sans mot de passe, ou exportez-le en PDF, puis déposez la copie obtenue.",
    )


def _bomb() -> FileRefused:
    return FileRefused(
        "bomb",
        "Ce document est anormalement gros une fois ouvert. Exportez-le en PDF depuis LibreOffice, "
        "puis déposez le PDF.",
    )


def _unreadable() -> FileRefused:
    return FileRefused(
        "unreadable",
        "Ce document est incomplet ou abîmé, il ne peut pas être ouvert. "
        "Ouvrez-le dans LibreOffice, exportez-le en PDF, puis déposez le PDF.",
    )


def _refused_polyglot() -> FileRefused:
    return FileRefused(
        "polyglot",
        "Ce document contient un second fichier caché devant ou derrière le texte. "
        "Ouvrez-le dans LibreOffice, exportez-le en PDF, puis déposez le PDF.",
    )
