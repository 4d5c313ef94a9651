"""Layouts, components, static files, guards and headers."""
