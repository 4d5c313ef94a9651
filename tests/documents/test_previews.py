"""Pictures of pieces: drawn once after they were sent, in a process of their own, shown to who may open the piece."""

from __future__ import annotations

import io
import uuid
from pathlib import Path

import pikepdf
import pytest
from PIL import Image
from sqlalchemy import func, select

from app import chores, clock
from app.config import Settings
from app.db import Database
from app.documents import previews
from app.documents.formats import preview
from app.documents.formats.verdict import FileRefused, Limits, Picture
from app.documents.isolation import draw_isolated
from app.documents.models import Document, Preview, UploadKey
from app.documents.operations import confirm_documents
from app.documents.previews import Busy, draw_missing, draw_previews, draw_sent
from app.documents.storage import storage_from_url
from app.documents.sweeping import KEPT, sweep
from app.facts import Work, handler_of
from app.journal import JournalEntry
from app.outbox import OutboxFact
from app.policy import SYSTEM
from tests.conftest import settings_for
from tests.documents.door import Door
from tests.documents.pieces import make_document, make_pieces
from tests.documents.samples import make_jpeg, make_noise, make_pdf, make_png

PDF, JPEG, PNG, ODT = "application/pdf", "image/jpeg", "image/png", "application/vnd.oasis.opendocument.text"


def boxed(width: float, height: float) -> bytes:
    """One page of this size, in points."""
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(200, 200))
        pdf.pages[0].MediaBox = pikepdf.Array([0, 0, width, height])
        buffer = io.BytesIO()
        pdf.save(buffer)
        return buffer.getvalue()


# -- drawing ---------------------------------------------------------------------------------------------------------


def test_the_first_pages_of_a_pdf_are_drawn() -> None:
    pages = draw_isolated(make_pdf(6), PDF)
    assert len(pages) == preview.MAX_PAGES
    for page in pages:
        with Image.open(io.BytesIO(page.data)) as drawn:
            assert drawn.size == (page.width, page.height)
            assert max(drawn.size) == preview.EDGE
            lightest_and_darkest = drawn.convert("L").getextrema()
            assert lightest_and_darkest[0] < 100 < 250 < lightest_and_darkest[1]  # dark text on white paper


def test_a_photo_is_reduced_and_a_small_one_is_left() -> None:
    (large,) = draw_isolated(make_jpeg(make_noise(2600, 1900)), JPEG)
    assert (large.mime, large.width) == ("image/jpeg", preview.EDGE)
    (small,) = draw_isolated(make_png(), PNG)
    assert (small.mime, small.width, small.height) == ("image/png", 60, 40)


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (b"%PDF-1.7 rien", PDF),
        (b"", PDF),
        (make_pdf()[:200], PDF),
        (boxed(1, 100_000), PDF),
        (make_jpeg()[:300], JPEG),
        (make_pdf(), JPEG),
        (b"PK\x03\x04", ODT),
    ],
    ids=["not-a-pdf", "empty", "cut", "a-line", "half-a-photo", "another-type", "office"],
)
def test_what_cannot_be_drawn_says_so(data: bytes, mime: str) -> None:
    with pytest.raises(FileRefused) as refused:
        draw_isolated(data, mime)
    assert refused.value.reason == "no_preview"


def test_a_giant_page_costs_no_more_than_another() -> None:
    (page,) = draw_isolated(boxed(14_400, 14_400), PDF)
    assert (page.width, page.height) == (preview.EDGE, preview.EDGE)


def test_an_image_that_says_it_is_immense_is_not_decoded() -> None:
    bomb = make_png(Image.new("1", (9000, 9000)))
    with pytest.raises(FileRefused):
        draw_isolated(bomb, PNG)


def endless() -> bytes:
    """A page that draws a form ten times, which draws a form ten times… a million million squares in 3 kB."""
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(200, 200))
        inner = pdf.make_stream(b"0 0 1 1 re f ")
        for depth in range(13):
            if depth:
                outer = pdf.make_stream(b"/X Do " * 10)
                outer.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(X=inner))
                inner = outer
            inner.Type, inner.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
            inner.BBox = pikepdf.Array([0, 0, 200, 200])
        pdf.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(X=inner))
        pdf.pages[0].Contents = pdf.make_stream(b"/X Do")
        buffer = io.BytesIO()
        pdf.save(buffer)
        return buffer.getvalue()


def test_a_page_that_never_ends_is_stopped() -> None:
    with pytest.raises(FileRefused) as refused:
        draw_isolated(endless(), PDF, limits=Limits(seconds=2))
    assert refused.value.reason == "too_costly"


# -- once, beside the file -------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for("sqlite://", tmp_path)


def sent(database: Database, settings: Settings, data: bytes, mime: str = PDF, **values: object) -> uuid.UUID:
    """A piece that a family sent, with its bytes."""
    with database.transaction() as session:
        made = make_document(session, None, mime=mime, **values)
    storage_from_url(settings.storage_url).put(made.key, data)
    return made.id


@pytest.fixture
def known(database: Database) -> Database:
    with database.transaction() as session:
        make_pieces(session)
    return database


def pictures(database: Database, document_id: uuid.UUID) -> list[Preview]:
    with database.transaction(read_only=True) as session:
        query = select(Preview).where(Preview.document_id == document_id).order_by(Preview.page)
        return list(session.scalars(query))


def tried(database: Database, document_id: uuid.UUID) -> int | None:
    with database.transaction(read_only=True) as session:
        return session.get_one(Document, document_id).preview_pages


def test_a_piece_that_is_sent_is_drawn_once(
    known: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = sent(known, settings, make_pdf(2), state="brouillon", case_id=(case_id := uuid.uuid4()))
    with known.transaction() as session:
        confirm_documents(session, SYSTEM, [str(document_id)], case_id=case_id)
    with known.transaction(read_only=True) as session:
        fact = session.scalars(select(OutboxFact).where(OutboxFact.kind == "document.sent")).one()
    assert handler_of("document.sent") is draw_sent
    draw_sent(Work(known, settings, fact.id), fact.payload)
    made = pictures(known, document_id)
    assert ([one.page for one in made], tried(known, document_id)) == ([1, 2], 2)
    storage = storage_from_url(settings.storage_url)
    for one in made:
        with storage.open(one.key) as content, Image.open(content) as drawn:
            assert drawn.size == (one.width, one.height)

    monkeypatch.setattr(previews, "draw_isolated", lambda *_: pytest.fail("drawn twice"))
    draw_sent(Work(known, settings, fact.id), fact.payload)
    with known.transaction(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(UploadKey)) == 0


@pytest.mark.parametrize(("data", "mime"), [(b"%PDF rien", PDF), (b"PK\x03\x04", ODT)])
def test_a_file_that_cannot_be_drawn_is_not_tried_again(
    known: Database, settings: Settings, data: bytes, mime: str
) -> None:
    document_id = sent(known, settings, data, mime)
    draw_previews(known, settings, document_id)
    assert (pictures(known, document_id), tried(known, document_id)) == ([], 0)


def test_lost_bytes_have_no_picture(known: Database, settings: Settings) -> None:
    with known.transaction() as session:
        document_id = make_document(session, None).id
    draw_previews(known, settings, document_id)
    assert tried(known, document_id) == 0


def test_drafts_and_what_was_taken_back_are_not_drawn(known: Database, settings: Settings) -> None:
    for state in ("brouillon", "retire"):
        document_id = sent(known, settings, make_pdf(), state=state)
        draw_previews(known, settings, document_id)
        assert tried(known, document_id) is None


def test_a_busy_machine_is_asked_again_later(
    known: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = sent(known, settings, make_pdf())

    def busy(*_: object) -> list[Picture]:
        raise FileRefused("busy", "Plus tard.")

    monkeypatch.setattr(previews, "draw_isolated", busy)
    with pytest.raises(Busy):
        draw_sent(Work(known, settings, uuid.uuid4()), {"documents": [str(document_id)]})
    assert tried(known, document_id) is None
    draw_missing(known, settings)  # nor does the night fail
    monkeypatch.undo()
    draw_missing(known, settings)
    assert tried(known, document_id) == 1
    assert chores.registered()["documents.draw_missing"].run is draw_missing


def test_two_workers_draw_one_piece_once(known: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one finished between our reading and our writing; what we stored is swept."""
    document_id = sent(known, settings, make_pdf())

    def drawn(data: bytes, mime: str) -> list[Picture]:
        monkeypatch.undo()
        draw_previews(known, settings, document_id)
        return draw_isolated(data, mime)

    monkeypatch.setattr(previews, "draw_isolated", drawn)
    draw_previews(known, settings, document_id)
    (kept,) = pictures(known, document_id)
    with known.transaction(read_only=True) as session:
        (ours,) = session.scalars(select(UploadKey.key))
    assert ours != kept.key
    with clock.frozen(clock.now() + KEPT * 2):
        sweep(known, settings)
    storage = storage_from_url(settings.storage_url)
    assert (storage.exists(ours), storage.exists(kept.key)) == (False, True)


def test_the_pictures_of_a_piece_taken_back_are_erased_with_it(known: Database, settings: Settings) -> None:
    document_id = sent(known, settings, make_pdf())
    draw_previews(known, settings, document_id)
    (one,) = pictures(known, document_id)
    with known.transaction() as session:
        session.get_one(Document, document_id).state = "retire"
    sweep(known, settings)
    assert pictures(known, document_id) == []
    assert not storage_from_url(settings.storage_url).exists(one.key)


# -- beside the data -------------------------------------------------------------------------------------------------


def test_who_reviews_a_piece_sees_it_and_each_look_is_noted(door: Door) -> None:
    document_id = door.document(door.family.mother, content=make_pdf(6), pages=6)
    agent, url = door.agent("gestionnaire"), f"/agent/pieces/{document_id}"
    assert "L’aperçu se prépare" in agent.get(url).text
    draw_previews(door.database, door.portal.settings, document_id)
    page = agent.get(url).text
    assert page.count("<img") == preview.MAX_PAGES
    assert "4\u00a0premières pages sur 6" in page
    with agent.get(f"{url}/apercu/1") as shown:
        assert shown.mimetype == "image/png"
        assert shown.data.startswith(b"\x89PNG")
        assert "sandbox" in shown.headers["Content-Security-Policy"]
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in shown.headers["Cache-Control"]
    assert agent.get(f"{url}/apercu/5").status_code == 404
    assert agent.get(f"{url}/apercu/0").status_code == 404
    with door.database.transaction(read_only=True) as session:
        reads = session.scalars(select(JournalEntry).where(JournalEntry.action == "document.read")).all()
        assert [read.details["page"] for read in reads] == [1]


def test_what_cannot_be_drawn_is_downloaded(door: Door) -> None:
    document_id = door.document(door.family.mother, content=b"PK\x03\x04", mime=ODT, filename="lettre.odt")
    draw_previews(door.database, door.portal.settings, document_id)
    page = door.agent("gestionnaire").get(f"/agent/pieces/{document_id}").text
    assert "Aperçu impossible" in page
    assert f"/agent/pieces/{document_id}/fichier" in page


def test_a_picture_is_for_who_may_open_the_piece(door: Door) -> None:
    document_id = door.document(door.family.mother, content=make_pdf())
    draw_previews(door.database, door.portal.settings, document_id)
    url = f"/agent/pieces/{document_id}/apercu/1"
    assert door.agent("restauration").get(url).status_code == 403
    assert door.parent(door.family.mother).get(url).status_code == 404
    assert door.enter(None).get(url).status_code == 303
