"""What a file really is, read from its bytes and never from its name.

Own code because the generic detectors were fooled: they trust the extension, or take a PDF behind a script for a
PDF. The list is short: the formats we accept, and those families send by mistake, so that the refusal can name them.
"""

from __future__ import annotations

import io
import re
import zipfile
from enum import Enum

import olefile

ODT_MIME = b"application/vnd.oasis.opendocument.text"
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_WEB_PAGE = re.compile(rb"<(!doctype\s+html|html|head|body|script|iframe|svg|\?php|\?xml)\b", re.IGNORECASE)


class Kind(Enum):
    """A content type: how to say it in French, and the extension it should carry when we accept it."""

    def __init__(self, label: str, extension: str | None) -> None:
        self.label = label
        self.extension = extension

    PDF = ("un document PDF", "pdf")
    JPEG = ("une photo JPEG", "jpg")
    PNG = ("une image PNG", "png")
    HEIC = ("une photo HEIC", "heic")
    ODT = ("un texte LibreOffice (.odt)", "odt")
    DOC = ("un document Word ancien (.doc)", "doc")
    DOCX = ("un document Word récent (.docx)", None)
    WORKBOOK = ("un classeur", None)
    SLIDES = ("une présentation", None)
    ZIP = ("une archive ZIP", None)
    ARCHIVE = ("une archive compressée", None)
    OLE = ("un fichier Office d’un autre type", None)
    RTF = ("un texte RTF", None)
    GIF = ("une image GIF", None)
    WEBP = ("une image WebP", None)
    AVIF = ("une image AVIF", None)
    TIFF = ("une image TIFF", None)
    BMP = ("une image BMP", None)
    VIDEO = ("une vidéo", None)
    PROGRAM = ("un programme", None)
    SCRIPT = ("un programme (script)", None)
    WEB_PAGE = ("une page web", None)
    TEXT = ("un simple texte", None)
    UNKNOWN = ("un contenu que nous ne reconnaissons pas", None)


# Order matters only where one signature begins another.
_SIGNATURES: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"GIF87a", Kind.GIF),
    (b"GIF89a", Kind.GIF),
    (b"II*\x00", Kind.TIFF),
    (b"MM\x00*", Kind.TIFF),
    (b"BM", Kind.BMP),
    (b"{\\rtf", Kind.RTF),
    (b"MZ", Kind.PROGRAM),
    (b"\x7fELF", Kind.PROGRAM),
    (b"\xca\xfe\xba\xbe", Kind.PROGRAM),
    (b"Rar!\x1a\x07", Kind.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", Kind.ARCHIVE),
    (b"\x1f\x8b", Kind.ARCHIVE),
)


def sniff(data: bytes) -> Kind:
    """The kind of ``data``, from its structure. Never raises; a damaged .doc is still DOC, for a better message."""
    for magic, kind in _SIGNATURES:
        # Two letters prove nothing: a text may well begin with « BM » or « MZ ».
        if data.startswith(magic) and (len(magic) > 2 or _is_binary(data)):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Kind.WEBP
    if data[4:8] == b"ftyp":
        return _media_kind(data)
    if data.startswith(b"PK\x03\x04"):
        return _zip_kind(data)
    if data.startswith(OLE_MAGIC):
        return _ole_kind(data)
    # Readers accept a header within the first kilobyte, so whatever stands before it is the PDF module's concern.
    if b"%PDF-" in data[:1024]:
        return Kind.PDF
    return _text_kind(data)


def looks_like_web_page(data: bytes) -> bool:
    """Whether a browser that guesses types could take these bytes for a page or an image with scripts."""
    return _WEB_PAGE.search(data) is not None


def opens_as_zip(data: bytes) -> bool:
    """Whether an unzipper or a Java runtime, which read from the end, would find entries in these bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return bool(archive.namelist())
    except Exception:  # zipfile raises many types on hostile directories; none of them opens
        return False


def _is_binary(data: bytes) -> bool:
    return b"\x00" in data[:512]


def _media_kind(data: bytes) -> Kind:
    brand = data[8:12]
    if brand in HEIC_BRANDS:
        # « mif1 » is the generic brand: AVIF files carry it too and tell in their compatible brands.
        length = int.from_bytes(data[:4], "big")
        return Kind.AVIF if b"avif" in data[16 : min(length, 256)] else Kind.HEIC
    return Kind.AVIF if brand in {b"avif", b"avis"} else Kind.VIDEO


def _zip_kind(data: bytes) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            mime = b""
            if "mimetype" in names:
                with archive.open("mimetype") as entry:
                    mime = entry.read(200)
    except Exception:  # damaged or hostile: named after what its first bytes claim
        return Kind.ODT if ODT_MIME in data[:200] else Kind.ZIP
    if mime.strip() == ODT_MIME:
        return Kind.ODT
    if b"opendocument.spreadsheet" in mime or "xl/workbook.xml" in names:
        return Kind.WORKBOOK
    if b"opendocument.presentation" in mime or "ppt/presentation.xml" in names:
        return Kind.SLIDES
    return Kind.DOCX if "word/document.xml" in names else Kind.ZIP


def _ole_kind(data: bytes) -> Kind:
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            if ole.exists("WordDocument"):
                return Kind.DOC
            if ole.exists("Workbook") or ole.exists("Book"):
                return Kind.WORKBOOK
            return Kind.SLIDES if ole.exists("PowerPoint Document") else Kind.OLE
    except Exception:  # olefile raises many types on damaged files; the Word module tells the family
        return Kind.DOC


def _text_kind(data: bytes) -> Kind:
    head = data[:4096]
    if head.startswith(b"#!"):
        return Kind.SCRIPT
    if looks_like_web_page(head):
        return Kind.WEB_PAGE
    try:
        # A multi-byte character may straddle the cut: only errors before the last bytes count.
        head[:-4].decode("utf-8") if len(head) > 4 else head.decode("utf-8")
    except UnicodeDecodeError:
        return Kind.UNKNOWN
    return Kind.UNKNOWN if _is_binary(data) else Kind.TEXT
