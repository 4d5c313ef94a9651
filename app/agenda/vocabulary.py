"""The closed lists of the agenda."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "maladie": "Maladie",
    "rendez_vous": "Rendez-vous médical",
    "recuperation": "Je récupère mon enfant",
    "familial": "Raison familiale",
    "sortie": "Sortie ou voyage scolaire",
    "autre": "Autre",
}
