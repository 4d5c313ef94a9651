"""What each person finds in the menu. Policy decides; templates only draw the list."""

from __future__ import annotations

from typing import TypedDict

from flask import request

from app.policy import Actor, Permission


class Item(TypedDict):
    """A line of the menu; ``short`` is the word under the icon on a phone, ``count`` a badge."""

    label: str
    url: str
    current: bool
    count: int
    icon: str
    short: str


FAMILY = (
    ("Tableau de bord", "/tableau-de-bord", "house", "Accueil"),
    ("Planning", "/planning", "calendar-days", "Planning"),
    ("Mes demandes", "/demandes", "file-text", "Demandes"),
    ("Mes pièces", "/pieces", "paperclip", "Pièces"),
    ("Mon foyer", "/foyer", "users", "Foyer"),
    ("Messages", "/messages", "mail", "Messages"),
    ("Mon compte", "/compte", "user", "Compte"),
)
AGENT = (
    ("Tâches", "/agent/taches", "list-checks", "Tâches", Permission.TASK_WORK),
    ("Présences", "/agent/presences", "clipboard-check", "Présences", Permission.ATTENDANCE_MARK),
    ("Absences du jour", "/agent/absences", "calendar-x", "Absences", Permission.ABSENCE_READ),
    ("Réservations", "/agent/reservations", "calendar-days", "Réservations", Permission.BOOKING_MANAGE),
    ("Pièces à vérifier", "/agent/pieces", "file-check", "Pièces", Permission.DOCUMENT_REVIEW),
    ("Familles", "/agent/familles", "users", "Familles", Permission.FAMILY_READ),
    ("Messages", "/agent/messages", "mail", "Messages", Permission.MESSAGE_ANSWER),
)
ADMIN = (
    ("Démarches", "/admin/demarches", "workflow", "Démarches", Permission.PROCEDURE_EDIT),
    ("Utilisateurs", "/admin/utilisateurs", "users", "Utilisateurs", Permission.USER_MANAGE),
    ("Rôles", "/admin/roles", "shield-check", "Rôles", Permission.ROLE_MANAGE),
    ("Structures", "/admin/structures", "building-2", "Structures", Permission.STRUCTURE_MANAGE),
    ("Pièces", "/admin/pieces", "paperclip", "Pièces", Permission.SETTINGS_MANAGE),
    ("Réglages", "/admin/reglages", "settings", "Réglages", Permission.SETTINGS_MANAGE),
    ("Courriels", "/admin/courriels", "mail", "Courriels", Permission.MAIL_READ),
    ("Conservation", "/admin/conservation", "archive", "Conservation", Permission.AUDIT_READ),
    ("Incidents", "/admin/incidents", "triangle-alert", "Incidents", Permission.INCIDENT_MANAGE),
    ("Journal", "/admin/journal", "scroll-text", "Journal", Permission.AUDIT_READ),
)


def _item(here: str, label: str, url: str, icon: str, short: str, count: int = 0) -> Item:
    current = here == url or here.startswith(url + "/")
    return {"label": label, "url": url, "current": current, "count": count, "icon": icon, "short": short}


def menu(actor: Actor, unread: int) -> list[Item]:
    """The menu of this page for this person; ``unread`` badges « Messages »."""
    here = request.path
    if not actor.is_agent:
        return [_item(here, *line, count=unread if line[1] == "/messages" else 0) for line in FAMILY]
    return [_item(here, *line[:4]) for line in AGENT if actor.can(line[4])]


def admin_menu(actor: Actor) -> list[Item]:
    """The menu of the administration, for whoever holds one of its permissions."""
    here = request.path
    return [_item(here, *line[:4]) for line in ADMIN if actor.can(line[4])]
