"""Photos and scans through the door: what is kept, what is dropped, what is refused."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib

import pytest
from PIL import Image

from app.documents.intake import FileRefused, Limits, inspect
from tests.documents.samples import (
    make_exif,
    make_heic,
    make_jpeg,
    make_noise,
    make_picture,
    make_png,
    make_zip,
)


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def refusal(data: bytes, name: str, **limits: int) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        inspect(data, name, limits=Limits(**limits))
    return caught.value


def test_a_plain_photo_is_taken_with_its_type_size_and_hash() -> None:
    clean = inspect(make_jpeg(), "Facture d’eau.JPG")
    assert (clean.name, clean.mime, clean.extension) == ("Facture d’eau.jpg", "image/jpeg", "jpg")
    assert (clean.width, clean.height, clean.pages, clean.notes) == (60, 40, None, ())
    assert clean.sha256 == hashlib.sha256(clean.data).hexdigest()


def test_position_device_and_comments_do_not_survive() -> None:
    data = make_jpeg(exif=make_exif(), comment=b"COMMENT-SECRET")
    assert b"APPAREIL-SECRET" in data
    clean = inspect(data, "photo.jpg")
    assert b"SECRET" not in clean.data
    assert b"Exif" not in clean.data
    assert not opened(clean.data).getexif()
    assert any("lieu" in note for note in clean.notes)


def test_a_photo_taken_sideways_is_turned_upright() -> None:
    # Orientation 6: shown turned a quarter clockwise, so the dark left half ends on top.
    clean = inspect(make_jpeg(exif=make_exif(orientation=6)), "photo.jpg")
    picture = opened(clean.data).convert("L")
    assert picture.size == (40, 60)
    assert picture.getpixel((20, 5)) < 60 < 200 < picture.getpixel((20, 55))


def test_an_iphone_photo_becomes_an_upright_jpeg_without_position() -> None:
    data = make_heic(exif=make_exif(orientation=1).tobytes())
    assert b"APPAREIL-SECRET" in data
    clean = inspect(data, "IMG_0001.HEIC")
    assert (clean.name, clean.mime) == ("IMG_0001.jpg", "image/jpeg")
    assert b"SECRET" not in clean.data
    assert any("HEIC" in note for note in clean.notes)


def test_a_big_photo_is_reduced_and_the_family_is_told() -> None:
    clean = inspect(make_jpeg(make_noise(3000, 2000)), "photo.jpg", limits=Limits(max_photo_edge=1500))
    assert (clean.width, clean.height) == (1500, 1000)
    assert any(note.startswith("Photo réduite") for note in clean.notes)


def test_a_photo_heavier_than_the_limit_is_made_to_fit_instead_of_refused() -> None:
    data = make_jpeg(make_noise(2400, 1800), quality=95)
    assert len(data) > 1_000_000
    clean = inspect(data, "photo.jpg", limits=Limits(max_bytes=1_000_000))
    assert len(clean.data) <= 1_000_000


def test_a_photo_heavier_than_the_photo_limit_is_refused_with_both_sizes() -> None:
    error = refusal(bytes(3 * 1024 * 1024), "photo.jpg", max_bytes=1024 * 1024, max_photo_bytes=2 * 1024 * 1024)
    assert error.reason == "too_large"
    assert "3\u00a0Mo" in error.message
    assert "2\u00a0Mo" in error.message


def test_a_png_keeps_its_transparency_and_loses_its_text_chunks() -> None:
    from PIL.PngImagePlugin import PngInfo

    information = PngInfo()
    information.add_text("Author", "AUTHOR-SECRET")
    picture = make_picture(mode="RGBA")
    picture.putalpha(120)
    clean = inspect(make_png(picture, pnginfo=information), "scan.png")
    assert b"SECRET" not in clean.data
    assert opened(clean.data).getpixel((0, 0)) == (0, 0, 0, 120)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_keeps_its_dark_and_light_halves(mode: str) -> None:
    picture = make_picture(mode="I;16") if mode == "I;16" else make_picture().convert(mode)
    clean = inspect(make_png(picture), "scan.png")
    grey = opened(clean.data).convert("L")
    assert (grey.getpixel((3, 3)), grey.getpixel((57, 3))) == (0, 255)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_every_kind_of_jpeg_is_taken(mode: str) -> None:
    clean = inspect(make_jpeg(make_picture().convert(mode)), "scan.jpeg")
    grey = opened(clean.data).convert("L")
    assert grey.getpixel((3, 3)) < 30 < 225 < grey.getpixel((57, 3))


def test_a_png_too_heavy_to_stay_png_becomes_a_jpeg() -> None:
    clean = inspect(make_png(make_noise(1000, 800)), "scan.png", limits=Limits(max_bytes=800_000))
    assert (clean.name, clean.mime) == ("scan.jpg", "image/jpeg")
    assert any("convertie en JPEG" in note for note in clean.notes)


@pytest.mark.parametrize(
    "appended",
    [make_zip({"Evil.class": b"\xca\xfe\xba\xbe"}), b"<?php system($_GET['x']); ?>", b"<script>alert(1)</script>"],
    ids=["zip", "php", "html"],
)
def test_code_appended_to_an_image_is_gone(appended: bytes) -> None:
    for data, name in ((make_jpeg(), "a.jpg"), (make_png(), "a.png")):
        clean = inspect(data + appended, name)
        assert appended not in clean.data
        assert b"PK\x03\x04" not in clean.data
        assert opened(clean.data).size == (60, 40)


def test_a_script_in_the_comment_of_a_jpeg_is_gone() -> None:
    clean = inspect(make_jpeg(comment=b"*/=alert(1);/*"), "a.jpg")
    assert b"alert" not in clean.data


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that declares a huge picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(8_000, 8_000), (12_000, 12_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    error = refusal(png_bomb(*size), "a.png")
    assert error.reason == "pixels"
    assert "trop de pixels" in error.message


def test_a_jpeg_that_declares_too_many_pixels_is_refused() -> None:
    data = bytearray(make_jpeg())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    assert refusal(bytes(data), "a.jpg").reason == "pixels"


def test_a_progressive_jpeg_gets_no_allowance_because_it_is_decoded_whole() -> None:
    picture = make_picture(400, 300)
    limits = Limits(max_pixels=60_000)
    assert inspect(make_jpeg(picture), "a.jpg", limits=limits).width == 400
    assert refusal(make_jpeg(picture, progressive=True), "a.jpg", max_pixels=60_000).reason == "pixels"


@pytest.mark.parametrize("maker", [make_jpeg, make_png])
def test_a_photo_cut_in_transfer_is_refused_and_named_as_such(maker) -> None:  # type: ignore[no-untyped-def]
    data = maker(make_noise(300, 200))
    error = refusal(data[: len(data) // 2], "a.jpg" if maker is make_jpeg else "a.png")
    assert error.reason == "truncated"
    assert "incomplète" in error.message


@pytest.mark.parametrize("head", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x18ftypheic"])
@pytest.mark.parametrize("body", [b"", b"\x00" * 500, b"\xff" * 500, bytes(range(256)) * 4])
def test_rubbish_behind_an_image_signature_is_refused_not_crashed(head: bytes, body: bytes) -> None:
    name = {0xFF: "a.jpg", 0x89: "a.png", 0x00: "a.heic"}[head[0]]
    assert refusal(head + body, name).reason in {"unreadable", "truncated"}
