"""What a démarche may ask of the agenda: note an absence, take it back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from app.agenda.absent_bookings import excuse_days
from app.agenda.operations import Declaration, cancel_absence, record_absence
from app.db import Json
from app.documents.tasks import received_at
from app.engine.operations import Call, registry
from app.errors import Refused
from app.families.queries import agreement_needed, children_for
from app.families.rights import Action
from app.policy import SYSTEM


def _doc(text: str) -> Mapping[str, str]:
    return {"doc": text}


@dataclass(frozen=True)
class AbsenceParams:
    enfant: uuid.UUID = field(metadata=_doc("L’enfant absent"))
    dates_debut: date = field(metadata=_doc("Le premier jour de l’absence"))
    dates_fin: date = field(metadata=_doc("Le dernier jour de l’absence"))
    creneaux: list[str] = field(metadata=_doc("Les codes des activités concernées"))
    motif: str = field(metadata=_doc("Le code du motif (maladie, rendez_vous, recuperation, familial, sortie, autre)"))
    precisions: str = field(default="", metadata=_doc("Des précisions ; obligatoires pour le motif « autre »"))


@registry.operation(
    "absence.enregistrer",
    "Enregistrer l’absence d’un enfant",
    AbsenceParams,
    results=("absence_id", "services", "trop_tard", "accord_requis"),
)
def record(call: Call, params: AbsenceParams) -> Mapping[str, Json]:
    """One absence a case: sent again, it replaces. The filer's right over the child is asked again here (R-21)."""
    cards = children_for(call.session, call.case.owner_id, call.case.household_id, Action.CANCEL)
    if params.enfant not in {card.id for card in cards}:
        raise Refused("Choisissez un de vos enfants.", "enfant")
    recorded = record_absence(
        call.session,
        call.actor,
        call.case.id,
        Declaration(
            params.enfant, params.dates_debut, params.dates_fin, params.creneaux, params.motif, params.precisions
        ),
    )
    return {
        "absence_id": str(recorded.absence.id),
        "services": recorded.kept,
        "trop_tard": list(recorded.too_late),
        "accord_requis": agreement_needed(call.session, params.enfant),
    }


@dataclass(frozen=True)
class NoParams:
    pass


@registry.operation("absence.annuler", "Annuler l’absence de cette demande", NoParams)
def cancel(call: Call, _params: NoParams) -> None:
    """The child is expected again. Harmless when nothing was noted."""
    cancel_absence(call.session, call.actor, call.case.id)


@dataclass(frozen=True)
class ExcuseParams:
    enfant: uuid.UUID | None = field(default=None, metadata=_doc("L’enfant absent"))
    debut: date | None = field(default=None, metadata=_doc("Le premier jour que le certificat couvre"))
    fin: date | None = field(default=None, metadata=_doc("Le dernier jour que le certificat couvre"))
    documents: list[str] | None = field(
        default=None, metadata=_doc("Le certificat ; sans lui, aucun jour n’est excusé")
    )


@registry.operation(
    "absence.excuser",
    "Excuser les jours que justifie un certificat, selon le règlement de chaque activité",
    ExcuseParams,
    results=("jours_excuses", "jours_factures"),
)
def excuse(call: Call, params: ExcuseParams) -> Mapping[str, Json]:
    """Counts from the instant when the certificate came, whenever an agent accepts it (R-32, R-41). Harmless without a
    certificate, a child or days, and when nothing was billed."""
    arrived = received_at(call.session, call.case, params.documents or [])
    cards = children_for(call.session, call.case.owner_id, call.case.household_id, Action.KNOW)
    known = params.enfant in {card.id for card in cards}
    if arrived is None or params.enfant is None or not known or params.debut is None or params.fin is None:
        return {"jours_excuses": 0, "jours_factures": 0}
    excused, billed = excuse_days(call.session, SYSTEM, params.enfant, params.debut, params.fin, arrived)
    return {"jours_excuses": excused, "jours_factures": billed}
