"""LibreOffice and old Word texts through the door."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from app.documents.intake import FileRefused, Limits, inspect
from tests.documents.samples import EICAR, make_compound, make_doc, make_odt, make_zip

MEBIBYTE = 1024 * 1024


def refusal(data: bytes, name: str, **limits: int) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        inspect(data, name, limits=Limits(**limits))
    return caught.value


def test_a_plain_odt_is_taken_and_still_opens_as_the_standard_wants() -> None:
    clean = inspect(make_odt(), "lettre.odt")
    assert clean.mime == "application/vnd.oasis.opendocument.text"
    with zipfile.ZipFile(io.BytesIO(clean.data)) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert "Bonjour" in archive.read("content.xml").decode()
    assert clean.data[30:38] == b"mimetype"  # where a type detector looks


@pytest.mark.parametrize("name", ["Basic/Standard/Module1.xml", "Scripts/python/evil.py", "scripts/x", "Dialogs/d.xml"])
def test_an_odt_with_macros_is_refused(name: str) -> None:
    error = refusal(make_odt(extra={name: b"<x/>"}), "lettre.odt")
    assert error.reason == "macro"
    assert "macros" in error.message


@pytest.mark.parametrize(
    "inner",
    [
        '<script:event-listener script:event-name="dom:load" xlink:href="vnd.sun.star.script:x"/>',
        '<text:script script:language="JavaScript">alert(1)</text:script>',
        '<draw:floating-frame xlink:href="http://exemple.test/"/>',
        "<draw:object-ole>AAAA</draw:object-ole>",
    ],
)
def test_an_odt_whose_text_carries_code_is_refused(inner: str) -> None:
    assert refusal(make_odt(inner), "lettre.odt").reason == "macro"


@pytest.mark.parametrize(
    "address", ["http://exemple.test/x.png", "file:///etc/passwd", "//hote/partage", "\\\\hote\\x", "../../x", "/etc/x"]
)
@pytest.mark.parametrize("element", ["draw:object", "draw:image", "text:section-source"])
def test_an_odt_that_fetches_something_elsewhere_is_refused(element: str, address: str) -> None:
    error = refusal(make_odt(f'<{element} xlink:href="{address}"/>'), "lettre.odt")
    assert error.reason == "external_object"


def test_an_odt_may_hold_its_own_pictures_and_ordinary_links() -> None:
    inner = '<draw:image xlink:href="Pictures/1.png"/><text:a xlink:href="https://exemple.test/">lien</text:a>'
    assert inspect(make_odt(inner, extra={"Pictures/1.png": b"\x89PNG..."}), "lettre.odt").extension == "odt"


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        "<!DOCTYPE x>",
    ],
)
def test_an_odt_with_xml_entities_is_refused(prolog: str) -> None:
    assert refusal(make_odt(prolog=prolog), "lettre.odt").reason == "xml_entity"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\\..\\b", "C:evil", "a/../b", "x" * 300])
def test_an_odt_with_paths_that_climb_out_is_refused(name: str) -> None:
    assert refusal(make_odt(extra={name: b"x"}), "lettre.odt").reason == "zip_path"


def test_an_odt_with_two_entries_of_one_name_is_refused() -> None:
    buffer = io.BytesIO(make_odt())
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("content.xml", "<evil/>")
    assert refusal(buffer.getvalue(), "lettre.odt").reason == "zip_path"


def test_an_odt_that_is_a_zip_bomb_by_ratio_by_total_or_by_count_is_refused() -> None:
    assert refusal(make_odt(extra={"Pictures/a": bytes(20 * MEBIBYTE)}), "a.odt").reason == "bomb"
    assert (
        refusal(make_odt(extra={"a": bytes(900), "b": bytes(900)}), "a.odt", max_expanded_bytes=2000).reason == "bomb"
    )
    assert refusal(make_odt(extra={f"p{n}": b"" for n in range(60)}), "a.odt", max_entries=50).reason == "bomb"


def test_an_odt_whose_directory_lies_about_sizes_is_refused() -> None:
    data = bytearray(make_odt(extra={"Pictures/a": bytes(3 * MEBIBYTE)}))
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"Pictures/a"))
    struct.pack_into("<I", data, entry + 24, 10)  # « ten bytes once unpacked »
    assert refusal(bytes(data), "a.odt", max_expanded_bytes=MEBIBYTE).reason in {"bomb", "unreadable"}


@pytest.mark.parametrize(
    "part",
    [
        make_zip({"x": b"x"}),
        b"MZ\x90",
        b"\x7fELF",
        b"#!/bin/sh",
        b"<html><script>",
        b"\xd0\xcf\x11\xe0....",
        b"%PDF-1.4",
    ],
)
def test_an_odt_that_carries_another_file_is_refused(part: bytes) -> None:
    assert refusal(make_odt(extra={"Pictures/x.bin": part}), "lettre.odt").reason == "embedded_file"


def test_an_odt_protected_by_a_password_is_refused() -> None:
    data = make_odt(extra={"META-INF/manifest.xml ": b""}).replace(b"META-INF/manifest.xml ", b"META-INF/manifest.xm_ ")
    assert inspect(data, "a.odt")  # the control: an odd name alone is harmless
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", b"\x93\x12\x88random")
        archive.writestr("META-INF/manifest.xml", "<manifest><encryption-data/></manifest>")
    assert refusal(buffer.getvalue(), "lettre.odt").reason == "encrypted"


@pytest.mark.parametrize("tail", [b"MZ evil", b"<html><script>alert(1)</script>", bytes(70_000)])
def test_an_odt_with_something_behind_is_refused(tail: bytes) -> None:
    assert refusal(make_odt() + tail, "lettre.odt").reason in {"polyglot", "unreadable"}


def test_an_odt_with_a_pdf_or_page_in_its_first_bytes_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("a.txt", "%PDF-1.4 <html>")
        archive.writestr("content.xml", "<x/>")
    assert refusal(buffer.getvalue(), "lettre.odt").reason == "polyglot"


def test_an_odt_cut_in_transfer_is_refused() -> None:
    data = make_odt()
    assert refusal(data[: len(data) // 2], "lettre.odt").reason == "unreadable"


@pytest.mark.parametrize(
    ("mimetype", "label"),
    [
        (b"application/vnd.oasis.opendocument.spreadsheet", "un classeur"),
        (b"application/vnd.oasis.opendocument.presentation", "une présentation"),
        (b"application/java-archive", "une archive ZIP"),
    ],
)
def test_another_open_document_named_odt_is_refused_by_its_true_name(mimetype: bytes, label: str) -> None:
    error = refusal(make_odt(mimetype=mimetype), "lettre.odt")
    assert error.reason == "content_mismatch"
    assert label in error.message


def test_a_plain_doc_is_taken_as_it_is() -> None:
    data = make_doc()
    clean = inspect(data, "lettre.DOC")
    assert (clean.data, clean.mime, clean.name) == (data, "application/msword", "lettre.doc")


@pytest.mark.parametrize("stream", ["Macros/VBA", "_VBA_PROJECT_CUR/x", "Macros/", "x/_VBA_PROJECT"])
def test_a_doc_with_macros_is_refused(stream: str) -> None:
    assert refusal(make_doc({stream: b"x"}), "lettre.doc").reason == "macro"


@pytest.mark.parametrize("stream", ["ObjectPool/_123", "x/\x01Ole10Native", "Package", "x/Equation Native"])
def test_a_doc_with_an_object_inside_is_refused(stream: str) -> None:
    assert refusal(make_doc({stream: b"MZ"}), "lettre.doc").reason == "embedded_file"


def test_a_doc_with_an_empty_object_pool_is_taken() -> None:
    assert inspect(make_doc({"ObjectPool/": b""}), "lettre.doc").extension == "doc"


@pytest.mark.parametrize("field", [b"\x13 DDEAUTO c:\\\\cmd.exe", b"\x13DDE excel", "\x13 DDE x".encode("utf-16-le")])
def test_a_doc_that_starts_another_program_is_refused(field: bytes) -> None:
    assert refusal(make_doc(text=field), "lettre.doc").reason == "macro"


def test_a_doc_protected_by_a_password_is_refused() -> None:
    assert refusal(make_doc(flags=0x0100), "lettre.doc").reason == "encrypted"


def test_a_doc_with_an_archive_behind_is_refused() -> None:
    assert refusal(make_doc() + make_zip({"a": b"b"}), "lettre.doc").reason == "polyglot"


def test_a_workbook_named_doc_is_refused_by_its_true_name() -> None:
    error = refusal(make_compound({"Workbook": b"x"}), "lettre.doc")
    assert error.reason == "content_mismatch"
    assert "un classeur" in error.message


@pytest.mark.parametrize("size", [8, 100, 512, 1500, 5000])
def test_a_doc_cut_in_transfer_is_refused(size: int) -> None:
    assert refusal(make_doc()[:size], "lettre.doc").reason == "unreadable"


def test_the_test_virus_is_the_antivirus_s_business_not_the_door_s() -> None:
    assert inspect(make_odt(extra={"Pictures/note.txt": EICAR}), "lettre.odt").extension == "odt"
