"""The pages of the demandes, by audience."""

from __future__ import annotations

from flask import Blueprint

from app.cases.views import activation, admin, agent, agent_home, family, public
from app.config import Settings

#: Imported for the route it adds to the agents' blueprint.
REGISTERING = (agent_home,)


def blueprints(_settings: Settings) -> list[Blueprint]:
    """Every blueprint of this room."""
    return [public.public, public.home_of_family, family.bp, activation.bp, agent.bp, admin.bp]
