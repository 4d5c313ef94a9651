"""PDF: opened, flattened, and rebuilt from its pages alone.

A PDF hides its active parts in many places (catalog, names, forms, outlines, annotations, attachments). Rather than
hunt them, the pages are copied into a new document, each with a closed list of keys: what is not copied is gone.
What a family typed in a form is first drawn into the page, so it is not lost.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pikepdf
import pikepdf.settings

from app.documents.formats.sniff import looks_like_web_page, opens_as_zip
from app.documents.formats.verdict import MEBIBYTE, Cleaned, FileRefused, Limits

# Process-wide by qpdf's design, so set once, here, at import: nothing outside this package opens a PDF.
pikepdf.settings.set_qpdf_limits(
    doc_max_warnings=2_000,
    parser_max_nesting=100,
    max_stream_filters=5,
    flate_max_memory=200 * MEBIBYTE,
    png_max_memory=200 * MEBIBYTE,
    tiff_max_memory=200 * MEBIBYTE,
    run_length_max_memory=200 * MEBIBYTE,
    dct_max_memory=200 * MEBIBYTE,
    dct_max_progressive_scans=100,
)

_PAGE_KEYS = {
    "/Type",
    "/Parent",
    "/MediaBox",
    "/CropBox",
    "/Rotate",
    "/UserUnit",
    "/Resources",
    "/Contents",
    "/Group",
}
# Keys of a stream that point outside the page: a file elsewhere, an attachment, metadata, a substitute image.
_STREAM_KEYS_OUT = ("/F", "/FFilter", "/FDecodeParms", "/AF", "/Metadata", "/PieceInfo", "/OPI", "/Ref", "/Alternates")
_ACTIONS = {
    "/JavaScript",
    "/Launch",
    "/ImportData",
    "/SubmitForm",
    "/GoToE",
    "/GoToR",
    "/Rendition",
    "/RichMediaExecute",
    "/Movie",
    "/Sound",
}
_TRAILING_TOLERANCE = 64
_TAIL = 2048


def clean_pdf(data: bytes, limits: Limits) -> Cleaned:
    """A PDF of the same pages and nothing else.

    Refusals: pdf_header, polyglot, encrypted, unreadable, truncated, too_many_pages, bomb.
    """
    _check_header(data)
    _check_polyglot(data)
    try:
        with pikepdf.open(io.BytesIO(data)) as source:
            return _rebuilt(source, b"%%EOF" in data[-_TAIL:], limits)
    except pikepdf.PasswordError as error:
        raise FileRefused(
            "encrypted",
            "Ce PDF est protégé par un mot de passe, nous ne pouvons pas le lire. Ouvrez-le avec son mot de passe, "
            "imprimez-le « au format PDF », puis déposez la copie obtenue.",
        ) from error
    except (FileRefused, MemoryError):
        raise
    except Exception as error:  # qpdf's errors reach Python as many types; all mean « cannot be repaired »
        raise _unreadable() from error


def _rebuilt(source: pikepdf.Pdf, ends_whole: bool, limits: Limits) -> Cleaned:
    count = len(source.pages)
    repaired = bool(source.get_warnings())  # reading them empties the list
    if repaired and not ends_whole:
        # qpdf repairs a file cut in two into a document that lacks pages: the family must hear of it.
        raise FileRefused(
            "truncated",
            "Ce PDF est incomplet : l’envoi ou la copie s’est arrêté en route. "
            "Téléchargez-le ou numérisez-le à nouveau, puis déposez-le.",
        )
    if count == 0:
        raise _unreadable()
    if count > limits.max_pages:
        raise FileRefused(
            "too_many_pages",
            f"Ce PDF compte {count} pages ; la limite est de {limits.max_pages}. "
            "Ne gardez que les pages utiles, ou déposez-le en plusieurs fois.",
        )
    if len(source.objects) > limits.max_objects:
        raise _bomb()
    notes = _notes(source, repaired)
    # Forms first: the value a family typed may live only in the field, with no drawing of it.
    if "/AcroForm" in source.Root:
        source.generate_appearance_streams()
    source.flatten_annotations("all")
    for page in source.pages:
        for key in set(page.obj.keys()) - _PAGE_KEYS:
            del page.obj[key]
    with pikepdf.new() as target:
        target.pages.extend(source.pages)
        _copy_layers(source, target)
        _check_expansion(target, limits)
        _disarm(target)
        buffer = io.BytesIO()
        target.save(
            buffer,
            stream_decode_level=pikepdf.StreamDecodeLevel.none,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            deterministic_id=True,
        )
    return Cleaned(buffer.getvalue(), "pdf", pages=count, notes=notes)


def _notes(source: pikepdf.Pdf, repaired: bool) -> tuple[str, ...]:
    notes = []
    if repaired:
        notes.append("Le PDF était un peu abîmé : il a été réparé.")
    if source.is_encrypted:
        notes.append("La protection du PDF contre l’impression ou la copie a été retirée.")
    root = source.Root
    form = root.get("/AcroForm")
    if isinstance(form, pikepdf.Dictionary):
        notes.append("Le formulaire a été figé : ce que vous y avez écrit reste lisible.")
        if _is_signed(form):
            notes.append("La signature électronique du PDF ne peut plus être vérifiée sur cette copie.")
    if _is_active(root) or any("/AA" in page.obj for page in source.pages):
        notes.append("Les parties actives du PDF (programmes, fichiers joints) ont été retirées.")
    return tuple(notes)


def _is_active(root: Any) -> bool:
    """Whether the family is told: bookmarks and ordinary names are dropped too, but nobody misses them."""
    names, opening = root.get("/Names"), root.get("/OpenAction")
    named = isinstance(names, pikepdf.Dictionary) and ("/JavaScript" in names or "/EmbeddedFiles" in names)
    opens = isinstance(opening, pikepdf.Dictionary) and _is_action(opening)
    return named or opens or any(key in root for key in ("/AA", "/Collection", "/AF"))


def _is_signed(form: Any) -> bool:
    flags = form.get("/SigFlags", 0)
    return isinstance(flags, int) and flags & 1 == 1


def _copy_layers(source: pikepdf.Pdf, target: pikepdf.Pdf) -> None:
    """Keep which layers are hidden; without this a hidden layer would appear on the agent's screen."""
    layers = source.Root.get("/OCProperties")
    if isinstance(layers, pikepdf.Dictionary):
        target.Root["/OCProperties"] = target.copy_foreign(source.make_indirect(layers))


def _disarm(target: pikepdf.Pdf) -> None:
    """Second lock: nothing copied with the pages may run, or point outside the document."""
    for thing in target.objects:
        if isinstance(thing, pikepdf.Stream):
            for key in _STREAM_KEYS_OUT:
                if key in thing:
                    del thing[key]
        for inner in _dictionaries(thing, 0):
            if _is_action(inner) or _is_file(inner):
                for key in list(inner.keys()):
                    del inner[key]


def _is_action(thing: Any) -> bool:
    kind = thing.get("/S")
    return isinstance(kind, pikepdf.Name) and str(kind) in _ACTIONS


def _is_file(thing: Any) -> bool:
    """A file specification. A font may also bear the name « /EF », so the shape counts, not the key alone."""
    embedded = thing.get("/EF")
    attached = isinstance(embedded, pikepdf.Dictionary) and ("/F" in embedded or "/UF" in embedded)
    return attached or thing.get("/Type") == "/Filespec"


def _dictionaries(thing: Any, depth: int) -> Iterator[Any]:
    """The dictionaries written inside one object; what it refers to is an object of its own."""
    if (depth and thing.is_indirect) or depth > 50:
        return
    if isinstance(thing, pikepdf.Stream):
        thing = thing.stream_dict
    if isinstance(thing, pikepdf.Dictionary):
        yield thing
        children: list[Any] = [thing[key] for key in thing]
    elif isinstance(thing, pikepdf.Array):
        children = list(thing)
    else:
        return
    for child in children:
        if isinstance(child, pikepdf.Dictionary | pikepdf.Array):
            yield from _dictionaries(child, depth + 1)


def _check_expansion(target: pikepdf.Pdf, limits: Limits) -> None:
    """Refuse pages that would drown the agent's browser: huge pictures, or streams that unfold a thousandfold."""
    total = 0
    for thing in target.objects:
        if not isinstance(thing, pikepdf.Stream):
            continue
        if _pixels(thing) > limits.max_pixels * 2:
            raise _bomb()
        raw = len(thing.read_raw_bytes())
        # Deflate cannot unfold more than about 1030 times, so small streams are not worth opening.
        if raw * 1030 > limits.max_expanded_bytes // 50 and "/FlateDecode" in str(thing.get("/Filter", "")):
            total += _expanded_size(thing)
        if total > limits.max_expanded_bytes * 4:
            raise _bomb()


def _expanded_size(stream: Any) -> int:
    try:
        return len(stream.read_bytes(pikepdf.StreamDecodeLevel.specialized))
    except (pikepdf.PdfError, RuntimeError) as error:
        # flate_max_memory is what stops a bomb; ordinary damage is left to the reader, who shows what it can.
        if "limit" in str(error).lower() or "memory" in str(error).lower():
            raise _bomb() from error
        return 0


def _pixels(stream: Any) -> int:
    if stream.get("/Subtype") != "/Image":
        return 0
    try:
        return int(stream.get("/Width", 0)) * int(stream.get("/Height", 0))
    except (TypeError, ValueError):
        return 0


def _check_header(data: bytes) -> None:
    before = data[: data.index(b"%PDF-")]
    if before.strip(b"\xef\xbb\xbf\x00\t\r\n\x0c "):
        raise FileRefused(
            "pdf_header",
            "Ce fichier commence par autre chose qu’un PDF, comme le font des fichiers piégés. "
            "Ouvrez-le, imprimez-le « au format PDF », puis déposez la copie obtenue.",
        )


def _check_polyglot(data: bytes) -> None:
    """A file that is a PDF for one program and something else for another is never an honest piece."""
    end = data.rfind(b"%%EOF")
    tail = data[end + 5 :] if end >= 0 else b""
    foreign_tail = len(tail.strip()) > _TRAILING_TOLERANCE and (looks_like_web_page(tail) or b"\x00" in tail)
    archive_inside = re.search(rb"Rar!\x1a\x07[\x00\x01]|7z\xbc\xaf\x27\x1c\x00", data)
    if foreign_tail or archive_inside or looks_like_web_page(data[:1024]) or opens_as_zip(data):
        raise FileRefused(
            "polyglot",
            "Ce PDF contient un second fichier caché (archive, page web ou programme). "
            "Ouvrez-le, imprimez-le « au format PDF », puis déposez la copie obtenue.",
        )


def _unreadable() -> FileRefused:
    return FileRefused(
        "unreadable",
        "Ce PDF est incomplet ou abîmé, il ne peut pas être ouvert. Téléchargez-le ou numérisez-le à nouveau, "
        "puis déposez-le.",
    )


def _bomb() -> FileRefused:
    return FileRefused(
        "bomb",
        "Ce PDF est anormalement gros une fois ouvert. Numérisez le document en qualité ordinaire, "
        "puis déposez-le à nouveau.",
    )
