"""The tab « Scénarios » over HTTP: list, text, copy, removal, setting aside; what hostile words become."""

from __future__ import annotations

from app.db import Database
from app.studio import drafts, stories
from app.studio.models import ScenarioRun
from tests.cases.making import SLUG
from tests.studio.making import make_studio
from tests.studio.test_pages import HOSTILE, open_draft, revision, signed

HERE = f"/admin/demarches/{SLUG}/scenarios"
TEXT = 'titre = "Une demande"\n\n[[etapes]]\nfaire = "saisir"\n'


def begun(new_client, database: Database):
    studio = make_studio(database)
    client = signed(new_client, database, studio.iris)
    open_draft(client)
    answer = client.post(HERE, data={"title": "Une demande", "revision": revision(database)})
    assert answer.status_code == 303, answer.text
    assert answer.headers["Location"] == f"{HERE}/recit/une-demande"
    return studio, client


def send(client, database: Database, what: str, **data: str):
    return client.post(f"{HERE}/recit/{what}", data={"revision": str(revision(database)), **data})


def judged(database: Database, *, passed: bool, message: str) -> None:
    with database.transaction() as session:
        draft = drafts.the_draft(session, SLUG)
        told = {"path": "scenarios/une-demande.toml", "title": "x", "passed": passed, "message": message}
        report = {"stories": [told], "coverage": {"saisir": 0}, "uncovered": {"saisir": HOSTILE}}
        stories.store(session, draft.id, draft.revision, report)


def test_a_story_is_written_copied_and_removed(new_client, database) -> None:
    _, client = begun(new_client, database)
    assert send(client, database, "une-demande", text=TEXT).status_code == 303
    refused = send(client, database, "une-demande", text="titre = \n")
    assert refused.status_code == 422
    assert "ne se lit pas" in refused.text
    assert "titre = \n" in refused.text, "nothing typed is lost"
    assert send(client, database, "une-demande/copie").headers["Location"].endswith("une-demande-copie")
    assert send(client, database, "une-demande-copie/suppression").status_code == 303
    assert client.get(f"{HERE}/recit/une-demande-copie").status_code == 404
    assert client.get(f"{HERE}/recit/..%2Fprocess").status_code == 404
    assert client.post(f"{HERE}/recit/une-demande", data={"text": TEXT, "revision": "1"}).status_code == 409


def test_a_failing_story_is_told_and_set_aside_with_a_reason(new_client, database) -> None:
    _, client = begun(new_client, database)
    judged(database, passed=False, message=f"étape 1 : {HOSTILE}")
    page = client.get(HERE).text
    assert "Échoue" in page
    assert "Jamais parcouru" in page
    assert HOSTILE not in page
    assert "Les scénarios empêchent de publier" in client.get(f"/admin/demarches/{SLUG}/publication").text
    assert send(client, database, "une-demande/ecarter", reason="").status_code == 422
    assert send(client, database, "une-demande/ecarter", reason="L’étape n’existe plus.").status_code == 303
    told = client.get(f"/admin/demarches/{SLUG}/publication").text
    assert "L’étape n’existe plus." in told
    assert "Les scénarios empêchent de publier" not in told
    assert send(client, database, "une-demande/reprendre").status_code == 303
    assert "Les scénarios empêchent de publier" in client.get(f"/admin/demarches/{SLUG}/publication").text


def test_progress_is_shown_and_the_page_follows(new_client, database) -> None:
    _, client = begun(new_client, database)
    assert client.post(f"{HERE}/jouer").status_code == 303
    with database.transaction() as session:
        run = session.get_one(ScenarioRun, drafts.the_draft(session, SLUG).id)
        run.done, run.total = 3, 7
    page = client.get(HERE).text
    assert "3 sur 7" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "HX-Refresh" not in client.get(f"{HERE}/avancement").headers
    with database.transaction() as session:
        session.get_one(ScenarioRun, drafts.the_draft(session, SLUG).id).state = "done"
    assert client.get(f"{HERE}/avancement").headers["HX-Refresh"] == "true"


def test_whoever_does_not_hold_the_draft_reads(new_client, database) -> None:
    studio, _ = begun(new_client, database)
    other = signed(new_client, database, studio.omar)
    assert "<textarea" not in other.get(f"{HERE}/recit/une-demande").text
    assert send(other, database, "une-demande", text=TEXT).status_code == 409
    assert signed(new_client, database, studio.nadia).get(HERE).status_code in (403, 404)
