"""What any démarche may ask of its own demande."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.cases import machinery as machinery  # registers the handlers of asynchronous operations and events
from app.cases.models import Case
from app.db import Json
from app.engine.operations import Call, registry


@dataclass(frozen=True)
class ReasonParams:
    motif: str = field(metadata={"doc": "Le texte que la famille lira"})


@registry.operation("demande.motiver", "Écrire le motif que la famille lira", ReasonParams)
def write_reason(call: Call, params: ReasonParams) -> Mapping[str, Json] | None:
    """Sets the reason shown on the family's page, for an end that no agent decided (a delay that ran out)."""
    case = call.session.get(Case, call.case.id)
    if case is not None:
        case.reason = params.motif[:2000]
    return None
