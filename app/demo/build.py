"""Builds Valbrise in an empty database: the town, its people, and demandes that wait at every step."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select, update

from app import clock
from app.accounts.models import Account
from app.accounts.passwords import hash_password
from app.cases.opening import open_case
from app.cases.operations import save_draft, submit, visitor_digest
from app.cases.queries import Who, open_case_rows, open_tasks
from app.cases.steps import step_page
from app.config import Settings
from app.db import Database, Json, fold
from app.demo.bookings import Bookings, regulate_activities
from app.demo.enrolments import Enrolments
from app.demo.families import Made, build_families
from app.demo.papers import keep_papers
from app.demo.town import build_activities, build_agents, build_town
from app.documents.operations import claim_piece
from app.documents.receiving import Prepared
from app.documents.uploads import attach_uploads
from app.messages.operations import write_message
from app.policy import Actor, Grant
from app.procedures.operations import install_shipped
from app.procedures.queries import published
from app.town.models import Commune

Ids = Mapping[str, uuid.UUID]
WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"


def is_empty(database: Database) -> bool:
    """True before anything was built or set."""
    with database.transaction(read_only=True) as session:
        return session.scalar(select(Commune.id)) is None


def build(database: Database, settings: Settings | None = None) -> None:
    """The whole commune. Only in an empty database; two seconds later everything is there.

    Without ``settings`` there is nowhere to keep files: nobody sends a document.
    """
    with database.transaction() as session:
        places = build_town(session)
    with database.transaction() as session:
        build_activities(session, places)
        regulate_activities(session)
        install_shipped(session, WORKFLOWS)
    with database.transaction() as session:
        agents = build_agents(session, places)
    with database.transaction() as session:
        made = build_families(session, places)
    _open_accounts(database)
    papers = keep_papers(database, settings, PAPERS) if settings is not None else {}
    _Story(database, agents, made, papers, places).tell()


def _open_accounts(database: Database) -> None:
    """Gives whoever one can be a password that nobody knows: their accounts are open, not waiting for a first visit."""
    digest = hash_password(secrets.token_urlsafe(32))
    with database.transaction() as session:
        session.execute(
            update(Account)
            .where(Account.persona.is_not(None))
            .values(password_hash=digest, last_sign_in_at=clock.now() - timedelta(hours=2))
        )


DOMICILE, ASSURANCE, FLOU, QUOTIENT = (
    "Quittance de loyer",
    "Attestation d’assurance scolaire",
    "Attestation de quotient familial (floue)",
    "Attestation de quotient familial",
)
PAPERS = {
    DOMICILE: ("Madame et Monsieur Rousseau", "4 route de Valbrise, 99871 Montclair"),
    ASSURANCE: ("Élève\u00a0: Maël Nguyen", "Responsabilité civile et individuelle accident"),
    FLOU: ("Allocataires\u00a0: Marta et João Da Silva",),
    QUOTIENT: ("Allocataires\u00a0: Linh et David Nguyen", "Quotient familial\u00a0: 1310\u00a0€"),
}


def _parent(account: Account) -> Who:
    return Who(Actor("parent", account.id, f"{account.first_name} {account.last_name}"))


class _Story:
    """The demandes of the last days, told in order on a clock that ends now."""

    def __init__(
        self, database: Database, agents: Mapping[str, Account], made: Made, papers: Mapping[str, Prepared], places: Ids
    ) -> None:
        self.database, self.made, self.papers, self.schools = database, made, papers, places
        account = agents["gestionnaire"]
        with database.transaction(read_only=True) as session:
            from app.accounts.models import Role

            role = session.get(Role, "gestionnaire")
            permissions = frozenset(role.permissions if role else ())
        label = f"{account.first_name} {account.last_name}, {account.capacity}"
        self.agent = Who(Actor("agent", account.id, label, (Grant("gestionnaire", permissions),)))

    def tell(self) -> None:
        start = clock.now()
        planning = Bookings(self.database, self.made, self.agent.actor)
        with clock.frozen(start - timedelta(days=30)) as time:
            planning.a_month_ago()
            time.set(start - timedelta(days=6))
            self._six_days_ago()
            time.set(start - timedelta(days=3))
            self._three_days_ago()
            planning.three_days_ago()
            Enrolments(self).some_days_ago()
            time.set(start - timedelta(hours=20))
            self._yesterday()
            Enrolments(self).yesterday()
            time.set(start - timedelta(minutes=50))
            self._this_morning()
            planning.this_morning()

    # -- the acts ------------------------------------------------------------------------------------------------

    def _six_days_ago(self) -> None:
        """A demande that went to its end, another refused; a piece that has expired since."""
        moved = {"adresse_voie": "14 rue des Lilas", "adresse_code_postal": "99870", "adresse_commune": "Valbrise"}
        case = self.file("julie-fontaine", "modification-foyer", moved | {"telephone_portable": "+33639980111"})
        self.decide(case, {"decision": "accepter"})
        case = self.file("marta-da-silva", "modification-foyer", moved | {"quotient_familial": 410})
        self.decide(
            case,
            {
                "decision": "refuser",
                "decision_motif": "piece_manquante",
                "decision_raison": "Il manque l’attestation de la MSA. Refaites la demande avec ce document.",
            },
        )
        ends = (clock.today() + timedelta(days=3)).isoformat()
        brought = self.bring("linh-nguyen", "quotient-familial", QUOTIENT)
        self.decide(brought, {"decision": "accepter", "valable_jusqu_au": ends})

    def _three_days_ago(self) -> None:
        """A child to add, coordinates and a piece, waiting for the family's answer; a message answered."""
        case = self.file("camille-moreau", "ajout-enfant", self._new_child("Jules", "Moreau", "2022-06-30"))
        self.decide(
            case,
            {
                "decision": "completer",
                "decision_raison": "La date de naissance ne correspond pas au livret de famille : corrigez-la.",
                "decision_champs": ["enfant_naissance"],
            },
        )
        self.decide(
            self.file("linh-nguyen", "contact", self._question()), {"reponse": "Oui, la trousse suit Maël partout."}
        )
        case = self.file("Julien Blanchard", "modification-foyer", self._home("Julien Blanchard", "8 rue Neuve"))
        self.decide(
            case,
            {
                "decision": "completer",
                "decision_raison": "Joignez un justificatif de votre nouvelle adresse.",
                "decision_champs": ["piece_domicile"],
            },
        )
        self._about_children()
        brought = self.bring("João Da Silva", "quotient-familial", FLOU)
        self.decide(
            brought,
            {
                "decision": "completer",
                "decision_motif": "illisible",
                "decision_raison": "La photo est floue\u00a0: reprenez-la de plus près.",
                "decision_champs": ["piece"],
            },
        )

    def _about_children(self) -> None:
        """What the service asked again about a child's sheet, and about somebody who may come for him."""
        case = self.change_child("Éric Rousseau", "Tom", {"niveau": "CM2", "medecin_nom": "Docteur Lise Aubry"})
        self.decide(
            case,
            {
                "decision": "completer",
                "decision_raison": "Tom est inscrit en CM1 à l’école\u00a0: vérifiez le niveau.",
                "decision_champs": ["niveau"],
            },
        )
        case = self.file("linh-nguyen", "personnes-autorisees", self._person("Maël", "Minh"))
        self.decide(
            case,
            {
                "decision": "completer",
                "decision_raison": "Ce numéro ne répond pas : vérifiez-le.",
                "decision_champs": ["personne_telephone"],
            },
        )

    def _yesterday(self) -> None:
        """What waits to be taken in charge, and what an agent has in hand, for each démarche; a piece is claimed."""
        case = self.file("marta-da-silva", "ajout-enfant", self._new_child("Rose", "Da Silva", "2024-02-11"))
        self.take_charge(case)
        child = self._new_child("Lila", "Rousseau", "2023-09-05") | {"qualite": "pere"}
        self.file("Éric Rousseau", "ajout-enfant", child)
        self.file("Anne Rousseau", "modification-foyer", self._home("Anne Rousseau", "16 rue Haute"))
        case = self.file("David Nguyen", "modification-foyer", self._home("David Nguyen", "2 rue du Lavoir"))
        self.take_charge(case)
        self.take_charge(self.file("marc-fontaine", "personnes-autorisees", self._person("Léna", "Sonia")))
        self.file("julie-fontaine", "personnes-autorisees", self._person("Hugo", "Paulette"))
        self.change_child("aurelie-perrin", "Noé", {"regime": "sans_porc", "autorisation_transport": True})
        self.take_charge(self.change_child("marta-da-silva", "Ava", {"allergies": ["lait"], "niveau": "CE2"}))
        self.bring("Anne Rousseau", "justificatif-domicile", DOMICILE)
        self.take_charge(self.bring("David Nguyen", "assurance", ASSURANCE))
        self.take_charge(self.file("Isabelle Roche", "contact", self._question("Les vacances de Nour")))
        self.claim("F01", "justificatif-domicile")
        self.file("aurelie-perrin", "contact", self._question("Le goûter du vendredi"))
        self.file("antoine-lefort", "contact", self._question("Planning des vacances"))

    def _this_morning(self) -> None:
        """Absences of the day, drafts that wait to be resumed, a sign-up whose link was not followed yet."""
        day = next_school_day()
        for persona, child, reason in (
            ("julie-fontaine", "Léna", "maladie"),
            ("linh-nguyen", "Maël", "rendez_vous"),
            ("aurelie-perrin", "Noé", "familial"),
        ):
            self.file(persona, "absence", self._absence(child, day, reason))
        self.take_charge(self.file("João Da Silva", "absence", self._absence("Ava", day, "maladie")))
        self.decide(
            self.file("Éric Rousseau", "absence", self._absence("Tom", day, "sortie")),
            {
                "decision": "completer",
                "decision_raison": "L’école n’a pas de sortie ce jour-là\u00a0: vérifiez les dates.",
                "decision_champs": ["dates"],
            },
        )
        self.draft("marc-fontaine", "absence", {"enfant": str(self.made.children["Hugo"]), "motif": "recuperation"})
        self.draft("Éric Rousseau", "justificatif", {"type_piece": "assurance"})
        self.draft("João Da Silva", "modification-foyer", {"telephone_portable": "+33639980899"})
        self.draft("Julien Blanchard", "ajout-enfant", {"enfant_prenom": "Milo", "enfant_nom": "Blanchard"})
        self.draft("Anne Rousseau", "contact", {"objet": "La garderie du soir"})
        self.draft("camille-moreau", "personnes-autorisees", {"changement": "ajouter", "personne_prenom": "Lucette"})
        self.draft("linh-nguyen", "modification-enfant", {})
        self.file("Julien Blanchard", "modification-enfant", {"enfant": str(self.made.children["Sacha"])})
        self.sign_up("Noémie", "Faure", send=True)
        self.sign_up("Bastien", "Colin", send=False)
        self.write("camille-moreau")

    # -- how they are done ---------------------------------------------------------------------------------------

    def _absence(self, child: str, day: str, reason: str) -> dict[str, Json]:
        return {
            "enfant": str(self.made.children[child]),
            "dates_debut": day,
            "dates_fin": day,
            "creneaux": ["CANT", "SOIR1"],
            "motif": reason,
            "cgu": True,
        }

    def _home(self, name: str, street: str) -> dict[str, Json]:
        first_name, last_name = name.split(" ", 1)
        place = {"adresse_voie": street, "adresse_code_postal": "99870", "adresse_commune": "Valbrise"}
        return {"prenom": first_name, "nom": last_name, **place}

    def _new_child(self, first_name: str, last_name: str, born: str) -> dict[str, Json]:
        return {
            "enfant_prenom": first_name,
            "enfant_nom": last_name,
            "enfant_naissance": born,
            "regime": "standard",
            "qualite": "mere",
            "autorite": "joint",
            "autorisation_image": False,
            "cgu": True,
        }

    def _person(self, child: str, first_name: str) -> dict[str, Json]:
        named = {"prenom": first_name, "nom": "Lambert", "telephone": "+33639980190", "lien": "ami", "mineure": False}
        chosen = {"enfant": str(self.made.children[child]), "changement": "ajouter"}
        return chosen | {f"personne_{name}": value for name, value in named.items()}

    def _question(self, subject: str = "La trousse d’urgence de Maël") -> dict[str, Json]:
        return {"objet": subject, "texte": "Bonjour, pouvez-vous me dire comment cela se passe ? Merci."}

    def file(self, persona: str, slug: str, values: Mapping[str, Json]) -> uuid.UUID:
        """A parent opens, fills and sends a demande, each step in its own transaction."""
        case_id = self.draft(persona, slug, values)
        who = _parent(self.made.accounts[persona])
        self._send(case_id, who, values)
        return case_id

    def change_child(self, persona: str, child: str, values: Mapping[str, Json]) -> uuid.UUID:
        """A parent chooses a child, then writes what has changed."""
        chosen: dict[str, Json] = {"enfant": str(self.made.children[child])}
        case_id = self.file(persona, "modification-enfant", chosen)
        self.send_next(case_id, persona, values)
        return case_id

    def send_next(self, case_id: uuid.UUID, persona: str, values: Mapping[str, Json]) -> None:
        self._send(case_id, _parent(self.made.accounts[persona]), values)

    def draft(self, persona: str, slug: str, values: Mapping[str, Json]) -> uuid.UUID:
        return self._begin(_parent(self.made.accounts[persona]), slug, values)

    def sign_up(self, first_name: str, last_name: str, *, send: bool) -> None:
        """Somebody without an account asks for one: sent, or left in the browser that nobody has any more."""
        who = Who(Actor("visitor", None, "Une personne sans compte"), visitor_digest(secrets.token_urlsafe(32)))
        values: dict[str, Json] = self._home(f"{first_name} {last_name}", "19 rue des Lilas")
        values |= {"courriel": f"{fold(first_name)}.{fold(last_name)}@example.org", "cgu": True}
        case_id = self._begin(who, "creation-compte", values)
        if send:
            self._send(case_id, who, values)

    def bring(self, persona: str, code: str, paper: str) -> uuid.UUID | None:
        """A parent sends a document; nothing when it could not be kept."""
        if paper not in self.papers:
            return None
        who, values = _parent(self.made.accounts[persona]), {"type_piece": code}
        case_id = self._begin(who, "justificatif", values)
        with self.database.transaction() as session:
            opened = open_case_rows(session, case_id, open_tasks(session, case_id)[0].id, lock=True)
            form = step_page(session, who, opened).form(stored=values)
            home = opened.case.household_id
            attach_uploads(session, who.actor, form, self.papers[paper], case_id=case_id, household_id=home)
            answers = form.values()
        self._send(case_id, who, answers)
        return case_id

    def claim(self, household: str, code: str) -> None:
        with self.database.transaction() as session:
            claim_piece(
                session,
                self.agent.actor,
                household_id=self.made.households[household],
                code=code,
                due_on=clock.today() + timedelta(days=14),
                message="Celui que nous avons date de l’an dernier.",
            )

    def _begin(self, who: Who, slug: str, values: Mapping[str, Json]) -> uuid.UUID:
        with self.database.transaction() as session:
            case, _ = open_case(session, who, published(session, slug))
            case_id = case.id
        with self.database.transaction() as session:
            task = open_tasks(session, case_id)[0]
            save_draft(session, who, open_case_rows(session, case_id, task.id), values, page=0)
        return case_id

    def _send(self, case_id: uuid.UUID, who: Who, values: Mapping[str, Json]) -> None:
        with self.database.transaction() as session:
            task = open_tasks(session, case_id)[0]
            opened = open_case_rows(session, case_id, task.id, lock=True)
            if task.form is None:
                submit(session, who, opened, {}, [])
                return
            page = step_page(session, who, opened)
            form = page.form(stored=values)
            if not form.validate():
                raise AssertionError(f"demonstration: {task.node} refused: {form.errors}")
            submit(session, who, opened, form.values(), page.told(form.values()))

    def take_charge(self, case_id: uuid.UUID | None) -> None:
        if case_id is not None:
            self._send(case_id, self.agent, {})

    def decide(self, case_id: uuid.UUID | None, values: Mapping[str, Json]) -> None:
        self.take_charge(case_id)
        if case_id is not None:
            self._send(case_id, self.agent, values)

    def write(self, persona: str) -> None:
        account = self.made.accounts[persona]
        with self.database.transaction() as session:
            write_message(
                session,
                _parent(account).actor,
                account_id=account.id,
                structure_id=None,
                subject="Le planning d’Inès",
                body="Bonjour, Inès sera chez son père la semaine prochaine. Faut-il vous prévenir ?",
            )


def next_school_day() -> str:
    """Today when it is a school day whose canteen is still to come, else the next one."""
    day = clock.today()
    local = clock.in_paris(clock.now())
    if local.hour >= 11:
        day += timedelta(days=1)
    while day.isoweekday() not in (1, 2, 4, 5):
        day += timedelta(days=1)
    return day.isoformat()
