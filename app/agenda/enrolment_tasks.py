"""What a démarche may ask about enrolments: what is possible, what would come of it, accept it, refuse it (R3, R4)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from app import clock, journal
from app.agenda.activities import Regulated
from app.agenda.enrolling import Asked, Demande, Prospect, accept, enrolable, foresee, full_days, seasons, why_not
from app.agenda.enrolment_words import overview, proposal, result
from app.agenda.loading import Asker, asker, missing_labels
from app.agenda.patterns import WeekPattern
from app.db import Json
from app.documents.queries import missing_pieces, piece_types
from app.engine.operations import Call, registry
from app.errors import Refused
from app.families.mails import tell_others
from app.families.queries import in_disagreement
from app.families.tasks import acting_for
from app.families.weeks import Turn, Weeks
from app.policy import SYSTEM, Actor
from app.town.queries import structures
from forms.french import joined


def _doc(text: str) -> Mapping[str, str]:
    return {"doc": text}


RHYTHMS: Mapping[str, Turn] = {"toutes": "all", "paires": "even", "impaires": "odd"}
MEASURED: Mapping[str, str] = {
    "complet": "Il reste de la place certains jours\u00a0: ce motif ne peut pas être donné.",
    "age": "L’âge de l’enfant convient\u00a0: ce motif ne peut pas être donné.",
    "ecole": "L’accueil prend les élèves de cette école\u00a0: ce motif ne peut pas être donné.",
    "pieces": "Il ne manque aucune pièce\u00a0: ce motif ne peut pas être donné.",
    "opposition": "Personne ne s’est opposé\u00a0: ce motif ne peut pas être donné.",
}
"""Reasons that must be true to be given, and what is said when they are not (R-37)."""


@dataclass(frozen=True, kw_only=True)
class ChoiceParams:
    enfants: list[str] = field(metadata=_doc("Les enfants à inscrire"))
    activite: str = field(
        metadata=_doc("Le code de l’activité\u00a0; pour des vacances, suivi du premier jour de la période (CODE:date)")
    )


@dataclass(frozen=True, kw_only=True)
class EnrolmentParams(ChoiceParams):
    periode_debut: date | None = field(default=None, metadata=_doc("Le premier jour (celui de la période sinon)"))
    periode_fin: date | None = field(default=None, metadata=_doc("Le dernier jour (celui de la période sinon)"))
    rythme: str | None = field(
        default=None, metadata=_doc("toutes, paires ou impaires (les semaines)\u00a0; sinon rien n’est réservé")
    )
    jours: list[str] | None = field(
        default=None, metadata=_doc("Les jours de la semaine, de 1 (lundi) à 7\u00a0; ceux de l’activité sinon")
    )
    dates: list[str] | None = field(default=None, metadata=_doc("Des jours choisis un par un, au lieu d’une semaine"))


@dataclass(frozen=True, kw_only=True)
class DatedParams(EnrolmentParams):
    demandee_le: str | None = field(
        default=None, metadata=_doc("L’instant de la demande, que les délais regardent\u00a0; maintenant sinon")
    )


@dataclass(frozen=True, kw_only=True)
class RefusalParams(EnrolmentParams):
    motif: str = field(metadata=_doc("Le code du motif\u00a0: complet, age, ecole, pieces, opposition ou accueil"))


@registry.operation(
    "inscription.preparer",
    "Lire ce que demande une activité pour ces enfants",
    ChoiceParams,
    results=("pieces", "pieces_ailleurs", "jours", "plusieurs_jours", "periode_debut", "periode_fin", "libelle"),
    reads=True,
)
def prepare(call: Call, params: ChoiceParams) -> Mapping[str, Json]:
    """The pieces that are missing and that this demande may bring (``pieces``, codes), those it may not
    (``pieces_ailleurs``, a sentence), the days of the activity, and the period that it proposes."""
    who, children = filer(call), _children(params)
    code, since = _activity(params)
    activity = enrolable(call.session, code)
    for child_id in children:
        card = who.children.get(child_id)
        if card is None:
            raise Refused("Choisissez un de vos enfants.", "enfants")
        if why := why_not(call.session, activity, card, max(since or clock.today(), clock.today())):
            raise Refused(f"{activity.card.label}\u00a0: {why}.", "activite")
    brought, elsewhere = _lacking(call, who, activity, children)
    season = next((each for each in seasons(call.session, activity) if since is None or each.first == since), None)
    last = season.last if season is not None else None
    return {
        "pieces": brought,
        "pieces_ailleurs": elsewhere,
        "jours": [str(day) for day in activity.card.weekdays],
        "plusieurs_jours": len(activity.card.weekdays) > 1,
        "periode_debut": max(season.first if season else clock.today(), clock.today()).isoformat(),
        "periode_fin": last.isoformat() if last else None,
        "libelle": activity.card.label,
    }


def _lacking(call: Call, who: Asker, activity: Regulated, children: Sequence[uuid.UUID]) -> tuple[list[str], str]:
    """Codes of the pieces that the demande may bring, and in words those that it may not: a piece of one child says
    whose it is, so a demande for several brings only what they share."""
    codes = activity.regulation.pieces
    found = missing_pieces(call.session, who.household_id, children, codes, clock.today()) if codes else {}
    if len(children) == 1:
        return sorted(found.get(children[0], {})), ""
    kinds = {kind.code: kind for kind in piece_types(call.session)}
    brought = {code for each in found.values() for code in each if kinds[code].scope != "child"}
    left = {
        who.children[child].first_name: [label for code, label in each.items() if code not in brought]
        for child, each in found.items()
    }
    told = [f"{name}\u00a0: {joined(labels)}" for name, labels in left.items() if labels]
    return sorted(brought), "\u00a0; ".join(told)


@registry.operation(
    "inscription.apercu", "Prévoir ce que donnerait une inscription", EnrolmentParams, results=("apercu",), reads=True
)
def show(call: Call, params: EnrolmentParams) -> Mapping[str, Json]:
    """What the recap page shows: created, impossible and why, unchanged, and the price."""
    return {"apercu": overview(_foreseen(call, params))}


@registry.operation(
    "inscription.examiner",
    "Examiner une demande d’inscription",
    DatedParams,
    results=("automatique", "changements", "demandee_le", "pieces_manquantes"),
)
def examine(call: Call, params: DatedParams) -> Mapping[str, Json]:
    """Whether anybody has to decide, and what the agent's page shows. Refuses what could not be accepted at all."""
    prospect = _foreseen(call, params)
    results = {each.result for each in prospect.outcomes}
    if prospect.outcomes and results == {"refused"}:
        raise Refused(f"Aucun jour ne peut être réservé. {prospect.outcomes[0].words}")
    if results and results <= {"unchanged", "kept"}:
        raise Refused("Tous ces jours sont déjà réservés\u00a0: il n’y a rien à demander.")
    if prospect.off and not prospect.outcomes:
        raise Refused(f"Aucun accueil ces jours-là\u00a0: {joined(list(prospect.off))}.")
    return {
        "automatique": prospect.automatic,
        "changements": proposal(prospect),
        "demandee_le": params.demandee_le or clock.now().isoformat(),
        "pieces_manquantes": sorted({label for labels in prospect.missing.values() for label in labels}),
    }


@registry.operation(
    "inscription.accepter",
    "Inscrire et réserver",
    DatedParams,
    results=("texte", "reserves", "en_attente", "impossibles", "total_centimes"),
)
def enrol(call: Call, params: DatedParams) -> Mapping[str, Json]:
    """Enrols and books by the judgement of every booking, under its locks; ``texte`` tells the family what came of it.

    After an agent's step his yes is the answer that the activity would ask for; else its règlement decides.
    """
    who, asked = filer(call), _asked(call, params)
    at = datetime.fromisoformat(params.demandee_le) if params.demandee_le else clock.now()
    demande = Demande(call.case.id, at, call.case.owner_id, decided=call.actor.is_agent)
    activity, outcomes = accept(call.session, acting_for(call.actor), who, asked, demande)
    children = {child_id: who.children[child_id] for child_id in asked.child_ids}
    for child_id in asked.child_ids:
        tell_others(call.session, child_id, call.case.owner_id, "enrolment")
    counts = {name: sum(each.result in found for each in outcomes) for name, found in _COUNTED.items()}
    return {
        "texte": result(activity.card.label, children, outcomes),
        "total_centimes": sum(each.cents or 0 for each in outcomes if each.result in _COUNTED["reserves"]),
        **counts,
    }


_COUNTED: Mapping[str, Sequence[str]] = {
    "reserves": ("booked", "requested"),
    "en_attente": ("waiting",),
    "impossibles": ("refused",),
}


@registry.operation(
    "inscription.refuser", "Vérifier le motif d’un refus d’inscription", RefusalParams, results=("occupation",)
)
def refuse(call: Call, params: RefusalParams) -> Mapping[str, Json]:
    """A reason that can be measured is: no refusal for lack of room while there is some, and for a canteen no other one
    than those that are measured (R-37, art. L131-13 of the Code de l’éducation). Keeps the occupancy (R-06)."""
    who, asked = filer(call), _asked(call, params)
    activity = enrolable(call.session, asked.code)
    occupation: list[dict[str, Json]] = []
    true = True
    if params.motif == "complet":
        occupation, true = full_days(call.session, who, asked)
    elif params.motif in ("age", "ecole"):
        known = [who.children[each] for each in asked.child_ids if each in who.children]
        true = any(why_not(call.session, activity, each, asked.first) for each in known)
    elif params.motif == "pieces":
        found = missing_labels(call.session, who.household_id, asked.child_ids, [activity], clock.today())
        true = any(found.values())
    elif params.motif == "opposition":
        true = bool(in_disagreement(call.session, asked.child_ids))
    elif _is_canteen(call, activity):
        raise Refused(
            "Tout élève a droit à la cantine\u00a0: elle ne se refuse que si elle est complète, ou si le dossier ne "
            "peut pas être accepté. Pour un échange sur l’accueil, demandez de compléter.",
            "decision_motif",
        )
    if not true:
        raise Refused(MEASURED[params.motif], "decision_motif")
    journal.record(call.session, call.actor, "enrolment.refused", "case", call.case.id, reason=params.motif)
    return {"occupation": occupation}


def _is_canteen(call: Call, activity: Regulated) -> bool:
    place = next((each for each in structures(call.session) if each.id == activity.card.structure_id), None)
    return place is not None and place.kind == "restauration"


def _foreseen(call: Call, params: EnrolmentParams) -> Prospect:
    return foresee(call.session, filer(call), _asked(call, params))


def filer(call: Call) -> Asker:
    """Whoever filed, with her own rights (R-20): the parent of the account, else the household at the desk."""
    owner = call.case.owner_id
    actor = Actor("parent", owner, "") if owner is not None else SYSTEM
    return asker(call.session, actor, call.case.household_id)


def _children(params: ChoiceParams) -> tuple[uuid.UUID, ...]:
    try:
        found = tuple(dict.fromkeys(uuid.UUID(each) for each in params.enfants))
    except ValueError:
        found = ()
    if not found:
        raise Refused("Choisissez au moins un enfant.", "enfants")
    return found


def _activity(params: ChoiceParams) -> tuple[str, date | None]:
    """Its code, and the first day of the period that was chosen with it."""
    code, _, since = params.activite.partition(":")
    return code, _day(since) if since else None


def _asked(call: Call, params: EnrolmentParams) -> Asked:
    code, since = _activity(params)
    activity = enrolable(call.session, code)
    season = next((each for each in seasons(call.session, activity) if since is None or each.first == since), None)
    first = params.periode_debut or (season.first if season else None)
    last = params.periode_fin or (season.last if season else None)
    if first is None or last is None:
        raise Refused("Indiquez du quel jour au quel jour.", "periode")
    days = tuple(_day(each) for each in params.dates or ())
    if any(not first <= day <= last for day in days):
        raise Refused("Choisissez des jours de la période.", "dates")
    pattern = None
    if params.rythme is not None and params.rythme in RHYTHMS and not days:
        weekdays = frozenset(int(day) for day in params.jours or () if day in "1234567") or activity.card.weekdays
        pattern = WeekPattern(frozenset(weekdays), Weeks(RHYTHMS[params.rythme]))
    return Asked(_children(params), code, first, last, pattern, days)


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise Refused("Cette date n’existe pas.", "dates") from None
