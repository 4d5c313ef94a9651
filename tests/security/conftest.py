"""The commune, its people and their walks are those of the rules."""

from __future__ import annotations

from tests.rules.conftest import cast, living, shared, walk_of

__all__ = ["cast", "living", "shared", "walk_of"]
