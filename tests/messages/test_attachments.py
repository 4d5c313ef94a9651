"""Files sent with messages: kept as pieces are, refused with a reason, opened by the two sides of the thread only."""

from __future__ import annotations

import html
import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app import clock
from app.db import Database, new_id
from app.documents.models import UploadKey
from app.documents.receiving import StoredFile
from app.documents.storage import new_key, storage_from_url
from app.documents.sweeping import KEPT, sweep
from app.errors import Refused
from app.journal import JournalEntry
from app.messages import attaching, operations, retention
from app.messages.models import Attachment, Message, Thread
from tests.conftest import settings_for
from tests.documents.samples import EICAR, make_jpeg, make_pdf
from tests.messages.cast import Browser, Cast, csrf_of

NEW = "/messages/nouveau"
Sent = tuple[bytes, str]


def post(client: FlaskClient, url: str, *files: Sent, **fields: Any) -> TestResponse:
    page = client.get(url).text
    data = {"csrf_token": csrf_of(page), **fields, "files": [(io.BytesIO(data), name) for data, name in files]}
    return client.post(url, data=data, content_type="multipart/form-data")


def write(client: FlaskClient, cast: Cast, *files: Sent, **fields: Any) -> TestResponse:
    given = {"structure": str(cast.school.id), "subject": "Certificat", "body": "Le voici", **fields}
    return post(client, NEW, *files, **given)


def links_of(page: str) -> list[str]:
    return re.findall(r'href="([^"]+/fichiers/[^"]+)"', page)


def opened(client: FlaskClient, url: str) -> TestResponse:
    """The answer with its bytes read and its file closed."""
    with client.get(url) as answer:
        answer.get_data()
        return answer


def carried_in(page: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'name="gardes" value="([^"]+)"', page)]


def count(database: Database, model: type[Any]) -> int:
    with database.transaction(read_only=True) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def kept(database: Database, **changes: Any) -> StoredFile:
    """A file as it is before any message takes it."""
    one = StoredFile("files-0", new_key(), "a.pdf", "application/pdf", 12, 1, "0" * 64, (), "clean")
    with database.transaction() as session:
        session.add(UploadKey(key=one.key, drawn_at=clock.now()))
    return one


def test_each_side_sends_files_and_the_other_opens_them(cast: Cast, browser: Browser) -> None:
    parent, agent = browser("Léa"), browser("Anne")
    sent = write(
        parent, cast, (make_pdf(2), "Certificat médical.pdf"), (make_jpeg(), "IMG_1.jpg"), (make_jpeg(), "b.jpg")
    )
    assert sent.status_code == 303
    thread = sent.location
    page = agent.get(f"/agent{thread}").text
    assert "Certificat médical.pdf" in page
    assert "2\u00a0pages." in page
    assert "Aucun antivirus ne l’a analysé." in page
    first, *others = links_of(page)
    assert len(others) == 2  # photos of a message stay photos

    file = opened(agent, first)
    assert (file.status_code, file.mimetype) == (200, "application/pdf")
    assert file.data.startswith(b"%PDF")
    for other in others:  # even a picture is saved, not shown
        assert opened(agent, other).headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in file.headers["Content-Security-Policy"]
    assert file.headers["X-Content-Type-Options"] == "nosniff"

    assert post(agent, f"/agent{thread}", (make_pdf(), "reponse.pdf"), body="Merci").status_code == 303
    answered = parent.get(thread).text
    assert "reponse.pdf" in answered
    assert opened(parent, links_of(answered)[-1]).status_code == 200


def test_a_stranger_learns_nothing_of_a_file_and_each_read_is_noted(
    cast: Cast, browser: Browser, sqlite_database: Database
) -> None:
    parent = browser("Léa")
    thread = write(parent, cast, (make_pdf(), "a.pdf")).location
    other = write(browser("Paul"), cast, (make_pdf(), "b.pdf")).location
    (mine,) = links_of(parent.get(thread).text)
    for name, url in (("Paul", mine), ("Omar", f"/agent{mine}"), ("Paul", mine.replace(thread, other))):
        assert browser(name).get(url).status_code == 404, name
    assert browser("Ida").get(f"/agent{mine}").status_code == 403
    assert opened(parent, mine).status_code == 200
    assert opened(browser("Anne"), f"/agent{mine}").status_code == 200
    with sqlite_database.transaction(read_only=True) as session:
        reads = session.scalars(select(JournalEntry).where(JournalEntry.action == "attachment.read")).all()
        assert [read.actor_label for read in reads] == ["Léa Martin", "Anne Martin"]
        written = session.scalars(select(JournalEntry).where(JournalEntry.action == "message.written")).all()
        assert len(written[0].details["attachments"]) == 1


def test_what_is_refused_is_said_and_neither_text_nor_good_files_are_lost(
    cast: Cast, browser: Browser, sqlite_database: Database
) -> None:
    parent = browser("Léa")
    refused = write(parent, cast, (make_pdf(), "bon.pdf"), (b"MZ\x90", "jeu.exe"), body="Un long texte déjà écrit")
    assert refused.status_code == 422
    assert "ne sont pas acceptés" in refused.text
    assert "Un long texte déjà écrit" in refused.text
    assert "bon.pdf" in refused.text
    assert (count(sqlite_database, Thread), count(sqlite_database, Attachment)) == (0, 0)
    with sqlite_database.transaction(read_only=True) as session:
        (noted,) = session.scalars(select(JournalEntry).where(JournalEntry.action == "attachment.refused"))
        assert noted.details == {"reason": "extension"}

    again = write(parent, cast, gardes=carried_in(refused.text))
    assert again.status_code == 303
    page = parent.get(again.location).text
    assert "bon.pdf" in page
    assert opened(parent, links_of(page)[0]).data.startswith(b"%PDF")


def test_files_wait_for_a_text_that_was_missing(cast: Cast, browser: Browser) -> None:
    parent = browser("Léa")
    refused = write(parent, cast, (make_pdf(), "bon.pdf"), body="")
    assert refused.status_code == 422
    assert len(carried_in(refused.text)) == 1


def test_a_kept_file_is_worth_something_to_its_owner_only_once_and_not_for_ever(cast: Cast, browser: Browser) -> None:
    parent = browser("Léa")
    (sealed,) = carried_in(write(parent, cast, (make_pdf(), "bon.pdf"), body="").text)
    stolen = write(browser("Paul"), cast, gardes=[sealed])
    assert stolen.status_code == 422
    assert attaching.LOST in stolen.text
    assert write(parent, cast, gardes=[sealed[:-2] + "xx"]).status_code == 422
    assert write(parent, cast, gardes=[sealed, sealed]).status_code == 303
    twice = write(parent, cast, gardes=[sealed])
    assert twice.status_code == 422
    assert operations.NOT_KEPT in twice.text
    assert carried_in(twice.text) == []
    (late,) = carried_in(write(parent, cast, (make_pdf(), "bon.pdf"), body="").text)
    with clock.frozen(clock.now() + timedelta(seconds=attaching.KEPT_SECONDS + 1)):
        assert write(browser("Léa"), cast, gardes=[late]).status_code == 422


def test_six_files_are_one_too_many_and_cost_nothing(cast: Cast, browser: Browser, sqlite_database: Database) -> None:
    refused = write(browser("Léa"), cast, *[(make_pdf(), f"{n}.pdf") for n in range(6)])
    assert refused.status_code == 422
    assert attaching.TOO_MANY in refused.text
    assert count(sqlite_database, UploadKey) == 0


def test_a_file_the_antivirus_knows_is_not_kept(
    cast: Cast, browser: Browser, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.documents import receiving
    from app.documents.antivirus import Verdict

    seen: list[bytes] = []

    def scan(data: bytes, _url: str) -> Verdict:
        seen.append(data)
        return Verdict("infected", "Eicar") if EICAR in data else Verdict("clean")

    monkeypatch.setattr(receiving, "scan", scan)
    refused = write(browser("Léa"), cast, (EICAR, "a.pdf"), (make_pdf(), "b.pdf"))
    assert refused.status_code == 422
    assert "programme dangereux" in refused.text
    assert len(seen) == 2
    page = browser("Léa").get(write(browser("Léa"), cast, (make_pdf(), "b.pdf")).location).text
    assert "Vérifié par l’antivirus." in page


def test_a_forged_or_foreign_post_keeps_nothing(cast: Cast, browser: Browser, sqlite_database: Database) -> None:
    parent = browser("Léa")
    thread = write(parent, cast).location
    before = count(sqlite_database, UploadKey)

    def sent(client: FlaskClient, url: str, token: str) -> int:
        data = {"csrf_token": token, "body": "B", "files": [(io.BytesIO(make_pdf()), "a.pdf")]}
        return client.post(url, data=data, content_type="multipart/form-data").status_code

    stranger, agent = browser("Paul"), browser("Omar")
    assert sent(parent, thread, "forged") == 400
    assert sent(stranger, thread, csrf_of(stranger.get(NEW).text)) == 404
    assert sent(agent, f"/agent{thread}", csrf_of(agent.get("/agent/messages").text)) == 404
    assert sent(agent, NEW, csrf_of(agent.get("/agent/messages").text)) == 404
    assert count(sqlite_database, UploadKey) == before


def test_a_message_refused_for_its_files_leaves_no_empty_thread(database: Database) -> None:
    """The operation says no; the view undoes what was begun, and the key is still the sweep's."""
    cast, taken = Cast(database), kept(database)
    with database.transaction() as session:
        operations.write_message(session, cast.actor("Paul"), structure_id=None, subject="S", body="B", files=[taken])
    with pytest.raises(Refused) as refusal, database.transaction() as session:
        operations.write_message(session, cast.actor("Léa"), structure_id=None, subject="S", body="B", files=[taken])
    assert refusal.value.field == "files"
    assert (count(database, Thread), count(database, Attachment)) == (1, 1)


def test_a_sent_file_outlives_the_sweep_and_goes_with_its_thread(
    cast: Cast, browser: Browser, sqlite_database: Database, tmp_path: Path
) -> None:
    settings = settings_for(sqlite_database.engine.url.render_as_string(hide_password=False), tmp_path)
    storage = storage_from_url(settings.storage_url)
    start = clock.now()
    write(browser("Léa"), cast, (make_pdf(), "a.pdf"))
    with sqlite_database.transaction(read_only=True) as session:
        (key,) = session.scalars(select(Attachment.key))

    def at(later: timedelta) -> None:
        with clock.frozen(start + later):
            retention.forget_threads(sqlite_database, settings)
            sweep(sqlite_database, settings)

    at(KEPT * 3)
    at(retention.KEEP_TALKS - timedelta(days=1))
    assert storage.exists(key)
    at(retention.KEEP_TALKS + timedelta(days=1))
    assert [count(sqlite_database, model) for model in (Thread, Message, Attachment)] == [0, 0, 0]
    assert storage.exists(key)  # the sweep waits, should the transaction have been undone
    at(retention.KEEP_TALKS + timedelta(days=1) + KEPT * 2)
    assert not storage.exists(key)
    assert count(sqlite_database, UploadKey) == 0


def test_notices_go_earlier_and_threads_of_a_demande_stay(database: Database, tmp_path: Path) -> None:
    cast = Cast(database)
    start, lea = clock.now(), cast.ids["Léa"]
    with database.transaction() as session:
        operations.notify(session, lea, "Une information", "Texte")
        operations.notify(session, lea, "Une demande", "Texte", new_id())
        operations.write_message(session, cast.actor("Léa"), structure_id=None, subject="Une question", body="B")
    settings = settings_for("sqlite://", tmp_path)
    for after, left in (
        (retention.KEEP_NOTICES - timedelta(days=1), {"Une information", "Une demande", "Une question"}),
        (retention.KEEP_NOTICES + timedelta(days=1), {"Une demande", "Une question"}),
        (retention.KEEP_TALKS + timedelta(days=1), {"Une demande"}),
    ):
        with clock.frozen(start + after):
            retention.forget_threads(database, settings)
        with database.transaction(read_only=True) as session:
            assert set(session.scalars(select(Thread.subject))) == left


def test_the_input_takes_several_files_and_says_which(cast: Cast, browser: Browser) -> None:
    page = browser("Léa").get(NEW).text
    field = re.search(r'<input[^>]*name="files"[^>]*>', page)
    assert field is not None
    assert "multiple" in field.group()
    assert ".heic" in field.group()
    assert 'enctype="multipart/form-data"' in page
