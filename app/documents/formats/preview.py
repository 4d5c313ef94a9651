"""Pictures of the first pages of a piece, to be read beside the data (G3). Runs in the process of ``isolation`` only.

PDFium draws PDF pages; photos are reduced. Nothing is interpreted: no script, no form, no link.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator

import pypdfium2 as pdfium
from PIL import Image

from app.documents.formats.image import jpeg_bytes, on_white
from app.documents.formats.verdict import FileRefused, Limits, Picture

MAX_PAGES = 4
EDGE = 1800
"""Longest side in pixels: an A4 page at about 155 dots per inch, whose small print is readable when enlarged."""
_LIGHT = 400_000
"""A page of text is lighter and sharper as a PNG; a scan is not, and becomes a JPEG."""
_QUALITY = 80
_MOST_ENLARGED = 4.0
"""A stamp-sized page is not blown up beyond this (1 is 72 dots per inch)."""


def draw(data: bytes, mime: str, limits: Limits) -> list[Picture]:
    """The first pages of a file that intake let in. Raises FileRefused (no_preview) for what cannot be drawn."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pages = [_picture(image) for image in _images(data, mime, limits)]
    except MemoryError:
        raise
    except Exception as error:  # decoders raise nearly every type on hostile bytes; all mean « cannot be drawn »
        raise _no_preview() from error
    if not pages:
        raise _no_preview()
    return pages


def _images(data: bytes, mime: str, limits: Limits) -> Iterator[Image.Image]:
    if mime == "application/pdf":
        yield from _pdf_pages(data)
    elif mime in ("image/jpeg", "image/png"):
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            if image.width * image.height > limits.max_pixels:
                raise ValueError("too many pixels")
            image.draft("RGB", (EDGE, EDGE))
            yield image


def _pdf_pages(data: bytes) -> Iterator[Image.Image]:
    document = pdfium.PdfDocument(data)
    try:
        for number in range(min(len(document), MAX_PAGES)):
            page = document[number]
            bitmap = page.render(scale=_scale(*page.get_size()), may_draw_forms=False)
            yield bitmap.to_pil()
            bitmap.close()
            page.close()
    finally:
        document.close()


def _scale(width: float, height: float) -> float:
    """Pixels for a point, so that a page of any size costs the same. Raises ValueError for a page without a size."""
    if not (math.isfinite(width) and math.isfinite(height)) or min(width, height) <= 0:
        raise ValueError("a page without a size")
    scale = min(EDGE / max(width, height), _MOST_ENLARGED)
    if min(width, height) * scale < 1:
        raise ValueError("a page that is a line")
    return scale


def _picture(image: Image.Image) -> Picture:
    image = on_white(image if image.mode in {"1", "L", "RGB", "RGBA"} else image.convert("RGB"))
    image.info.clear()
    image.thumbnail((EDGE, EDGE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    data, mime = buffer.getvalue(), "image/png"
    if len(data) > _LIGHT:
        data, mime = jpeg_bytes(image, _QUALITY), "image/jpeg"
    return Picture(data, mime, image.width, image.height)


def _no_preview() -> FileRefused:
    return FileRefused("no_preview", "Ce fichier n’a pas d’aperçu : téléchargez-le pour le lire.")
