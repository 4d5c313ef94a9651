"""Demandes: filed by families, worked by agents, advanced by the engine."""
