"""What changes in demarche.toml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from app.db import Json
from app.procedures.settings import CATEGORIES, ProcedureSettings, SettingsError, read_settings
from app.studio.changes.wording import Change, from_to, quoted

STATUSES: Mapping[str, str] = {
    "brouillon": "Brouillon",
    "en_attente": "En attente",
    "traitement": "En traitement",
    "a_completer": "À compléter",
    "clos": "Clos",
    "refuse": "Refusé",
    "annule": "Annulé",
}
_LABELS: Mapping[str, str] = {
    "title": "Le titre",
    "summary": "Le résumé",
    "position": "La place dans le catalogue",
    "duration": "La durée annoncée",
    "delay": "Le délai annoncé",
    "structure": "La structure qui reçoit les demandes",
    "subject": "Le sujet des demandes",
    "service": "Le nom du service",
    "draft_days": "Le nombre de jours pendant lesquels un brouillon est gardé",
    "retention_months": "Le nombre de mois pendant lesquels une demande terminée est gardée",
    "opens_on": "La date d’ouverture aux familles",
    "closes_on": "La date de fermeture aux familles",
    "filers": "Qui peut déposer",
    "pieces": "La liste des pièces demandées",
}
_YES_NO: Mapping[str, tuple[str, str]] = {
    "account": ("Un compte est maintenant nécessaire.", "Un compte n’est plus nécessaire."),
    "listed": ("La démarche apparaît au catalogue.", "La démarche n’apparaît plus au catalogue."),
    "open": (
        "La démarche sera ouverte dès sa première publication.",
        "La démarche sera fermée à sa première publication.",
    ),
    "second_reader": (
        "La publication demande maintenant l’accord d’une seconde personne.",
        "La publication ne demande plus l’accord d’une seconde personne.",
    ),
}
_REGIMES = {
    "SVA": "le silence vaut acceptation",
    "SVR": "le silence vaut rejet",
    "AUCUN": "le silence ne décide rien",
}


def settings_changes(before: bytes, after: bytes) -> Iterator[Change]:
    """The changes of the settings; a file that cannot be read is said to be so."""
    old, new = _read(before), _read(after)
    if old is None or new is None:
        said = "ne se lisent plus" if new is None else "se lisent de nouveau"
        yield _change(f"Les réglages {said}.")
        return
    sentences = list(_settings(old, new))
    yield from map(_change, sentences or ["L’écriture du fichier des réglages change, sans effet."])


def _change(sentence: str) -> Change:
    return Change("reglages", "changed", "demarche.toml", sentence)


def _read(raw: bytes) -> ProcedureSettings | None:
    try:
        return read_settings(raw)
    except SettingsError:
        return None


def _settings(old: ProcedureSettings, new: ProcedureSettings) -> Iterator[str]:
    for each in fields(ProcedureSettings):
        one, other = getattr(old, each.name), getattr(new, each.name)
        if one == other:
            continue
        if each.name in _YES_NO:
            yield _YES_NO[each.name][0 if other else 1]
        elif each.name == "category":
            yield f"La catégorie {from_to(CATEGORIES.get(one, one), CATEGORIES.get(other, other))}."
        elif each.name == "legal":
            yield f"La règle légale change : {_legal(new)} (avant : {_legal(old)})."
        elif each.name == "next_steps":
            yield from _by_status(one, other, "Le texte « et ensuite » du statut")
        elif each.name == "notifications":
            yield from _by_status(one, other, "Le message à la famille au statut")
        elif each.name == "settings":
            yield from _own_settings(one, other)
        elif each.name == "summary":
            yield "Le résumé change."
        else:
            yield f"{_LABELS.get(each.name, f'Le réglage {quoted(each.name)}')} {from_to(one, other)}."


def _legal(settings: ProcedureSettings) -> str:
    text = _REGIMES[settings.legal.regime]
    return text if settings.legal.regime == "AUCUN" else f"{text} au bout de {settings.legal.months}\u00a0mois"


def _by_status(old: Mapping[str, object], new: Mapping[str, object], subject: str) -> Iterator[str]:
    for status in [*old, *(each for each in new if each not in old)]:
        if old.get(status) == new.get(status):
            continue
        said = "est ajouté" if status not in old else "est retiré" if status not in new else "change"
        yield f"{subject} {quoted(STATUSES.get(status, status))} {said}."


def _own_settings(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[str]:
    for name in [*old, *(each for each in new if each not in old)]:
        if old.get(name) != new.get(name):
            yield f"Le réglage propre {quoted(name)} {from_to(old.get(name), new.get(name))}."
