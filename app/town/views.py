"""The pages about the commune, by audience."""

from __future__ import annotations

from flask import Blueprint

from app.config import Settings
from app.town import views_admin, views_public


def blueprints(settings: Settings) -> list[Blueprint]:  # noqa: ARG001  # every room has this signature
    """The blueprints of the room."""
    return [views_public.bp, views_admin.bp]
