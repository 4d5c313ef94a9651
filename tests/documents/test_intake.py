"""The door as a whole: names, types, sizes, assembling pages, and the process that bounds it all."""

from __future__ import annotations

import io
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import permutations

import pikepdf
import pytest

from app.documents.intake import FileRefused, Limits, inspect, merge
from app.documents.isolation import inspect_isolated, merge_isolated
from tests.documents.samples import (
    EICAR,
    make_doc,
    make_heic,
    make_jpeg,
    make_noise,
    make_odt,
    make_pdf,
    make_picture,
    make_png,
    make_zip,
)

MEBIBYTE = 1024 * 1024
HONEST = {
    "a.pdf": make_pdf(),
    "a.jpg": make_jpeg(),
    "a.jpeg": make_jpeg(),
    "a.png": make_png(),
    "a.heic": make_heic(),
    "a.heif": make_heic(),
    "a.odt": make_odt(),
    "a.doc": make_doc(),
}
FOREIGN = {
    "un programme": b"MZ\x90\x00" + bytes(100),
    "un programme (script)": b"#!/bin/sh\necho",
    "une page web": b"<!DOCTYPE html><html></html>",
    "un simple texte": EICAR,
    "une image GIF": b"GIF89a" + bytes(20),
    "une image WebP": b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    "une image TIFF": b"II*\x00" + bytes(20),
    "une archive ZIP": make_zip({"a": b"b"}),
    "un document Word récent (.docx)": make_zip({"[Content_Types].xml": b"", "word/document.xml": b""}),
    "un texte RTF": b"{\\rtf1 bonjour}",
    "une vidéo": b"\x00\x00\x00\x18ftypisom" + bytes(20),
    "un contenu que nous ne reconnaissons pas": b"\x00\x01\x02\xff" * 50,
}


def refusal(data: bytes, name: str, **limits: int) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        inspect(data, name, limits=Limits(**limits))
    return caught.value


@pytest.mark.parametrize("name", HONEST)
def test_every_promised_format_is_taken(name: str) -> None:
    assert inspect(HONEST[name], name).data


@pytest.mark.parametrize(
    ("claimed", "actual"), list(permutations(["a.pdf", "a.jpg", "a.png", "a.heic", "a.odt", "a.doc"], 2))
)
def test_a_wrong_extension_is_refused_with_the_right_one(claimed: str, actual: str) -> None:
    error = refusal(HONEST[actual], claimed)
    assert error.reason == "content_mismatch"
    assert f"Renommez-le «\u00a0{actual}\u00a0»" in error.message


@pytest.mark.parametrize("label", FOREIGN)
@pytest.mark.parametrize("claimed", ["a.pdf", "a.jpg", "a.odt", "a.doc"])
def test_a_disguised_file_is_called_by_its_true_name(label: str, claimed: str) -> None:
    error = refusal(FOREIGN[label], claimed)
    assert error.reason == "content_mismatch"
    assert label in error.message


@pytest.mark.parametrize("name", ["a.exe", "a.docx", "a.gif", "a.pdf.exe", "a.svg", "a.html", "a", "", ".", "pdf"])
def test_a_type_out_of_the_list_is_refused(name: str) -> None:
    assert refusal(make_pdf(), name).reason == "extension"


def test_an_empty_file_is_refused() -> None:
    assert refusal(b"", "a.pdf").reason == "empty"


def test_the_size_setting_holds_to_the_byte() -> None:
    data = make_doc()
    assert inspect(data, "a.doc", limits=Limits(max_bytes=len(data)))
    error = refusal(data, "a.doc", max_bytes=len(data) - 1)
    assert error.reason == "too_large"
    assert "10\u00a0ko" in error.message or "9\u00a0ko" in error.message


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("C:\\Users\\Camille\\acte.pdf", "acte.pdf"),
        ("../../../etc/passwd.pdf", "passwd.pdf"),
        ("a\x00b\r\nSet-Cookie: x.pdf", "abSet-Cookie: x.pdf"),
        ("fac\u202efdp.pdf", "facfdp.pdf"),
        ("E\u0301cole.pdf", "École.pdf"),
        ('a".pdf ', "a.pdf"),
        ("x" * 500 + ".pdf", "x" * 80 + ".pdf"),
        (".pdf", "document.pdf"),
        ("....pdf", "document.pdf"),
    ],
)
def test_the_name_shown_is_harmless(sent: str, shown: str) -> None:
    assert inspect(make_pdf(), sent).name == shown


def test_every_refusal_is_a_french_sentence_with_something_to_do() -> None:
    errors = [
        refusal(b"", "a.pdf"),
        refusal(make_pdf(), "a.exe"),
        refusal(make_pdf(), "a.docx"),
        refusal(make_jpeg(), "a.pdf"),
        refusal(make_pdf(2), "a.pdf", max_pages=1),
        refusal(make_pdf(), "a.pdf", max_bytes=10),
        refusal(b"%PDF-1.4", "a.pdf"),
    ]
    for error in errors:
        assert error.message.endswith(".")
        assert any(verb in error.message.lower() for verb in ("déposez", "photographiez", "reprenez"))
        assert " :" not in error.message  # an ordinary space there would break the line
        assert "« " not in error.message


def test_phone_photos_and_a_pdf_become_one_pdf_in_order() -> None:
    pages = [
        inspect(make_jpeg(make_picture(300, 400)), "page 1.jpg"),
        inspect(make_pdf(2, text="milieu"), "b.pdf"),
        inspect(make_png(make_picture(400, 300, "RGBA")), "c.png"),
    ]
    merged = merge(pages)
    assert (merged.name, merged.mime, merged.pages) == ("page 1.pdf", "application/pdf", 4)
    with pikepdf.open(io.BytesIO(merged.data)) as pdf:
        boxes = [[round(float(side)) for side in page.mediabox] for page in pdf.pages]
        assert boxes == [[0, 0, 595, 842], [0, 0, 595, 842], [0, 0, 595, 842], [0, 0, 842, 595]]
        # The first photo went in as it was: no second loss.
        assert bytes(pdf.pages[0].Resources.XObject.Photo.read_raw_bytes()) == pages[0].data
    assert inspect(merged.data, merged.name).pages == 4  # what we write passes our own door


def test_photos_too_heavy_together_are_reduced() -> None:
    pages = [inspect(make_jpeg(make_noise(1600, 1200)), f"{n}.jpg") for n in range(3)]
    limit = sum(len(page.data) for page in pages) * 9 // 10
    merged = merge(pages, limits=Limits(max_bytes=limit))
    assert len(merged.data) <= limit
    assert any("réduites" in note for note in merged.notes)


def test_what_cannot_be_merged_is_refused() -> None:
    document = inspect(make_odt(), "lettre.odt")
    photo = inspect(make_jpeg(), "a.jpg")
    for files, limits, reason in [
        ([photo, document], Limits(), "not_mergeable"),
        ([], Limits(), "no_page"),
        ([photo] * 4, Limits(max_pages=3), "too_many_pages"),
        ([photo], Limits(max_bytes=100), "too_large"),
    ]:
        with pytest.raises(FileRefused) as caught:
            merge(files, limits=limits)
        assert caught.value.reason == reason


def test_the_isolated_door_answers_like_the_plain_one() -> None:
    data = make_jpeg(make_picture(400, 300))
    assert inspect_isolated(data, "Été.jpg") == inspect(data, "Été.jpg")
    with pytest.raises(FileRefused) as caught:
        inspect_isolated(make_png(), "a.jpg")
    assert caught.value.reason == "content_mismatch"
    pages = [inspect(data, "a.jpg"), inspect(make_pdf(2), "b.pdf")]
    assert merge_isolated(pages) == merge(pages)


def test_memory_is_bounded_from_outside() -> None:
    picture = make_png(make_picture(6000, 6000, "RGBA"))
    with pytest.raises(FileRefused) as caught:
        inspect_isolated(picture, "a.png", limits=Limits(memory_bytes=256 * MEBIBYTE))
    assert caught.value.reason == "too_costly"


def test_time_is_bounded_from_outside() -> None:
    heavy = make_png(make_noise(5000, 5000), compress_level=1)
    limits = Limits(seconds=1, max_photo_bytes=200 * MEBIBYTE)
    started = time.monotonic()
    with pytest.raises(FileRefused) as caught:
        inspect_isolated(heavy, "a.png", limits=limits)
    assert caught.value.reason == "too_costly"
    assert time.monotonic() - started < 8


def test_the_child_process_sees_no_secret_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    seen: list[dict[str, str]] = []
    real = subprocess.run

    def spying(*arguments, **options):  # type: ignore[no-untyped-def]
        seen.append(options["env"])
        return real(*arguments, **options)

    monkeypatch.setenv("SECRET_KEY", "do-not-tell")
    monkeypatch.setattr(subprocess, "run", spying)
    inspect_isolated(make_jpeg(), "a.jpg")
    assert seen
    assert "do-not-tell" not in str(seen)


@pytest.mark.parametrize("name", HONEST)
def test_damaged_bytes_are_taken_or_refused_but_never_crash_the_door(name: str) -> None:
    honest, luck = HONEST[name], random.Random(name)
    for _ in range(150):
        data = bytearray(honest)
        for _ in range(luck.choice([1, 3, 20])):
            data[luck.randrange(len(data))] = luck.randrange(256)
        cut = luck.randrange(len(data)) if luck.random() < 0.2 else len(data)
        with suppress(FileRefused):
            assert inspect(bytes(data[:cut]), name).data


def test_uploads_wait_for_their_turn_and_are_told_when_it_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.documents.isolation._TURNS", threading.BoundedSemaphore(1))
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: inspect_isolated(make_jpeg(), "a.jpg").name, range(4)))
    assert taken == ["a.jpg"] * 4
    nobody_leaves = threading.BoundedSemaphore(1)
    nobody_leaves.acquire()
    monkeypatch.setattr("app.documents.isolation._TURNS", nobody_leaves)
    with pytest.raises(FileRefused) as caught:
        inspect_isolated(make_jpeg(), "a.jpg", limits=Limits(seconds=0))
    assert caught.value.reason == "busy"
