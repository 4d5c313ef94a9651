"""What the journal calls things on its page. The codes stay in the rows, and in the addresses of searches."""

from __future__ import annotations

from collections.abc import Mapping

ACTIONS: Mapping[str, str] = {
    "case.abandoned": "Brouillon abandonné",
    "case.erased": "Demande effacée, sa durée de conservation finie",
    "case.erasures_proved": "Effacements de la nuit comptés",
    "case.held": "Demande retenue, pour ne pas être effacée",
    "case.hold_lifted": "Demande qui n’est plus retenue",
    "case.message_annuler": "Demande annulée par la famille",
    "case.message_modifier": "Demande reprise par la famille pour la modifier",
    "case.message_received": "Message reçu par la demande",
    "case.migrated": "Demande migrée vers une autre version",
    "case.migration_reverted": "Migration de la demande défaite",
    "case.moved": "Demande envoyée à une autre étape",
    "case.opened": "Demande commencée",
    "case.operation_done": "Opération du portail terminée",
    "case.operation_given_up": "Opération du portail abandonnée",
    "case.step_done": "Étape faite",
    "case.step_skipped": "Étape arrêtée par un incident, passée",
    "case.timer_fired": "Échéance atteinte",
    "draft.approval_asked": "Accord demandé pour publier",
    "draft.approval_refused": "Accord refusé",
    "draft.approved": "Accord donné",
    "draft.changed": "Brouillon de démarche modifié",
    "draft.created": "Brouillon de démarche créé",
    "draft.discarded": "Brouillon de démarche abandonné",
    "draft.opened": "Brouillon de démarche ouvert",
    "draft.published": "Brouillon de démarche publié",
    "draft.taken_over": "Main prise sur un brouillon de démarche",
    "incident.opened": "Incident ouvert",
    "incident.retried": "Incident relancé",
    "journal.verified": "Chaîne du journal vérifiée",
    "migration.started": "Migration de demandes lancée",
    "migration.undone": "Migration de demandes défaite",
    "migration.step_chosen": "Étape choisie pour une migration",
    "procedure.closed": "Démarche fermée",
    "procedure.opened": "Démarche ouverte",
    "procedure.published": "Version publiée",
    "procedure.rolled_back": "Version antérieure republiée",
    "task.assigned": "Tâche attribuée",
    "task.released": "Tâche rendue",
    "task.taken": "Tâche prise",
}
"""What happens to demandes and démarches. Other rooms' actions are shown by their code."""

DETAILS: Mapping[str, str] = {
    "answers": "envois effacés",
    "batch": "lot",
    "by": "par démarche",
    "erased": "demandes effacées",
    "from": "de la version",
    "held": "demandes retenues",
    "left": "étape quittée",
    "messages": "messages effacés",
    "node": "étape",
    "pieces": "pièces effacées",
    "pieces_kept": "pièces laissées à la famille",
    "procedure": "démarche",
    "reason": "raison",
    "reference": "référence",
    "remaining": "encore à effacer",
    "status": "état",
    "step": "reprise à",
    "to": "vers la version",
}


def action(code: str) -> str:
    """An action in French; its code when nothing is written for it."""
    return ACTIONS.get(code, code)


def detail(code: str) -> str:
    """The name of a detail."""
    return DETAILS.get(code, code)


def told(value: object) -> str:
    """A detail's value; lists as people write them."""
    if value is None:
        return "aucun"
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, dict):
        return ", ".join(f"{name} ({count})" for name, count in value.items()) or "aucune"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "aucun"
    return str(value)
