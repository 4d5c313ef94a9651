"""What a démarche may ask about days to cancel: foresee, ask, take back, answer day by day (R7, G1)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.agenda.cancelling import foresee, give_back, read_days, reply, take_back
from app.agenda.enrolment_tasks import filer
from app.agenda.wishes import Outcome
from app.db import Json
from app.engine.operations import Call, registry
from app.errors import Refused
from app.families.pickup_tasks import filed_child
from app.families.rights import Action
from app.families.tasks import acting_for
from forms.french import date_text, joined, short_date

ANSWERED: Mapping[str, tuple[str, str]] = {
    "excuse": ("annulation excusée", "annulations excusées"),
    "bill": ("annulation facturée", "annulations facturées"),
    "keep": ("annulation refusée\u00a0: l’enfant est attendu", "annulations refusées\u00a0: l’enfant est attendu"),
}
OTHERS: Mapping[str, str] = {"facturer": "bill", "garder": "keep"}


def _doc(text: str) -> Mapping[str, str]:
    return {"doc": text}


@dataclass(frozen=True)
class CancelParams:
    enfant: uuid.UUID = field(metadata=_doc("L’enfant"))
    reservations: list[str] = field(metadata=_doc("Les jours réservés, écrits CODE:date (champ « jours réservés »)"))


@registry.operation(
    "annulation.apercu", "Prévoir ce que donnerait une annulation", CancelParams, results=("apercu",), reads=True
)
def show(call: Call, params: CancelParams) -> Mapping[str, Json]:
    """What the recap page shows: free of charge, too late, impossible and why."""
    child, days = filed_child(call, params.enfant, Action.CANCEL), read_days(call.session, params.reservations)
    outcomes = foresee(call.session, filer(call), child.id, days)
    labels = {each.activity.id: each.activity.card.label for each in days}
    blocks = []
    for title, results in _FORESEEN:
        found = [each for each in outcomes if each.result in results]
        if found:
            lines = [
                {"texte": f"{date_text(each.wish.day).capitalize()}, {labels[each.wish.activity_id]}"
                 + (f". {each.words}" if each.words else "")}
                for each in found
            ]  # fmt: skip
            blocks.append({"titre": f"{title}\u00a0: {len(found)}", "lignes": lines})
    return {"apercu": {"titre": f"Jours à annuler pour {child.first_name}", "blocs": blocks, "total": "", "note": ""}}


_FORESEEN: Sequence[tuple[str, Sequence[str]]] = (
    ("Annulés aussitôt, sans frais", ("cancelled",)),
    ("Hors délai, le service répondra", ("cancel_requested",)),
    ("Impossible", ("refused", "unchanged")),
)


@registry.operation(
    "annulation.demander",
    "Annuler des jours réservés",
    CancelParams,
    results=("hors_delai", "texte", "changements"),
)
def ask(call: Call, params: CancelParams) -> Mapping[str, Json]:
    """Cancels what is in time. ``hors_delai``: the bookings that now wait for an agent (identifiant, libelle)."""
    child, days = filed_child(call, params.enfant, Action.CANCEL), read_days(call.session, params.reservations)
    done = give_back(call.session, acting_for(call.actor), filer(call), child.id, days, call.case.owner_id)
    if not any(each.result in ("cancelled", "cancel_requested") for each, _ in done):
        raise Refused(done[0][0].words or "Ces jours ne sont plus réservés.", "reservations")
    labels = {each.activity.id: each.activity.card.label for each in days}
    late = [(each, booking_id) for each, booking_id in done if each.result == "cancel_requested"]
    return {
        "hors_delai": [
            {
                "identifiant": str(booking_id),
                "libelle": f"{date_text(each.wish.day).capitalize()}, {labels[each.wish.activity_id]}",
            }
            for each, booking_id in late
        ],
        "texte": _told([each for each, _ in done], labels),
        "changements": [
            {
                "champ": "annulation",
                "libelle": f"{child.full_name} – {labels[each.wish.activity_id]}",
                "avant": f"Réservé le {short_date(each.wish.day)}",
                "apres": "Annulation demandée hors délai",
            }
            for each, _ in late
        ],
    }


@dataclass(frozen=True)
class LateParams:
    hors_delai: list[dict[str, Any]] = field(
        metadata=_doc("Les réservations qui attendent, telles que annulation.demander les a rendues")
    )


@registry.operation("annulation.retirer", "Garder les jours dont l’annulation n’a pas de réponse", LateParams)
def withdraw(call: Call, params: LateParams) -> None:
    """The family changes its mind: what was cancelled in time stays so, its place may be somebody else's already."""
    take_back(call.session, acting_for(call.actor), filer(call), _ids(params), call.case.owner_id)


@dataclass(frozen=True)
class ReplyParams(LateParams):
    excuses: list[str] = field(
        default_factory=list, metadata=_doc("Les identifiants des jours excusés, qui ne sont pas facturés")
    )
    autres: str = field(default="facturer", metadata=_doc("Ce qu’il advient des autres\u00a0: facturer ou garder"))
    message: str | None = field(default=None, metadata=_doc("Ce que l’agent ajoute pour la famille"))
    deja: str = field(default="", metadata=_doc("Ce qui a été dit des jours annulés à temps"))


@registry.operation(
    "annulation.repondre", "Répondre jour par jour à une annulation", ReplyParams, results=("texte", "gardes_tous")
)
def answer_days(call: Call, params: ReplyParams) -> Mapping[str, Json]:
    """Days excused, billed or kept; ``texte`` is the detail for the one mail. A day that was answered elsewhere
    meanwhile stays as it was answered."""
    if params.autres not in OTHERS:
        raise Refused("Choisissez une des réponses proposées.", "autres")
    asked, message = _ids(params), (params.message or "").strip()
    excused = {each for each in asked if str(each) in params.excuses}
    answered = reply(call.session, acting_for(call.actor), asked, excused, OTHERS[params.autres], message)
    lines = []
    for code, (one, several) in ANSWERED.items():
        if days := answered.get(code):
            dates = joined([short_date(day) for day in days])
            lines.append(f"{len(days)}\u00a0{several if len(days) > 1 else one}, le {dates}.")
    if not lines:
        lines.append("Le service avait déjà répondu pour ces jours\u00a0: le détail est dans votre planning.")
    return {
        "texte": "\n".join(filter(None, (params.deja, *lines, message))),
        "gardes_tous": set(answered) == {"keep"},
    }


def _ids(params: LateParams) -> list[uuid.UUID]:
    return [uuid.UUID(str(each["identifiant"])) for each in params.hors_delai]


def _told(outcomes: Sequence[Outcome], labels: Mapping[uuid.UUID, str]) -> str:
    """By result, the days of each activity; what could not be cancelled, and why."""
    lines = []
    for result, words in (("cancelled", "Annulé sans frais"), ("cancel_requested", "Hors délai, à l’étude")):
        for activity_id, label in labels.items():
            days = [
                each.wish.day for each in outcomes if each.result == result and each.wish.activity_id == activity_id
            ]
            if days:
                lines.append(f"{words}\u00a0: {label}, {', '.join(short_date(day) for day in sorted(days))}.")
    refused = [each for each in outcomes if each.result == "refused"]
    return "\n".join([*lines, *(f"Impossible, {short_date(each.wish.day)}\u00a0: {each.words}" for each in refused)])
