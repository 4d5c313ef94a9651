"""Several photos and PDFs become one PDF: a parent photographs a three-page judgment page by page."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pikepdf
from PIL import Image

from app.documents.formats.image import jpeg_bytes, on_white
from app.documents.formats.verdict import Cleaned, CleanFile, FileRefused, Limits

_A4 = (595.276, 841.890)  # points, ISO 216
_MARGIN = 18.0
_EDGES = (2600, 2000, 1500, 1100)  # tried in turn until the whole fits the limit


def assemble(files: Sequence[CleanFile], limits: Limits) -> Cleaned:
    """The pages of ``files`` in order, each photo centred on an A4 page that stands or lies as the photo does."""
    for file in files:
        if file.extension not in {"pdf", "jpg", "png"}:
            raise FileRefused(
                "not_mergeable",
                f"Seuls des photos et des PDF peuvent être réunis en un document ; « {file.name} » ne le peut pas. "
                "Déposez-le à part, ou enregistrez-le d’abord en PDF.",
            )
    count = sum(file.pages or 1 for file in files)
    if count > limits.max_pages:
        raise FileRefused(
            "too_many_pages",
            f"Ces fichiers comptent {count} pages en tout ; la limite est de {limits.max_pages}. "
            "Ne gardez que les pages utiles, ou déposez-les en plusieurs fois.",
        )
    reduced = False
    for edge in _EDGES:
        data = _assembled(files, edge)
        if len(data) <= limits.max_bytes:
            break
        reduced = True
    notes = [f"{count} pages réunies en un seul PDF."] if count > 1 else []
    if reduced:
        notes.append("Photos réduites pour que l’ensemble reste assez léger.")
    return Cleaned(data, "pdf", pages=count, notes=tuple(notes))


def _assembled(files: Sequence[CleanFile], edge: int) -> bytes:
    with pikepdf.new() as target:
        for file in files:
            if file.extension == "pdf":
                with pikepdf.open(io.BytesIO(file.data)) as source:
                    target.pages.extend(source.pages)
            else:
                _add_photo(target, file, edge)
        buffer = io.BytesIO()
        target.save(buffer, object_stream_mode=pikepdf.ObjectStreamMode.generate, deterministic_id=True)
    return buffer.getvalue()


def _add_photo(target: pikepdf.Pdf, file: CleanFile, edge: int) -> None:
    with Image.open(io.BytesIO(file.data), formats=("JPEG", "PNG")) as opened:
        photo = on_white(opened)
        # A JPEG that is already small enough goes in as it is: no second loss.
        as_is = opened.format == "JPEG" and opened.mode in {"RGB", "L"} and max(opened.size) <= edge
        if as_is:
            jpeg = file.data
        else:
            photo.thumbnail((edge, edge), Image.Resampling.LANCZOS)
            jpeg = jpeg_bytes(photo)
        width, height, mode = photo.width, photo.height, photo.mode
    picture = target.make_stream(jpeg)
    picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    picture.Width, picture.Height, picture.BitsPerComponent = width, height, 8
    picture.ColorSpace = pikepdf.Name.DeviceGray if mode == "L" else pikepdf.Name.DeviceRGB
    picture.Filter = pikepdf.Name.DCTDecode
    page_width, page_height = _A4 if height >= width else _A4[::-1]
    scale = min((page_width - 2 * _MARGIN) / width, (page_height - 2 * _MARGIN) / height)
    drawn_width, drawn_height = width * scale, height * scale
    left, bottom = (page_width - drawn_width) / 2, (page_height - drawn_height) / 2
    drawing = f"q {drawn_width:.3f} 0 0 {drawn_height:.3f} {left:.3f} {bottom:.3f} cm /Photo Do Q"
    target.add_blank_page(page_size=(page_width, page_height))
    page = target.pages[-1]
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Photo=picture))
    page.Contents = target.make_stream(drawing.encode("ascii"))
