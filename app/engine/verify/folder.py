"""The files around the process: settings, scenarios, forms and decisions, each read once."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.engine.decisions import Decision, DecisionError, parse_decisions
from app.engine.verify.problems import Catalogue, FormFacts, Report

SETTINGS = "demarche.toml"


@dataclass
class Folder:
    """What was understood of the files: forms by name (as `form = "…"` says it), decisions by id."""

    forms: dict[str, FormFacts] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)


def read_folder(files: Mapping[str, bytes], catalogue: Catalogue, report: Report) -> Folder:
    """Reads every file but the process, and reports those that cannot be read."""
    folder = Folder()
    if SETTINGS not in files:
        report.error(SETTINGS, "Le fichier des réglages manque.", "Ajoutez demarche.toml à la démarche.")
    for name in sorted(files):
        data = files[name]
        if name == SETTINGS or (name.startswith("scenarios/") and name.endswith(".toml")):
            _check_toml(name, data, report)
        elif name.startswith("forms/") and name.endswith(".json"):
            folder.forms[name.removeprefix("forms/").removesuffix(".json")] = _form(name, data, catalogue, report)
        elif name.startswith("decisions/") and name.endswith(".dmn"):
            _read_decisions(name, data, folder, report)
    return folder


def _check_toml(name: str, data: bytes, report: Report) -> None:
    try:
        tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        report.error(name, "Ce fichier n’est pas écrit en UTF-8.", "Enregistrez-le en UTF-8.")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        report.error(name, f"Ce fichier n’est pas du TOML valide ({str(error)[:120]}).", "Corrigez la ligne indiquée.")


def _form(name: str, data: bytes, catalogue: Catalogue, report: Report) -> FormFacts:
    facts = catalogue.form_variables(data)
    for problem in facts.problems:
        report.error(name, problem, "Corrigez la définition du formulaire.")
    return facts


def _read_decisions(name: str, data: bytes, folder: Folder, report: Report) -> None:
    try:
        found = parse_decisions(data, f"le fichier {name}")
    except DecisionError as error:
        report.error(name, error.message, "Corrigez la table de décision.")
        return
    for decision in found.values():
        if decision.id in folder.decisions:
            report.error(name, f"Deux décisions s’appellent « {decision.id} ».", "Renommez l’une d’elles.")
        folder.decisions[decision.id] = decision
        for warning in decision.warnings():
            report.warning(name, warning, "Complétez la table de décision.")
