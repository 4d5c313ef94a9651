"""Démarches: their published, immutable versions and their settings."""
