"""What a démarche may ask about a child's sheet: read it, compare it with what the family writes, change it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from app import clock
from app.db import Json
from app.engine.operations import Call, registry
from app.errors import Refused
from app.families import child_operations, consents, sheet, vocabulary
from app.families.custody_calendars import KINDS, Rhythm, custody_of, set_custody
from app.families.loading import child_row, is_known_elsewhere
from app.families.mails import tell_others
from app.families.models import Authorisation, HouseholdChild
from app.families.pickup_tasks import filed_child, holder_of
from app.families.queries import agreement_needed
from app.families.rights import Action
from app.families.shots import Dose, Vaccinations, checked_doses, note_vaccinations, vaccinations, vaccinations_of
from app.families.tasks import _doc, _household_id, _refusals_named, _values, acting_for

_NAMES = {column: name for name, (_, column) in sheet.CHILD_NAMES.items()}
_NAMES |= {"anchor": "garde_debut", "source": "garde_document", "kind": "garde_rythme"}
KNOWN_CHILD = (
    "Un autre foyer a un enfant du même nom, né le même jour. Cherchez-le dans «\u00a0Familles\u00a0» avant "
    "d’accepter\u00a0: c’est peut-être le même, qui vit aussi ailleurs."
)
RHYTHMS: Mapping[str, str] = {
    "paires": "les semaines paires",
    "impaires": "les semaines impaires",
    "alternee": "une semaine sur deux à partir du",
}
OPPOSED = "L’autre parent s’est opposé à ce que l’un décide seul\u00a0: il faut l’accord des deux."


@dataclass(frozen=True)
class ChildParams:
    enfant: uuid.UUID = field(metadata=_doc("L’enfant"))


@dataclass(frozen=True)
class ChildSheetParams:
    enfant: uuid.UUID = field(metadata=_doc("L’enfant"))
    enfant_prenom: str | None = field(default=None, metadata=_doc("Son prénom"))
    enfant_nom: str | None = field(default=None, metadata=_doc("Son nom"))
    enfant_naissance: date | None = field(default=None, metadata=_doc("Sa date de naissance"))
    enfant_sexe: str | None = field(default=None, metadata=_doc("F, M ou rien"))
    etablissement: uuid.UUID | None = field(default=None, metadata=_doc("L’école"))
    niveau: str | None = field(default=None, metadata=_doc("Le niveau (PS … CM2)"))
    regime: str | None = field(default=None, metadata=_doc("Le type de repas (code)"))
    repas_precisions: str | None = field(default=None, metadata=_doc("Des recommandations pour les repas"))
    allergies: list[str] | None = field(default=None, metadata=_doc("Les allergies (codes)"))
    allergies_precisions: str | None = field(default=None, metadata=_doc("Des précisions sur les allergies"))
    pai: bool | None = field(default=None, metadata=_doc("L’enfant a un projet d’accueil individualisé"))
    medecin_nom: str | None = field(default=None, metadata=_doc("Le médecin traitant"))
    medecin_telephone: str | None = field(default=None, metadata=_doc("Son téléphone"))
    autorisation_image: bool | None = field(default=None, metadata=_doc("Autorise les photos et vidéos"))
    autorisation_sortie_seul: bool | None = field(default=None, metadata=_doc("Autorise l’enfant à rentrer seul"))
    autorisation_hospitalisation: bool | None = field(default=None, metadata=_doc("Autorise les soins d’urgence"))
    autorisation_transport: bool | None = field(default=None, metadata=_doc("Autorise le transport"))
    vaccins_mode: str | None = field(
        default=None,
        metadata=_doc("certificat (une pièce couvre tout), doses (une ligne par dose), rien ne change sinon"),
    )
    vaccins: list[dict[str, Any]] | None = field(
        default=None, metadata=_doc("Les doses\u00a0: vaccin_nom (code) et vaccin_date")
    )
    vaccins_piece: list[str] | None = field(default=None, metadata=_doc("Le certificat, une pièce de la demande"))
    garde_rythme: str | None = field(
        default=None, metadata=_doc("L’enfant est chez qui fait la demande\u00a0: paires, impaires, alternee")
    )
    garde_debut: date | None = field(default=None, metadata=_doc("Un jour de la première semaine, si « alternee »"))
    garde_document: str | None = field(default=None, metadata=_doc("Le document qui fixe la garde"))
    effacables: list[str] = field(
        default_factory=list, metadata=_doc("Les champs qui, laissés vides, effacent ce qui était connu")
    )
    fiche_lue: dict[str, Any] | None = field(
        default=None, metadata=_doc("La fiche lue à l’ouverture\u00a0: ce qui n’y a pas changé n’est pas un changement")
    )
    acceptes_d_office: list[str] = field(
        default_factory=list, metadata=_doc("Les champs acceptés sans agent\u00a0: champs_automatiques")
    )


@registry.operation(
    "enfant.lire",
    "Lire la fiche d’un enfant",
    ChildParams,
    results=(*sheet.CHILD_NAMES, "deux_foyers", "fiche"),
    reads=True,
)
def read(call: Call, params: ChildParams) -> Mapping[str, Json]:
    """What is known, under the names of the form: its default values; all together under ``fiche``."""
    filed_child(call, params.enfant, Action.MODIFY)
    known = sheet.known(_rows(call, params.enfant), sheet.CHILD_NAMES)
    homes = call.session.scalars(select(HouseholdChild.household_id).where(HouseholdChild.child_id == params.enfant))
    return {**known, "deux_foyers": len(homes.all()) == 2, "fiche": known}


@registry.operation(
    "enfant.comparer",
    "Comparer ce qui est demandé avec la fiche de l’enfant",
    ChildSheetParams,
    results=("changements", "modifie", "acceptes", "a_valider", "fiche"),
)
@_refusals_named(_NAMES)
def compare(call: Call, params: ChildSheetParams) -> Mapping[str, Json]:
    """As ``foyer.comparer``, for a child: also his vaccinations and the calendar of his custody."""
    wanted = _wanted(call, params)
    rows = sheet.comparison(call.session, _rows(call, params.enfant), wanted, sheet.CHILD_NAMES, params.enfant)
    now = sheet.chosen(rows, params.acceptes_d_office)
    if agreement_needed(call.session, params.enfant):
        now = set()  # nothing goes by itself once the other parent opposed
    if now:
        _apply(call, params.enfant, {name: value for name, value in wanted.items() if name in now})
        tell_others(call.session, params.enfant, call.case.owner_id, "sheet")
    left = (
        [row for row in rows if row["champ"] not in now] + _vaccination_rows(call, params) + _custody_rows(call, params)
    )
    if left and agreement_needed(call.session, params.enfant):
        left[0] = {**left[0], "avertissement": OPPOSED}
    base = {**(params.fiche_lue or {}), **{name: sheet.plain(wanted[name]) for name in now}}
    return {
        "changements": left,
        "modifie": bool(rows or left),
        "acceptes": [str(row["libelle"]) for row in rows if row["champ"] in now],
        "a_valider": bool(left) or not now,
        "fiche": base or None,
    }


@registry.operation("enfant.modifier", "Modifier la fiche d’un enfant", ChildSheetParams, results=("champs",))
@_refusals_named(_NAMES)
def change(call: Call, params: ChildSheetParams) -> Mapping[str, Json]:
    """Applies what the service validated, and tells the other parent (R-22)."""
    session, actor, case_id = call.session, acting_for(call.actor), call.case.id
    changed = _apply(call, params.enfant, _wanted(call, params))
    if (shown := _shown(call, params)) is not None:
        certificate = uuid.UUID(params.vaccins_piece[0]) if shown.certificate and params.vaccins_piece else None
        note_vaccinations(session, actor, params.enfant, shown.doses, certificate=certificate, case_id=case_id)
        changed.append("vaccins")
    if changed:
        tell_others(session, params.enfant, call.case.owner_id, "sheet")
    if (rhythm := _rhythm(call, params)) is not None:
        source = params.garde_document or ""
        set_custody(session, actor, params.enfant, rhythm, source=source, case_id=case_id)
        tell_others(session, params.enfant, call.case.owner_id, "custody")
        changed.append("garde")
    return {"champs": changed}


@dataclass(frozen=True)
class NewChildParams:
    prenom: str = field(metadata=_doc("Le prénom de l’enfant"))
    nom: str = field(metadata=_doc("Le nom de l’enfant"))
    date_naissance: date = field(metadata=_doc("La date de naissance de l’enfant"))
    caisse: str | None = field(default=None, metadata=_doc("La caisse d’allocations du foyer\u00a0: caf ou msa"))
    numero_caf: str | None = field(default=None, metadata=_doc("Le numéro d’allocataire du foyer"))


@registry.operation(
    "foyer.comparer_enfant",
    "Chercher si l’enfant à ajouter est déjà connu",
    NewChildParams,
    results=("changements", "deja_connu"),
)
def compare_new(call: Call, params: NewChildParams) -> Mapping[str, Json]:
    """Rows for the agent's page: the child who would be added, and a warning when another household has one of the same
    name and birth date. Only the agent is told, and of nobody in particular: he looks for it among what he may know."""
    household_id = _household_id(call)
    row: dict[str, Json] = {
        "champ": "enfant",
        "libelle": "Enfant du foyer",
        "avant": "",
        "apres": f"{params.prenom} {params.nom}, né(e) le {params.date_naissance:%d/%m/%Y}",
    }
    if known := is_known_elsewhere(call.session, household_id, params.prenom, params.nom, params.date_naissance):
        row["avertissement"] = KNOWN_CHILD
    wanted = sheet.given(_values(params), names={name: sheet.NAMES[name] for name in ("caisse", "numero_caf")})
    rows = sheet.comparison(call.session, {"household": sheet.household_row(call.session, household_id)}, wanted)
    return {"changements": [row, *rows], "deja_connu": known}


def _wanted(call: Call, params: ChildSheetParams) -> dict[str, Json]:
    """What the family wrote; the right of whoever filed is asked again at each step."""
    filed_child(call, params.enfant, Action.MODIFY)
    return sheet.written(call.session, _values(params), params.fiche_lue, params.effacables, sheet.CHILD_NAMES)


def _rows(call: Call, child_id: uuid.UUID) -> sheet.Rows:
    """The child, his health, and what the adult who files said of each authorisation."""
    said: dict[str, bool | None] = dict.fromkeys(vocabulary.AUTHORISATIONS)
    adult_id = holder_of(call, child_id)
    current = select(Authorisation).where(
        Authorisation.child_id == child_id, Authorisation.adult_id == adult_id, Authorisation.superseded_at.is_(None)
    )
    said |= {row.kind: row.granted for row in call.session.scalars(current)}
    return {
        "child": child_row(call.session, child_id),
        "health": consents.health_of(call.session, child_id),
        "authorisation": SimpleNamespace(**said),
    }


def _apply(call: Call, child_id: uuid.UUID, wanted: Mapping[str, Json]) -> list[str]:
    session, actor, case_id = call.session, acting_for(call.actor), call.case.id
    given = sheet.by_row(wanted, sheet.CHILD_NAMES)
    changed = child_operations.update_child(session, actor, child_id, given.get("child", {}), case_id)
    if health := given.get("health"):
        before = consents.health_of(session, child_id)
        after = replace(before, **{name: _empty(name) if value is None else value for name, value in health.items()})
        if after != before:
            consents.set_health(session, actor, child_id, after)
            changed += sorted(health)
    if said := given.get("authorisation"):
        consents.authorise(session, actor, child_id, holder_of(call, child_id), said, case_id)
        changed += sorted(said)
    return changed


def _empty(name: str) -> Json:
    return {"allergies": (), "diet": "standard", "pai": False}.get(name, "")


# -- vaccinations ----------------------------------------------------------------------------------------------------


def _shown(call: Call, params: ChildSheetParams) -> Vaccinations | None:
    """The vaccinations that the demande shows; ``None`` when it does not speak of them. Raises Refused."""
    born = params.enfant_naissance or child_row(call.session, params.enfant).birth_date
    if params.vaccins_mode == "certificat":
        if not params.vaccins_piece:
            raise Refused("Joignez le certificat.", "vaccins_piece")
        return vaccinations((), born, certificate=True)
    if params.vaccins_mode != "doses":
        return None
    try:
        doses = [Dose(str(row["vaccin_nom"]), date.fromisoformat(row["vaccin_date"])) for row in params.vaccins or ()]
    except (KeyError, TypeError, ValueError):
        raise Refused("Indiquez le vaccin et la date de chaque dose.", "vaccins") from None
    return vaccinations(checked_doses(doses, born), born)


def _vaccination_rows(call: Call, params: ChildSheetParams) -> list[dict[str, Json]]:
    shown = _shown(call, params)
    if shown is None:
        return []
    born = child_row(call.session, params.enfant).birth_date
    before = vaccinations_of(call.session, params.enfant, born)
    if (before.text, before.certificate) == (shown.text, shown.certificate) and not shown.certificate:
        return []
    row: dict[str, Json] = {"champ": "vaccins", "libelle": "Vaccinations", "fiche": "health"}
    lacking = ", ".join(shown.missing).lower()
    warning = {"avertissement": f"Obligatoires à son âge, et non montrées\u00a0: {lacking}."} if lacking else {}
    return [{**row, "avant": before.text, "apres": shown.text, **warning}]


# -- custody ---------------------------------------------------------------------------------------------------------


def _rhythm(call: Call, params: ChildSheetParams) -> Rhythm | None:
    """The calendar that the demande asks for, seen from the household that files. Raises Refused."""
    mine = call.case.household_id
    if not params.garde_rythme or mine is None:
        return None
    if params.garde_rythme not in RHYTHMS:
        raise Refused("Choisissez une des réponses proposées.", "kind")
    if params.garde_rythme == "alternee":
        if params.garde_debut is None:
            raise Refused("Indiquez un jour de la première semaine.", "anchor")
        return Rhythm("turn", first=mine, anchor=params.garde_debut)
    homes = call.session.scalars(
        select(HouseholdChild.household_id).where(HouseholdChild.child_id == params.enfant)
    ).all()
    other = next((home for home in homes if home != mine), None)
    if len(homes) != 2 or other is None:
        raise Refused("Un calendrier de garde demande que l’enfant vive dans deux foyers.", "kind")
    return Rhythm("parity", first=mine if params.garde_rythme == "paires" else other)


def _custody_rows(call: Call, params: ChildSheetParams) -> list[dict[str, Json]]:
    if _rhythm(call, params) is None:
        return []
    if not (params.garde_document or "").strip():
        raise Refused("Indiquez le document qui fixe la garde.", "source")
    card = custody_of(call.session, params.enfant)
    before = f"{KINDS[card.kind]}, {card.source}" if card is not None else ""
    rhythm = RHYTHMS[params.garde_rythme or ""]
    since = f" {params.garde_debut:%d/%m/%Y}" if params.garde_rythme == "alternee" and params.garde_debut else ""
    told = f"Chez la personne qui fait la demande {rhythm}{since}"
    after = f"{told}, {params.garde_document}, dès le {clock.today():%d/%m/%Y}"
    return [{"champ": "garde", "libelle": "Garde", "avant": before, "apres": after}]
