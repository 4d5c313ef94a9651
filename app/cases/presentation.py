"""What a family reads about a demande: what happens next and when, and its history in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.cases.models import Answer, Case
from app.engine.models import Task
from app.policy import FAMILY_LANE
from app.procedures.settings import ProcedureSettings

STATUS_WORDS = {
    "brouillon": "Brouillon",
    "en_attente": "En attente",
    "traitement": "En traitement",
    "clos": "Clos",
    "refuse": "Refusé",
    "annule": "Annulé",
}

#: What each status means for the family, when the démarche says nothing better (D2, exactly G2 §3).
NEXT_DEFAULT = {
    "brouillon": "Vous n’avez pas encore envoyé cette demande. Reprenez-la quand vous voulez.",
    "en_attente": (
        "Votre demande est arrivée. Un agent va la prendre en charge. Vous pouvez encore la modifier ou l’annuler."
    ),
    "traitement": "Un agent s’occupe de votre demande. Vous n’avez rien à faire pour le moment.",
    "clos": "C’est fait : votre demande est terminée.",
    "refuse": "Votre demande n’a pas pu être acceptée.",
    "annule": "Vous avez annulé cette demande.",
}


STOPPED = (
    "Votre demande est bien arrivée. Un incident technique la retarde : le service le voit et s’en occupe. Vous n’avez "
    "rien à refaire."
)


REOPENED = (
    "Vous avez repris cette demande pour la corriger : le service ne la voit plus. Enregistrez-la de nouveau pour "
    "qu’elle soit traitée, ou abandonnez-la."
)


@dataclass(frozen=True)
class Next:
    """What happens next: the sentence, and by when (an instant), if anything is expected."""

    text: str
    by: datetime | None
    yours: bool


def next_step(case: Case, settings: ProcedureSettings, tasks: Sequence[Task], *, troubled: bool = False) -> Next:
    """The answer to « et maintenant ? » for this demande; ``troubled`` when an incident of it is open."""
    if troubled and not tasks and case.closed_at is None:
        return Next(STOPPED, None, yours=False)
    mine = next((task for task in tasks if task.lane == FAMILY_LANE), None)
    if mine is not None and case.status == "traitement":
        return Next("Nous avons besoin d’un complément de votre part pour continuer.", mine.due_at, yours=True)
    if case.status == "brouillon" and case.submitted_at is not None:
        return Next(REOPENED, None, yours=True)
    # a démarche may say more of one step (its id) than of the status that several steps share
    waiting = (settings.next_steps.get(task.node) for task in tasks)
    text = (
        next(filter(None, waiting), None) or settings.next_steps.get(case.status) or NEXT_DEFAULT.get(case.status, "")
    )
    due = min((task.due_at for task in tasks if task.lane != FAMILY_LANE), default=None)
    return Next(text, due if case.status in ("en_attente", "traitement") else None, yours=case.status == "brouillon")


@dataclass(frozen=True)
class Stage:
    """One of the steps that every demande goes through, as ``components/steps.html`` draws them."""

    label: str
    state: str
    at: datetime | None = None


def stages(case: Case, answers: Sequence[Answer]) -> list[Stage]:
    """Brouillon, en attente, en traitement, clos: what is done and when, where the demande stands, what is to come."""
    taken = next((answer.at for answer in answers if answer.status_after == "traitement"), None)
    sent = Stage("Envoyée", "done", case.submitted_at)
    if case.closed_at is not None:
        done = [sent] if case.submitted_at else []
        done += [Stage("Prise en charge", "done", taken)] if taken else []
        return [*done, Stage(STATUS_WORDS.get(case.status, case.status), "done", case.closed_at)]
    order = ("brouillon", "en_attente", "traitement", "clos")
    here = order.index(case.status) if case.status in order else 0
    shown = [Stage(STATUS_WORDS[name], "current" if rank == here else "todo") for rank, name in enumerate(order)]
    if here:
        shown[:here] = [sent, Stage("Prise en charge", "done", taken)][:here]
    return shown


@dataclass(frozen=True)
class Moment:
    """A line of the history: when, what, by whom, the status reached."""

    at: datetime
    title: str
    who: str
    status: str


def timeline(case: Case, answers: Sequence[Answer]) -> list[Moment]:
    """The whole history, newest first."""
    moments = [Moment(case.opened_at, "Demande commencée", "", "brouillon")]
    before = "brouillon"
    for answer in answers:
        mine = answer.by_kind in ("parent", "visitor")
        moments.append(
            Moment(answer.at, _deed(answer, before, mine), "" if mine else answer.by_label, answer.status_after)
        )
        before = answer.status_after
    if case.closed_at is not None and case.status == "annule":
        moments.append(Moment(case.closed_at, "Demande annulée", "", "annule"))
    # oldest first, then turned round: what happened at the same instant keeps its order too
    return sorted(moments, key=lambda m: m.at)[::-1]


def _deed(answer: Answer, before: str, mine: bool) -> str:
    """What an answer did, as the family lives it: steps are named for those who do them."""
    if mine:
        return "Demande envoyée" if answer.receipt else "Complément envoyé" if before == "traitement" else answer.title
    if answer.status_after == "traitement":
        return "Complément demandé" if before == "traitement" else "Demande prise en charge"
    return {"clos": "Demande terminée", "refuse": "Demande refusée"}.get(answer.status_after, answer.title)
