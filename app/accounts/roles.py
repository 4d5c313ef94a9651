"""The roles a new installation starts with; administrators change them afterwards. Codes are BPMN lanes."""

from __future__ import annotations

from dataclasses import dataclass

from app.policy import Permission as P

ADMINISTRATOR = "administrateur"


@dataclass(frozen=True)
class DefaultRole:
    """A role as shipped. Health content is for those who look after the children, never for administrators."""

    code: str
    label: str
    description: str
    permissions: tuple[P, ...]


DEFAULT_ROLES: tuple[DefaultRole, ...] = (
    DefaultRole(
        "gestionnaire",
        "Gestionnaire",
        "Instruit les demandes, vérifie les pièces, tient les dossiers des familles.",
        (
            P.ABSENCE_READ,
            P.ATTENDANCE_MARK,
            P.BOOKING_MANAGE,
            P.CASE_FILE_FOR,
            P.CASE_HOLD,
            P.CASE_READ,
            P.DOCUMENT_READ,
            P.DOCUMENT_REVIEW,
            P.FAMILY_INVITE,
            P.FAMILY_READ,
            P.FAMILY_WRITE,
            P.MESSAGE_ANSWER,
            P.TASK_ASSIGN,
            P.TASK_WORK,
            P.USER_UNLOCK,
        ),
    ),
    DefaultRole(
        "direction",
        "Direction d’une structure",
        "Suit les présences et la santé des enfants accueillis, instruit les demandes de sa structure.",
        (
            P.ABSENCE_READ,
            P.ATTENDANCE_MARK,
            P.BOOKING_MANAGE,
            P.CASE_HOLD,
            P.CASE_READ,
            P.DIET_READ,
            P.DOCUMENT_READ,
            P.FAMILY_READ,
            P.HEALTH_READ,
            P.MESSAGE_ANSWER,
            P.TASK_ASSIGN,
            P.TASK_WORK,
        ),
    ),
    DefaultRole(
        "restauration",
        "Restauration",
        "Pointe les enfants au restaurant, voit les absences du jour et les codes de repas.",
        (P.ABSENCE_READ, P.ATTENDANCE_MARK, P.DIET_READ),
    ),
    DefaultRole(
        "regie",
        "Régie",
        "Suit les comptes des familles et répond à leurs questions de facturation.",
        (P.CASE_READ, P.FAMILY_READ, P.MESSAGE_ANSWER, P.TASK_WORK),
    ),
    DefaultRole(
        "comptabilite",
        "Comptabilité",
        "Consulte les demandes, sans les traiter.",
        (P.CASE_READ,),
    ),
    DefaultRole(
        "dpo",
        "Protection des données",
        "Consulte le journal et l’effacement des demandes, retient celles qu’il faut garder.",
        (P.AUDIT_READ, P.CASE_HOLD),
    ),
    DefaultRole(
        ADMINISTRATOR,
        "Administration du portail",
        "Règle le portail\u00a0: démarches, comptes, rôles, structures. N’ouvre ni dossier de famille ni pièce.",
        (
            P.AUDIT_READ,
            P.CASE_HOLD,
            P.INCIDENT_MANAGE,
            P.MAIL_READ,
            P.PROCEDURE_EDIT,
            P.PROCEDURE_PUBLISH,
            P.ROLE_MANAGE,
            P.SETTINGS_MANAGE,
            P.STRUCTURE_MANAGE,
            P.USER_MANAGE,
            P.USER_UNLOCK,
        ),
    ),
)
