"""The pages about accounts, by audience."""

from __future__ import annotations

from flask import Blueprint

from app.accounts import views_admin, views_demonstration, views_links, views_member, views_signing
from app.config import Settings


def blueprints(settings: Settings) -> list[Blueprint]:
    """The blueprints of the room. « Se connecter comme… » does not exist outside the demonstration: no route at all."""
    made = [views_signing.bp, views_links.bp, views_member.bp, views_admin.bp]
    return [*made, views_demonstration.bp] if settings.demonstration else made
