"""What verify is given and what it answers."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from app.engine.graph import Flow, Graph, Lane, Node, Unknown

Severity = Literal["error", "warning"]

INITIAL_VARIABLES = frozenset(
    {"demande_id", "reference", "demarche", "usager_id", "foyer_id", "canal", "champs_automatiques"}
)
"""The variables every case starts with."""

OWN_LANES = frozenset({"famille", "systeme"})
"""The lanes that exist in every commune: the person who files, and the portal itself."""


@dataclass(frozen=True, order=True)
class Problem:
    """One finding. `severity` is error (the version cannot be published) or warning. `element_id` is a BPMN id or a
    file of the folder; `message` says what is wrong and `remedy` what to do, in French."""

    severity: Severity
    element_id: str
    element_name: str
    message: str
    remedy: str


@dataclass(frozen=True)
class FormFacts:
    """What a form definition says to the process.

    `variables`: variable → type (free words of the forms room). `choices`: variable → its possible values, when they
    are known. `expressions`: (where, expression) pairs, which may read the form's own variables and those known before.
    `problems`: French sentences on the definition itself.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Collection[str]] = field(default_factory=dict)
    expressions: Collection[tuple[str, str]] = ()
    problems: Collection[str] = ()


class ParameterFacts(Protocol):
    """One parameter of an operation; `type` is a word of `operations.JSON_TYPES`."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def required(self) -> bool: ...


class OperationFacts(Protocol):
    """What verify reads of an `operations.OperationSpec`."""

    @property
    def label(self) -> str: ...
    @property
    def parameters(self) -> Collection[ParameterFacts]: ...
    @property
    def results(self) -> Collection[str]: ...
    @property
    def errors(self) -> Collection[str]: ...


@dataclass(frozen=True)
class Catalogue:
    """What exists outside the folder: operations by name, roles (lane codes), published procedures that may be called,
    and the reader of form definitions, injected because the engine does not know the forms. ``idle_roles`` are those
    that exist and may do no step."""

    operations: Mapping[str, OperationFacts]
    roles: Collection[str]
    procedures: Collection[str]
    form_variables: Callable[[bytes], FormFacts]
    idle_roles: Collection[str] = frozenset()


class Report:
    """Collects problems; the same one is kept once."""

    def __init__(self, graph: Graph | None = None) -> None:
        self.graph = graph
        self._found: set[Problem] = set()

    def error(self, where: Node | Flow | Lane | Unknown | Graph | str, message: str, remedy: str) -> None:
        """Notes what forbids publication."""
        self._add("error", where, message, remedy)

    def warning(self, where: Node | Flow | Lane | Unknown | Graph | str, message: str, remedy: str) -> None:
        """Notes what deserves a look."""
        self._add("warning", where, message, remedy)

    def _add(
        self, severity: Severity, where: Node | Flow | Lane | Unknown | Graph | str, message: str, remedy: str
    ) -> None:
        if isinstance(where, str):
            where = (self.graph and self.graph.nodes.get(where)) or where
        identity, name = (where, where) if isinstance(where, str) else (where.id, where.name)
        self._found.add(Problem(severity, identity, name, message, remedy))

    def include(self, other: "Report") -> None:
        """Adds what another report found."""
        self._found |= other._found

    @property
    def has_errors(self) -> bool:
        """Whether anything forbids publication."""
        return any(problem.severity == "error" for problem in self._found)

    def problems(self) -> list[Problem]:
        """Errors first, then by element: the same files always give the same list."""
        return sorted(self._found)
