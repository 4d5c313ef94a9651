"""Démarches made of blocks: the usual one, with whatever is drawn between what the family asks and the decision.

A block is a kind and a name. What it draws carries the name, so two versions share the steps of the blocks they share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.engine.bundle import Bundle
from tests.cases.making import SLUG, make_bundle
from tests.engine.bpmn_builder import (
    Node,
    after,
    boundary,
    catch,
    end,
    lane,
    manual_task,
    message,
    parallel,
    process,
    start,
    sub_process,
    user_task,
    xor,
)

WAIT = "'P3D'"


@dataclass(frozen=True)
class Piece:
    """What a block draws, entered at ``first`` and left at ``last``."""

    first: str
    last: str
    nodes: Sequence[Node]
    flows: Sequence[str] = ()


def _step(name: str) -> Node:
    return user_task(name, name=name.replace("_", " ").capitalize(), statut="traitement")


def _control(name: str) -> Piece:
    return Piece(name, name, [_step(name)])


def _by_hand(name: str) -> Piece:
    return Piece(name, name, [manual_task(name, statut="traitement")])


def _repeated(name: str) -> Piece:
    return Piece(name, name, [user_task(name, times="2", sequential=True, statut="traitement")])


def _late(name: str) -> Piece:
    """A step that gives way to another after three days."""
    nodes = [_step(name), boundary(f"{name}_retard", name, after(WAIT)), _step(f"{name}_relance"), xor(f"{name}_suite")]
    flows = [f"{name} -> {name}_suite", f"{name}_retard -> {name}_relance -> {name}_suite"]
    return Piece(name, f"{name}_suite", nodes, flows)


def _watched(name: str) -> Piece:
    """A step beside which another begins after three days."""
    aside = [boundary(f"{name}_alerte", name, after(WAIT), interrupting=False), _step(f"{name}_rappel")]
    nodes = [_step(name), *aside, end(f"{name}_rappele", statut="clos")]
    return Piece(name, name, nodes, [f"{name}_alerte -> {name}_rappel -> {name}_rappele"])


def _pause(name: str) -> Piece:
    return Piece(name, name, [catch(name, after(WAIT))])


def _choice(name: str) -> Piece:
    """One step or another, as the family answered."""
    nodes = [xor(f"{name}_choix"), _step(f"{name}_avis"), _step(f"{name}_visa"), xor(f"{name}_suite")]
    flows = [
        f"{name}_choix -> {name}_avis if motif == 'Fièvre'",
        f"{name}_choix -> {name}_visa default",
        f"{name}_avis -> {name}_suite",
        f"{name}_visa -> {name}_suite",
    ]
    return Piece(f"{name}_choix", f"{name}_suite", nodes, flows)


def _together(name: str, branches: int = 2, length: int = 1) -> Piece:
    """Branches that go on at the same time."""
    nodes = [parallel(f"{name}_depart"), parallel(f"{name}_jointure")]
    flows = []
    for branch in range(branches):
        steps = [_step(f"{name}_{branch}_{number}") for number in range(length)]
        nodes += steps
        flows.append(" -> ".join([f"{name}_depart", *(step.id for step in steps), f"{name}_jointure"]))
    return Piece(f"{name}_depart", f"{name}_jointure", nodes, flows)


def _inside(name: str) -> Piece:
    """A sub-process of two steps."""
    inner = [start(f"{name}_debut"), _step(f"{name}_un"), _step(f"{name}_deux"), end(f"{name}_fin")]
    chain = f"{name}_debut -> {name}_un -> {name}_deux -> {name}_fin"
    return Piece(name, name, [sub_process(name, *inner, chain)])


KINDS: Mapping[str, Callable[[str], Piece]] = {
    "control": _control,
    "by_hand": _by_hand,
    "repeated": _repeated,
    "late": _late,
    "watched": _watched,
    "pause": _pause,
    "choice": _choice,
    "together": _together,
    "wide": lambda name: _together(name, 9),
    "long": lambda name: _together(name, 3, 15),
    "inside": _inside,
}


@dataclass(frozen=True)
class Block:
    """A kind (of ``KINDS``) and the name that its steps carry."""

    kind: str
    name: str

    def drawn(self) -> Piece:
        return KINDS[self.kind](self.name)


def demarche(
    blocks: Sequence[Block], *, taking: str = "prendre", deciding: str = "instruire", completing: str = "completer"
) -> Bundle:
    """The usual démarche with ``blocks`` between the step where an agent takes charge and the one where he decides."""
    pieces = [block.drawn() for block in blocks]
    spine = ["debut", "saisir", taking]
    joints = [
        *zip([taking, *(each.last for each in pieces)], [*(each.first for each in pieces), deciding], strict=True)
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
            user_task(taking, name="Prendre en charge", statut="en_attente"),
            boundary("modification", taking, message("modifier")),
            boundary("annulation", taking, message("annuler")),
            *(node for piece in pieces for node in piece.nodes),
            user_task(deciding, name="Instruire", statut="traitement", form="decision"),
            xor("suite"),
            end("fin_close", statut="clos"),
            end("fin_refusee", statut="refuse"),
            end("fin_annulee", statut="annule"),
        ),
        " -> ".join(spine),
        *(f"{before} -> {following}" for before, following in joints),
        *(flow for piece in pieces for flow in piece.flows),
        f"{deciding} -> suite",
        "suite -> fin_close if decision == 'accepter'",
        f"suite -> {completing} if decision == 'completer'",
        "suite -> fin_refusee default",
        f"{completing} -> {deciding}",
        "modification -> saisir",
        "annulation -> fin_annulee",
        "renoncement -> fin_annulee",
    )
    return Bundle({**make_bundle().files, "process.bpmn": diagram})
