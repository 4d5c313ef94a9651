"""What a family hears of its demandes: a message in the account and a mail, at each step that matters to it (D7)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.cases.acknowledgement import acknowledgement_of, service_of
from app.cases.models import Case
from app.cases.presentation import NEXT_DEFAULT, STATUS_WORDS
from app.config import Settings
from app.db import Json
from app.facts import Work, handles
from app.mail import MailDraft, mails_for
from app.messages.operations import notify
from app.pdf.acknowledgement import outcome_paragraphs
from app.procedures.queries import content_of
from app.procedures.settings import Notification, ProcedureSettings, fill
from app.town.queries import town_settings
from app.web.filters import long_date, time_fr

KINDS = ("case.submitted", "case.status_changed", "case.completion_asked")

DEFAULTS = {
    "case.completion_asked": Notification(
        "Votre demande {reference} : un complément vous est demandé",
        "Pour continuer « {demarche} », nous avons besoin d’un complément de votre part.\n\n{motif}\n\n"
        "Complétez votre demande ici :\n{lien}",
    ),
    "traitement": Notification(
        "Votre demande {reference} est prise en charge",
        "Un agent s’occupe de votre demande « {demarche} ».\n\nSuivez-la ici :\n{lien}",
    ),
    "clos": Notification(
        "Votre demande {reference} est terminée",
        "Votre demande « {demarche} » est terminée : c’est fait.\n\n{motif}\n\nLe détail est ici :\n{lien}",
    ),
    "refuse": Notification(
        "Votre demande {reference} n’a pas été acceptée",
        "Votre demande « {demarche} » n’a pas pu être acceptée.\n\n{motif}\n\n"
        "Le détail, et comment contester, sont ici :\n{lien}",
    ),
    "annule": Notification(
        "Votre demande {reference} est annulée",
        "Votre demande « {demarche} » est annulée.\n\nLe détail est ici :\n{lien}",
    ),
}


@dataclass(frozen=True)
class Letter:
    """A text for one family: where it goes, what it says; ``thread`` names the conversation about this demande."""

    account_id: uuid.UUID | None
    email: str
    first_name: str
    subject: str
    body: str
    thread: str


def letter(session: Session, settings: Settings, kind: str, payload: dict[str, Json]) -> Letter | None:
    """What a fact says to the family; ``None`` when there is nobody to tell or nothing to say."""
    case = session.get(Case, uuid.UUID(payload["case_id"]))
    if case is None:
        return None
    account = session.get(Account, case.owner_id) if case.owner_id else None
    email = account.email if account else case.email
    procedure = content_of(session, case.bundle_hash).settings
    if kind == "case.submitted":
        subject, body = _acknowledgement(session, settings, case, procedure)
    else:
        key = "a_completer" if kind == "case.completion_asked" else str(payload["status"])
        notification = procedure.notifications.get(key) or DEFAULTS.get(kind) or DEFAULTS.get(key)
        if notification is None:
            return None
        values = _values(session, settings, case, procedure, account)
        subject, body = fill(notification.subject, values), _without_holes(fill(notification.body, values))
    thread = f"{case.title[:110]}, demande {case.reference}"
    return Letter(account.id if account else None, email, account.first_name if account else "", subject, body, thread)


def _values(
    session: Session, settings: Settings, case: Case, procedure: ProcedureSettings, account: Account | None
) -> dict[str, str]:
    return {
        "prenom": account.first_name if account else case.owner_name,
        "reference": case.reference,
        "demarche": case.title,
        "statut": STATUS_WORDS.get(case.status, case.status),
        "motif": case.reason or "",
        "service": service_of(session, case, procedure.service).name,
        "lien": f"{settings.public_url}/demandes/{case.id}",
        "portail": settings.public_url,
        "sujet": case.subject,
    }


def _without_holes(body: str) -> str:
    """A variable that is empty leaves no blank paragraph behind."""
    return "\n\n".join(part for part in body.split("\n\n") if part.strip())


def _acknowledgement(session: Session, settings: Settings, case: Case, procedure: ProcedureSettings) -> tuple[str, str]:
    it = acknowledgement_of(session, case)
    # without an account, only the browser that sent the demande may open its page
    where = "" if case.owner_id else ", depuis l’appareil qui a servi à l’envoyer"
    parts = [
        f"Nous avons bien reçu votre demande « {it.procedure} » le {long_date(it.received_at)} à "
        f"{time_fr(it.received_at)}.",
        f"Référence : {it.reference}",
        *outcome_paragraphs(it),
        *it.appeal_routes,
        f"Service en charge : {it.service.name}\n{it.service.address}\n{it.service.email}\n{it.service.phone}",
        procedure.next_steps.get(case.status) or NEXT_DEFAULT.get(case.status, ""),
        (case.reason or "") if case.closed_at is not None else "",
        f"Votre demande et l’accusé de réception en PDF{where} :\n{settings.public_url}/demandes/{case.id}",
    ]
    return f"Accusé de réception de votre demande {it.reference}", "\n\n".join(part for part in parts if part)


@handles(*KINDS)
def tell_in_account(work: Work, payload: dict[str, Json]) -> None:
    """Puts the message in the account, once per fact."""
    kind = str(payload["fact"])
    with work.database.transaction() as session:
        made = letter(session, work.settings, kind, payload)
        if made is not None and made.account_id is not None:
            notify(
                session, made.account_id, made.thread, made.body, uuid.UUID(payload["case_id"]), fact_id=work.fact_id
            )


@mails_for(*KINDS)
def mail(session: Session, settings: Settings, payload: dict[str, Json]) -> list[MailDraft]:
    """The same by mail."""
    made = letter(session, settings, str(payload["fact"]), payload)
    if made is None or not made.email:
        return []
    town = town_settings(session)
    hello = f"Bonjour {made.first_name}," if made.first_name else "Bonjour,"
    body = f"{hello}\n\n{made.body}\n\n{town.service_name}\n{town.name}\n"
    return [MailDraft(made.email, made.subject[:250], body)]
