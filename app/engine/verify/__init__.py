"""The proof of a version before it is published: every problem found, with its element and its remedy, in French.

`verify` reads the files of a démarche folder as the runtime will, then explores every state a case can be in. It stops
early only where going on would make no sense: an unreadable diagram, or one whose drawing is wrong.
"""

from collections.abc import Mapping

from app.engine.bpmn_reader import read_graph
from app.engine.graph import Graph, GraphRefused
from app.engine.verify import variables
from app.engine.verify.exploration import check_tokens
from app.engine.verify.folder import read_folder
from app.engine.verify.people import check_people
from app.engine.verify.problems import (
    INITIAL_VARIABLES,
    Catalogue,
    FormFacts,
    OperationFacts,
    ParameterFacts,
    Problem,
    Report,
)
from app.engine.verify.references import check_references
from app.engine.verify.structure import check_structure, check_supported
from app.engine.verify.variables import check_variables
from app.engine.xml import XmlRefused, load_xml

__all__ = [
    "INITIAL_VARIABLES",
    "Catalogue",
    "FormFacts",
    "OperationFacts",
    "ParameterFacts",
    "Problem",
    "known_at",
    "needed_at",
    "unsupported",
    "verify",
]

PROCESS = "process.bpmn"


def verify(files: Mapping[str, bytes], catalogue: Catalogue) -> list[Problem]:
    """Every problem of the version made of `files` (path in the folder → content), errors first, in a stable order.

    A version may be published when no problem is an error. Never raises for what the files contain.
    """
    report = Report()
    folder = read_folder(files, catalogue, report)
    if PROCESS not in files:
        report.error(PROCESS, "Le diagramme du processus manque.", "Ajoutez process.bpmn à la démarche.")
        return report.problems()
    try:
        graph = read_graph(load_xml(files[PROCESS], "le fichier process.bpmn"))
    except (XmlRefused, GraphRefused) as refusal:
        report.error(PROCESS, refusal.message, "Exportez à nouveau le diagramme depuis l’éditeur.")
        return report.problems()
    report.graph = graph
    drawing = Report(graph)
    check_structure(graph, drawing)
    report.include(drawing)
    check_people(graph, catalogue, report)
    check_references(graph, folder, catalogue, report)
    if not drawing.has_errors:
        check_variables(graph, folder, catalogue, report)
        check_tokens(graph, report)
    return report.problems()


def known_at(graph: Graph, files: Mapping[str, bytes], catalogue: Catalogue) -> Mapping[str, frozenset[str]]:
    """Node → the variables that may be known when it begins. Empty when the drawing is too wrong to be followed."""
    drawing = Report(graph)
    check_structure(graph, drawing)
    if drawing.has_errors:
        return {}
    return variables.known_at(graph, read_folder(files, catalogue, Report()), catalogue)


def needed_at(files: Mapping[str, bytes], catalogue: Catalogue) -> Mapping[str, frozenset[str]]:
    """Node or flow → the variables a case must have there: certain there, and read later. ``files`` are verified."""
    graph = read_graph(load_xml(files[PROCESS], "le fichier process.bpmn"))
    return variables.needed_at(graph, read_folder(files, catalogue, Report()), catalogue)


def unsupported(graph: Graph) -> list[Problem]:
    """The elements of a diagram that the portal does not run, each with what to draw instead."""
    report = Report(graph)
    check_supported(graph, report)
    return report.problems()
