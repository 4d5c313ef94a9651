"""A démarche is data that an administrator sends: its names are words, its links lead where links may."""

from __future__ import annotations

import json
from xml.sax.saxutils import quoteattr

import pytest

from app.cases.queries import Who, open_tasks
from app.engine.bundle import Bundle
from app.policy import SYSTEM
from app.procedures.operations import publish
from forms import DefinitionError, load_definition
from tests.rules.cast import draft, letter, person, send
from tests.rules.conftest import Living
from tests.rules.source import ROOT
from tests.security.test_stored_scripts import HOSTILE, judged

JAVASCRIPT = ("javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "java\tscript:x")
WORDS = frozenset({"title", "label", "help", "text"})


def hostile_contact() -> Bundle:
    """« Écrire à la mairie » with every name, title, label and help turned into a script."""
    files = dict(Bundle.from_folder(ROOT / "workflows/contact").files)
    diagram = files["process.bpmn"].decode()
    for name in ("Répondre", "Écrire le message", "Prendre en charge", "Réponse envoyée"):
        assert f'name="{name}"' in diagram
        diagram = diagram.replace(f'name="{name}"', f"name={quoteattr(HOSTILE)}")
    files["process.bpmn"] = diagram.encode()
    for path in [path for path in files if path.startswith("forms/")]:
        files[path] = json.dumps(_worded(json.loads(files[path]))).encode()
    settings = files["demarche.toml"].decode()
    files["demarche.toml"] = settings.replace('"Écrire à la mairie"', json.dumps(HOSTILE)).encode()
    return Bundle(files)


def _worded(part: object) -> object:
    if isinstance(part, dict):
        return {
            key: HOSTILE if key in WORDS and isinstance(value, str) else _worded(value) for key, value in part.items()
        }
    return [_worded(one) for one in part] if isinstance(part, list) else part


def test_names_of_a_diagram_and_of_a_form_are_words_on_every_page(living: Living) -> None:
    owner = Who(person(living.database, living.cast.accounts["owner"]))
    bundle = hostile_contact()
    with living.database.transaction() as session:
        publish(session, SYSTEM, "contact", bundle, HOSTILE)
    begun = draft(living.database, owner, "contact", {})
    sent = draft(living.database, owner, "contact", letter())
    send(living.database, owner, sent, letter())
    with living.database.transaction(read_only=True) as session:
        step = open_tasks(session, begun)[0].id
    shown = 0
    for persona, path in (
        ("visitor", "/"),
        ("visitor", "/demarches/contact"),
        ("owner", f"/demandes/{begun}/etapes/{step}"),
        ("owner", f"/demandes/{begun}/etapes/{step}?page=verification"),
        ("owner", f"/demandes/{sent}"),
        ("owner", "/demandes"),
        ("manager", "/agent/taches"),
        ("manager", f"/agent/demandes/{sent}"),
        ("admin", "/admin/demarches"),
        ("admin", "/admin/demarches/contact/diagramme"),
        ("admin", "/admin/demarches/contact/versions"),
    ):
        answer = living.client(persona).get(path)
        assert answer.status_code == 200, path
        page = judged(answer.text)
        assert page.faults == [], path
        shown += "alert('zut')" in " ".join(page.said)
    assert shown == 11


@pytest.mark.parametrize("link", JAVASCRIPT)
def test_a_form_leads_nowhere_else(link: str) -> None:
    field = {"type": "consent", "name": "cgu", "label": "J’accepte", "link": {"url": link, "label": "Lire"}}
    with pytest.raises(DefinitionError):
        load_definition({"title": "Essai", "pages": [{"title": "Page", "fields": [field]}]})


@pytest.mark.parametrize("link", JAVASCRIPT)
@pytest.mark.parametrize("name", ["accessibility_scheme_url", "accessibility_plan_url", "website"])
def test_a_setting_leads_nowhere_else(name: str, link: str, living: Living) -> None:
    section = "commune" if name == "website" else "accessibilite"
    answer = living.post("admin", f"/admin/reglages/{section}", {name: link})
    assert answer.status_code == 422
    page = living.client("visitor").get("/accessibilite").text + living.client("visitor").get("/mentions-legales").text
    assert f'href="{link}"' not in page
