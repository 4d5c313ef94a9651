"""Photos and scans: decoded, turned upright, reduced, and written anew.

Writing the pixels anew is the cleaning: EXIF, GPS position, comments, thumbnails and anything appended after the
image do not survive it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import pillow_heif
from PIL import Image, ImageOps

from app.documents.formats.sniff import Kind
from app.documents.formats.verdict import Cleaned, FileRefused, Limits

# A baseline JPEG is decoded straight at half or a quarter of its size, so it may declare more than it costs. The
# ceiling is where Pillow itself refuses.
_JPEG_DRAFT_FACTOR = 3
_QUALITY = 85
_SMALLEST_EDGE = 900


def clean_jpeg(data: bytes, limits: Limits) -> Cleaned:
    """A JPEG written anew. Refusals: pixels, truncated, unreadable, too_large."""
    return _clean(lambda: Image.open(io.BytesIO(data), formats=("JPEG",)), Kind.JPEG, limits)


def clean_png(data: bytes, limits: Limits) -> Cleaned:
    """A PNG written anew, or a JPEG when the PNG would be too heavy. Same refusals as a JPEG."""
    return _clean(lambda: Image.open(io.BytesIO(data), formats=("PNG",)), Kind.PNG, limits)


def clean_heic(data: bytes, limits: Limits) -> Cleaned:
    """An iPhone photo turned into a JPEG, which every agent's computer opens. Same refusals as a JPEG."""

    def opened() -> Image.Image:
        heif = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
        _check_pixels(heif.size, limits.max_pixels)
        image: Image.Image = heif.to_pillow()
        return image

    cleaned = _clean(opened, Kind.HEIC, limits)
    note = "La photo HEIC a été convertie en JPEG."
    return Cleaned(cleaned.data, "jpg", None, cleaned.width, cleaned.height, (note, *cleaned.notes))


def jpeg_bytes(image: Image.Image, quality: int = _QUALITY) -> bytes:
    """The pixels of ``image`` (mode RGB or L) as a plain JPEG, with no metadata."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def on_white(image: Image.Image) -> Image.Image:
    """``image`` in mode RGB or L, transparency shown on white as on paper."""
    if image.mode in {"RGB", "L"}:
        return image
    if image.mode == "RGBA":
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image.getchannel("A"))
        return paper
    return image.convert("L" if image.mode == "1" else "RGB")


def _clean(opened: Callable[[], Image.Image], kind: Kind, limits: Limits) -> Cleaned:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about oddities that the rewriting removes
            with opened() as image:
                return _written_anew(image, kind, limits)
    except FileRefused:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except MemoryError:
        raise
    except Exception as error:  # decoders raise nearly every type on hostile bytes; all mean « unreadable »
        if "truncated" in str(error).lower():
            raise FileRefused(
                "truncated",
                "Cette image est incomplète : l’envoi ou la copie s’est arrêté en route. "
                "Reprenez la photo ou déposez à nouveau le fichier d’origine.",
            ) from error
        raise FileRefused(
            "unreadable",
            "Cette image est abîmée et ne peut pas être ouverte. "
            "Reprenez la photo, ou faites une capture d’écran de l’image et déposez-la.",
        ) from error


def _written_anew(image: Image.Image, kind: Kind, limits: Limits) -> Cleaned:
    size = image.size
    progressive = bool(image.info.get("progressive"))
    drafted = kind is Kind.JPEG and not progressive
    _check_pixels(size, limits.max_pixels * (_JPEG_DRAFT_FACTOR if drafted else 1))
    notes: list[str] = []
    if image.getexif() or image.info.get("exif"):
        notes.append("Les informations cachées dans la photo (lieu, date, appareil) ont été retirées.")
    if drafted:
        image.draft("RGB", (limits.max_photo_edge, limits.max_photo_edge))
    upright = _eight_bits(ImageOps.exif_transpose(image))
    # Pillow would copy comments, colour profiles and text chunks found here into the new file.
    upright.info.clear()
    upright.thumbnail((limits.max_photo_edge, limits.max_photo_edge), Image.Resampling.LANCZOS)
    data, upright, extension = _fitted(upright, kind, limits)
    if upright.width * upright.height < size[0] * size[1]:
        notes.append(f"Photo réduite : de {size[0]} × {size[1]} à {upright.width} × {upright.height} pixels.")
    if kind is Kind.PNG and extension == "jpg":
        notes.append("L’image PNG, trop lourde, a été convertie en JPEG.")
    return Cleaned(data, extension, None, upright.width, upright.height, tuple(notes))


def _fitted(image: Image.Image, kind: Kind, limits: Limits) -> tuple[bytes, Image.Image, str]:
    """The image as bytes within the limit, made smaller only as far as needed."""
    if kind is Kind.PNG:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        if buffer.tell() <= limits.max_bytes:
            return buffer.getvalue(), image, "png"
    image = on_white(image)
    while len(data := jpeg_bytes(image)) > limits.max_bytes:
        edge = max(image.size) * 3 // 4
        if edge < _SMALLEST_EDGE:
            raise FileRefused(
                "too_large",
                "Cette image reste trop lourde même réduite. Photographiez le document de plus près, "
                "ou déposez-le en PDF.",
            )
        image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    return data, image, "jpg"


def _eight_bits(image: Image.Image) -> Image.Image:
    """The image in mode 1, L, RGB or RGBA: what both JPEG and PNG can hold, or come close to."""
    if image.mode in {"1", "L", "RGB", "RGBA"}:
        return image
    if image.mode.startswith("I"):
        # Sixteen-bit greys: a plain conversion would clip everything above 255 to white.
        return image.convert("I").point(lambda level: level / 256).convert("L")
    transparent = image.mode in {"LA", "PA", "La", "RGBa"} or "transparency" in image.info
    return image.convert("RGBA" if transparent else "RGB")


def _check_pixels(size: tuple[int, int], allowed: int) -> None:
    if size[0] * size[1] > allowed:
        raise _too_many_pixels()


def _too_many_pixels() -> FileRefused:
    return FileRefused(
        "pixels",
        "Cette image a trop de pixels pour être ouverte sans risque. Choisissez une qualité ordinaire dans les "
        "réglages de l’appareil photo, puis reprenez la photo.",
    )
