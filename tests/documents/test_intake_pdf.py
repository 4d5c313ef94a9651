"""PDF through the door: pages and what was typed stay, everything active goes."""

from __future__ import annotations

import io

import pikepdf
import pytest
from pypdf import PdfReader

from app.documents.intake import FileRefused, Limits, inspect
from tests.documents.samples import (
    fill_pages,
    make_armed_pdf,
    make_bomb_pdf,
    make_filled_form_pdf,
    make_object_stream_bomb,
    make_pdf,
    make_zip,
)

MEBIBYTE = 1024 * 1024
ACTIVE_MARKS = (
    b"/JavaScript /JS /OpenAction /AA /Launch cmd.exe /EmbeddedFile MZ-ATTACHED /XFA XFA-FORM FLASH-MOVIE "
    b"/RichMedia AUTHOR-NAME /AcroForm /Names javascript: hidden"
).split()


def refusal(data: bytes, name: str = "a.pdf", **limits: int) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        inspect(data, name, limits=Limits(**limits))
    return caught.value


def laid_bare(data: bytes) -> bytes:
    """The same PDF with nothing compressed, so that a byte search sees everything."""
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        pdf.save(
            buffer,
            compress_streams=False,
            stream_decode_level=pikepdf.StreamDecodeLevel.generalized,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
        )
    return buffer.getvalue()


def text_of(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def test_a_plain_pdf_keeps_its_pages_and_text() -> None:
    clean = inspect(make_pdf(3, text="Avis 2026"), "avis.PDF")
    assert (clean.name, clean.mime, clean.pages, clean.notes) == ("avis.pdf", "application/pdf", 3, ())
    assert text_of(clean.data).count("Avis 2026") == 3


def test_every_active_part_is_removed_and_the_family_is_told() -> None:
    data = make_armed_pdf()
    assert [mark for mark in ACTIVE_MARKS if mark not in laid_bare(data)] == []
    clean = inspect(data, "a.pdf")
    assert [mark for mark in ACTIVE_MARKS if mark in laid_bare(clean.data)] == []
    assert "Bonjour" in text_of(clean.data)
    assert any("parties actives" in note for note in clean.notes)


def test_what_a_family_typed_in_a_form_stays_readable() -> None:
    data = make_filled_form_pdf()
    assert "MARTIN" not in text_of(data)
    clean = inspect(data, "a.pdf")
    assert "MARTIN Camille" in text_of(clean.data)
    assert b"/AcroForm" not in laid_bare(clean.data)
    assert any("formulaire" in note for note in clean.notes)


def test_a_hidden_layer_stays_hidden() -> None:
    with pikepdf.new() as pdf:
        fill_pages(pdf)
        layer = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.OCG, Name=pikepdf.String("brouillon")))
        pdf.Root.OCProperties = pikepdf.Dictionary(OCGs=[layer], D=pikepdf.Dictionary(OFF=[layer]))
        pdf.pages[0].Resources.Properties = pikepdf.Dictionary(L1=layer)
        buffer = io.BytesIO()
        pdf.save(buffer)
    with pikepdf.open(io.BytesIO(inspect(buffer.getvalue(), "a.pdf").data)) as cleaned:
        hidden = cleaned.Root.OCProperties.D.OFF[0]
        assert hidden.objgen == cleaned.pages[0].Resources.Properties.L1.objgen


def test_author_and_software_are_not_kept() -> None:
    with pikepdf.new() as pdf:
        fill_pages(pdf)
        pdf.docinfo["/Author"] = "AUTHOR-SECRET"
        with pdf.open_metadata() as metadata:
            metadata["xmp:CreatorTool"] = "TOOL-SECRET"
        buffer = io.BytesIO()
        pdf.save(buffer)
    assert b"SECRET" in laid_bare(buffer.getvalue())
    assert b"SECRET" not in laid_bare(inspect(buffer.getvalue(), "a.pdf").data)


def test_a_pdf_that_asks_for_a_password_is_refused_with_what_to_do() -> None:
    error = refusal(make_pdf(encryption=pikepdf.Encryption(owner="maire", user="secret")))
    assert error.reason == "encrypted"
    assert "mot de passe" in error.message


def test_a_pdf_that_opens_but_forbids_printing_is_taken_and_opened_up() -> None:
    clean = inspect(make_pdf(encryption=pikepdf.Encryption(owner="maire", user="")), "a.pdf")
    assert b"/Encrypt" not in clean.data
    assert any("protection" in note for note in clean.notes)


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"\r\n\r\n", b"  "])
def test_blank_before_the_header_is_forgiven(prefix: bytes) -> None:
    assert inspect(prefix + make_pdf(), "a.pdf").data.startswith(b"%PDF-")


@pytest.mark.parametrize(
    "prefix", [b"#!/bin/sh\nrm -rf ~\n", b"<script>alert(1)</script>\n", b"<?php echo 1; ?>", b"alert(1)//\n", b"x"]
)
def test_a_script_before_the_header_is_refused(prefix: bytes) -> None:
    error = refusal(prefix + make_pdf())
    assert error.reason == "pdf_header"
    assert "imprimez-le" in error.message


def test_a_program_before_the_header_is_called_a_program() -> None:
    error = refusal(b"MZ\x90\x00" + make_pdf())
    assert error.reason == "content_mismatch"
    assert "un programme" in error.message


@pytest.mark.parametrize(
    "appended",
    [
        make_zip({"Evil.class": b"\xca\xfe\xba\xbe"}),
        b"\n<html><script>alert(document.domain)</script></html>" + b" " * 80,
        b"Rar!\x1a\x07\x00" + bytes(100),
        b"MZ\x90\x00" + bytes(200),
    ],
    ids=["zip", "html", "rar", "program"],
)
def test_a_pdf_that_is_also_something_else_is_refused(appended: bytes) -> None:
    error = refusal(make_pdf() + appended)
    assert error.reason == "polyglot"
    assert "second fichier" in error.message


def test_a_pdf_with_a_web_page_behind_its_header_is_refused() -> None:
    data = make_pdf().replace(b"\n", b"\n%<html><script>alert(1)</script>\n", 1)
    assert refusal(data).reason == "polyglot"


def test_an_archive_hidden_in_an_unused_object_does_not_survive() -> None:
    with pikepdf.new() as pdf:
        fill_pages(pdf)
        pdf.Root.Secret = pikepdf.Stream(pdf, b"PAYLOAD" * 50)
        buffer = io.BytesIO()
        pdf.save(buffer, compress_streams=False)
    assert b"PAYLOAD" in buffer.getvalue()
    assert b"PAYLOAD" not in laid_bare(inspect(buffer.getvalue(), "a.pdf").data)


def test_too_many_pages_are_refused_with_both_numbers() -> None:
    error = refusal(make_pdf(6), max_pages=5)
    assert error.reason == "too_many_pages"
    assert "6\u00a0pages" in error.message
    assert inspect(make_pdf(5), "a.pdf", limits=Limits(max_pages=5)).pages == 5


def test_a_pdf_without_pages_is_refused() -> None:
    with pikepdf.new() as pdf:
        buffer = io.BytesIO()
        pdf.save(buffer)
    assert refusal(buffer.getvalue()).reason == "unreadable"


def test_a_damaged_table_of_contents_is_repaired_and_told() -> None:
    data = make_pdf(2)
    broken = data[: data.rindex(b"startxref")] + b"startxref\n7\n%%EOF\n"
    clean = inspect(broken, "a.pdf")
    assert clean.pages == 2
    assert any("réparé" in note for note in clean.notes)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.8, 0.97])
def test_a_pdf_cut_in_transfer_is_refused(share: float) -> None:
    data = make_pdf(4)
    assert refusal(data[: int(len(data) * share)]).reason in {"truncated", "unreadable"}


@pytest.mark.parametrize(
    "body", [b"", b"1.4\n", b"1.7\n" + b"\xff" * 3000, b"1.7\n" + b"[" * 50_000, b"1.4" + b"<<" * 9999]
)
def test_rubbish_behind_a_pdf_signature_is_refused_not_crashed(body: bytes) -> None:
    assert refusal(b"%PDF-" + body).reason in {"unreadable", "truncated"}


def test_a_page_that_unfolds_three_hundred_times_a_thousand_is_refused() -> None:
    data = make_bomb_pdf(300 * MEBIBYTE)
    assert len(data) < MEBIBYTE
    assert refusal(data).reason == "bomb"


def test_a_pdf_whose_structure_unfolds_to_a_gigabyte_is_refused() -> None:
    assert refusal(make_object_stream_bomb(1024 * MEBIBYTE)).reason == "unreadable"


def test_a_picture_of_a_billion_pixels_is_refused() -> None:
    with pikepdf.new() as pdf:
        fill_pages(pdf)
        picture = pdf.make_stream(b"\x00", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image)
        picture.Width, picture.Height, picture.BitsPerComponent = 40_000, 40_000, 1
        pdf.pages[0].Resources.XObject = pikepdf.Dictionary(Im0=picture)
        buffer = io.BytesIO()
        pdf.save(buffer)
    assert refusal(buffer.getvalue()).reason == "bomb"


def test_a_page_tree_that_bites_its_tail_is_refused_not_endless() -> None:
    with pikepdf.new() as pdf:
        fill_pages(pdf, 2)
        pdf.Root.Pages.Kids.append(pdf.Root.Pages)
        buffer = io.BytesIO()
        pdf.save(buffer)
    assert refusal(buffer.getvalue()).reason == "unreadable"


def test_bookmarks_and_named_places_alarm_nobody() -> None:
    with pikepdf.new() as pdf:
        fill_pages(pdf)
        place = pikepdf.Array([pdf.pages[0].obj, pikepdf.Name.Fit])
        pdf.Root.OpenAction = place
        pdf.Root.Names = pikepdf.Dictionary(Dests=pikepdf.Dictionary(Names=[pikepdf.String("a"), place]))
        buffer = io.BytesIO()
        pdf.save(buffer)
    assert inspect(buffer.getvalue(), "a.pdf").notes == ()
