"""Pages of pieces: a family's wallet, the agents' review, what administrators watch."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint

from app.config import Settings
from app.documents.views_admin import admin
from app.documents.views_agent import agent
from app.documents.views_family import family


def blueprints(_settings: Settings) -> Sequence[Blueprint]:
    return (family, agent, admin)
