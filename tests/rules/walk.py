"""Every route asked by every persona, and what was seen on the way: answers, headers, files and sockets, log lines.

Nothing that a request does is kept: the walk reads the same database from the first route to the last, in any order.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import event
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from app import clock, create_app, journal, outbox
from app.db import Database
from app.engine import instances
from app.web.requests import Portal
from tests.rules.cast import VISITOR_TOKEN, VISITORS, Cast, settings_of

CSRF = "0" * 40
RULES_DIR = Path(__file__).parent
APP = Path(__file__).resolve().parents[2] / "app"


class Rehearsal(Database):
    """A database where nothing is ever committed: each transaction does all its work, and is forgotten."""

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Session]:
        with super().transaction(read_only=read_only) as session:
            session.commit = session.rollback  # type: ignore[method-assign]  # that is the point of a rehearsal
            yield session


# -- what must not happen while a transaction is open ----------------------------------------------------------------


class Watch(threading.local):
    """What this thread did while a transaction was open; inert unless ``on``."""

    on = False
    depth = 0

    def __init__(self) -> None:
        self.seen: list[str] = []


watch = Watch()
_WRITES = ("w", "a", "x", "+")
_FORBIDDEN = ("socket.connect", "subprocess.Popen", "os.remove", "os.rename", "os.mkdir", "os.posix_spawn", "os.fork")


def _audit(name: str, details: tuple[Any, ...]) -> None:
    if not watch.on or not watch.depth:
        return
    if name == "open":
        path, mode = str(details[0]), details[1] or ""
        if not any(letter in mode for letter in _WRITES) or path.endswith(".pyc") or "__pycache__" in path:
            return
        note(f"open {path} ({mode})")
    elif name in _FORBIDDEN:
        note(f"{name} {details[:1]!r}")


def note(what: str) -> None:
    """Notes a thing done now, with the line of ours that did it; only what happens inside a transaction counts."""
    if watch.on and watch.depth:
        frames = [f for f in traceback.extract_stack() if str(APP) in f.filename]
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        watch.seen.append(f"{what} at {where}")


_hooked = False


@contextmanager
def watching(database: Database) -> Iterator[list[str]]:
    """What happens meanwhile in this thread inside a transaction of ``database``: files, sockets, programs, PDF."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked = True
    watch.on, watch.seen, watch.depth = True, [], 0

    def begin(_connection: Any) -> None:
        watch.depth += 1

    def end(_connection: Any) -> None:
        watch.depth = max(0, watch.depth - 1)

    engine = database.engine
    event.listen(engine, "begin", begin)
    event.listen(engine, "commit", end)
    event.listen(engine, "rollback", end)
    try:
        with _pdf_noted():
            yield watch.seen
    finally:
        watch.on = False
        event.remove(engine, "begin", begin)
        event.remove(engine, "commit", end)
        event.remove(engine, "rollback", end)


@contextmanager
def _pdf_noted() -> Iterator[None]:
    """Typst and pikepdf write no file and open no socket: their entry points say when they are called."""
    import pikepdf
    import typst

    originals = [(typst, "compile", typst.compile), (pikepdf.Pdf, "open", pikepdf.Pdf.open)]
    for owner, name, real in originals:
        setattr(owner, name, _noting(f"{owner.__name__}.{name}", real))
    try:
        yield
    finally:
        for owner, name, real in originals:
            setattr(owner, name, real)


def _noting(label: str, real: Any) -> Any:
    def called(*args: Any, **kwargs: Any) -> Any:
        note(label)
        return real(*args, **kwargs)

    return called


# -- addresses -------------------------------------------------------------------------------------------------------

#: What fills the parameters of each endpoint; a word alone is the name of an id of the cast.
BY_NAME: dict[str, str] = {
    "household_id": "household",
    "child_id": "child",
    "adult_id": "adult",
    "person_id": "blocked",
    "thread_id": "thread",
    "attachment_id": "attachment",
    "mail_id": "mail",
    "document_id": "document",
    "request_id": "request",
    "account_id": "agent",
    "grant_id": "grant",
    "session_id": "session",
    "structure_id": "school",
    "activity_id": "activity",
    "closure_id": "closure",
    "case_id": "filed",
    "task_id": "filed-task",
}
#: Routes about a step that waits for the family, or a draft: another demande than the one that agents see.
FAMILY_STEPS = frozenset(f"cases_family.{name}" for name in ("step", "step_post", "autosave", "questions"))
LINKS = {
    "agenda_feed.read": "feed",
    "cases_activation": "activation",
    "accounts_links.choose_password": "choose-password",
    "accounts_links.save_password": "choose-password",
    "accounts_links.unlock": "unlock",
    "accounts_links.do_unlock": "unlock",
    "accounts_links.confirm_email": "change-email",
    "accounts_links.do_confirm_email": "change-email",
}
#: Variants: the same route about somebody else's object. ``visitor`` is the demande of a person without an account.
VARIANTS: dict[str, dict[str, str]] = {
    "visitor": {"case_id": "visitor", "task_id": "visitor-task"},
    "letter": {"case_id": "letter", "task_id": "letter-task"},
    "alone": {"case_id": "alone", "task_id": "alone-task"},
    "taken": {"case_id": "taken", "task_id": "taken-task"},
    "child": {"document_id": "child-document"},
}
TEXTS = {
    "slug": "absence",
    "number": "1",
    "section": "presentation",
    "status": "clos",
    "name": "commune",
    "node": "saisir",
    "form_name": "declaration",
    "code": "comptabilite",
    "persona": "julie-fontaine",
    "what": "modifier",
}


def parameters(rule: Rule, cast: Cast, variant: str = "") -> dict[str, str]:
    """What fills the parameters of a route, about the cast's own objects."""
    filled: dict[str, str] = {}
    chosen = VARIANTS.get(variant, {})
    for name in rule.arguments:
        if name in BY_NAME:
            key = chosen.get(name, BY_NAME[name])
            if rule.endpoint in FAMILY_STEPS and name not in chosen:
                key = {"case_id": "begun", "task_id": "begun-task"}[name]
            if rule.endpoint == "cases_family.abandon" and not chosen:
                key = "alone"
            filled[name] = str(cast.ids[key])
        elif name == "raw":
            purpose = LINKS.get(rule.endpoint) or LINKS[rule.endpoint.split(".")[0]]
            filled[name] = cast.links[purpose]
        elif name == "bundle_hash":
            filled[name] = cast.texts["hash"]
        elif name == "digest":
            filled[name] = cast.texts["logo"]
        elif name == "day":
            filled[name] = clock.today().isoformat()
        else:
            filled[name] = TEXTS[name]
    return filled


QUERIES = {"messages_agent.agent_new_message": "famille"}


def address(app: Portal, rule: Rule, cast: Cast, variant: str = "") -> str:
    """The address of a route about the cast's own objects."""
    if rule.endpoint == "asset":
        with app.test_request_context():
            sheet: str = app.jinja_env.globals["static_url"]("portal.css")  # type: ignore[operator]  # a function
            return sheet
    given: dict[str, str] = parameters(rule, cast, variant)
    if rule.endpoint in QUERIES:
        given[QUERIES[rule.endpoint]] = str(cast.accounts["owner"])
    adapter = app.url_map.bind("localhost")
    return adapter.build(rule.endpoint, _typed(rule, given), method=next(iter(sorted(methods(rule)))))


def _typed(rule: Rule, given: dict[str, str]) -> dict[str, Any]:
    kinds = rule._converters
    made: dict[str, Any] = {}
    for name, text in given.items():
        kind = type(kinds[name]).__name__ if name in kinds else ""
        made[name] = uuid.UUID(text) if kind == "UUIDConverter" else int(text) if kind == "IntegerConverter" else text
    return made


def methods(rule: Rule) -> frozenset[str]:
    """The methods of a route that a person can use."""
    return frozenset(rule.methods or ()) - {"HEAD", "OPTIONS"}


def routes(app: Portal) -> list[tuple[Rule, str]]:
    """Every route with each of its methods, in the order of their addresses."""
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
    return [(rule, method) for rule in rules for method in sorted(methods(rule))]


# -- people ----------------------------------------------------------------------------------------------------------


def signed(app: Portal, content: dict[str, Any]) -> str:
    """A session cookie that holds this."""
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]  # Flask's own
    assert serializer is not None
    text: str = serializer.dumps(content)
    return text


def csrf_token(app: Portal, raw: str = CSRF) -> str:
    """What the hidden field of a form holds for a session whose raw token is ``raw``."""
    text: str = URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token").dumps(raw)  # type: ignore[arg-type]
    return text


def cookie_of(app: Portal, cast: Cast, persona: str) -> dict[str, Any]:
    """What the cookie of this persona holds."""
    content: dict[str, Any] = {"csrf_token": CSRF}
    if persona == "filer":
        content["visitor"] = VISITOR_TOKEN
    if persona not in VISITORS:
        content |= {"_user_id": cast.tokens[persona], "_fresh": True}
    return content


def client_of(app: Portal, cast: Cast, persona: str) -> FlaskClient:
    """A browser that is this persona."""
    client = app.test_client()
    client.set_cookie("portail", signed(app, cookie_of(app, cast, persona)))
    return client


# -- the walk --------------------------------------------------------------------------------------------------------


@dataclass
class Answer:
    """One answer. ``done`` is what the matrix calls it; ``page`` its HTML, when it has one."""

    persona: str
    method: str
    rule: str
    variant: str
    path: str
    status: int
    done: str
    location: str
    headers: list[tuple[str, str]]
    page: str
    trouble: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.method, self.rule, self.variant


@dataclass
class Walk:
    """Everything that one persona saw, and what was seen of the portal meanwhile."""

    persona: str
    answers: list[Answer] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def outcome(status: int, location: str) -> str:
    """The word of the matrix for an answer."""
    if status in (301, 302, 303, 307, 308):
        if location.startswith("/connexion/second-facteur"):
            return "2nd"
        return "in" if location.startswith("/connexion") else "go"
    return str(status)


class Lines(logging.Handler):
    """Every log line, with the tracebacks that come with it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def listening() -> Iterator[list[str]]:
    """The log lines written meanwhile, DEBUG included."""
    handler, root = Lines(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def rehearsal_of(cast: Cast) -> tuple[Portal, Rehearsal]:
    """The portal over the cast's database, where nothing that is done stays."""
    settings = settings_of(cast.url, cast.folder)
    database = Rehearsal(settings.database_url)
    database.before_commit += [instances.write_begun, outbox.write_pending, journal.append_pending]
    return create_app(settings, database), database


def walk(cast: Cast, persona: str, variants: dict[tuple[str, str], list[str]]) -> Walk:
    """One persona asks every route with every method; ``variants`` are those that the matrix names for each."""
    app, database = rehearsal_of(cast)
    found = Walk(persona)
    with listening() as lines, watching(database) as inside:
        for rule, method in routes(app):
            for variant in variants.get((method, rule.rule), [""]):
                before, seen = len(lines), len(inside)
                answer = _ask(app, cast, persona, rule, method, variant)
                if answer.status >= 500:
                    answer.trouble = "\n".join(lines[before:])[-3000:]
                found.inside += [f"{method} {rule.rule} ({persona}): {what}" for what in inside[seen:]]
                found.answers.append(answer)
    found.lines = list(lines)
    database.dispose()
    return found


_HTML = re.compile(r"text/html")


def _ask(app: Portal, cast: Cast, persona: str, rule: Rule, method: str, variant: str) -> Answer:
    path = address(app, rule, cast, variant)
    client = client_of(app, cast, persona)
    data = {"csrf_token": csrf_token(app)} if method == "POST" else None
    response = client.open(path, method=method, data=data)
    location = response.headers.get("Location", "")
    body = response.get_data()  # read to its end, whatever it is: a file is closed so
    response.close()
    page = body.decode() if _HTML.search(response.headers.get("Content-Type", "")) else ""
    return Answer(
        persona, method, rule.rule, variant, path, response.status_code, outcome(response.status_code, location),
        location, list(response.headers.items()), page,
    )  # fmt: skip
