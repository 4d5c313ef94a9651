"""What a BPMN service task may call: a typed registry that rooms fill at composition.

An operation is a function ``(call, params) -> result``. Its parameters are one frozen dataclass whose fields carry
their French documentation; the result is a dict of JSON values, stored under the task's result variable.
"""

from __future__ import annotations

import dataclasses
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar, cast

from sqlalchemy.orm import Session

from app.db import Json
from app.policy import Actor


@dataclass(frozen=True)
class CaseFacts:
    """What the engine is told of the case it advances; copied into the projection so that lists need one SELECT.

    ``search`` are folded texts an agent may type to find it (names both ways round, reference).
    """

    id: uuid.UUID
    reference: str
    procedure: str
    title: str
    subject: str
    owner_id: uuid.UUID | None = None
    household_id: uuid.UUID | None = None
    structure_id: uuid.UUID | None = None
    channel: str = "portail"
    search: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """One call of an operation: where it writes, who caused it, for which case and task."""

    session: Session
    actor: Actor
    case: CaseFacts
    task_id: uuid.UUID


class BusinessError(Exception):
    """An outcome drawn in the diagram: raises the BPMN error ``code`` on the service task."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ParameterError(Exception):
    """The diagram gives an operation something it does not take."""


P = TypeVar("P")
Result = Mapping[str, Json] | None

JSON_TYPES: dict[Any, str] = {
    str: "texte",
    int: "entier",
    bool: "oui/non",
    date: "date",
    uuid.UUID: "identifiant",
    list[str]: "liste de textes",
    dict[str, Any]: "objet",
    list[dict[str, Any]]: "liste d’objets",
}


@dataclass(frozen=True)
class Parameter:
    """One documented parameter: ``type`` is a word of JSON_TYPES' values."""

    name: str
    type: str
    required: bool
    doc: str


@dataclass(frozen=True)
class OperationSpec(Generic[P]):
    """An entry of the registry: what verify, the studio and the runtime need to know.

    ``results`` are the keys of the returned dict, ``errors`` the BPMN error codes it may raise. An ``asynchronous``
    operation runs in a worker, outside the step's transaction: it is given an ``app.facts.Work`` instead of a ``Call``
    and must be idempotent. One that only ``reads`` may also run to show a page, before its case is written.
    """

    name: str
    label: str
    run: Callable[[Any, P], Result]
    params_class: type[P]
    results: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    asynchronous: bool = False
    reads: bool = False

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        hints = typing.get_type_hints(self.params_class)
        return tuple(
            Parameter(f.name, JSON_TYPES[_bare(hints[f.name])], _required(f), f.metadata.get("doc", ""))
            for f in dataclasses.fields(cast(Any, self.params_class))
        )

    def bind(self, values: Mapping[str, Json]) -> P:
        """The parameters as their dataclass. Raises ParameterError naming what is missing, unknown or ill-typed."""
        hints = typing.get_type_hints(self.params_class)
        fields = {f.name: f for f in dataclasses.fields(cast(Any, self.params_class))}
        if unknown := sorted(set(values) - set(fields)):
            raise ParameterError(f"{self.name} : paramètre inconnu « {unknown[0]} »")
        bound: dict[str, Any] = {}
        for name, field in fields.items():
            if values.get(name) is None:
                if _required(field) and not _optional(hints[name]):
                    raise ParameterError(f"{self.name} : le paramètre « {name} » manque")
                if _required(field):
                    bound[name] = None
                continue
            bound[name] = _convert(self.name, name, _bare(hints[name]), values[name])
        return self.params_class(**bound)


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _optional(hint: Any) -> bool:
    return isinstance(hint, types.UnionType) and type(None) in typing.get_args(hint)


def _bare(hint: Any) -> Any:
    """``int | None`` → ``int``."""
    if isinstance(hint, types.UnionType):
        return next(arg for arg in typing.get_args(hint) if arg is not type(None))
    return hint


def _convert(operation: str, name: str, kind: Any, value: Json) -> Any:
    try:
        if kind is date and isinstance(value, str):
            return date.fromisoformat(value)
        if kind is uuid.UUID and isinstance(value, str):
            return uuid.UUID(value)
    except ValueError as error:
        raise ParameterError(f"{operation} : « {name} » n’est pas une valeur valable ({JSON_TYPES[kind]})") from error
    plain = typing.get_origin(kind) or kind
    if plain is int and isinstance(value, bool):
        raise ParameterError(f"{operation} : « {name} » doit être un entier")
    inside = [typing.get_origin(each) or each for each in typing.get_args(kind)] if plain is list else []
    if not isinstance(value, plain) or (inside and not all(isinstance(each, inside[0]) for each in value)):
        raise ParameterError(f"{operation} : « {name} » doit être de type {JSON_TYPES[kind]}")
    return value


class Registry:
    """The operations of this composition, by name."""

    def __init__(self) -> None:
        self._operations: dict[str, OperationSpec[Any]] = {}

    def add(self, spec: OperationSpec[Any]) -> None:
        if spec.name in self._operations:
            raise ValueError(f"two operations named {spec.name}")
        _ = spec.parameters  # fails now, not when a diagram calls it
        self._operations[spec.name] = spec

    def operation(
        self,
        name: str,
        label: str,
        params: type[P],
        *,
        results: tuple[str, ...] = (),
        errors: tuple[str, ...] = (),
        asynchronous: bool = False,
        reads: bool = False,
    ) -> Callable[[Callable[[Any, P], Result]], Callable[[Any, P], Result]]:
        """Decorator form of ``add``."""

        def register(run: Callable[[Any, P], Result]) -> Callable[[Any, P], Result]:
            self.add(OperationSpec(name, label, run, params, results, errors, asynchronous, reads))
            return run

        return register

    def __getitem__(self, name: str) -> OperationSpec[Any]:
        try:
            return self._operations[name]
        except KeyError:
            raise ParameterError(f"aucune opération ne s’appelle « {name} »") from None

    def __contains__(self, name: str) -> bool:
        return name in self._operations

    def specs(self) -> Mapping[str, OperationSpec[Any]]:
        return dict(sorted(self._operations.items()))


#: The registry of the product: rooms decorate their ``tasks.py`` with ``registry.operation(…)``.
registry = Registry()
