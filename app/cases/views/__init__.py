"""The pages of the demandes, by audience."""

from __future__ import annotations

from flask import Blueprint

from app.cases.views import (
    activation,
    admin,
    agent,
    agent_home,
    agent_inbox,
    erasures,
    family,
    holding,
    opening,
    public,
    statement,
)
from app.config import Settings

#: Imported for the routes they add to the blueprints of agents and families.
REGISTERING = (agent_home, agent_inbox, holding, opening, statement)


def blueprints(_settings: Settings) -> list[Blueprint]:
    """Every blueprint of this room."""
    return [public.public, public.home_of_family, family.bp, activation.bp, agent.bp, admin.bp, erasures.bp]
