"""Random valid edits of the usual démarche: steps added, removed, moved, renamed; a seed gives the same again."""

from __future__ import annotations

import random

from app.engine.bundle import Bundle
from tests.cases.making import SLUG, make_bundle
from tests.engine.bpmn_builder import boundary, end, lane, message, process, start, user_task, xor


def random_version(seed: int) -> Bundle:
    """The usual démarche after a few edits that verification accepts."""
    draw = random.Random(seed)
    steps = ["prendre"]
    for number in range(draw.randint(0, 3)):
        steps.insert(draw.randint(0, len(steps)), f"controle_{number}")
    if len(steps) > 1 and draw.random() < 0.4:
        steps.remove("prendre")
    draw.shuffle(steps)
    deciding = draw.choice(["instruire", "instruire", "etudier"])
    completing = draw.choice(["completer", "completer", "corriger"])
    nodes = [
        user_task(step, name=draw.choice(["Voir", "Contrôler", "Lire"]), statut="traitement" if at else "en_attente")
        for at, step in enumerate(steps)
    ]
    diagram = process(
        SLUG,
        lane(
            "Famille",
            start("debut"),
            user_task("saisir", name="Écrire", statut="brouillon", form="demande"),
            boundary("renoncement", "saisir", message("annuler")),
            user_task(completing, name="Compléter", statut="traitement", form="demande", champs="decision_champs"),
        ),
        lane(
            "Gestionnaire",
            *nodes,
            boundary("modification", steps[0], message("modifier")),
            boundary("annulation", steps[0], message("annuler")),
            user_task(deciding, name="Instruire", statut="traitement", form="decision"),
            xor("suite"),
            end("fin_close", statut="clos"),
            end("fin_refusee", statut="refuse"),
            end("fin_annulee", statut="annule"),
        ),
        f"debut -> saisir -> {' -> '.join(steps)} -> {deciding} -> suite",
        "suite -> fin_close if decision == 'accepter'",
        f"suite -> {completing} if decision == 'completer'",
        "suite -> fin_refusee default",
        f"{completing} -> {deciding}",
        "modification -> saisir",
        "annulation -> fin_annulee",
        "renoncement -> fin_annulee",
    )
    return Bundle({**make_bundle().files, "process.bpmn": diagram})
