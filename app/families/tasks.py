"""What a démarche may ask of families. The process was drawn by the commune and acts in its name; who set it in motion
stays written beside (``_for``)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from datetime import date
from typing import Any

from sqlalchemy import select

from app.db import Json
from app.engine.operations import Call, registry
from app.errors import Refused
from app.families import child_operations, consents, operations, sheet
from app.families.consents import Health
from app.families.models import Adult, Child, Household, HouseholdChild
from app.families.rights import HOLDERS, Authority
from app.policy import Actor


def _doc(text: str) -> Mapping[str, str]:
    return {"doc": text}


_CHILD_NAMES = {
    "first_name": "prenom",
    "last_name": "nom",
    "birth_date": "date_naissance",
    "sex": "sexe",
    "school_id": "etablissement",
    "level": "niveau",
    "quality": "qualite",
    "authority": "autorite",
    "source": "autorite_document",
    "diet": "regime",
    "allergy_note": "allergies_precisions",
    "meal_note": "repas_precisions",
    "email": "autre_parent_courriel",
    "mobile": "autre_parent_telephone",
}
_SHEET_NAMES = {column: name for name, (_, column) in sheet.NAMES.items()}


@contextmanager
def _refusals_named(names: Mapping[str, str]) -> Iterator[None]:
    """A refusal names one of our columns; the person must find it on the field of the form."""
    try:
        yield
    except Refused as refusal:
        raise Refused(refusal.message, names.get(refusal.field or "", refusal.field)) from refusal


def acting_for(actor: Actor) -> Actor:
    """The portal, acting for somebody: allowed as the system is, named as that person."""
    return Actor("system", actor.id, actor.label)


def _household_id(call: Call) -> uuid.UUID:
    if call.case.household_id is not None:
        return call.case.household_id
    found = None
    if call.case.owner_id is not None:
        query = select(Adult.household_id).where(Adult.account_id == call.case.owner_id)
        found = call.session.scalar(query)
    if found is None:
        raise Refused("Cette demande n’est rattachée à aucun foyer.")
    return found


def _filer(call: Call, household_id: uuid.UUID) -> Adult:
    """The adult who files: the owner of the demande, or the first adult of the household at the desk."""
    query = select(Adult).where(Adult.household_id == household_id).order_by(Adult.rank)
    if call.case.owner_id is not None:
        query = query.where(Adult.account_id == call.case.owner_id)
    found = call.session.scalars(query.limit(1)).one_or_none()
    if found is None:
        raise Refused("La personne qui fait cette demande n’a pas de foyer.")
    return found


# -- the household ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpenParams:
    compte_id: uuid.UUID = field(metadata=_doc("Le compte, tel que « compte.ouvrir » l’a rendu"))
    nom: str = field(metadata=_doc("Le nom de l’adulte, qui est aussi celui du foyer"))
    prenom: str = field(metadata=_doc("Le prénom de l’adulte"))
    civilite: str | None = field(default=None, metadata=_doc("Madame, Monsieur ou rien"))
    date_naissance: date | None = field(default=None, metadata=_doc("La date de naissance de l’adulte"))
    qualite: str | None = field(default=None, metadata=_doc("Mère, père… (code)"))
    courriel: str | None = field(default=None, metadata=_doc("L’adresse électronique"))
    telephone_portable: str | None = field(default=None, metadata=_doc("Le téléphone portable"))
    telephone_professionnel: str | None = field(default=None, metadata=_doc("Le téléphone professionnel"))
    telephone_domicile: str | None = field(default=None, metadata=_doc("Le téléphone du domicile"))
    adresse_voie: str | None = field(default=None, metadata=_doc("Le numéro et la voie"))
    adresse_complement: str | None = field(default=None, metadata=_doc("Le complément d’adresse"))
    adresse_code_postal: str | None = field(default=None, metadata=_doc("Le code postal"))
    adresse_commune: str | None = field(default=None, metadata=_doc("La commune"))
    profession: str | None = field(default=None, metadata=_doc("La profession"))
    employeur: str | None = field(default=None, metadata=_doc("L’employeur"))
    situation: str | None = field(default=None, metadata=_doc("La situation familiale (code)"))
    caisse: str | None = field(default=None, metadata=_doc("La caisse d’allocations : caf ou msa"))
    numero_caf: str | None = field(default=None, metadata=_doc("Le numéro d’allocataire"))
    accord_courriel: bool | None = field(default=None, metadata=_doc("Accepte les courriels"))
    accord_sms: bool | None = field(default=None, metadata=_doc("Accepte les SMS"))


@registry.operation(
    "foyer.ouvrir",
    "Ouvrir le foyer d’un nouveau compte",
    OpenParams,
    results=("foyer_id", "adulte_id", "numero_famille"),
)
@_refusals_named(_SHEET_NAMES)
def open_household(call: Call, params: OpenParams) -> Mapping[str, Json]:
    """Once an account: called again, gives the household that this account has."""
    known = call.session.scalars(select(Adult).where(Adult.account_id == params.compte_id)).one_or_none()
    if known is None:
        actor, given = acting_for(call.actor), sheet.by_row(sheet.given(_values(params)))
        household_values, adult_values = given.get("household", {}), given.get("adult", {})
        made = operations.create_household(call.session, actor, label=params.nom, **household_values)
        known = operations.add_adult(call.session, actor, made.id, account_id=params.compte_id, **adult_values)
    number = call.session.scalar(select(Household.number).where(Household.id == known.household_id))
    return {"foyer_id": str(known.household_id), "adulte_id": str(known.id), "numero_famille": number}


def _values(params: Any) -> dict[str, Json]:
    return {f.name: getattr(params, f.name) for f in dataclass_fields(params)}


@dataclass(frozen=True)
class SheetParams:
    adresse_voie: str | None = field(default=None, metadata=_doc("Le numéro et la voie"))
    adresse_complement: str | None = field(default=None, metadata=_doc("Le complément d’adresse"))
    adresse_code_postal: str | None = field(default=None, metadata=_doc("Le code postal"))
    adresse_commune: str | None = field(default=None, metadata=_doc("La commune"))
    telephone_domicile: str | None = field(default=None, metadata=_doc("Le téléphone du domicile"))
    situation: str | None = field(default=None, metadata=_doc("La situation familiale (code)"))
    caisse: str | None = field(default=None, metadata=_doc("La caisse d’allocations : caf ou msa"))
    numero_caf: str | None = field(default=None, metadata=_doc("Le numéro d’allocataire"))
    quotient_familial: int | None = field(default=None, metadata=_doc("Le quotient familial, en euros"))
    civilite: str | None = field(default=None, metadata=_doc("Madame, Monsieur ou rien"))
    nom: str | None = field(default=None, metadata=_doc("Le nom de la personne qui fait la demande"))
    prenom: str | None = field(default=None, metadata=_doc("Son prénom"))
    date_naissance: date | None = field(default=None, metadata=_doc("Sa date de naissance"))
    telephone_portable: str | None = field(default=None, metadata=_doc("Son téléphone portable"))
    telephone_professionnel: str | None = field(default=None, metadata=_doc("Son téléphone professionnel"))
    courriel: str | None = field(default=None, metadata=_doc("Son adresse électronique de contact"))
    profession: str | None = field(default=None, metadata=_doc("Sa profession"))
    employeur: str | None = field(default=None, metadata=_doc("Son employeur"))
    accord_courriel: bool | None = field(default=None, metadata=_doc("Accepte les courriels"))
    accord_sms: bool | None = field(default=None, metadata=_doc("Accepte les SMS"))
    effacables: list[str] = field(
        default_factory=list, metadata=_doc("Les champs qui, laissés vides, effacent ce qui était connu")
    )
    fiche_lue: dict[str, Any] | None = field(
        default=None, metadata=_doc("La fiche lue à l’ouverture : ce qui n’y a pas changé n’est pas un changement")
    )
    acceptes_d_office: list[str] = field(
        default_factory=list, metadata=_doc("Les champs acceptés sans agent : champs_automatiques")
    )


@dataclass(frozen=True)
class NoParams:
    pass


@registry.operation(
    "foyer.lire", "Lire les coordonnées du foyer", NoParams, results=(*sheet.NAMES, "fiche"), reads=True
)
def read_sheet(call: Call, _params: NoParams) -> Mapping[str, Json]:
    """What is known, under the names that the form uses: the form's default values; all together under ``fiche``."""
    known = sheet.known(_rows(call))
    return {**known, "fiche": known}


def _rows(call: Call) -> sheet.Rows:
    household_id = _household_id(call)
    return {
        "household": sheet.household_row(call.session, household_id),
        "adult": _filer(call, household_id),
    }


@registry.operation(
    "foyer.comparer",
    "Comparer les coordonnées proposées avec celles du foyer",
    SheetParams,
    results=("changements", "modifie", "acceptes", "a_valider", "fiche"),
)
@_refusals_named(_SHEET_NAMES)
def compare_sheet(call: Call, params: SheetParams) -> Mapping[str, Json]:
    """Rows of ``champ``, ``libelle``, ``avant``, ``apres`` for the agent's page, as people read the values. Those that
    the commune accepts without an agent are applied at once, and named in ``acceptes``; ``a_valider`` is whether an
    agent is needed: for the rest, or when nothing was accepted."""
    wanted = _wanted(call, params)
    rows = sheet.comparison(call.session, _rows(call), wanted)
    if now := sheet.chosen(rows, params.acceptes_d_office):
        _apply(call, {name: value for name, value in wanted.items() if name in now})
    left = [row for row in rows if row["champ"] not in now]
    base = {**(params.fiche_lue or {}), **{name: sheet.plain(wanted[name]) for name in now}}
    return {
        "changements": left,
        "modifie": bool(rows),
        "acceptes": [str(row["libelle"]) for row in rows if row["champ"] in now],
        "a_valider": bool(left) or not now,
        "fiche": base or None,
    }


def _wanted(call: Call, params: SheetParams) -> dict[str, Json]:
    return sheet.written(call.session, _values(params), params.fiche_lue, params.effacables)


@registry.operation("foyer.modifier", "Modifier les coordonnées du foyer", SheetParams, results=("modifie", "champs"))
@_refusals_named(_SHEET_NAMES)
def change_sheet(call: Call, params: SheetParams) -> Mapping[str, Json]:
    """Applies what the service validated. An empty value changes nothing unless ``effacables`` names its field."""
    changed = _apply(call, _wanted(call, params))
    return {"modifie": bool(changed), "champs": changed}


def _apply(call: Call, wanted: Mapping[str, Json]) -> list[str]:
    household_id = _household_id(call)
    adult, actor, given = _filer(call, household_id), acting_for(call.actor), sheet.by_row(wanted)
    household_values = given.get("household", {})
    if "qf" in household_values:
        household_values |= sheet.qf_origin(sheet.household_row(call.session, household_id), household_values["qf"])
    changed = operations.update_household(call.session, actor, household_id, household_values, call.case.id)
    changed += operations.update_adult(call.session, actor, adult.id, given.get("adult", {}), call.case.id)
    return changed


# -- the child ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChildParams:
    prenom: str = field(metadata=_doc("Le prénom de l’enfant"))
    nom: str = field(metadata=_doc("Le nom de l’enfant"))
    date_naissance: date = field(metadata=_doc("La date de naissance de l’enfant"))
    sexe: str | None = field(default=None, metadata=_doc("F, M ou rien"))
    etablissement: uuid.UUID | None = field(default=None, metadata=_doc("L’école"))
    niveau: str | None = field(default=None, metadata=_doc("Le niveau (PS … CM2)"))
    allergies: list[str] = field(default_factory=list, metadata=_doc("Les allergies (codes)"))
    allergies_precisions: str | None = field(default=None, metadata=_doc("Des précisions sur les allergies"))
    pai: bool | None = field(default=None, metadata=_doc("L’enfant a un projet d’accueil individualisé"))
    regime: str | None = field(default=None, metadata=_doc("Le type de repas (code)"))
    repas_precisions: str | None = field(default=None, metadata=_doc("Des recommandations pour les repas"))
    qualite: str | None = field(
        default=None, metadata=_doc("Ce que la personne qui fait la demande est à l’enfant (code, « parent » sinon)")
    )
    autorite: str | None = field(
        default=None, metadata=_doc("Comment elle exerce l’autorité parentale (code, « joint » sinon)")
    )
    autorite_document: str | None = field(
        default=None, metadata=_doc("Le document qui le prouve ; obligatoire hors autorité conjointe")
    )
    autre_responsable: uuid.UUID | None = field(
        default=None, metadata=_doc("Un autre adulte du foyer qui est aussi responsable")
    )
    autre_responsable_qualite: str | None = field(
        default=None, metadata=_doc("Ce que cet adulte est à l’enfant (code)")
    )
    autre_parent_nom: str | None = field(default=None, metadata=_doc("Le nom de l’autre parent, s’il vit ailleurs"))
    autre_parent_prenom: str | None = field(default=None, metadata=_doc("Son prénom"))
    autre_parent_courriel: str | None = field(default=None, metadata=_doc("Son adresse électronique"))
    autre_parent_telephone: str | None = field(default=None, metadata=_doc("Son téléphone"))
    autre_parent_qualite: str | None = field(default=None, metadata=_doc("Ce qu’il est à l’enfant (code)"))
    residence_alternee: bool | None = field(default=None, metadata=_doc("L’enfant vit aussi chez l’autre parent"))
    autorisation_image: bool | None = field(default=None, metadata=_doc("Autorise les photos et vidéos"))
    autorisation_sortie_seul: bool | None = field(default=None, metadata=_doc("Autorise l’enfant à rentrer seul"))
    autorisation_hospitalisation: bool | None = field(default=None, metadata=_doc("Autorise les soins d’urgence"))
    autorisation_transport: bool | None = field(default=None, metadata=_doc("Autorise le transport"))
    caisse: str | None = field(default=None, metadata=_doc("La caisse d’allocations du foyer\u00a0: caf ou msa"))
    numero_caf: str | None = field(default=None, metadata=_doc("Le numéro d’allocataire du foyer"))


@registry.operation(
    "foyer.ajouter_enfant", "Ajouter un enfant au foyer", ChildParams, results=("enfant_id", "autre_foyer_id")
)
@_refusals_named(_CHILD_NAMES)
def add_child(call: Call, params: ChildParams) -> Mapping[str, Json]:
    """Adds the child, links the adults, notes health and authorisations. Called again for a case, gives that child."""
    session, actor, case_id = call.session, acting_for(call.actor), call.case.id
    household_id = _household_id(call)
    filer = _filer(call, household_id)
    known = session.scalar(select(HouseholdChild.child_id).where(HouseholdChild.case_id == case_id).limit(1))
    if known is not None:
        return {"enfant_id": str(known), "autre_foyer_id": None}
    caf = sheet.given({"caisse": params.caisse, "numero_caf": params.numero_caf})
    operations.update_household(session, actor, household_id, sheet.by_row(caf).get("household", {}), case_id)
    child = child_operations.add_child(
        session,
        actor,
        household_id,
        first_name=params.prenom,
        last_name=params.nom,
        birth_date=params.date_naissance,
        sex=params.sexe or "",
        school_id=params.etablissement,
        level=params.niveau or "",
        case_id=case_id,
    )
    child_operations.link_adult(
        session,
        actor,
        child.id,
        filer.id,
        quality=params.qualite or "parent",
        authority=params.autorite or Authority.JOINT,
        source=params.autorite_document or "",
        case_id=case_id,
    )
    elsewhere = _link_others(call, actor, params, child, household_id, filer)
    _note_health(call, actor, params, child)
    answers = {
        kind: granted
        for kind in ("image", "sortie_seul", "hospitalisation", "transport")
        if (granted := getattr(params, f"autorisation_{kind}")) is not None
    }
    if answers and (params.autorite or Authority.JOINT) in HOLDERS:
        consents.authorise(session, actor, child.id, filer.id, answers, case_id)
    return {"enfant_id": str(child.id), "autre_foyer_id": str(elsewhere) if elsewhere else None}


def _link_others(
    call: Call, actor: Actor, params: ChildParams, child: Child, household_id: uuid.UUID, filer: Adult
) -> uuid.UUID | None:
    """The other holder of joint authority: an adult of the household, or somebody who lives elsewhere, for whom a
    household without account is opened (an agent may invite him). Returns that other household."""
    session, case_id = call.session, call.case.id
    if params.autre_responsable is not None and params.autre_responsable != filer.id:
        adult = session.get(Adult, params.autre_responsable)
        if adult is None or adult.household_id != household_id:
            raise Refused("Choisissez un adulte de votre foyer.", "autre_responsable")
        quality = params.autre_responsable_qualite or "parent"
        child_operations.link_adult(
            session, actor, child.id, adult.id, quality=quality, authority=Authority.JOINT, case_id=case_id
        )
    if not params.autre_parent_nom:
        return None
    if not params.autre_parent_prenom:
        raise Refused("Indiquez aussi le prénom de l’autre parent.", "autre_parent_prenom")
    household = operations.create_household(session, actor, label=params.autre_parent_nom)
    other = operations.add_adult(
        session,
        actor,
        household.id,
        first_name=params.autre_parent_prenom,
        last_name=params.autre_parent_nom,
        email=params.autre_parent_courriel or "",
        mobile=params.autre_parent_telephone or "",
    )
    quality = params.autre_parent_qualite or "parent"
    child_operations.link_adult(
        session, actor, child.id, other.id, quality=quality, authority=Authority.JOINT, case_id=case_id
    )
    if params.residence_alternee:
        child_operations.join_household(session, actor, child.id, household.id)
    return household.id


def _note_health(call: Call, actor: Actor, params: ChildParams, child: Child) -> None:
    health = Health(
        diet=params.regime or "standard",
        allergies=tuple(params.allergies),
        allergy_note=params.allergies_precisions or "",
        meal_note=params.repas_precisions or "",
        pai=bool(params.pai),
    )
    if health != Health():
        consents.set_health(call.session, actor, child.id, health)
