"""Valbrise with one more family, about whom every question of access can be asked, and the ids that addresses need.

The Rivoires: Séraphine files; Anselme lives with her and holds the same authority; Barnabé holds it from another
household where the child also lives; Célestin is only kept informed; Désiré lives with Séraphine and is nobody to the
child; Edmond lost his authority; Faustine is somebody else. Their words are found nowhere else: a test can look for
them where they must not be.
"""

from __future__ import annotations

import io
import re
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from PIL import Image
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app import clock
from app.accounts import sessions, tokens
from app.accounts.administration import grant_role
from app.accounts.models import Account, GrantRow, LoginSession, Token
from app.accounts.operations import open_account
from app.accounts.sealing import link_token
from app.agenda.closing import close_days
from app.agenda.feeds import create_feed
from app.agenda.models import Activity
from app.cases.holding import hold
from app.cases.opening import open_case
from app.cases.operations import save_draft, send_message, submit, visitor_digest
from app.cases.queries import Who, open_case_rows, open_tasks
from app.cases.steps import step_page
from app.composition import open_database
from app.config import Settings, settings_from
from app.db import Base, Database, Json, new_id
from app.demo.build import build, next_school_day
from app.documents.models import Document, Preview
from app.documents.operations import claim_piece
from app.documents.storage import new_key, storage_from_url
from app.families import child_operations
from app.families.custody_calendars import Rhythm, set_custody
from app.families.operations import add_adult, create_household
from app.families.pickup import Named, block_person, name_person
from app.messages.mails import Mail
from app.messages.models import Attachment
from app.messages.operations import write_message
from app.messages.queries import messages_of
from app.policy import SYSTEM, Actor
from app.procedures.models import BundleRow
from app.procedures.queries import published
from app.studio import drafts
from app.studio.views.tables import EMPTY_TABLE
from app.town.models import Structure
from app.town.operations import change_logo, prepare_logo
from app.town.queries import forget_all
from workers.treatment import treat_due

STORY = b'titre = "Commune"\n[[etapes]]\nfaire = "saisir"\n'
KEY = "a-key-of-the-rules-that-nobody-may-ever-read"
FAMILY_NAME = "Rivoire-Zéphyr"
CHILD = "Philomène"
STREET = "77 sente des Coquecigrues"
QUESTION = "Le goûter de Philomène contient-il des noisettes ?"
VISITOR_TOKEN = "cookie-of-a-visitor-who-filed-a-case"
VISITOR_EMAIL = "gaspard.visiteur@example.org"
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>"
)

#: What the journal, the logs and addresses must never hold: what these people typed or are called.
PRIVATE_WORDS = (FAMILY_NAME, CHILD, STREET, QUESTION, "Coquecigrues", VISITOR_EMAIL, "@example.org", "+336399877")

#: account, first name, household (of three), authority over the child (none: no link)
ADULTS: tuple[tuple[str, str, str, str | None], ...] = (
    ("owner", "Séraphine", "home", "joint"),
    ("coparent", "Anselme", "home", "joint"),
    ("otherparent", "Barnabé", "second-home", "joint"),
    ("informed", "Célestin", "third-home", "none_with_info"),
    ("stepparent", "Désiré", "home", None),
    ("withdrawn", "Edmond", "fourth-home", "withdrawn"),
    ("stranger", "Faustine", "fifth-home", None),
)
#: agents of the demonstration whom we use as they are
AGENTS = {
    "manager": "gestionnaire",
    "canteen": "restauration",
    "regie": "regisseur",
    "accountant": "comptable",
    "dpo": "dpo",
    "admin": "administrateur",
    "no2fa": "gestionnaire-2",
}
VISITORS = ("visitor", "filer")
PARENTS = tuple(name for name, *_ in ADULTS)
STAFF = ("manager", "director", "neighbour", "canteen", "regie", "accountant", "dpo", "admin", "no2fa")
PERSONAS = (*VISITORS, *PARENTS, *STAFF)


@dataclass
class Cast:
    """The ids of everything, by name; ``tokens`` are session tokens by persona, ``links`` raw single-use links."""

    url: str
    folder: Path
    ids: dict[str, uuid.UUID] = field(default_factory=dict)
    accounts: dict[str, uuid.UUID] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    writers: set[tuple[str, str]] = field(default_factory=set)


def settings_of(url: str, folder: Path, **changes: str) -> Settings:
    """The demonstration's settings: every route exists there, « se connecter comme… » included."""
    env = {
        "PORTAIL_MODE": "demonstration",
        "SECRET_KEY": KEY,
        "DATABASE_URL": url,
        "DATA_DIR": str(folder),
        "STORAGE_URL": f"file://{folder}/pieces",
        "PUBLIC_URL": "http://localhost",
        **changes,
    }
    return settings_from(env)


def make_cast(url: str, folder: Path) -> Cast:
    """Builds all of it in an empty database, and delivers the mails that came of it."""
    settings = settings_of(url, folder)
    database = open_database(settings)
    Base.metadata.create_all(database.engine)
    forget_all()
    cast = Cast(url, folder)
    note_writers(database, cast.writers)
    build(database)
    with database.transaction() as session:
        _family(session, cast)
    with database.transaction() as session:
        _agents(session, cast)
        change_logo(session, SYSTEM, prepare_logo(_png()))
    _cases(database, cast)
    _draft_of_a_procedure(database, cast)
    with database.transaction() as session:
        _papers(session, cast, settings)
        _links(session, cast)
    while treat_due(database, settings):
        pass
    with database.transaction() as session:
        _the_rest(session, cast)
        for persona, account_id in cast.accounts.items():
            account = session.get_one(Account, account_id)
            proven = persona != "no2fa"
            cast.tokens[persona] = sessions.open_session(session, account, user_agent="rules", second_factor=proven)
    _note_session(database, cast)
    _settle(database)
    forget_all()
    return cast


_PROJECTION = re.compile(
    r"(INSERT INTO|UPDATE|DELETE FROM) "
    r"(tasks|task_keys|timers|subscriptions|incidents|instances)\b(?! SET assignee_id)"
)
ROOMS = str(Path(__file__).resolve().parents[2] / "app")


def note_writers(database: Database, seen: set[tuple[str, str]]) -> None:
    """Notes which file writes the rows that belong to the engine: the nearest of ours, the database's own aside.

    Who has a step in hand (``assignee_id`` alone) is not a projection: people decide it.
    """

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if found := _PROJECTION.match(statement):
            frames = [frame.filename for frame in traceback.extract_stack() if frame.filename.startswith(ROOMS)]
            above = [name for name in frames if not name.endswith(("/db.py", "/hot.py"))]
            ours = [Path(name).relative_to(ROOMS).as_posix() for name in above]
            seen.add((f"{found[1]} {found[2]}", ours[-1] if ours else "outside"))

    event.listen(database.engine, "before_cursor_execute", note)


def _settle(database: Database) -> None:
    """Everything in one file, which can be copied."""
    if database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
    database.dispose()


def _png() -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (64, 32), (10, 80, 90)).save(held, "PNG")
    return held.getvalue()


def email_of(first_name: str) -> str:
    """The address of one of the Rivoires."""
    plain = first_name.lower().replace("é", "e")
    return f"{plain}.rivoire@example.org"


def _family(session: Session, cast: Cast) -> None:
    school = session.scalars(select(Structure.id).where(Structure.code == "EE")).one()
    homes: dict[str, uuid.UUID] = {}
    adults: dict[str, uuid.UUID] = {}
    for rank, (persona, first_name, home, _) in enumerate(ADULTS):
        if home not in homes:
            made = create_household(
                session, SYSTEM, label=f"{FAMILY_NAME} {home}", street=STREET, postal_code="99870", city="Valbrise"
            )
            session.flush()
            homes[home] = made.id
        account = open_account(
            session, SYSTEM, email=email_of(first_name), first_name=first_name, last_name=FAMILY_NAME
        )
        session.flush()
        adult = add_adult(
            session, SYSTEM, homes[home], first_name=first_name, last_name=FAMILY_NAME, account_id=account.id,
            email=email_of(first_name), mobile=f"06 39 98 77 {rank:02d}",
        )  # fmt: skip
        session.flush()
        cast.accounts[persona], adults[persona] = account.id, adult.id
    child = child_operations.add_child(
        session, SYSTEM, homes["home"], first_name=CHILD, last_name=FAMILY_NAME, birth_date=date(2019, 2, 3),
        school_id=school, level="CE1",
    )  # fmt: skip
    session.flush()
    child_operations.join_household(session, SYSTEM, child.id, homes["second-home"])
    for persona, _, _, authority in ADULTS:
        if authority is not None:
            source = "" if authority == "joint" else "Jugement du 3 mars 2024"
            child_operations.link_adult(
                session, SYSTEM, child.id, adults[persona], quality="parent", authority=authority, source=source
            )
    set_custody(session, SYSTEM, child.id, Rhythm("parity"), source="Jugement du 3 mars 2024")
    blocked = block_person(
        session, SYSTEM, child.id, Named("Gontran", "Valombreuse"), source="Ordonnance du 9 mai 2025"
    )
    name_person(session, SYSTEM, child.id, Named("Hortense", "Valombreuse", "06 39 98 04 04"), adult_id=adults["owner"])
    cast.ids |= {"child": child.id, "household": homes["home"], "adult": adults["owner"], "school": school}
    cast.ids["blocked"] = blocked
    cast.ids["activity"] = session.scalars(select(Activity.id).where(Activity.structure_id == school)).one()
    far = clock.today() + timedelta(days=60)
    cast.ids["closure"] = close_days(session, SYSTEM, first=far, last=far, kind="pont", structure_id=school).id


def _agents(session: Session, cast: Cast) -> None:
    for persona, code in AGENTS.items():
        cast.accounts[persona] = session.scalars(select(Account.id).where(Account.persona == code)).one()
    other_school = session.scalars(select(Structure.id).where(Structure.code == "EM")).one()
    for persona, role, place in (
        ("director", "direction", cast.ids["school"]),
        ("neighbour", "gestionnaire", other_school),
    ):
        account = open_account(
            session, SYSTEM, email=f"{persona}@valbrise.example.org", first_name=persona.title(), last_name="Agent",
            kind="agent", capacity="Agent",
        )  # fmt: skip
        session.flush()
        grant_role(session, SYSTEM, account.id, role, place)
        cast.accounts[persona] = account.id
    cast.ids["agent"] = cast.accounts["director"]
    cast.ids["grant"] = session.scalars(select(GrantRow.id).where(GrantRow.account_id == cast.ids["agent"])).one()


def person(database: Database, account_id: uuid.UUID) -> Actor:
    """What this account is when it signs in."""
    with database.transaction(read_only=True) as session:
        return sessions.actor_of(session, session.get_one(Account, account_id))


def draft(database: Database, who: Who, slug: str, values: Mapping[str, Json]) -> uuid.UUID:
    """A demande begun and not sent."""
    with database.transaction() as session:
        case, _ = open_case(session, who, published(session, slug))
        case_id = case.id
    with database.transaction() as session:
        task = open_tasks(session, case_id)[0]
        save_draft(session, who, open_case_rows(session, case_id, task.id), values, page=0)
    return case_id


def send(database: Database, who: Who, case_id: uuid.UUID, values: Mapping[str, Json]) -> None:
    """Sends the step that waits, as its form accepts it."""
    with database.transaction() as session:
        task = open_tasks(session, case_id)[0]
        opened = open_case_rows(session, case_id, task.id, lock=True)
        if task.form is None:
            submit(session, who, opened, {}, [])
            return
        page = step_page(session, who, opened)
        form = page.form(stored=values)
        assert form.validate(), form.errors
        submit(session, who, opened, form.values(), page.told(form.values()))


def absence_of(child_id: uuid.UUID) -> dict[str, Json]:
    """A valid declaration of absence."""
    day = next_school_day()
    return {
        "enfant": str(child_id), "dates_debut": day, "dates_fin": day, "creneaux": ["CANT"], "motif": "maladie",
        "cgu": True,
    }  # fmt: skip


def letter(**more: Json) -> dict[str, Json]:
    """A valid message to the town hall by somebody without an account."""
    return {
        "objet": "Une question", "texte": QUESTION, "prenom": "Gaspard", "nom": FAMILY_NAME, "courriel": VISITOR_EMAIL,
        "cgu": True, **more,
    }  # fmt: skip


#: What opens an account.
SIGN_UP: dict[str, Json] = {
    "civilite": "Madame", "prenom": "Hortense", "nom": FAMILY_NAME, "courriel": "hortense.nouvelle@example.org",
    "adresse_voie": STREET, "adresse_code_postal": "99870", "adresse_commune": "Valbrise", "cgu": True,
}  # fmt: skip


def _cases(database: Database, cast: Cast) -> None:
    owner = Who(person(database, cast.accounts["owner"]))
    visitor = Who(Actor("visitor", None, "Une personne sans compte"), visitor_digest(VISITOR_TOKEN))
    filed = draft(database, owner, "absence", absence_of(cast.ids["child"]))
    send(database, owner, filed, absence_of(cast.ids["child"]))
    # reopened by « modifier »: a family step of a demande about a child, hence shared with whoever may act for him
    begun = draft(database, owner, "absence", absence_of(cast.ids["child"]) | {"motif": "rendez_vous"})
    send(database, owner, begun, absence_of(cast.ids["child"]) | {"motif": "rendez_vous"})
    with database.transaction() as session:
        send_message(session, owner, open_case_rows(session, begun, lock=True), "modifier")
    alone = draft(database, owner, "modification-foyer", {})
    sent_by_visitor = draft(database, visitor, "contact", letter())
    send(database, visitor, sent_by_visitor, letter())
    begun_by_visitor = draft(database, visitor, "contact", letter())
    taken = draft(database, owner, "absence", absence_of(cast.ids["child"]) | {"motif": "familial"})
    send(database, owner, taken, absence_of(cast.ids["child"]) | {"motif": "familial"})
    manager = person(database, cast.accounts["manager"])
    send(database, Who(manager), taken, {})
    with database.transaction() as session:
        hold(session, manager, open_case_rows(session, taken, lock=True).case, "Recours")
    cast.ids["sign-up"] = draft(database, visitor, "creation-compte", SIGN_UP)
    send(database, visitor, cast.ids["sign-up"], SIGN_UP)
    cases = {
        "filed": filed, "begun": begun, "alone": alone, "taken": taken, "visitor": sent_by_visitor,
        "letter": begun_by_visitor,
    }  # fmt: skip
    for name, case_id in cases.items():
        with database.transaction(read_only=True) as session:
            cast.ids[f"{name}-task"] = open_tasks(session, case_id)[0].id
        cast.ids[name] = case_id


def _papers(session: Session, cast: Cast, settings: Settings) -> None:
    for name, code, child_id in (
        ("document", "justificatif-domicile", None),
        ("child-document", "assurance", cast.ids["child"]),
    ):
        key = new_key()
        storage_from_url(settings.storage_url).put(key, PDF)
        now = clock.now()
        document = Document(
            id=new_id(), key=key, piece_type=code, household_id=cast.ids["household"], child_id=child_id,
            filename=f"{CHILD}.pdf", mime="application/pdf", size=len(PDF), pages=1, sha256="0" * 64, notes=[],
            scan="not_scanned", state="non_traite", uploaded_at=now, submitted_at=now,
            uploaded_by_id=cast.accounts["owner"],
        )  # fmt: skip
        session.add(document)
        session.flush()
        storage_from_url(settings.storage_url).put(drawn := new_key(), PDF)
        document.preview_pages = 1
        session.add(Preview(document_id=document.id, page=1, key=drawn, mime="image/jpeg", width=60, height=40))
        cast.ids[name] = document.id
    claim = claim_piece(session, SYSTEM, household_id=cast.ids["household"], code="justificatif-domicile")
    thread = write_message(
        session, sessions.actor_of(session, session.get_one(Account, cast.accounts["owner"])),
        structure_id=cast.ids["school"], subject="Le goûter", body=QUESTION,
    )  # fmt: skip
    cast.ids |= {"request": claim.id, "thread": thread.id, "attachment": new_id()}
    storage_from_url(settings.storage_url).put(key := new_key(), PDF)
    session.add(
        Attachment(
            id=cast.ids["attachment"], message_id=messages_of(session, thread.id)[0].id, position=1, key=key,
            filename="mot.pdf", mime="application/pdf", size=len(PDF), pages=1, sha256="0" * 64, notes=[], scan="clean",
        )
    )  # fmt: skip


def _draft_of_a_procedure(database: Database, cast: Cast) -> None:
    """The administrator is changing « absence », which gets a decision table."""
    admin = person(database, cast.accounts["admin"])
    with database.transaction() as session:
        held = drafts.open_draft(session, admin, "absence")
        table = EMPTY_TABLE.format(id="commune").encode()
        files = {"decisions/commune.dmn": table, "scenarios/commune.toml": STORY}
        drafts.save_files(session, admin, "absence", files, held.revision)


def _links(session: Session, cast: Cast) -> None:
    cast.links["feed"] = create_feed(session, Actor("parent", cast.accounts["owner"], "Séraphine"))
    purposes = {
        tokens.CHOOSE_PASSWORD: {},
        tokens.UNLOCK: {},
        tokens.CHANGE_EMAIL: {"email": "seraphine.nouvelle@example.org"},
    }
    for purpose, data in purposes.items():
        token_id = tokens.issue_token(session, purpose, account_id=cast.accounts["owner"], **data)
        cast.links[purpose] = link_token(KEY, token_id, purpose)
    sent = session.scalars(select(Token).where(Token.purpose == tokens.ACTIVATION))
    [activation] = [token.id for token in sent if token.data.get("case_id") == str(cast.ids["sign-up"])]
    cast.links[tokens.ACTIVATION] = link_token(KEY, activation, tokens.ACTIVATION)


def _the_rest(session: Session, cast: Cast) -> None:
    cast.ids["mail"] = session.scalars(select(Mail.id).order_by(Mail.created_at).limit(1)).one()
    cast.texts["hash"] = session.scalars(select(BundleRow.hash).limit(1)).one()
    from app.town.queries import logo

    kept = logo(session)
    assert kept is not None
    cast.texts["logo"] = kept[0]


def _note_session(database: Database, cast: Cast) -> None:
    with database.transaction(read_only=True) as session:
        query = select(LoginSession.id).where(LoginSession.account_id == cast.accounts["owner"])
        cast.ids["session"] = session.scalars(query).one()
