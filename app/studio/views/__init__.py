"""Blueprints of the studio. Each tab has its own module, which adds its routes to the one blueprint of ``frame``."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint

from app.config import Settings
from app.studio.views import (
    diagram,
    draft,
    exchange,
    forms,
    listing,
    mending,
    migrating,
    publication,
    running,
    scenarios,
    settings,
    tables,
    tryout,
)
from app.studio.views.frame import bp

#: Imported for the routes they add to the blueprint; a new tab is added here.
TABS = (
    listing,
    draft,
    diagram,
    forms,
    settings,
    tables,
    scenarios,
    tryout,
    mending,
    publication,
    exchange,
    running,
    migrating,
)


def blueprints(_settings: Settings) -> Sequence[Blueprint]:
    """Every blueprint of this room."""
    return [bp]
