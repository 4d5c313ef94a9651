"""What people typed is shown as they typed it and never run: every text of the database is hostile here."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pypdf import PdfReader
from sqlalchemy import String, Text, cast, select, update
from sqlalchemy.orm import Session

from app import clock
from app.accounts.operations import forgotten_password
from app.cases.models import Answer, Draft
from app.db import Base, Database, new_id
from app.engine.models import Incident
from app.messages.mails import Mail
from app.outbox import emit
from app.town.queries import forget_all
from tests.rules.cast import KEY, Cast, email_of
from tests.rules.conftest import Living, copy_of
from tests.rules.walk import Answer as Seen
from tests.rules.walk import _ask, client_of, rehearsal_of, routes
from workers.treatment import treat_due

HOSTILE = (
    "\"><img src=x onerror=alert(1)><script>alert('zut')</script>{{7*7}}' javascript:alert(1) #read(\"x\") $1$ *g* é"
)
#: Columns that people fill, by table. Codes, states and keys that the program compares are not theirs to fill.
TYPED: dict[str, str] = {
    "accounts": "civility first_name last_name capacity phone",
    "activities": "label",
    "age_groups": "label",
    "adults": "civility first_name last_name birth_name mobile work_phone email profession employer street "
    "address_extra postal_code city",
    "answers": "title by_label",
    "attachments": "filename",
    "bookings": "answer",
    "case_migrations": "reference cause",
    "cases": "title subject owner_name email reason reference",
    "child_health": "allergy_note meal_note doctor_name",
    "custody_calendars": "source",
    "pickup_persons": "first_name last_name source",
    "children": "first_name last_name level",
    "closures": "words",
    "commune": "name address phone email opening_hours service_name welcome publication_director host legal_notice "
    "terms_of_use privacy_notice dpo_name dpo_email dpo_phone dpo_address accessibility_auditor accessibility_failures "
    "accessibility_derogations accessibility_exemptions accessibility_contact postal_code",
    "documents": "filename reason reviewed_by",
    "guardianships": "source",
    "household_changes": "old new by_label",
    "households": "label street address_extra postal_code city phone caf_number qf_source",
    "incidents": "node_name reference cause",
    "journal_entries": "actor_label action object_type",
    "login_sessions": "user_agent",
    "mails": "recipient subject body error",
    "messages": "author_label body",
    "piece_requests": "message asked_by",
    "piece_types": "label help",
    "migration_batches": "created_by",
    "procedure_draft_readers": "label",
    "procedure_drafts": "title holder_label previous_label saved_by note approval_asked_label approval_refusal",
    "procedure_versions": "note published_by approved_by",
    "procedures": "title summary",
    "roles": "label description",
    "shipped_procedures": "declined_by",
    "structures": "name address phone email opening_hours",
    "tasks": "title case_title subject reference closed_by",
    "threads": "subject last_author excerpt",
    "absences": "reason_text declared_by_label",
}  # fmt: skip
READERS = ("visitor", "owner", "otherparent", "manager", "director", "admin")


class Page(HTMLParser):
    """The elements that a browser would make of a page, and what among them would run something."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if any(name.startswith("on") or name == "style" for name in given):
            self.faults.append(f"<{tag} {given}>")
        # a JSON block is data, which no browser runs
        if (
            tag == "script"
            and not given.get("src", "").startswith("/static/")
            and given != {"type": "application/json"}
        ):
            self.faults.append(f"<script {given}>")
        if tag == "img" and given.get("src") == "x":
            self.faults.append("<img src=x>")
        for name in ("href", "src", "action", "formaction", "data"):
            if re.match(r"\s*(javascript|data|vbscript):", given.get(name, ""), re.I) and tag != "img":
                self.faults.append(f"<{tag} {name}={given[name]}>")
        self.said += given.values()

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def judged(html: str) -> Page:
    page = Page()
    page.feed(html)
    return page


def poison(session: Session, cast_: Cast) -> None:
    """Every text that people fill becomes hostile."""
    filed = {"case_id": cast_.ids["filed"], "task_id": cast_.ids["filed-task"], "node": "x"}
    words = {"node_name": "", "reference": "", "cause": ""}
    session.add(Incident(id=new_id(), **filed, **words, attempts=1, opened_at=clock.now(), resolved_at=None))
    session.flush()
    for table in Base.metadata.sorted_tables:
        for name in TYPED.get(table.name, "").split():
            column = table.c[name]
            # unique columns keep what tells their rows apart
            value = cast(column, Text) + HOSTILE if column.unique or name == "reference" else HOSTILE
            session.execute(update(table).values({name: value}))
    for answer in session.scalars(select(Answer)):
        answer.summary = [[HOSTILE, [[HOSTILE, HOSTILE, line[2]] for line in page[1]]] for page in answer.summary]
        answer.values = {
            name: HOSTILE if isinstance(value, str) and " " in value else value for name, value in answer.values.items()
        }
    for draft in session.scalars(select(Draft)):
        draft.values = {
            **draft.values,
            "objet": HOSTILE,
            "texte": HOSTILE,
            "prenom": HOSTILE,
            "autre_precision": HOSTILE,
        }


@pytest.fixture(scope="module")
def poisoned(cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    living = copy_of(cast, tmp_path_factory.mktemp("poison"))
    with living.database.transaction() as session:
        poison(session, living.cast)
    forget_all()
    yield living
    living.database.dispose()
    forget_all()


def pages(living: Living, persona: str) -> list[Seen]:
    app, database = rehearsal_of(living.cast)
    seen = [_ask(app, living.cast, persona, rule, method, "") for rule, method in routes(app)]
    database.dispose()
    return [answer for answer in seen if answer.page]


@pytest.mark.parametrize("persona", READERS)
def test_no_page_runs_what_people_typed(persona: str, poisoned: Living) -> None:
    """Pages, and what comes back of an empty form on each of them."""
    shown, literal = 0, 0
    for answer in pages(poisoned, persona):
        page = judged(answer.page)
        assert answer.status < 500, f"{answer.method} {answer.path}"
        assert page.faults == [], f"{answer.method} {answer.path}"
        text = " ".join(page.said)
        shown += "alert('zut')" in text
        literal += "{{7*7}}" in text
        assert "<script>alert" not in answer.page
    assert shown >= 20
    assert literal == shown


#: Tables of codes, keys and digests, which nobody types.
CODES = frozenset(
    {
        *("attempts", "bundles", "chores", "commune_logo", "instances", "journal_head", "outbox", "subscriptions"),
        *("timers", "upload_keys", "account_tokens", "family_words", "grants", "recovery_codes", "task_keys"),
        *(
            "attendance_marks",
            "authorisations",
            "child_vaccinations",
            "booking_events",
            "calendar_feeds",
            "drafts",
            "enrolments",
            "previews",
            "migration_mappings",
            "procedure_scenario_runs",
        ),
    }
)


def test_every_table_that_people_fill_is_hostile_here() -> None:
    """A new table of words joins the list, or those of codes."""
    worded = {
        table.name for table in Base.metadata.sorted_tables if any(isinstance(c.type, String) for c in table.columns)
    }
    assert worded - set(TYPED) == CODES


def test_the_acknowledgement_prints_it_as_words(poisoned: Living) -> None:
    app, database = rehearsal_of(poisoned.cast)
    answer = client_of(app, poisoned.cast, "owner").get(f"/demandes/{poisoned.cast.ids['filed']}/accuse-reception.pdf")
    assert answer.status_code == 200
    reader = PdfReader(io.BytesIO(answer.data))
    text = re.sub(r"\s+", "", " ".join(page.extract_text() for page in reader.pages))
    assert "<script>alert(" in text
    assert "#read(" in text
    assert "{{7*7}}" in text
    assert "/JavaScript" not in answer.data.decode("latin-1")
    database.dispose()


def test_a_mail_says_it_as_words_on_one_subject_line(poisoned: Living, tmp_path: Path) -> None:
    living = copy_of(poisoned.cast, tmp_path)
    with living.database.transaction() as session:
        forgotten_password(session, KEY, email_of("Séraphine"), "127.0.0.1")
        emit(session, "case.status_changed", case_id=str(living.cast.ids["taken"]), status="traitement")
    before = mails(living.database)
    treat_due(living.database, living.settings)
    written = [mail for mail in mails(living.database) if mail.id not in {old.id for old in before}]
    assert written != []
    assert all("\n" not in mail.subject and "\r" not in mail.subject for mail in written)
    page = living.client("admin").get(f"/admin/courriels/{written[0].id}")
    assert judged(page.text).faults == []
    living.database.dispose()


def mails(database: Database) -> list[Mail]:
    with database.transaction(read_only=True) as session:
        return list(session.scalars(select(Mail)))


# -- the guard can fail ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "html",
    [
        "<p><img src=x onerror=alert(1)>", "<script>alert(1)</script>", "<a href='javascript:alert(1)'>x</a>",
        "<a href=' JavaScript:alert(1)'>x</a>", "<p style='x'>", "<form action='data:text/html,x'>", "<svg onload=x>",
    ],
)  # fmt: skip
def test_what_would_run_is_found(html: str) -> None:
    assert judged(html).faults != []
    assert judged("<p title='&lt;img onerror=x&gt;'>&lt;script&gt;<a href='/javascript'>x</a>").faults == []
