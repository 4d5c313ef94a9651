"""What a form may offer to the person who fills it: her children, her household's adults, the schools…

Rooms register a provider for each kind; the page that shows a form asks for the kinds that form names. A value that is
not among the choices is refused by the form, which is how somebody else's child is.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from app.db import Json
from app.policy import Actor
from forms import Choice


@dataclass(frozen=True)
class Filer:
    """For whom a form is filled: the household is the filer's, or the family's when an agent files at the desk.

    ``qualifier`` narrows the kind asked for: the type of a piece (``pieces:vaccins``), a kind of structure.
    """

    actor: Actor
    account_id: uuid.UUID | None
    household_id: uuid.UUID | None
    case_id: uuid.UUID | None = None
    qualifier: str = ""


Offered = Sequence[Choice] | Callable[[Mapping[str, Json]], Sequence[Choice]]
"""Choices; or what gives them from the answers of the questions before, by name."""
Provider = Callable[[Session, Filer], Offered]

_providers: dict[str, Provider] = {}


def provides(kind: str) -> Callable[[Provider], Provider]:
    """Registers the decorated function as the source of ``kind``."""

    def register(provider: Provider) -> Provider:
        if kind in _providers:
            raise ValueError(f"two sources for {kind}")
        _providers[kind] = provider
        return provider

    return register


def choices_for(session: Session, filer: Filer, kinds: Collection[str]) -> Mapping[str, Offered]:
    """The choices of each kind asked for (``children``, ``pieces:vaccins``…); a kind nobody provides is empty."""
    found: dict[str, Offered] = {}
    for kind in kinds:
        name, _, qualifier = kind.partition(":")
        provider = _providers.get(kind) or _providers.get(name)
        if provider is not None:
            found[kind] = provider(session, replace(filer, qualifier=qualifier))
    return found
