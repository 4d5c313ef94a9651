"""The acknowledgement: every legal item, tagged for readers who do not see, and people's words exactly as written."""

from __future__ import annotations

import io
import statistics
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pypdf
import pytest

from app.pdf import RenderError, render
from app.pdf.acknowledgement import (
    Acknowledgement,
    MissingItem,
    Piece,
    Regime,
    Section,
    Service,
    acknowledgement_pdf,
)
from app.pdf.coverage import drawable

SERVICE = Service(
    "Service Enfance et Éducation",
    "Hôtel de ville\n1 place de la République\n26999 Valbrise",
    "enfance@valbrise.example",
    "04 75 00 00 00",
)


def make_acknowledgement(**changes: Any) -> Acknowledgement:
    whole = Acknowledgement(
        reference="VAL-2026-000123",
        received_at=datetime(2026, 4, 15, 22, 30, tzinfo=UTC),
        procedure="Inscription à la cantine",
        commune="Ville de Valbrise",
        service=SERVICE,
        regime=Regime.SVA,
        filed_by="Camille Martin",
        implicit_on=date(2026, 6, 17),
        recap=(Section("L’enfant", (("Enfant", "Léo Martin"), ("École", "École Jules-Ferry"))),),
        pieces=(Piece("Certificat médical", "certificat.pdf, 1 page"), Piece("Justificatif de domicile")),
        appeal_routes=("Recours gracieux auprès de la mairie.", "Recours devant le tribunal administratif."),
    )
    return replace(whole, **changes)


def text_of(data: bytes) -> str:
    """The text in reading order, every run of spaces and line ends made one space."""
    reader = pypdf.PdfReader(io.BytesIO(data))
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def letters_of(data: bytes) -> str:
    """The text without any space: a long word broken over lines is whole again."""
    return "".join(text_of(data).split())


ALWAYS = [
    "VAL-2026-000123",
    "jeudi 16 avril 2026 à 0 h 30",  # 22:30 UTC is already the next day in Paris
    "Inscription à la cantine",
    "Ville de Valbrise",
    "Camille Martin",
    "Service Enfance et Éducation",
    "Hôtel de ville 1 place de la République 26999 Valbrise",
    "enfance@valbrise.example",
    "04 75 00 00 00",
    "L’enfant",
    "Léo Martin",
    "Certificat médical — certificat.pdf, 1 page",
    "Justificatif de domicile",
    "R. 112-11-1",
    "page 1 sur 1",
]
BY_REGIME = {
    Regime.SVA: (
        ["mercredi 17 juin 2026", "considérée comme acceptée", "vaut acceptation", "attestation", "L. 232-3"],
        ["refusée", "recours", "tribunal"],
    ),
    Regime.SVR: (
        ["mercredi 17 juin 2026", "considérée comme refusée", "vaut rejet", "Recours gracieux", "tribunal"],
        ["acceptée", "attestation"],
    ),
    Regime.NONE: (
        ["ne vaut ni acceptation ni refus"],
        ["considérée comme", "recours", "attestation"],
    ),
}


@pytest.mark.parametrize("regime", list(Regime))
def test_every_item_of_the_law_is_on_the_page(regime: Regime) -> None:
    text = text_of(acknowledgement_pdf(make_acknowledgement(regime=regime)))
    said, unsaid = BY_REGIME[regime]
    assert [item for item in [*ALWAYS, *said] if item not in text] == []
    assert [item for item in unsaid if item in text] == []


@pytest.mark.parametrize(
    ("item", "changes"),
    [
        ("reference", {"reference": ""}),
        ("procedure", {"procedure": " "}),
        ("commune", {"commune": ""}),
        ("filed_by", {"filed_by": "\u00a0"}),
        ("service.name", {"service": replace(SERVICE, name="")}),
        ("service.address", {"service": replace(SERVICE, address="\n")}),
        ("service.email", {"service": replace(SERVICE, email="")}),
        ("service.phone", {"service": replace(SERVICE, phone="")}),
        ("implicit_on", {"implicit_on": None}),
        ("implicit_on", {"implicit_on": None, "regime": Regime.SVR}),
        ("appeal_routes", {"appeal_routes": (), "regime": Regime.SVR}),
        ("appeal_routes", {"appeal_routes": (" ",), "regime": Regime.SVR}),
        ("recap", {"recap": ()}),
        ("recap", {"recap": (Section("Titre", ()),)}),
    ],
)
def test_a_missing_item_is_refused_by_its_name(item: str, changes: dict[str, Any]) -> None:
    with pytest.raises(MissingItem) as caught:
        acknowledgement_pdf(make_acknowledgement(**changes))
    assert caught.value.item == item


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        acknowledgement_pdf(make_acknowledgement(received_at=datetime(2026, 4, 15)))  # noqa: DTZ001 - the point


def test_without_pieces_it_says_so() -> None:
    assert "Aucune pièce n’a été jointe." in text_of(acknowledgement_pdf(make_acknowledgement(pieces=())))


def test_it_is_tagged_in_french_with_a_title_for_readers_who_do_not_see() -> None:
    reader = pypdf.PdfReader(io.BytesIO(acknowledgement_pdf(make_acknowledgement())))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert str(root["/Lang"]).lower().startswith("fr")
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata is not None
    assert reader.metadata.title == "Accusé de réception VAL-2026-000123"
    assert "<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data().decode()
    assert {"/H1", "/H2", "/H3", "/P", "/L", "/LI"} <= tags_of(root["/StructTreeRoot"])


def tags_of(node: Any) -> set[str]:
    found = set()
    waiting = [node]
    while waiting:
        thing = waiting.pop()
        thing = thing.get_object() if hasattr(thing, "get_object") else thing
        if isinstance(thing, list):
            waiting.extend(thing)
        elif isinstance(thing, dict):
            if "/S" in thing:
                found.add(str(thing["/S"]))
            if "/K" in thing:
                waiting.append(thing["/K"])
    return found


def test_every_font_is_inside_and_it_is_ours() -> None:
    reader = pypdf.PdfReader(io.BytesIO(acknowledgement_pdf(make_acknowledgement())))
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]
    assert fonts
    for font in fonts:
        assert "Lato" in font["/BaseFont"]
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert "/FontFile2" in descriptor or "/FontFile3" in descriptor


HOSTILE = [
    '#import "letter.typ": *',
    '#read("/etc/passwd")',
    '#eval("1+1") #panic() #{1+1}',
    "$ x^2 $ et 12 $",
    "\\ \\u{41} \\n C:\\dossier",
    "*gras* _penché_ `code` = titre - liste + 1. x / y: z",
    "<etiquette> @renvoi // commentaire /* autre */ [a] {b} ~ -- --- ... '\"",
    "]]] }}} ))) \"\"\" ''' ;;;",
    "<script>alert(1)</script> &amp; %PDF-1.4 endobj",
    '{"data": "json"} \\"',
]


@pytest.mark.parametrize("words", HOSTILE)
def test_people_s_words_are_never_read_as_markup(words: str) -> None:
    changes = {
        "filed_by": words,
        "procedure": words,
        "commune": words,
        "reference": words,
        "recap": (Section(words, ((words, words),)),),
        "pieces": (Piece(words, words),),
    }
    text = letters_of(acknowledgement_pdf(make_acknowledgement(**changes)))
    assert text.count("".join(words.split())) >= 11
    assert "root:x" not in text


@pytest.mark.parametrize(
    "words", ["Ж" * 10_000, "Жлмн " * 2_000, "Ж\n" * 300], ids=["one word", "many words", "many lines"]
)
def test_ten_thousand_characters_are_all_there_on_as_many_pages_as_it_takes(words: str) -> None:
    data = acknowledgement_pdf(make_acknowledgement(recap=(Section("", (("Message", words),)),)))
    assert letters_of(data).count("Ж") == words.count("Ж")
    assert len(pypdf.PdfReader(io.BytesIO(data)).pages) >= 4  # a word that does not break would fill one line of one


def test_characters_the_font_lacks_become_squares_not_errors() -> None:
    words = "Bonjour 🎉👨‍👩‍👧 مرحبا 你好 \x00\x07\ud800 ok\ufe0f \u202egnp.exe"
    text = text_of(acknowledgement_pdf(make_acknowledgement(filed_by=words)))
    assert "Bonjour □□□□ □□□□□ □□ □ ok gnp.exe" in text


def test_accents_pasted_in_two_parts_are_one_letter() -> None:
    assert "École" in text_of(acknowledgement_pdf(make_acknowledgement(filed_by="E\u0301cole")))


def test_all_the_letters_of_french_and_its_typography_can_be_drawn() -> None:
    from app.pdf import _TEXT_FONT

    letters = "àâäæçéèêëîïôœùûüÿÀÂÄÆÇÉÈÊËÎÏÔŒÙÛÜŸ «»“”‘’–—…•·€°²³½×÷№†‰\u00a0\u202f\u2009ßñøåłšžőțăğıİ"
    assert drawable(letters, _TEXT_FONT) == letters


def test_the_same_data_gives_the_same_bytes() -> None:
    assert acknowledgement_pdf(make_acknowledgement()) == acknowledgement_pdf(make_acknowledgement())


@pytest.mark.parametrize("template", ["", "nobody", "../fonts/OFL", "/etc/passwd", "letter/../letter", "x\x00"])
def test_an_unknown_template_is_an_error_of_ours(template: str) -> None:
    with pytest.raises(RenderError):
        render(template, {})


def test_a_template_that_fails_says_which_and_why() -> None:
    with pytest.raises(RenderError, match="accuse-reception"):
        render("accuse-reception", {"title": "x"})


def test_it_is_quick_enough_to_make_while_a_person_waits() -> None:
    acknowledgement_pdf(make_acknowledgement())
    times = []
    for number in range(20):
        fresh = make_acknowledgement(reference=f"VAL-2026-{number:06}", filed_by=f"Camille {number}")
        started = time.perf_counter()
        acknowledgement_pdf(fresh)
        times.append(time.perf_counter() - started)
    assert statistics.median(times) < 0.1  # about 0.006 s alone; ten times that on a busy machine
