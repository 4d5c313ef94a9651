"""Files as they arrive, kept or refused; the rows made of them; what is swept when nobody wants them."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pypdf
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage, MultiDict

from app import clock as portal_clock
from app.clock import FrozenClock
from app.config import Settings
from app.db import Database
from app.documents import receiving
from app.documents.formats.verdict import Limits
from app.documents.models import Document, PieceType, UploadKey
from app.documents.operations import confirm_documents
from app.documents.piece_types import OTHER
from app.documents.receiving import Incoming, Prepared, Refusal, StoredFile, keep_files, limits_for
from app.documents.storage import DiskStorage, StorageFull, new_key, storage_from_url
from app.documents.sweeping import erase_drafts, sweep
from app.documents.uploads import attach_uploads
from app.facts import Work
from app.policy import Actor
from forms import StepForm, load_definition, open_form
from tests.conftest import settings_for
from tests.documents.pieces import Pieces, make_document, make_step
from tests.documents.samples import EICAR, make_jpeg, make_pdf, make_png
from tests.documents.test_antivirus import clamd_like, saying
from tests.families.people import actions, counting, make_agent

LIMITS = Limits()


@pytest.fixture
def settings(sqlite_database: Database, tmp_path: Path) -> Settings:
    return settings_for(str(sqlite_database.engine.url), tmp_path)


def incoming(data: bytes, filename: str, field: str = "piece") -> Incoming:
    return Incoming(field, filename, data)


def stored_bytes(settings: Settings, one: StoredFile) -> bytes:
    with storage_from_url(settings.storage_url).open(one.key) as content:
        return content.read()


def files_on_disk(settings: Settings) -> list[Path]:
    root = Path(settings.storage_url.removeprefix("file://"))
    return [path for path in root.rglob("*") if path.is_file()]


# -- keeping -------------------------------------------------------------------------------------------------------


def test_a_good_file_is_kept_under_a_key_that_says_nothing(sqlite_database: Database, settings: Settings) -> None:
    prepared = keep_files(sqlite_database, settings, LIMITS, [incoming(make_pdf(2), "Facture de Léa.pdf")])
    assert prepared.refusals == ()
    (one,) = prepared.stored
    assert (one.field, one.filename, one.mime, one.pages) == ("piece", "Facture de Léa.pdf", "application/pdf", 2)
    assert stored_bytes(settings, one).startswith(b"%PDF")
    assert one.size == len(stored_bytes(settings, one))
    assert all("Facture" not in str(path) for path in files_on_disk(settings))


def test_without_an_antivirus_nothing_is_called_clean(sqlite_database: Database, settings: Settings) -> None:
    (one,) = keep_files(sqlite_database, settings, LIMITS, [incoming(make_pdf(), "a.pdf")]).stored
    assert one.scan == "not_scanned"


def test_the_antivirus_sees_the_bytes_as_they_came(sqlite_database: Database, settings: Settings) -> None:
    data = make_jpeg()
    with clamd_like(saying(b"stream: OK\x00")) as (url, received):
        watched = replace(settings, antivirus_url=url)
        (one,) = keep_files(sqlite_database, watched, LIMITS, [incoming(data, "a.jpg")]).stored
    assert received == [data]
    assert one.scan == "clean"
    assert stored_bytes(settings, one) != data  # what is kept was encoded again


def test_an_infected_file_is_refused_and_not_kept(sqlite_database: Database, settings: Settings) -> None:
    with clamd_like(saying(b"stream: Eicar-Test-Signature FOUND\x00")) as (url, _):
        watched = replace(settings, antivirus_url=url)
        prepared = keep_files(sqlite_database, watched, LIMITS, [incoming(make_pdf(text=EICAR.decode()), "a.pdf")])
    assert prepared.stored == ()
    assert [refusal.reason for refusal in prepared.refusals] == ["infected"]
    assert files_on_disk(settings) == []


def test_an_antivirus_that_is_down_refuses_at_once_and_says_to_come_back(
    sqlite_database: Database, settings: Settings
) -> None:
    watched = replace(settings, antivirus_url="clamd://127.0.0.1:9")  # the discard port: nobody listens
    files = [incoming(make_pdf(), f"{n}.pdf") for n in range(5)]
    prepared = keep_files(sqlite_database, watched, LIMITS, files)
    assert prepared.stored == ()
    (refusal,) = prepared.refusals  # one try, one message: five time-outs would hold the person
    assert refusal.reason == "antivirus_unavailable"
    assert "réessayez dans quelques minutes" in refusal.message
    assert files_on_disk(settings) == []


def test_what_is_refused_does_not_take_the_others_along(sqlite_database: Database, settings: Settings) -> None:
    files = [
        incoming(b"MZ" + bytes(100), "virus.exe"),
        incoming(make_png(), "photo.png"),
        incoming(b"<script>alert(1)</script>%PDF-1.4", "piege.pdf"),
    ]
    prepared = keep_files(sqlite_database, settings, LIMITS, files)
    assert [one.filename for one in prepared.stored] == ["photo.png"]
    assert [refusal.reason for refusal in prepared.refusals] == ["extension", "pdf_header"]
    assert all(".exe" in r.message or "piege.pdf" in r.message for r in prepared.refusals)


def test_a_file_that_is_too_heavy_is_not_even_scanned(sqlite_database: Database, settings: Settings) -> None:
    limits = limits_for(1)
    watched = replace(settings, antivirus_url="clamd://127.0.0.1:9")
    heavy = incoming(bytes(limits.max_photo_bytes + 1), "gros.pdf")
    (refusal,) = keep_files(sqlite_database, watched, limits, [heavy]).refusals
    assert refusal.reason == "too_large"
    assert "1\u00a0Mo" in refusal.message or "1 Mo" in refusal.message


def test_several_photos_for_one_piece_become_its_pages(sqlite_database: Database, settings: Settings) -> None:
    files = [incoming(make_jpeg(), f"page{n}.jpg") for n in (1, 2, 3)]
    prepared = keep_files(sqlite_database, settings, LIMITS, [*files, incoming(make_jpeg(), "autre.jpg", "autre")])
    merged, alone = prepared.stored
    assert (merged.filename, merged.mime, merged.pages) == ("page1.pdf", "application/pdf", 3)
    assert len(pypdf.PdfReader(BytesIO(stored_bytes(settings, merged))).pages) == 3
    assert (alone.field, alone.mime) == ("autre", "image/jpeg")


def test_photos_join_but_other_files_stay_apart(sqlite_database: Database, settings: Settings) -> None:
    files = [incoming(make_jpeg(), "a.jpg"), incoming(make_pdf(), "b.pdf"), incoming(make_png(), "c.png")]
    found = keep_files(sqlite_database, settings, LIMITS, files).stored
    assert [(one.filename, one.pages) for one in found] == [("a.pdf", 2), ("b.pdf", 1)]


def test_photos_that_do_not_fit_in_one_file_stay_as_they_are(sqlite_database: Database, settings: Settings) -> None:
    limits = replace(LIMITS, max_pages=1)
    files = [incoming(make_jpeg(), "a.jpg"), incoming(make_jpeg(), "b.jpg")]
    found = keep_files(sqlite_database, settings, limits, files)
    assert [one.filename for one in found.stored] == ["a.jpg", "b.jpg"]
    assert found.refusals == ()


def test_a_flood_of_files_costs_nothing(
    sqlite_database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "inspect_isolated", lambda *_a, **_k: pytest.fail("a file was opened"))
    files = [incoming(make_pdf(), "a.pdf")] * (receiving.MAX_FILES + 1)
    prepared = keep_files(sqlite_database, settings, LIMITS, files)
    assert prepared.stored == ()
    assert [refusal.reason for refusal in prepared.refusals] == ["too_many_files"]


def test_a_full_disk_is_said_and_leaves_a_key_to_sweep(
    sqlite_database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: object, _key: str, _data: bytes) -> None:
        raise StorageFull

    monkeypatch.setattr(DiskStorage, "put", full)
    prepared = keep_files(sqlite_database, settings, LIMITS, [incoming(make_pdf(), "a.pdf")])
    assert prepared.stored == ()
    (refusal,) = prepared.refusals
    assert refusal.reason == "storage_unavailable"
    assert "plus de place" in refusal.message
    with sqlite_database.transaction(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(UploadKey)) == 1


def test_a_disk_that_fills_up_on_the_second_file_keeps_the_first(
    sqlite_database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, done = DiskStorage.put, []

    def fills_up(self: DiskStorage, key: str, data: bytes) -> None:
        if done:
            raise StorageFull
        done.append(key)
        put(self, key, data)

    monkeypatch.setattr(DiskStorage, "put", fills_up)
    files = [incoming(make_pdf(), "a.pdf"), incoming(make_pdf(), "b.pdf")]
    prepared = keep_files(sqlite_database, settings, LIMITS, files)
    assert [one.filename for one in prepared.stored] == ["a.pdf"]
    assert [refusal.field for refusal in prepared.refusals] == ["piece"]


def test_a_name_made_to_deceive_is_told_without_its_tricks(sqlite_database: Database, settings: Settings) -> None:
    name = "..\\..\\etc\u202efdp.exe\r\nX: y" + "z" * 300
    (refusal,) = keep_files(sqlite_database, settings, LIMITS, [incoming(b"MZ", name)]).refusals
    assert not any(character in refusal.message for character in "\u202e\r\n\\")
    assert len(refusal.message) < 400


# -- attaching -----------------------------------------------------------------------------------------------------

ASSURANCE = {
    "type": "piece",
    "name": "attestation",
    "label": "Attestation",
    "piece_type": "assurance",
    "required": True,
}
CHILD = {"type": "child", "name": "enfant", "label": "Enfant"}


def stored(field: str = "attestation", **values: object) -> StoredFile:
    made = StoredFile(field, new_key(), "a.pdf", "application/pdf", 10, 1, "0" * 64, ("Tourné.",), "not_scanned")
    return replace(made, **values)  # type: ignore[arg-type]  # fields of the dataclass


def make_form(
    *fields: Mapping[str, object], posted: Mapping[str, object] | None = None, files: int = 1, **known: object
) -> StepForm:
    """A form as posted with this many files for the piece « attestation »."""
    sent = MultiDict([("attestation__fichier", FileStorage(BytesIO(b"x"), "a.pdf")) for _ in range(files)])
    return open_form(
        load_definition(make_step(list(fields))),
        values=known,
        sources={"children": [], "pieces:assurance": []},
        evaluate=lambda _expression, _names: None,
        today=portal_clock.today(),
        formdata=MultiDict(posted or {"x": "y"}),
        files=sent,  # type: ignore[arg-type]  # Werkzeug's MultiDict is what it describes
    )


def attach(
    session: Session, actor: Actor, form: StepForm, *found: StoredFile, **values: object
) -> list[tuple[str, str]]:
    household = values.pop("household_id", None)
    case_id = values.pop("case_id", uuid.uuid4())
    prepared = Prepared(found, tuple(values.pop("refusals", ())))  # type: ignore[arg-type]  # refusals are a tuple
    return attach_uploads(session, actor, form, prepared, case_id=case_id, household_id=household)  # type: ignore[arg-type]  # same


def documents(session: Session) -> list[Document]:
    return list(session.scalars(select(Document).order_by(Document.filename)))


def test_a_kept_file_becomes_a_draft_of_the_right_child(session: Session, pieces: Pieces) -> None:
    family, case_id = pieces.family, uuid.uuid4()
    form = make_form(CHILD, ASSURANCE, enfant=str(family.child.id))
    form.context["enfant"] = str(family.child.id)
    session.info.pop("journal", None)
    with counting(session) as sent:
        assert attach(session, pieces.mother, form, stored(), case_id=case_id, household_id=family.home_a.id) == []
    assert len(sent) <= 4
    (document,) = documents(session)
    assert form.values()["attestation"] == [str(document.id)]
    assert (document.state, document.piece_type, document.scan) == ("brouillon", "assurance", "not_scanned")
    assert (document.case_id, document.household_id) == (case_id, family.home_a.id)
    assert (document.child_id, document.field) == (family.child.id, "attestation")
    assert document.uploaded_by_id == family.mother.account_id
    assert actions(session) == ["document.uploaded"]
    assert form.validate()


def test_somebody_elses_child_is_not_written_on_a_file(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    form = make_form(CHILD, ASSURANCE)
    form.context["enfant"] = str(family.child.id)
    attach(session, pieces.actor(family.stranger), form, stored(), household_id=family.stranger.household_id)
    assert [document.child_id for document in documents(session)] == [None]


def test_a_file_without_a_field_that_wants_it_makes_no_row(session: Session, pieces: Pieces) -> None:
    form = make_form(CHILD, ASSURANCE, files=0)
    assert attach(session, pieces.mother, form, stored("enfant"), stored("inconnu")) == []
    assert documents(session) == []
    assert form.values()["attestation"] == []


def test_a_field_that_may_not_change_takes_no_file(session: Session, pieces: Pieces) -> None:
    form = open_form(
        load_definition(make_step([ASSURANCE])),
        values={},
        sources={},
        evaluate=lambda _expression, _names: None,
        today=portal_clock.today(),
        formdata=MultiDict({"x": "y"}),
        only=("autre",),
    )
    assert attach(session, pieces.mother, form, stored(), refusals=[Refusal("attestation", "x", "Non")]) == []
    assert documents(session) == []


def test_a_refusal_is_told_on_its_field_and_noted_without_the_name(session: Session, pieces: Pieces) -> None:
    form = make_form(ASSURANCE)
    session.info.pop("journal", None)
    refusals = [Refusal("attestation", "infected", "Ce fichier contient un programme dangereux.")]
    told = attach(session, pieces.mother, form, refusals=refusals)
    assert told == [("attestation", "Ce fichier contient un programme dangereux.")]
    assert session.info["journal"][0]["details"] == {"field": "attestation", "reason": "infected"}
    assert form.validate()  # the field holds an upload: only the refusal is said, not « joignez ce document » too


def test_too_many_files_are_said_by_the_field_and_none_is_attached(session: Session, pieces: Pieces) -> None:
    form = make_form({**ASSURANCE, "max_count": 2}, files=3)
    attach(session, pieces.mother, form, stored(), stored(), stored())
    assert documents(session) == []
    assert not form.validate()
    assert "Pas plus de 2" in form["attestation"].errors[0]


def test_photos_joined_into_one_file_are_one_document(session: Session, pieces: Pieces) -> None:
    form = make_form({**ASSURANCE, "max_count": 1}, files=3)  # three photos were sent, one file was made of them
    attach(session, pieces.mother, form, stored(pages=3))
    assert form.validate()
    assert len(form.values()["attestation"]) == 1


def test_where_one_document_is_wanted_a_new_one_replaces_it(session: Session, pieces: Pieces) -> None:
    old = make_document(session, pieces.family.mother, "assurance", state="brouillon")
    form = open_form(
        load_definition(make_step([{**ASSURANCE, "max_count": 1}])),
        values={},
        sources={"pieces:assurance": [_choice(old)]},
        evaluate=lambda _expression, _names: None,
        today=portal_clock.today(),
        formdata=MultiDict({"attestation": str(old.id)}),
        files=MultiDict({"attestation__fichier": FileStorage(BytesIO(b"x"), "a.pdf")}),  # type: ignore[arg-type]  # same
    )
    attach(session, pieces.mother, form, stored())
    assert form.validate()
    (new,) = [document for document in documents(session) if document.id != old.id]
    assert form.values()["attestation"] == form.partial()["attestation"] == [str(new.id)]


def _choice(document: Document):  # type: ignore[no-untyped-def]  # a Choice
    from forms import Choice

    return Choice(str(document.id), document.filename)


def test_a_page_shown_again_keeps_the_new_file_ticked(session: Session, pieces: Pieces) -> None:
    form = make_form(ASSURANCE)
    attach(session, pieces.mother, form, stored())
    (document,) = documents(session)
    ((_, choice, ticked),) = form["attestation"].document_items()
    assert (choice.value, choice.label, ticked) == (str(document.id), "a.pdf", True)


def test_a_type_nobody_knows_is_filed_under_other(session: Session, pieces: Pieces) -> None:
    form = make_form({**ASSURANCE, "piece_type": "inconnu"})
    attach(session, pieces.mother, form, stored())
    assert [document.piece_type for document in documents(session)] == [OTHER]


def test_the_first_file_of_a_new_portal_brings_the_types(session: Session) -> None:
    form = make_form(ASSURANCE)
    attach(session, Actor("visitor", None, "Une personne"), form, stored())
    assert [document.piece_type for document in documents(session)] == ["assurance"]
    assert session.get(PieceType, OTHER) is not None


def test_an_adults_piece_is_the_filers(session: Session, pieces: Pieces) -> None:
    form = make_form({**ASSURANCE, "piece_type": "identite"})
    attach(session, pieces.mother, form, stored(), household_id=pieces.family.home_a.id)
    assert [document.adult_id for document in documents(session)] == [pieces.family.mother.id]


def test_an_agent_at_the_desk_files_for_the_household(session: Session, pieces: Pieces) -> None:
    family = pieces.family
    form = make_form(CHILD, ASSURANCE)
    form.context["enfant"] = str(family.child.id)
    attach(session, replace(make_agent(), id=None), form, stored(), household_id=family.home_a.id)
    assert [document.child_id for document in documents(session)] == [family.child.id]


def test_nothing_sent_costs_no_statement(session: Session, pieces: Pieces) -> None:
    form = make_form(ASSURANCE, files=0)
    with counting(session) as sent:
        assert attach_uploads(session, pieces.mother, form, None, case_id=uuid.uuid4(), household_id=None) == []
        assert attach(session, pieces.mother, form) == []
        confirm_documents(session, pieces.mother, [], case_id=uuid.uuid4())
    assert sent == []


# -- sending -------------------------------------------------------------------------------------------------------


def test_sending_turns_the_drafts_of_that_demande_only(session: Session, pieces: Pieces, clock: FrozenClock) -> None:
    family, case_id = pieces.family, uuid.uuid4()
    mine = make_document(session, family.mother, "vaccins", state="brouillon", case_id=case_id, field="a")
    foreign = make_document(session, family.father, state="brouillon", case_id=uuid.uuid4(), field="a")
    earlier = make_document(session, family.mother, state="valide", field="a")
    clock.advance(hours=1)
    ids = [str(mine.id), str(foreign.id), str(earlier.id)]
    with counting(session) as sent:
        confirm_documents(
            session,
            pieces.mother,
            ids,
            case_id=case_id,
            child_id=family.child.id,
            structure_id=family.school.id,
        )
    assert len(sent) == 1
    for document in (mine, foreign, earlier):
        session.refresh(document)
    assert (mine.state, mine.child_id, mine.structure_id) == ("non_traite", family.child.id, family.school.id)
    assert mine.submitted_at == portal_clock.now()
    assert (foreign.state, earlier.state) == ("brouillon", "valide")


def test_a_household_piece_does_not_become_a_childs(session: Session, pieces: Pieces) -> None:
    case_id = uuid.uuid4()
    document = make_document(session, pieces.family.mother, state="brouillon", case_id=case_id)
    confirm_documents(session, pieces.mother, [str(document.id)], case_id=case_id, child_id=pieces.family.child.id)
    session.refresh(document)
    assert document.child_id is None


def test_what_a_new_sending_no_longer_names_is_taken_back(session: Session, pieces: Pieces) -> None:
    family, case_id = pieces.family, uuid.uuid4()
    replaced = make_document(session, family.mother, case_id=case_id, field="a")
    elsewhere = make_document(session, family.mother, case_id=case_id, field="b")
    decided = make_document(session, family.mother, case_id=case_id, field="a", state="invalide")
    kept = make_document(session, family.mother, case_id=case_id, field="a")
    new = make_document(session, family.mother, case_id=case_id, field="a", state="brouillon")
    confirm_documents(session, pieces.mother, [str(kept.id), str(new.id)], case_id=case_id)
    found = {}
    for document in (replaced, elsewhere, decided, kept, new):
        session.refresh(document)
        found[document] = document.state
    assert list(found.values()) == ["retire", "non_traite", "invalide", "non_traite", "non_traite"]


# -- sweeping ------------------------------------------------------------------------------------------------------


def put(settings: Settings, key: str) -> Path:
    storage = storage_from_url(settings.storage_url)
    storage.put(key, b"x")
    assert isinstance(storage, DiskStorage)
    return storage.root / key[:2] / key[2:4] / key


@pytest.fixture
def place(database: Database, clock: FrozenClock, tmp_path: Path) -> tuple[Database, Settings]:
    return database, settings_for("sqlite:///unused.db", tmp_path)


def draw(database: Database, key: str) -> None:
    with database.transaction() as session:
        session.add(UploadKey(key=key, drawn_at=portal_clock.now()))


def test_a_file_nobody_attached_goes_after_a_day(place: tuple[Database, Settings], clock: FrozenClock) -> None:
    database, settings = place
    key = new_key()
    draw(database, key)
    path = put(settings, key)
    clock.advance(hours=23)
    sweep(database, settings)
    assert path.exists()
    clock.advance(hours=2)
    sweep(database, settings)
    assert not path.exists()
    with database.transaction(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(UploadKey)) == 0


def test_a_file_that_has_a_row_stays(place: tuple[Database, Settings], clock: FrozenClock) -> None:
    database, settings = place
    key = new_key()
    draw(database, key)
    path = put(settings, key)
    with database.transaction() as session:
        _types(session)
        make_document(session, None, key=key)
    clock.advance(days=3)
    sweep(database, settings)
    assert path.exists()
    with database.transaction(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(UploadKey)) == 0


def _types(session: Session) -> None:
    from app.documents.piece_types import install_piece_types
    from app.policy import SYSTEM

    install_piece_types(session, SYSTEM)


def test_a_key_whose_bytes_were_never_written_is_settled_too(
    place: tuple[Database, Settings], clock: FrozenClock
) -> None:
    database, settings = place
    draw(database, new_key())
    clock.advance(days=2)
    sweep(database, settings)
    with database.transaction(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(UploadKey)) == 0


def test_more_orphans_than_a_batch_all_go(
    place: tuple[Database, Settings], clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.documents.sweeping.BATCH", 2)
    database, settings = place
    paths = []
    for _ in range(5):
        key = new_key()
        draw(database, key)
        paths.append(put(settings, key))
    clock.advance(days=2)
    sweep(database, settings)
    assert [path for path in paths if path.exists()] == []


def test_what_was_taken_back_loses_its_bytes_and_keeps_its_row(place: tuple[Database, Settings]) -> None:
    database, settings = place
    with database.transaction() as session:
        _types(session)
        gone = make_document(session, None, state="retire")
        kept = make_document(session, None, state="invalide")
    paths = [put(settings, document.key) for document in (gone, kept)]
    sweep(database, settings)
    sweep(database, settings)
    assert [path.exists() for path in paths] == [False, True]
    with database.transaction(read_only=True) as session:
        assert session.get(Document, gone.id).erased_at == portal_clock.now()  # type: ignore[union-attr]  # it exists


def test_old_drafts_go_with_their_files(place: tuple[Database, Settings], clock: FrozenClock) -> None:
    database, settings = place
    with database.transaction() as session:
        _types(session)
        old = make_document(session, None, state="brouillon")
        sent = make_document(session, None)
    paths = [put(settings, document.key) for document in (old, sent)]
    clock.advance(days=181)
    sweep(database, settings)
    assert [path.exists() for path in paths] == [False, True]
    with database.transaction(read_only=True) as session:
        assert session.get(Document, old.id) is None


def test_halves_of_files_left_by_a_crash_go_after_a_day(place: tuple[Database, Settings]) -> None:
    database, settings = place
    whole = put(settings, new_key())
    old, young = (whole.with_name(f".{new_key()}.{suffix}") for suffix in ("0badcafe", "1badcafe"))
    for path in (whole, old, young):
        path.write_bytes(b"half")
    past = time.time() - timedelta(days=2).total_seconds()
    os.utime(old, (past, past))
    os.utime(whole, (past, past))
    sweep(database, settings)
    assert (whole.exists(), old.exists(), young.exists()) == (True, False, True)


def test_a_draft_given_up_leaves_no_file(place: tuple[Database, Settings]) -> None:
    database, settings = place
    case_id = uuid.uuid4()
    with database.transaction() as session:
        _types(session)
        draft = make_document(session, None, state="brouillon", case_id=case_id)
        other = make_document(session, None, state="brouillon", case_id=uuid.uuid4())
    paths = [put(settings, document.key) for document in (draft, other)]
    work = Work(database, settings, uuid.uuid4())
    for _ in range(2):  # a fact may be treated twice
        erase_drafts(work, {"case_id": str(case_id)})
    assert [path.exists() for path in paths] == [False, True]
    with database.transaction(read_only=True) as session:
        assert session.get(Document, draft.id) is None
        assert session.get(Document, other.id) is not None
