"""Honest and hostile files, built here so that every byte of them is known. No blob comes from elsewhere."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import pikepdf
import pillow_heif
from PIL import Image, TiffImagePlugin

# Written in two halves so that the test file itself is not taken for the test virus.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD" + b"-ANTIVIRUS-TEST-FILE!$H+H*"


def make_picture(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """Left half dark, right half light: what was turned can be told."""
    picture = Image.new(mode, (width, height), "white" if mode != "I;16" else 65535)
    picture.paste("black" if mode != "I;16" else 0, (0, 0, width // 2, height))
    return picture


def make_noise(width: int, height: int) -> Image.Image:
    return Image.effect_noise((width, height), 90).convert("RGB")


def make_jpeg(picture: Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (picture or make_picture()).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def make_png(picture: Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (picture or make_picture()).save(buffer, "PNG", **options)
    return buffer.getvalue()


def make_heic(picture: Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(picture or make_picture(128, 64)).save(buffer, quality=70, **options)
    return buffer.getvalue()


def make_exif(orientation: int = 1) -> Image.Exif:
    """An EXIF block with a position, a device and an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "APPAREIL-SECRET"
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", tuple(TiffImagePlugin.IFDRational(part) for part in (45, 11, 5))
    exif[0x8825] = gps
    return exif


def make_pdf(pages: int = 1, text: str = "Bonjour", **options: Any) -> bytes:
    with pikepdf.new() as pdf:
        fill_pages(pdf, pages, text)
        buffer = io.BytesIO()
        pdf.save(buffer, **options)
    return buffer.getvalue()


def fill_pages(pdf: pikepdf.Pdf, pages: int = 1, text: str = "Bonjour") -> None:
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    for _ in range(pages):
        pdf.add_blank_page(page_size=(595, 842))
        page = pdf.pages[-1]
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        page.Contents = pdf.make_stream(f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode("latin-1"))


def make_armed_pdf() -> bytes:
    """Every active part the cleaner promises to remove, each with a mark that a byte search finds."""
    with pikepdf.new() as pdf:
        fill_pages(pdf)
        page = pdf.pages[0]
        script = pdf.make_indirect(pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)")))
        launch = pikepdf.Dictionary(S=pikepdf.Name.Launch, F=pikepdf.String("cmd.exe"), Next=script)
        pdf.Root.OpenAction = script
        pdf.Root.AA = pikepdf.Dictionary(WC=script)
        pdf.attachments["virus.exe"] = b"MZ-ATTACHED"
        pdf.Root.Names.JavaScript = pikepdf.Dictionary(Names=[pikepdf.String("x"), script])
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=[], XFA=pdf.make_stream(b"<xdp>XFA-FORM</xdp>"))
        page.obj.AA = pikepdf.Dictionary(O=launch)
        page.obj.Annots = pikepdf.Array(
            [
                pdf.make_indirect(_annotation("Link", A=launch)),
                pdf.make_indirect(_annotation("RichMedia", RichMediaContent=pdf.make_stream(b"FLASH-MOVIE"))),
                pdf.make_indirect(
                    _annotation("Link", A=pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("javascript:1")))
                ),
            ]
        )
        image = pdf.make_stream(b"\x00", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=1, Height=1)
        image.ColorSpace, image.BitsPerComponent = pikepdf.Name.DeviceGray, 8
        image.Metadata = pdf.make_stream(b"<x>AUTHOR-NAME</x>")
        image.Hidden = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("hidden()"))
        page.Resources.XObject = pikepdf.Dictionary(Im0=image)
        buffer = io.BytesIO()
        pdf.save(buffer, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return buffer.getvalue()


def _annotation(kind: str, **entries: Any) -> pikepdf.Dictionary:
    return pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name("/" + kind), Rect=[0, 0, 10, 10], **entries)


def make_filled_form_pdf() -> bytes:
    """A form field with a value but no drawing of it, as some readers save it."""
    with pikepdf.new() as pdf:
        fill_pages(pdf)
        font = pdf.pages[0].Resources.Font.F1
        field = pdf.make_indirect(
            pikepdf.Dictionary(
                Type=pikepdf.Name.Annot,
                Subtype=pikepdf.Name.Widget,
                FT=pikepdf.Name.Tx,
                T=pikepdf.String("nom"),
                V=pikepdf.String("MARTIN Camille"),
                DA=pikepdf.String("/F1 12 Tf 0 g"),
                Rect=[72, 600, 300, 620],
                P=pdf.pages[0].obj,
                F=4,
            )
        )
        pdf.pages[0].obj.Annots = pikepdf.Array([field])
        pdf.Root.AcroForm = pikepdf.Dictionary(
            Fields=[field],
            NeedAppearances=True,
            DR=pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font)),
            DA=pikepdf.String("/F1 12 Tf 0 g"),
        )
        buffer = io.BytesIO()
        pdf.save(buffer)
    return buffer.getvalue()


def zeros_deflated(size: int) -> bytes:
    """A zlib stream that unfolds to ``size`` zero bytes (a multiple of 1 MiB), made without compressing them all."""
    block = 1024 * 1024
    packer = zlib.compressobj(9)
    head = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    repeated = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    count = size // block
    adler = ((count * block) % 65521) << 16 | 1
    return head + repeated * (count - 1) + b"\x03\x00" + struct.pack(">I", adler)


def make_bomb_pdf(size: int) -> bytes:
    """A page whose content unfolds to ``size`` bytes."""
    with pikepdf.new() as pdf:
        fill_pages(pdf)
        pdf.pages[0].Contents = pikepdf.Stream(pdf, zeros_deflated(size), Filter=pikepdf.Name.FlateDecode)
        buffer = io.BytesIO()
        pdf.save(buffer, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    return buffer.getvalue()


def make_object_stream_bomb(size: int) -> bytes:
    """A PDF whose very structure (an object stream) unfolds to ``size`` bytes when it is opened."""
    packed = zeros_deflated(size)
    body = b"%PDF-1.5\n"
    offsets = {}
    for number, text in {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        3: b"<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >>\nstream\n" % len(packed)
        + packed
        + b"\nendstream",
    }.items():
        offsets[number] = len(body)
        body += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    start = len(body)
    rows = [(0, 0, 65535), (1, offsets[1], 0), (2, 3, 0), (1, offsets[3], 0), (1, start, 0)]
    table = b"".join(struct.pack(">BIH", *row) for row in rows)
    body += b"4 0 obj\n<< /Type /XRef /Size 5 /W [1 4 2] /Root 1 0 R /Length %d >>\nstream\n" % len(table)
    return body + table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % start


def make_zip(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


ODT_NAMESPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:script="urn:oasis:names:tc:opendocument:xmlns:script:1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink"'
)


def make_odt(
    inner: str = "", extra: dict[str, bytes] | None = None, mimetype: bytes | None = None, prolog: str = ""
) -> bytes:
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>{prolog}<office:document-content {ODT_NAMESPACES}>'
        f"<office:body><office:text><text:p>Bonjour {inner}</text:p></office:text></office:body>"
        "</office:document-content>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        mime = b"application/vnd.oasis.opendocument.text" if mimetype is None else mimetype
        archive.writestr("mimetype", mime, zipfile.ZIP_STORED)
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        for name, part in (extra or {}).items():
            archive.writestr(name, part)
    return buffer.getvalue()


def make_doc(streams: dict[str, bytes] | None = None, flags: int = 0, text: bytes = b"Bonjour") -> bytes:
    """A compound file with a WordDocument stream; ``streams`` adds others, « a/b » making a storage."""
    fib = struct.pack("<H8xH", 0xA5EC, flags).ljust(1024, b"\x00")
    return make_compound({"WordDocument": fib + text, "1Table": bytes(16), **(streams or {})})


def make_compound(streams: dict[str, bytes]) -> bytes:
    """A [MS-CFB] version 3 file: every stream padded past the mini-stream cutoff, siblings as a right-leaning tree."""
    sector = 512
    nodes: list[dict[str, Any]] = [{"name": "Root Entry", "kind": 5, "children": [], "data": b""}]
    storages = {"": 0}
    for path, data in streams.items():
        folder, _, name = path.rpartition("/")
        if folder not in storages:
            nodes.append({"name": folder, "kind": 1, "children": [], "data": b""})
            storages[folder] = len(nodes) - 1
            nodes[0]["children"].append(storages[folder])
        if name:
            nodes.append({"name": name, "kind": 2, "children": [], "data": data.ljust(4096, b"\x00")})
            nodes[storages[folder]]["children"].append(len(nodes) - 1)
    body, table = b"", []
    for node in nodes:
        node["start"] = 0xFFFFFFFE
        if node["data"]:
            count = -(-len(node["data"]) // sector)
            node["start"] = len(table)
            table += [len(table) + 1 + step for step in range(count - 1)] + [0xFFFFFFFE]
            body += node["data"].ljust(count * sector, b"\x00")
    directory_start = len(table)
    directory_count = -(-len(nodes) // 4)
    table += [directory_start + 1 + step for step in range(directory_count - 1)] + [0xFFFFFFFE]
    body += b"".join(_directory_entry(nodes, index) for index in range(len(nodes))).ljust(
        directory_count * sector, b"\x00"
    )
    fat_start = len(table)
    fat_count = 1
    while fat_count * 128 < len(table) + fat_count:
        fat_count += 1
    table += [0xFFFFFFFD] * fat_count
    body += struct.pack(f"<{len(table)}I", *table).ljust(fat_count * sector, b"\xff")
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        0x3E,
        3,
        0xFFFE,
        9,
        6,
        0,
        fat_count,
        directory_start,
        0,
        4096,
        0xFFFFFFFE,
        0,
        0xFFFFFFFE,
        0,
        fat_start,
    )
    header += struct.pack(f"<{fat_count - 1}I", *range(fat_start + 1, fat_start + fat_count))
    return header.ljust(sector, b"\xff") + body


def _directory_entry(nodes: list[dict[str, Any]], index: int) -> bytes:
    node = nodes[index]
    right = 0xFFFFFFFF
    for parent in nodes:
        if index in parent["children"]:
            following = parent["children"][parent["children"].index(index) + 1 :]
            right = following[0] if following else 0xFFFFFFFF
    child = node["children"][0] if node["children"] else 0xFFFFFFFF
    name = (node["name"] + "\x00").encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16xI16xIQ",
        name,
        len(name),
        node["kind"],
        1,
        0xFFFFFFFF,
        right,
        child,
        0,
        node["start"],
        len(node["data"]),
    )
