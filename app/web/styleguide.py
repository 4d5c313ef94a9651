"""What the style guide shows: every component with the content of an ordinary week in Valbrise.

Rendered by ``styleguide.html``, in demonstration mode only. Names are invented (domain.md part C).
"""

from __future__ import annotations

from typing import Any


def styleguide_context() -> dict[str, Any]:
    """The variables of ``styleguide.html``: navigation and account as a parent has them, and sample rows."""
    return {
        "nav": _navigation(),
        "account": {"name": "Camille Fontaine", "url": "#compte", "sign_out_url": "#", "role": "Mon compte"},
        "cases": _CASES,
        "pieces": _pieces(),
        "people": _people(),
        "events": _events(),
        "stages": _stages(),
        "rows": _summary(),
        "thread": _thread(),
        "inbox": _inbox(),
        "demonstration": True,
    }


def _navigation() -> list[dict[str, Any]]:
    return [
        {"label": "Tableau de bord", "short": "Accueil", "url": "#", "icon": "house", "current": True, "count": 0},
        {"label": "Mes demandes", "short": "Demandes", "url": "#", "icon": "file-text", "count": 1},
        {"label": "Mes pièces", "short": "Pièces", "url": "#", "icon": "paperclip", "count": 2},
        {"label": "Mon foyer", "short": "Foyer", "url": "#", "icon": "users", "count": 0},
        {
            "label": "Messages",
            "short": "Messages",
            "url": "#",
            "icon": "mail",
            "count": 3,
            "count_words": "non lus",
        },
    ]


_CASES: list[dict[str, Any]] = [
    {
        "title": "Absence à la cantine",
        "subject": "Léo Fontaine",
        "reference": "VB-2026-00412",
        "status": "traitement",
        "url": "#",
        "next": "Le service enfance vous demande un certificat médical,",
        "next_when": "avant le 28 septembre.",
        "action": {"label": "Compléter ma demande", "url": "#", "icon": "file-pen"},
        "info_url": "#",
    },
    {
        "title": "Ajout d’un enfant au foyer",
        "subject": "Zoé Fontaine",
        "reference": "VB-2026-00398",
        "status": "en_attente",
        "url": "#",
        "next": "Un agent du service enfance la prend en charge",
        "next_when": "sous 3 jours ouvrés.",
        "edit_url": "#",
        "info_url": "#",
    },
    {
        "title": "Modification du foyer",
        "subject": "Nouvelle adresse",
        "status": "brouillon",
        "url": "#",
        "next": "Il reste 2 étapes à remplir.",
        "action": {"label": "Reprendre", "url": "#", "icon": "arrow-right"},
    },
    {
        "title": "Absence à l’accueil du matin",
        "subject": "Léo Fontaine",
        "reference": "VB-2026-00371",
        "status": "clos",
        "url": "#",
        "info_url": "#",
    },
    {
        "title": "Ajout d’un enfant au foyer",
        "subject": "Zoé Fontaine",
        "reference": "VB-2026-00355",
        "status": "refuse",
        "url": "#",
        "next": "Motif : le livret de famille n’est pas lisible.",
        "info_url": "#",
    },
    {
        "title": "Contact",
        "reference": "VB-2026-00340",
        "status": "annule",
        "url": "#",
        "info_url": "#",
    },
]


def _pieces() -> list[dict[str, Any]]:
    provide = {"label": "Fournir le justificatif", "url": "#", "icon": "upload"}
    return [
        {
            "title": "Assurance scolaire",
            "status": "reclame",
            "owner": "Léo Fontaine",
            "valid_until": "demandée avant le 30 septembre 2026",
            "action": provide,
        },
        {
            "title": "Justificatif de domicile",
            "status": "valide",
            "owner": "Le foyer",
            "valid_until": "valable jusqu’au 31 août 2027",
            "url": "#",
        },
        {"title": "Certificat médical", "status": "non_traite", "owner": "Léo Fontaine", "url": "#"},
        {
            "title": "Livret de famille",
            "status": "invalide",
            "owner": "Le foyer",
            "reason": "La deuxième page est coupée. Photographiez-la en entier, à plat.",
            "action": provide,
        },
        {
            "title": "Attestation de quotient familial",
            "status": "perime",
            "owner": "Le foyer",
            "action": provide,
        },
        {"title": "Carnet de vaccination", "status": "non_fourni", "owner": "Zoé Fontaine", "action": provide},
    ]


def _people() -> list[dict[str, Any]]:
    return [
        {
            "name": "Léo Fontaine",
            "detail": "8 ans · CE2, école des Tilleuls",
            "url": "#",
            "tags": [("Régime sans arachide", "warning", "utensils")],
        },
        {"name": "Zoé Fontaine", "detail": "4 ans · Moyenne section, école des Tilleuls", "url": "#"},
        {"name": "Camille Fontaine", "detail": "Responsable légale · c’est vous", "url": "#"},
    ]


def _events() -> list[dict[str, Any]]:
    return [
        {
            "title": "Un complément vous est demandé",
            "when": "lundi 14 septembre 2026 à 14 h 05",
            "who": "Nadia Perrin, service enfance",
            "icon": "file-warning",
            "text": "Pouvez-vous joindre le certificat médical\u00a0? L’absence dépasse trois jours.",
        },
        {
            "title": "Demande prise en charge",
            "when": "lundi 14 septembre 2026 à 9 h 30",
            "who": "Nadia Perrin, service enfance",
            "icon": "clipboard-list",
        },
        {
            "title": "Demande enregistrée",
            "when": "dimanche 13 septembre 2026 à 20 h 41",
            "who": "Camille Fontaine",
            "icon": "send",
        },
    ]


def _stages() -> list[dict[str, Any]]:
    return [
        {"label": "Demande enregistrée", "state": "done", "when": "13 septembre"},
        {"label": "Prise en charge par le service enfance", "state": "done", "when": "14 septembre"},
        {"label": "Examen de la demande", "state": "current", "when": "réponse attendue avant le 28 septembre"},
        {"label": "Décision", "state": "todo", "when": ""},
    ]


def _summary() -> list[dict[str, Any]]:
    return [
        {"label": "Enfant", "value": "Léo Fontaine, CE2 à l’école des Tilleuls", "edit_url": "#"},
        {"label": "Motif de l’absence", "value": "Maladie", "edit_url": "#", "changed": True, "was": "Autre"},
        {"label": "Dates", "value": "du lundi 14 au jeudi 17 septembre 2026", "edit_url": "#"},
        {"label": "Précisions", "value": "", "edit_url": "#"},
    ]


def _thread() -> list[dict[str, Any]]:
    return [
        {
            "author": "Camille Fontaine",
            "when": "hier à 18 h 12",
            "mine": True,
            "text": "Bonjour,\nLéo reprend jeudi. Le repas du jeudi est-il bien réservé\u00a0?",
        },
        {
            "author": "Nadia Perrin",
            "role": "Service enfance",
            "when": "aujourd’hui à 8 h 47",
            "unread": True,
            "text": "Bonjour Madame Fontaine,\nOui, le repas de jeudi est réservé. Bon rétablissement à Léo.",
            "files": [{"name": "menus-septembre.pdf", "url": "#", "size": "0,4 Mo"}],
        },
    ]


def _inbox() -> list[list[str]]:
    return [
        ["Absence à la cantine", "Fontaine", "École des Tilleuls", "28 septembre", "12,40\u00a0€"],
        ["Ajout d’un enfant", "Benali", "École du Pré-Vert", "aujourd’hui", "0,00\u00a0€"],
        ["Justificatif de domicile", "Morel-Laurent", "Mairie", "2 octobre", "1\u202f204,00\u00a0€"],
    ]
