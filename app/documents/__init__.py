"""Pieces: what a family files, cleaned, scanned, stored and reviewed."""
