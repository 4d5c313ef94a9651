"""Pages of families: « Mon foyer » for parents, search and file for agents."""

from __future__ import annotations

from flask import Blueprint

from app.config import Settings
from app.families.views_agent import bp as agent
from app.families.views_child import bp as child
from app.families.views_family import bp as family


def blueprints(_settings: Settings) -> list[Blueprint]:
    """What the composition registers."""
    return [family, agent, child]
