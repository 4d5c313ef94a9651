"""The pages of messages and mails, as each person meets them."""

from __future__ import annotations

import uuid

from app import clock
from app.db import Database, new_id
from app.messages import queries
from app.messages.mails import Mail
from app.messages.operations import write_message
from tests.messages.cast import Browser, Cast, csrf_of, send


def test_a_parent_writes_and_the_agent_of_that_school_answers(cast: Cast, browser: Browser) -> None:
    parent, agent = browser("Léa"), browser("Anne")
    assert "Aucun message pour le moment" in parent.get("/messages").text
    sent = send(
        parent, "/messages/nouveau", structure=str(cast.school.id), subject="Cantine <b>", body="Bonjour & merci\nLéa"
    )
    assert sent.status_code == 303
    thread = sent.location
    page = parent.get(thread).text
    assert "Votre message est envoyé." in page
    assert "Cantine &lt;b&gt;" in page
    assert "Bonjour &amp; merci" in page

    inbox = agent.get("/agent/messages").text
    assert "Cantine &lt;b&gt;" in inbox
    assert "Léa Martin" in inbox
    answered = send(agent, f"/agent{thread}", body="C’est noté.")
    assert answered.status_code == 303
    assert "Tout est répondu" in agent.get("/agent/messages").text
    assert "Cantine &lt;b&gt;" in agent.get("/agent/messages?vue=tous").text

    assert "1<span" in parent.get("/messages").text  # the badge
    assert "C’est noté." in parent.get(thread).text
    assert 'class="count"' not in parent.get("/messages").text


def test_what_is_wrong_is_said_on_the_field_and_nothing_typed_is_lost(cast: Cast, browser: Browser) -> None:
    parent = browser("Léa")
    refused = send(parent, "/messages/nouveau", structure="", subject="", body="Un long texte déjà écrit")
    assert refused.status_code == 422
    assert "Choisissez un service." in refused.text
    assert "Indiquez l’objet du message." in refused.text
    assert "Un long texte déjà écrit" in refused.text
    for service in ("pas-un-service", str(uuid.uuid4())):
        assert send(parent, "/messages/nouveau", structure=service, subject="S", body="B").status_code == 422


def test_a_form_without_its_token_is_refused(cast: Cast, browser: Browser) -> None:
    parent = browser("Léa")
    fields = {"structure": str(cast.school.id), "subject": "S", "body": "B"}
    assert parent.post("/messages/nouveau", data=fields).status_code == 400


def test_somebody_else_s_thread_does_not_exist(cast: Cast, browser: Browser, sqlite_database: Database) -> None:
    with sqlite_database.transaction() as session:
        thread = write_message(
            session, cast.actor("Léa"), structure_id=cast.school.id, subject="Secret", body="Personnel"
        )
    for name, url in (
        ("Paul", f"/messages/{thread.id}"),
        ("Omar", f"/agent/messages/{thread.id}"),
        ("Léa", f"/agent/messages/{thread.id}"),
        ("Anne", f"/messages/{thread.id}"),
        ("Anne", "/admin/courriels"),
        ("Léa", f"/messages/{uuid.uuid4()}"),
    ):
        answer_page = browser(name).get(url)
        assert (name, url, answer_page.status_code) == (name, url, 404)
        assert "Personnel" not in answer_page.text
    assert browser("Ida").get("/agent/messages").status_code == 403
    assert "Personnel" in browser("Anne").get(f"/agent/messages/{thread.id}").text


def test_a_page_fetched_ahead_by_a_browser_leaves_the_message_unread(
    cast: Cast, browser: Browser, sqlite_database: Database
) -> None:
    with sqlite_database.transaction() as session:
        thread = write_message(session, cast.actor("Léa"), structure_id=cast.school.id, subject="S", body="B")
    agent = browser("Anne")
    agent.get(f"/agent/messages/{thread.id}", headers={"Sec-Purpose": "prefetch"})
    with sqlite_database.transaction(read_only=True) as session:
        assert queries.messages_of(session, thread.id)[0].read_at is None
    agent.get(f"/agent/messages/{thread.id}")
    with sqlite_database.transaction(read_only=True) as session:
        assert queries.messages_of(session, thread.id)[0].read_at is not None


def test_an_agent_writes_to_a_family_in_the_name_of_his_school_only(cast: Cast, browser: Browser) -> None:
    agent = browser("Anne")
    url = f"/agent/messages/nouveau?famille={cast.ids['Léa']}"
    page = agent.get(url).text
    assert "Écrire à Léa Martin" in page
    assert "École A" in page
    assert "École B" not in page
    assert send(agent, url, structure=str(cast.other.id), subject="S", body="B").status_code == 422
    assert send(agent, url, structure=str(cast.school.id), subject="Sortie", body="Demain").status_code == 303
    assert "Sortie" in browser("Léa").get("/messages").text
    for other in (f"?famille={cast.ids['Omar']}", f"?famille={uuid.uuid4()}", "", "?famille=x"):
        assert agent.get(f"/agent/messages/nouveau{other}").status_code == 404


def make_mail(database: Database, **changes: object) -> uuid.UUID:
    values: dict[str, object] = {
        "id": new_id(),
        "fact_id": new_id(),
        "kind": "test.letter",
        "position": 0,
        "message_id": f"<{uuid.uuid4()}@example.org>",
        "recipient": "lea@example.org",
        "subject": "Votre lien <i>",
        "body": "Ouvrez http://localhost/compte/abc.\n<script>",
        "state": "held",
        "created_at": clock.now(),
        **changes,
    }
    with database.transaction() as session:
        session.add(Mail(**values))
    found = values["id"]
    assert isinstance(found, uuid.UUID)
    return found


def test_an_administrator_reads_the_mails_and_follows_their_links(
    cast: Cast, browser: Browser, sqlite_database: Database
) -> None:
    mail_id = make_mail(sqlite_database)
    admin = browser("Ida")
    page = admin.get("/admin/courriels").text
    assert "Gardé ici" in page
    assert "Votre lien &lt;i&gt;" in page
    assert "ils sont gardés dans cette page" in page
    opened = admin.get(f"/admin/courriels/{mail_id}").text
    assert '<a href="http://localhost/compte/abc" rel="noreferrer">' in opened
    assert "&lt;script&gt;" in opened
    assert "Renvoyer" not in opened
    assert "Votre lien" not in admin.get("/admin/courriels?etat=failed").text
    assert "Votre lien" in admin.get("/admin/courriels?etat=nonsense&destinataire=lea").text
    assert admin.get(f"/admin/courriels/{uuid.uuid4()}").status_code == 404


def test_an_administrator_sends_a_failed_mail_again_once(
    cast: Cast, browser: Browser, sqlite_database: Database
) -> None:
    mail_id = make_mail(sqlite_database, state="failed", error="destinataire refusé (550)", attempts=1)
    admin = browser("Ida")
    listed = admin.get("/admin/courriels").text
    assert "En échec" in listed
    assert "destinataire refusé (550)" in listed
    page = admin.get(f"/admin/courriels/{mail_id}").text
    token = {"csrf_token": csrf_of(page)}
    assert admin.post(f"/admin/courriels/{mail_id}/relancer", data=token).status_code == 303
    assert "À envoyer" in admin.get(f"/admin/courriels/{mail_id}").text
    assert admin.post(f"/admin/courriels/{mail_id}/relancer", data=token).status_code == 409


def test_a_text_that_was_not_kept_is_explained(cast: Cast, browser: Browser, sqlite_database: Database) -> None:
    mail_id = make_mail(sqlite_database, state="sent", body="", sensitive=True)
    assert "son texte n’est pas conservé" in browser("Ida").get(f"/admin/courriels/{mail_id}").text
