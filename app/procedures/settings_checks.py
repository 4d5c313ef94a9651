"""What the settings of a démarche say that its diagram and its forms cannot keep: warnings, with the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from app.engine.bpmn_reader import read_graph
from app.engine.bundle import PROCESS, SETTINGS
from app.engine.graph import HUMAN_TASKS, GraphRefused
from app.engine.verify import Problem
from app.engine.xml import XmlRefused, load_xml
from app.policy import FAMILY_LANE
from app.procedures.settings import ProcedureSettings
from forms import DefinitionError, load_definition

#: What asks a family nothing that one line of a list could show.
_SILENT = ("info", "decision")


def subject_fields(files: Mapping[str, bytes]) -> dict[str, str]:
    """The questions of the forms that a family fills before it sends its demande, name → label: what ``sujet`` may
    name. Empty when the diagram or its forms cannot be read."""
    try:
        graph = read_graph(load_xml(files[PROCESS], f"le fichier {PROCESS}"))
    except (KeyError, XmlRefused, GraphRefused):
        return {}
    asked = [
        f"forms/{node.properties.get('form')}.json"
        for node in graph.nodes.values()
        if node.kind in HUMAN_TASKS and node.lane == FAMILY_LANE and node.properties.get("statut") == "brouillon"
    ]
    found: dict[str, str] = {}
    for path in asked:
        try:
            definition = load_definition(files[path])
        except (KeyError, DefinitionError):
            continue
        found |= {spec.name: spec.label for spec in definition.fields() if spec.type not in _SILENT}
    return found


def unknown_subjects(entries: Iterable[str], files: Mapping[str, bytes]) -> list[str]:
    """The names in a subject that no question has; none when the questions cannot be read."""
    known = subject_fields(files)
    names = dict.fromkeys(name for entry in entries for name in entry.split())
    return [name for name in names if name not in known] if known else []


def settings_problems(settings: ProcedureSettings, files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Warnings: the settings can be read, and mean less than they seem to."""
    if settings.filers == "guichet":
        yield _warning(
            "Personne ne peut déposer cette démarche en ligne : aucune page ne permet encore à un agent de la déposer.",
            "Dans Réglages, Dépôt, choisissez « Tout le monde » ou « Les familles qui ont un foyer sur le portail ».",
        )
    for name in unknown_subjects(settings.subject, files):
        yield _warning(
            f"Le sujet des demandes nomme « {name} », qui n’est pas une question du formulaire de la famille.",
            "Dans Réglages, Instruction, choisissez parmi les questions de la liste.",
        )


def _warning(message: str, remedy: str) -> Problem:
    return Problem("warning", SETTINGS, "Réglages", message, remedy)
