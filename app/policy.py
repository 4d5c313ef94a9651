"""Who may what: one vocabulary of permissions, roles and scopes.

A *permission* is ``resource:action``. A *role* is a named set of permissions, and the lane of that name in BPMN.
A *grant* gives a role to an account for one structure, or for all (``structure_id`` is ``None``). Operations ask
``require``; templates ask ``actor.can``; nobody restates a rule.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from app.errors import Forbidden


class Permission(StrEnum):
    """Everything that may be allowed. The label in French is what the roles page shows."""

    label: str

    def __new__(cls, value: str, label: str) -> Permission:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member

    ABSENCE_READ = "absence:read", "Voir les absences du jour"
    ATTENDANCE_MARK = "attendance:mark", "Voir les feuilles de présence et pointer les enfants"
    AUDIT_READ = "audit:read", "Consulter le journal"
    BOOKING_MANAGE = "booking:manage", "Répondre aux réservations, fermer des jours d’accueil"
    CASE_FILE_FOR = "case:file-for", "Déposer une démarche pour une famille, au guichet"
    CASE_HOLD = "case:hold", "Retenir une demande pour qu’elle ne soit pas effacée"
    CASE_READ = "case:read", "Lire les demandes de ses structures"
    DIET_READ = "diet:read", "Voir les codes de repas et d’allergie sur les feuilles de présence"
    DOCUMENT_READ = "document:read", "Ouvrir les pièces justificatives"
    DOCUMENT_REVIEW = "document:review", "Vérifier les pièces justificatives"
    FAMILY_INVITE = "family:invite", "Inviter une famille à ouvrir son compte"
    FAMILY_READ = "family:read", "Rechercher et lire les dossiers des familles"
    FAMILY_WRITE = "family:write", "Créer et corriger les dossiers des familles"
    HEALTH_READ = "health:read", "Lire les informations de santé"
    INCIDENT_MANAGE = "incident:manage", "Voir et relancer les incidents"
    MAIL_READ = "mail:read", "Voir les courriels partis et à partir"
    MESSAGE_ANSWER = "message:answer", "Répondre aux messages des familles"
    PROCEDURE_EDIT = "procedure:edit", "Modifier les démarches"
    PROCEDURE_PUBLISH = "procedure:publish", "Publier les démarches"
    ROLE_MANAGE = "role:manage", "Gérer les rôles"
    SETTINGS_MANAGE = "settings:manage", "Changer les réglages de la commune"
    STRUCTURE_MANAGE = "structure:manage", "Gérer les structures"
    TASK_ASSIGN = "task:assign", "Attribuer une tâche à un collègue"
    TASK_WORK = "task:work", "Traiter les tâches de ses rôles"
    USER_MANAGE = "user:manage", "Gérer les comptes des agents"
    USER_UNLOCK = "user:unlock", "Débloquer un compte"


#: A second factor is required of whoever holds one of these (A8, R-71).
NEEDS_SECOND_FACTOR = frozenset(
    {
        Permission.HEALTH_READ,
        Permission.DIET_READ,
        Permission.AUDIT_READ,
        Permission.PROCEDURE_EDIT,
        Permission.PROCEDURE_PUBLISH,
        Permission.ROLE_MANAGE,
        Permission.SETTINGS_MANAGE,
        Permission.USER_MANAGE,
        Permission.TASK_WORK,
        Permission.FAMILY_READ,
    }
)

FAMILY_LANE = "famille"
SYSTEM_LANE = "systeme"


@dataclass(frozen=True)
class Grant:
    """A role held, with its permissions, in one structure or (``None``) everywhere."""

    role: str
    permissions: frozenset[str]
    structure_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Actor:
    """Who acts: ``visitor`` (no account), ``parent``, ``agent`` (any grant), or the ``system``.

    ``label`` is what history shows; it is frozen into each entry, so that history survives the departure of its author.
    """

    kind: str
    id: uuid.UUID | None
    label: str
    grants: tuple[Grant, ...] = field(default=())

    def can(self, permission: Permission, structure_id: uuid.UUID | None = None) -> bool:
        """True when a grant gives ``permission``; with a structure, when it gives it there."""
        return any(
            permission in grant.permissions
            and (structure_id is None or grant.structure_id is None or grant.structure_id == structure_id)
            for grant in self.grants
        )

    def holds(self, role: str, structure_id: uuid.UUID | None) -> bool:
        """True when this actor may work a task of lane ``role`` in that structure.

        A task without a structure belongs to every holder of the role.
        """
        return any(
            grant.role == role
            and Permission.TASK_WORK in grant.permissions
            and (structure_id is None or grant.structure_id is None or grant.structure_id == structure_id)
            for grant in self.grants
        )

    def structures(self, permission: Permission) -> Collection[uuid.UUID] | None:
        """The structures where ``permission`` is held; ``None`` means all of them."""
        held = [grant for grant in self.grants if permission in grant.permissions]
        if any(grant.structure_id is None for grant in held):
            return None
        return {grant.structure_id for grant in held if grant.structure_id is not None}

    @property
    def is_agent(self) -> bool:
        return bool(self.grants)

    @property
    def needs_second_factor(self) -> bool:
        return any(NEEDS_SECOND_FACTOR & grant.permissions for grant in self.grants)


SYSTEM = Actor("system", None, "Le portail")


def require(actor: Actor, permission: Permission, structure_id: uuid.UUID | None = None) -> None:
    """Raises Forbidden unless the actor has the permission (there, when a structure is given)."""
    if actor.kind != "system" and not actor.can(permission, structure_id):
        raise Forbidden


def require_everywhere(actor: Actor, permission: Permission) -> None:
    """Raises Forbidden unless the permission is held for every structure: what belongs to none is not one's own."""
    require(actor, permission)
    if actor.kind != "system" and actor.structures(permission) is not None:
        raise Forbidden
