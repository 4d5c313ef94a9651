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

CLOSURES: Mapping[str, str] = {
    "greve": "Grève",
    "intemperies": "Intempéries",
    "sortie": "Sortie ou voyage scolaire",
    "pont": "Pont",
    "travaux": "Travaux",
    "autre": "Fermeture",
}
"""Why days are closed; families also read the words that the service writes."""

REFUSALS: Mapping[str, str] = {
    "complet": "Il n’y a plus de place ce jour-là",
    "age": "L’âge de l’enfant ne correspond pas à cet accueil",
    "inscription": "L’inscription à cette activité n’est pas faite",
    "pieces": "Il manque une pièce justificative",
    "delai": "La demande est arrivée trop tard",
    "accueil": "L’accueil de l’enfant demande d’abord un échange avec la structure",
}
"""Why an agent refuses a booking. « Parents disponibles » and « factures impayées » are no reasons (R-37, A2)."""
