"""A commune with one démarche of the usual pattern, its people, and demandes at any step."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from app import clock
from app.accounts import sessions
from app.accounts.models import Account, GrantRow, Role
from app.accounts.roles import DEFAULT_ROLES
from app.cases.models import Case
from app.cases.opening import open_case
from app.cases.operations import submit
from app.cases.queries import Who, open_tasks, their_case
from app.cases.steps import step_page
from app.db import Database, fold, new_id
from app.engine.bundle import Bundle
from app.engine.models import Incident, Instance, Task
from app.policy import SYSTEM, Actor
from app.procedures.operations import publish
from app.procedures.queries import published
from app.town.models import Structure
from tests.engine.bpmn_builder import boundary, end, lane, message, process, start, user_task, xor

SLUG = "demande-simple"
HELP = {"famille": "Ayez le carnet de santé sous la main.", "agent": "Regardez d’abord le <jour> demandé."}
ASKED = {"motif": "Léna est malade", "jour": "2030-01-07"}

REQUEST_FORM = {
    "title": "Votre demande",
    "pages": [
        {
            "title": "La demande",
            "fields": [
                {"type": "text", "name": "motif", "label": "Pour quelle raison ?", "required": True},
                {"type": "date", "name": "jour", "label": "Quel jour ?", "required": True},
            ],
        }
    ],
}
DECISION_FORM = {
    "title": "Décider",
    "submit_label": "Enregistrer la décision",
    "pages": [{"title": "Décision", "fields": [{"type": "decision", "name": "decision", "label": "Votre décision"}]}],
}


def make_bundle(
    slug: str = SLUG, *, structure: str = "", title: str = "Demande simple", give_up: bool = True, **files: bytes
) -> Bundle:
    """The usual pattern: saisir → prendre → instruire → accepter | compléter | refuser; modifier, annuler.

    ``give_up`` says whether what is being modified may be given up too.
    """
    renouncing = [boundary("renoncement", "saisir", message("annuler"))] if give_up else []
    diagram = process(
        slug,
        lane(
            "Famille",
            start("debut"),
            user_task("saisir", name="Écrire la demande", statut="brouillon", form="demande", aide=HELP["famille"]),
            *renouncing,
            user_task("completer", name="Compléter", statut="traitement", form="demande", champs="decision_champs"),
        ),
        lane(
            "Gestionnaire",
            user_task("prendre", name="Prendre en charge", statut="en_attente"),
            boundary("modification", "prendre", message("modifier")),
            boundary("annulation", "prendre", message("annuler")),
            user_task("instruire", name="Instruire", statut="traitement", form="decision", aide=HELP["agent"]),
            xor("suite"),
            end("fin_close", statut="clos"),
            end("fin_refusee", statut="refuse"),
            end("fin_annulee", statut="annule"),
        ),
        "debut -> saisir -> prendre -> instruire -> suite",
        "suite -> fin_close if decision == 'accepter'",
        "suite -> completer if decision == 'completer'",
        "suite -> fin_refusee default",
        "completer -> instruire",
        "modification -> saisir",
        "annulation -> fin_annulee",
        *(["renoncement -> fin_annulee"] if give_up else []),
    )
    settings = f'titre = "{title}"\nresume = "Pour les tests."\ncategorie = "quotidien"\nstructure = "{structure}"\n'
    return Bundle(
        {
            "process.bpmn": diagram,
            "demarche.toml": settings.encode(),
            "forms/demande.json": json.dumps(REQUEST_FORM).encode(),
            "forms/decision.json": json.dumps(DECISION_FORM).encode(),
            **files,
        }
    )


class World:
    """The ids of a small commune: two schools, the agents of one, of the other and of both, two parents."""

    def __init__(self, session: Session) -> None:
        for role in DEFAULT_ROLES:
            permissions = [str(permission) for permission in role.permissions]
            session.add(Role(code=role.code, label=role.label, description=role.description, permissions=permissions))
        self.lake = self._structure(session, "LAC", "École du Lac")
        self.hill = self._structure(session, "COL", "École de la Colline")
        session.flush()
        self.nadia = self._agent(session, "Nadia", "Ferrand", "gestionnaire")
        self.paul = self._agent(session, "Paul", "Girod", "gestionnaire")
        self.lake_agent = self._agent(session, "Lise", "Lac", "gestionnaire", self.lake)
        self.hill_agent = self._agent(session, "Hugo", "Colline", "gestionnaire", self.hill)
        self.accountant = self._agent(session, "Ada", "Compte", "comptabilite")
        self.administrator = self._agent(session, "Iris", "Morel", "administrateur")
        self.camille = self._account(session, "Camille", "Durand", "parent")
        self.bruno = self._account(session, "Bruno", "Roche", "parent")
        session.flush()

    def _structure(self, session: Session, code: str, name: str) -> uuid.UUID:
        made = Structure(id=new_id(), code=code, name=name, sort_key=fold(name), kind="ecole", levels=["CP"])
        session.add(made)
        return made.id

    def _account(self, session: Session, first: str, last: str, kind: str) -> uuid.UUID:
        made = Account(
            id=new_id(),
            email=f"{fold(first)}.{fold(last)}@example.org",
            kind=kind,
            first_name=first,
            last_name=last,
            sort_key=fold(f"{last} {first}"),
            state="active",
            created_at=clock.now(),
        )
        session.add(made)
        return made.id

    def _agent(
        self, session: Session, first: str, last: str, role: str, structure: uuid.UUID | None = None
    ) -> uuid.UUID:
        account_id = self._account(session, first, last, "agent")
        session.flush()
        grant = GrantRow(
            id=new_id(), account_id=account_id, role_code=role, structure_id=structure, created_at=clock.now()
        )
        session.add(grant)
        return account_id

    def actor(self, session: Session, account_id: uuid.UUID) -> Actor:
        return sessions.actor_of(session, session.get_one(Account, account_id))


def make_world(database: Database, *, structure: str = "") -> World:
    """The commune, with the démarche published."""
    with database.transaction() as session:
        world = World(session)
    with database.transaction() as session:
        publish(session, SYSTEM, SLUG, make_bundle(structure=structure), "")
    return world


def file_case(database: Database, world: World, parent: uuid.UUID | None = None, **values: str) -> uuid.UUID:
    """A demande sent by a parent: it waits to be taken in charge."""
    with database.transaction() as session:
        who = Who(world.actor(session, parent or world.camille))
        case, _ = open_case(session, who, published(session, SLUG))
    answer_family(database, world, case.id, parent, **values)
    return case.id


def open_draft(database: Database, world: World) -> uuid.UUID:
    """A demande that its author has not sent."""
    with database.transaction() as session:
        case, _ = open_case(session, Who(world.actor(session, world.camille)), published(session, SLUG))
    return case.id


def answer_family(
    database: Database, world: World, case_id: uuid.UUID, parent: uuid.UUID | None = None, **values: str
) -> None:
    """The family sends the step that waits for it."""
    with database.transaction() as session:
        who = Who(world.actor(session, parent or world.camille))
        task = next(each for each in open_tasks(session, case_id) if each.lane == "famille")
        opened = their_case(session, who, case_id, task.id, lock=True)
        told = step_page(session, who, opened).told({**ASKED, **values})
        submit(session, who, opened, {**ASKED, **values}, told)


def open_task(database: Database, case_id: uuid.UUID) -> Task:
    """The step that waits."""
    with database.transaction(read_only=True) as session:
        return open_tasks(session, case_id)[0]


def case_of(database: Database, case_id: uuid.UUID) -> Case:
    with database.transaction(read_only=True) as session:
        return session.get_one(Case, case_id)


def sign_in(client: FlaskClient, database: Database, account_id: uuid.UUID) -> FlaskClient:
    """This client is this person, second factor given."""
    with database.transaction() as session:
        account = session.get_one(Account, account_id)
        token = sessions.open_session(session, account, user_agent="test", second_factor=True)
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = token, True
    return client


def add_incident(
    database: Database,
    case_id: uuid.UUID,
    cause: str = "connexion <refusée>",
    node: str = "ranger",
    node_name: str = "Ranger la pièce",
) -> None:
    """This demande is stopped at this node, without anything that failed in its process."""
    with database.transaction() as session:
        session.execute(update(Instance).where(Instance.case_id == case_id).values(troubled=True))
        session.add(
            Incident(
                id=new_id(),
                case_id=case_id,
                task_id=new_id(),
                node=node,
                node_name=node_name,
                reference=session.get_one(Case, case_id).reference,
                cause=cause,
                attempts=3,
                opened_at=clock.now(),
            )
        )


def step_url(database: Database, case_id: uuid.UUID, suffix: str = "") -> str:
    """The address of the step in hand."""
    return f"/agent/demandes/{case_id}/etapes/{open_task(database, case_id).id}{suffix}"


def count_statements(database: Database, act: Callable[[], Any]) -> int:
    """SQL statements sent while ``act`` runs, those that open and close transactions left out."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE")):
            sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return len(sent)


def closed_by(database: Database, task_id: uuid.UUID) -> str | None:
    with database.transaction(read_only=True) as session:
        return session.execute(select(Task.closed_by).where(Task.id == task_id)).scalar_one()
