"""A whole démarche of hostile words, in its diagram, its forms, its settings, its scenarios and all that people write
about it: every page of the studio, of families and of agents, each mail and the PDF show them as words."""

from __future__ import annotations

import hashlib
import io
import json
import re
import uuid
from xml.sax.saxutils import quoteattr

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from app.cases.queries import Who, open_tasks
from app.engine.bundle import Bundle
from app.messages.mails import Mail
from app.policy import SYSTEM
from app.procedures.operations import publish
from app.studio import drafts
from app.studio.changes.settings_file import STATUSES
from app.studio.checks import verify_draft
from app.studio.models import Tryout
from app.studio.settings_file import rewritten
from tests.rules.cast import draft, letter, person, send
from tests.rules.conftest import Living
from tests.rules.source import ROOT
from tests.security.test_stored_scripts import HOSTILE, judged
from workers.treatment import treat_due

#: What no setting may hold: a name between braces that is not a variable.
PLAIN = HOSTILE.replace("{{7*7}}", "")
FORM_WORDS = frozenset({"title", "label", "help", "text", "submit_label", "required_message", "unit", "row_label"})
#: Words that may be only so long.
SHORT = {"submit_label": 60, "unit": 30, "row_label": 80}
SAID = "alert('zut')"
HERE = "/admin/demarches/contact"
PAGES = (
    "diagramme", "formulaires", "formulaires/message", "formulaires/message?champ=0", "formulaires/message?champ=0.0",
    "formulaires/message?champ=formulaire", "formulaires/reponse?champ=0.0",
    "formulaires/message/suppression?champ=0.0",
    "reglages", "reglages/depot", "reglages/instruction", "reglages/messages", "reglages/messages/clos",
    "reglages/fichier", "scenarios", "scenarios/essai", "scenarios/recit/avec-compte", "verification", "publication",
    "versions", "versions/1", "versions/2", "dossiers", "dossiers/liste?etape=prendre_en_charge", "dossiers/migrations",
    "tables", "brouillon/abandon",
)  # fmt: skip


def hostile(name: str = HOSTILE) -> Bundle:
    """« Écrire à la mairie », every word of it turned into a script."""
    files = dict(Bundle.from_folder(ROOT / "workflows/contact").files)
    files["process.bpmn"] = _drawn(files["process.bpmn"].decode(), name).encode()
    for path in [path for path in files if path.startswith("forms/")]:
        files[path] = json.dumps(_worded(json.loads(files[path]), name)).encode()
    files["demarche.toml"] = _settled(files["demarche.toml"])
    for path in [path for path in files if path.startswith("scenarios/")]:
        files[path] = re.sub(r"titre = .*", lambda _: f"titre = {json.dumps(name)}", files[path].decode()).encode()
    return Bundle(files)


def _drawn(xml: str, name: str) -> str:
    """Every name of the drawing, but those of lanes, which are roles, and of messages, which are the portal's; with a
    help text for each person's step."""
    made = re.sub(
        r"(<bpmn:(?!lane |message )\w+ [^>]*?\bname=)\"[^\"]*\"", lambda match: match[1] + quoteattr(name), xml
    )
    helped = f'<spiffworkflow:property name="aide" value={quoteattr(name)}/>'
    made = made.replace('<spiffworkflow:property name="form"', f'{helped}<spiffworkflow:property name="form"')
    assert made.count(quoteattr(name)) >= 12
    return made


def _worded(part: object, name: str) -> object:
    if isinstance(part, dict):
        return {
            key: name[: SHORT.get(key)] if key in FORM_WORDS and isinstance(value, str) else _worded(value, name)
            for key, value in part.items()
        }
    return [_worded(one, name) for one in part] if isinstance(part, list) else part


def _settled(raw: bytes) -> bytes:
    """The words of the settings: those of the catalogue, those of each status, those of each mail."""
    told = dict.fromkeys(("titre", "resume", "duree", "delai", "service"), PLAIN)
    told |= {f"suite.{status}": PLAIN for status in STATUSES}
    told |= {f"notifications.{status}.{part}": PLAIN for status in STATUSES for part in ("objet", "texte")}
    return rewritten(raw, {**told, "pieces": [PLAIN]})


@pytest.fixture
def town(living: Living) -> tuple[Living, uuid.UUID]:
    """The démarche published twice, a demande taken in charge, and a draft about which much was written."""
    with living.database.transaction() as session:
        publish(session, SYSTEM, "contact", hostile("Avant"), HOSTILE)
    with living.database.transaction() as session:
        publish(session, SYSTEM, "contact", hostile(), HOSTILE)
    owner = Who(person(living.database, living.cast.accounts["owner"]))
    case_id = draft(living.database, owner, "contact", letter())
    send(living.database, owner, case_id, letter())
    _draft(living)
    return living, case_id


def _draft(living: Living) -> None:
    admin = person(living.database, living.cast.accounts["admin"])
    with living.database.transaction() as session:
        made = drafts.open_draft(session, admin, "contact")
        changed = {"scenarios/avec-compte.toml": f'titre = {json.dumps(HOSTILE)}\n\n[[etapes]]\nfaire = "x"\n'.encode()}
        drafts.save_files(session, admin, "contact", changed, made.revision)
    with living.database.transaction() as session:
        made = drafts.the_draft(session, "contact")
        draft_id = made.id
        told = {"path": "scenarios/avec-compte.toml", "title": HOSTILE, "passed": False, "message": HOSTILE}
        made.scenario_report = {"stories": [told], "coverage": {"saisir": 0}, "uncovered": {"saisir": HOSTILE}}
        made.scenario_revision, made.approval_refusal, made.note = made.revision, HOSTILE, HOSTILE
        mark = {
            "sha256": hashlib.sha256(drafts.files_of(made)["scenarios/avec-compte.toml"]).hexdigest(),
            "reason": HOSTILE,
            "by": HOSTILE,
            "at": "1er mai",
        }
        made.obsolete_stories = {"scenarios/avec-compte.toml": mark}
        session.add(_tried(draft_id, living.cast.accounts["admin"], made.revision))
    verify_draft(living.database, draft_id)


def _tried(draft_id: uuid.UUID, account_id: uuid.UUID, revision: int) -> Tryout:
    """A try-out in which every word that was seen is hostile."""
    seen = {"refused": HOSTILE, "status": "en_attente", "nodes": [], "mails": [[PLAIN, HOSTILE]], "ended": False}
    waiting = {
        "node": "saisir", "name": HOSTILE, "help": HOSTILE, "lane": "famille", "family": True, "due": "",
        "form": "message", "known": {"objet": HOSTILE}, "only": None, "sources": {},
    }  # fmt: skip
    sight = {
        "seen": [{**seen, "at": "2026-11-20T08:30:00+00:00"}], "waiting": [waiting], "messages": [], "problem": "",
        "status": "en_attente", "now": "2026-11-20T08:30:00+00:00", "next": HOSTILE, "reason": HOSTILE,
        "sent": [{"title": HOSTILE, "lines": [[HOSTILE, [[HOSTILE, HOSTILE, "objet"]]]]}],
        "typed": {"saisir": {"values": {"texte": HOSTILE}, "page": 0}},
    }  # fmt: skip
    acts = [{"do": "saisir", "label": HOSTILE}]
    return Tryout(
        draft_id=draft_id,
        account_id=account_id,
        revision=revision,
        acts=acts,
        sight=sight,
        updated_at=drafts.clock.now(),
    )


def clean(living: Living, persona: str, path: str) -> bool:
    """Opens a page and judges it; whether it shows a hostile word."""
    answer = living.client(persona).get(path)
    assert answer.status_code == 200, path
    page = judged(answer.text)
    assert page.faults == [], path
    assert "<img src=x" not in re.sub(r'"[^"]*"', "", answer.text), path
    return SAID in " ".join(page.said)


def test_every_page_of_the_studio_shows_them_as_words(town) -> None:
    living, _ = town
    shown = {page for page in PAGES if clean(living, "admin", f"{HERE}/{page}")}
    # what holds only codes, numbers and our own words
    assert set(PAGES) - shown <= {"dossiers/migrations", "dossiers/liste?etape=prendre_en_charge"}
    assert clean(living, "admin", "/admin/demarches")
    # a page with the draft and its words, to somebody who only reads it
    clean(living, "admin", "/admin/journal")


def test_families_agents_and_visitors_read_words(town) -> None:
    living, case_id = town
    with living.database.transaction(read_only=True) as session:
        waiting = open_tasks(session, case_id)[0]
        assert waiting.node == "prendre_en_charge"
    for persona, path in (
        ("visitor", "/"),
        ("visitor", "/demarches/contact"),
        ("owner", "/demandes/nouvelle/contact"),
        ("owner", f"/demandes/{case_id}"),
        ("owner", "/demandes"),
        ("manager", "/agent/taches"),
        ("manager", f"/agent/demandes/{case_id}"),
    ):
        assert clean(living, persona, path), path
    taken = living.post("manager", f"/agent/demandes/{case_id}/etapes/{waiting.id}")
    assert taken.status_code == 302
    assert clean(living, "manager", f"/agent/demandes/{case_id}")
    assert clean(living, "owner", f"/demandes/{case_id}")


def test_mails_and_the_receipt_say_words(town) -> None:
    living, case_id = town
    treat_due(living.database, living.settings)
    with living.database.transaction(read_only=True) as session:
        mails = [(mail.id, mail.subject, mail.body) for mail in session.scalars(select(Mail)) if SAID in mail.body]
    assert mails
    for mail_id, subject, _ in mails:
        assert "\n" not in subject
        assert "\r" not in subject
        assert clean(living, "admin", f"/admin/courriels/{mail_id}")
    receipt = living.client("owner").get(f"/demandes/{case_id}/accuse-reception.pdf")
    assert receipt.status_code == 200
    text = re.sub(r"\s+", "", " ".join(page.extract_text() for page in PdfReader(io.BytesIO(receipt.data)).pages))
    assert "<script>alert(" in text
    assert "#read(" in text
    assert "/JavaScript" not in receipt.data.decode("latin-1")


def test_a_data_block_cannot_be_left(town) -> None:
    """The editor's data hold the whole diagram: no word of it closes the block that holds them."""
    living, _ = town
    for page in ("diagramme", "scenarios"):
        blocks = re.findall(
            r'<script type="application/json">(.*?)</script>', living.client("admin").get(f"{HERE}/{page}").text, re.S
        )
        assert [SAID in json.dumps(json.loads(block), ensure_ascii=False) for block in blocks] == [True] * len(blocks)
        assert blocks, page
