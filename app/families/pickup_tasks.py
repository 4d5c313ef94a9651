"""What a démarche may ask about the persons who may come for a child: compare with the list, then change it (R-24)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Json, fold
from app.engine.operations import Call, registry
from app.errors import Refused
from app.families import vocabulary
from app.families.consents import authority_of
from app.families.mails import tell_others
from app.families.models import Adult
from app.families.pickup import (
    Named,
    PickupCard,
    blocked_of,
    check_named,
    name_person,
    person_written,
    persons_of,
    remove_person,
)
from app.families.queries import ChildCard, children_for
from app.families.rights import Action, may
from app.families.tasks import _doc, _refusals_named, acting_for
from forms.french import phone_text

_NAMES = {
    "first_name": "personne_prenom",
    "last_name": "personne_nom",
    "phone": "personne_telephone",
    "relation": "personne_lien",
    "birth_date": "personne_naissance",
    "since": "valable_du",
    "until": "valable_au",
}


@dataclass(frozen=True)
class PickupParams:
    enfant: uuid.UUID = field(metadata=_doc("L’enfant"))
    changement: str = field(
        metadata=_doc("ajouter (une nouvelle personne), reprendre (une personne déjà connue) ou retirer")
    )
    personne: uuid.UUID | None = field(
        default=None, metadata=_doc("La personne de la liste à reprendre ou à retirer (champ « personne autorisée »)")
    )
    personne_prenom: str | None = field(default=None, metadata=_doc("Le prénom d’une nouvelle personne"))
    personne_nom: str | None = field(default=None, metadata=_doc("Son nom"))
    personne_telephone: str | None = field(default=None, metadata=_doc("Son téléphone"))
    personne_lien: str | None = field(default=None, metadata=_doc("Ce qu’elle est à l’enfant (code)"))
    personne_naissance: date | None = field(default=None, metadata=_doc("Sa date de naissance, si elle est mineure"))
    valable_du: date | None = field(default=None, metadata=_doc("Le premier jour (aujourd’hui sinon)"))
    valable_au: date | None = field(default=None, metadata=_doc("Le dernier jour (sans fin sinon)"))


def filed_child(call: Call, child_id: uuid.UUID, action: Action) -> ChildCard:
    """The child of a demande, if whoever filed it may still do ``action``: rights are asked again at each step."""
    cards = children_for(call.session, call.case.owner_id, call.case.household_id, action)
    found = next((card for card in cards if card.id == child_id), None)
    if found is None:
        raise Refused(
            "La personne qui fait cette demande ne peut pas, ou ne peut plus, agir pour cet enfant.", "enfant"
        )
    return found


def holder_of(call: Call, child_id: uuid.UUID) -> uuid.UUID:
    """The adult who files: the owner of the demande, else the first holder of the household at the desk."""
    query = select(Adult.id).where(Adult.household_id == call.case.household_id).order_by(Adult.rank)
    if call.case.owner_id is not None:
        query = select(Adult.id).where(Adult.account_id == call.case.owner_id)
    for adult_id in call.session.scalars(query):
        authority = authority_of(call.session, child_id, adult_id)
        if authority is not None and may(authority, Action.AUTHORISE):
            return adult_id
    raise Refused("La personne qui fait cette demande ne peut pas, ou ne peut plus, agir pour cet enfant.", "enfant")


@registry.operation(
    "personnes.comparer",
    "Comparer avec les personnes autorisées à venir chercher l’enfant",
    PickupParams,
    results=("changements", "modifie"),
)
@_refusals_named(_NAMES)
def compare(call: Call, params: PickupParams) -> Mapping[str, Json]:
    """One row for the agent's page: who would come into the list of this child, or leave it."""
    child = filed_child(call, params.enfant, Action.NAME_PICKUP)
    mine = persons_of(call.session, [child.id])[child.id]
    label = f"Peut venir chercher {child.first_name}"
    if params.changement == "retirer":
        leaving = _in_list(mine, _chosen(call, params))
        if leaving is None:
            raise Refused(f"Cette personne n’est pas dans la liste de {child.first_name}.", "personne")
        return {"changements": [_row(label, _told(leaving), "")], "modifie": True}
    named = _named(call, params)
    check_named(call.session, named)
    known = next((card for card in mine if _key(card) == _key(named)), None)
    before, after = _told(known) if known else "", _told(named)
    warning = _warning(call.session, child.id, named)
    rows = [_row(label, before, after) | ({"avertissement": warning} if warning else {})]
    return {"changements": rows if before != after else [], "modifie": before != after}


@registry.operation(
    "personnes.appliquer",
    "Changer les personnes autorisées à venir chercher l’enfant",
    PickupParams,
    results=("personne_id",),
)
@_refusals_named(_NAMES)
def apply(call: Call, params: PickupParams) -> Mapping[str, Json]:
    """Changes the list as the service validated it, and tells the other parent (R-22)."""
    session, actor = call.session, acting_for(call.actor)
    child, adult_id = filed_child(call, params.enfant, Action.NAME_PICKUP), holder_of(call, params.enfant)
    if params.changement == "retirer":
        mine = persons_of(session, [child.id])[child.id]
        chosen = person_written(session, params.personne)
        leaving = _in_list(mine, chosen) if chosen is not None else None
        if leaving is not None:  # the other parent may have removed her meanwhile: it is done
            remove_person(session, actor, child.id, leaving.id, adult_id=adult_id)
        tell_others(session, child.id, call.case.owner_id, "pickup")
        return {"personne_id": None}
    named = _named(call, params)
    person = name_person(session, actor, child.id, named, adult_id=adult_id, case_id=call.case.id)
    tell_others(session, child.id, call.case.owner_id, "pickup")
    return {"personne_id": str(person)}


def _chosen(call: Call, params: PickupParams) -> PickupCard:
    """The person chosen in the list, among those the filer may know of."""
    cards = children_for(call.session, call.case.owner_id, call.case.household_id, Action.NAME_PICKUP)
    listed = persons_of(call.session, [card.id for card in cards])
    found = next((person for each in listed.values() for person in each if person.id == params.personne), None)
    if found is None:
        raise Refused("Cette personne n’est plus dans la liste. Choisissez-en une autre.", "personne")
    return found


def _named(call: Call, params: PickupParams) -> Named:
    if params.changement == "reprendre":
        it = _chosen(call, params)
        named = Named(it.first_name, it.last_name, it.phone, it.relation, it.birth_date)
    elif params.changement == "ajouter":
        named = Named(
            params.personne_prenom or "",
            params.personne_nom or "",
            params.personne_telephone or "",
            params.personne_lien or "autre",
            params.personne_naissance,
        )
    else:
        raise Refused("Choisissez une des réponses proposées.", "changement")
    return replace(named, since=params.valable_du, until=params.valable_au)


def _in_list(mine: list[PickupCard], wanted: PickupCard) -> PickupCard | None:
    """The same person in the list of this child, who may have been chosen in that of a brother."""
    return next((card for card in mine if card.id == wanted.id or _key(card) == _key(wanted)), None)


def _key(person: PickupCard | Named) -> str:
    return fold(f"{person.last_name} {person.first_name}")


def _row(label: str, before: str, after: str) -> dict[str, Json]:
    return {"champ": "personne", "libelle": label, "avant": before, "apres": after}


def _told(person: PickupCard | Named) -> str:
    dates = "".join(
        (
            f", à partir du {person.since:%d/%m/%Y}" if person.since else "",
            f", jusqu’au {person.until:%d/%m/%Y}" if person.until else "",
        )
    )
    minor = f", né(e) le {person.birth_date:%d/%m/%Y}" if person.birth_date else ""
    relation = vocabulary.RELATIONS.get(person.relation, "").lower()
    phone = f", {phone_text(person.phone)}" if person.phone else ""
    return f"{person.first_name} {person.last_name}, {relation}{phone}{minor}{dates}"


def _warning(session: Session, child_id: uuid.UUID, named: Named) -> str:
    """For the agent only: this person is on the list of those to whom the child must not be handed."""
    blocked = next((card for card in blocked_of(session, [child_id])[child_id] if _key(card) == _key(named)), None)
    return f"Ne pas confier l’enfant à cette personne\u00a0: {blocked.source}" if blocked is not None else ""
