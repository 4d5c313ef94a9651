"""Demandes in progress: the diagram of a version with its counts, the lists behind each number, and what mends them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import mending
from app.cases.operations import runtime
from app.engine.bundle import PROCESS
from app.engine.moving import ABANDON, why_not_entered
from app.errors import NotFound, Refused
from app.policy import Permission, require
from app.procedures.diagram import nodes_in_words, read_drawing
from app.procedures.diagram_svg import KINDS, picture
from app.procedures.models import Version
from app.procedures.queries import content_of, versions_of
from app.studio import running
from app.studio.counts_svg import Mark, Number, badges
from app.studio.running import INCIDENTS, Count, lasting, stopped_at
from app.studio.views.frame import Studio, bp, opened, page
from app.web.filters import plural
from app.web.guards import without_transaction
from app.web.identity import current_actor
from app.web.requests import db, portal, transaction

#: What hangs on an activity's edge, or only begins: the activity is where the demande is.
NOT_PLACES = ("boundaryEvent", "startEvent")

#: From so many steps on, those where nothing waits are folded: on a phone, the list stands for the diagram.
MANY = 12

ABANDONED = "Abandonner ce chemin, les autres continuent"


@dataclass(frozen=True)
class Line:
    """One line of the table that says what the diagram shows."""

    node: str
    name: str
    lane: str
    count: Count

    @property
    def usual(self) -> str:
        return lasting(self.count.median) if self.count.median is not None else ""

    @property
    def waiting_words(self) -> str:
        """« 3 demandes à l’étape Instruire, durée médiane 2 jours »."""
        times = f", durée médiane {self.usual}" if self.usual else ""
        return f"{plural(self.count.waiting, 'demande')} à l’étape {self.name}{times}"

    @property
    def stopped_words(self) -> str:
        return f"{plural(self.count.incidents, 'incident')} à l’étape {self.name}"


def chosen_version(studio: Studio) -> tuple[Sequence[Version], Version]:
    """The versions, and the one of ``?version=``; the one in line otherwise. Raises NotFound."""
    versions = versions_of(db(), studio.procedure.id) if studio.procedure is not None else ()
    number = request.values.get("version", type=int) or (studio.version.number if studio.version else 0)
    found = next((each for each in versions if each.number == number), None)
    if found is None:
        raise NotFound("Cette démarche n’a pas de version publiée de ce numéro.")
    return versions, found


def _lines(version: Version, found: Mapping[str, Count]) -> list[Line]:
    """People's steps always, other nodes where something waits; those of called démarches at the end."""
    raw = content_of(db(), version.bundle_hash).files[PROCESS]
    drawn = nodes_in_words(raw)
    lines = [
        Line(step.id, step.name, step.lane, found.get(step.id, Count()))
        for step in drawn
        if step.kind not in NOT_PLACES and (step.human or step.id in found)
    ]
    known = {step.id for step in drawn}
    return lines + [Line(node, node, "", found[node]) for node in sorted(found.keys() - known)]


def _diagram(slug: str, version: Version, lines: Sequence[Line]) -> Any:
    drawing = read_drawing(content_of(db(), version.bundle_hash).files[PROCESS])
    if drawing is None:
        return None

    def number(value: int, words: str, node: str) -> Number | None:
        address = url_for("studio.running_list", slug=slug, version=version.number, etape=node)
        return Number(value, words, address) if value else None

    marks = {
        line.node: Mark(
            number(line.count.waiting, line.waiting_words, line.node),
            number(line.count.incidents, line.stopped_words, stopped_at(line.node)),
            line.usual,
        )
        for line in lines
    }
    busy = [node for node, mark in marks.items() if mark.waiting or mark.stopped]
    return picture(drawing, current=busy, over=badges(drawing, marks))


@bp.get("/<slug>/dossiers", endpoint="running")
def overview(slug: str) -> ResponseReturnValue:
    """Where demandes are on a version, and how long its steps take."""
    studio = opened(slug)
    if studio.procedure is None or studio.version is None:
        return page("studio/running.html", studio, version=None)
    versions, version = chosen_version(studio)
    lines = _lines(version, running.counts(db(), version))
    idle = [line for line in lines if not line.count.waiting and not line.count.incidents]
    if len(lines) < MANY or len(idle) == len(lines):
        idle = []
    by_version = running.running_by_version(db(), studio.procedure.id)
    return page(
        "studio/running.html",
        studio,
        version=version,
        versions=[each for each in versions if by_version.get(each.id) or each.id in (studio.version.id, version.id)],
        by_version=by_version,
        lines=[line for line in lines if line not in idle],
        idle=idle,
        diagram=_diagram(slug, version, lines),
        stopped=sum(line.count.incidents for line in lines),
        window=running.WINDOW.days,
        incidents=INCIDENTS,
        stopped_at=stopped_at,
    )


@bp.get("/<slug>/dossiers/liste", endpoint="running_list")
def listing(slug: str) -> ResponseReturnValue:
    """The demandes behind a number: ``etape`` is a node, ``incidents``, or nothing for all."""
    studio = opened(slug)
    _, version = chosen_version(studio)
    node = request.args.get("etape", "")[:200]
    number = request.args.get("page", 1, type=int)
    found, pages = running.list_of(db(), version, node, number)
    names = node_names(version)
    return page(
        "studio/running_list.html",
        studio,
        version=version,
        node=node,
        name=_list_name(node, names),
        found=found,
        stopped=any(each.failed for each in found),
        number=min(max(1, number), pages),
        pages=pages,
        may_mend=current_actor().can(Permission.INCIDENT_MANAGE),
        places=places(version),
    )


def _list_name(node: str, names: Mapping[str, str]) -> str:
    stopped, _, there = node.partition(":")
    if stopped != INCIDENTS:
        return names.get(node, node)
    return "Demandes arrêtées par un incident" + (f"\u00a0: {names.get(there, there)}" if there else "")


def node_names(version: Version) -> dict[str, str]:
    """What each drawn node of a version is called."""
    return {step.id: step.name for step in nodes_in_words(content_of(db(), version.bundle_hash).files[PROCESS])}


def place_labels(version: Version) -> dict[str, str]:
    """What each node where a demande may go on is called in a list of choices, in the order of the diagram."""
    raw = content_of(db(), version.bundle_hash).files[PROCESS]
    named = {
        step.id: step.name if step.human else f"{step.name} ({KINDS[step.kind]})"
        for step in nodes_in_words(raw)
        if step.kind in KINDS
    }
    return {**named, ABANDON: ABANDONED}


def places(version: Version) -> list[tuple[str, str]]:
    """The nodes where a demande may be put, with their names."""
    definition = runtime.definition(db(), version.bundle_hash)
    return [(node, label) for node, label in place_labels(version).items() if not why_not_entered(definition, node)]


# -- mending ---------------------------------------------------------------------------------------------------------


def _selected(slug: str) -> list[uuid.UUID]:
    """The ticked demandes, those of this démarche only. In a transaction of its own: each demande then has its own."""
    ids = []
    for text in request.form.getlist("demande")[: running.PAGE]:
        try:
            ids.append(uuid.UUID(text))
        except ValueError:
            continue
    with transaction(read_only=True) as session:
        studio = opened(slug)
        if studio.procedure is None:
            raise NotFound
        return running.among(session, studio.procedure.id, ids)


def _back(slug: str) -> ResponseReturnValue:
    version, node = request.form.get("version", type=int), request.form.get("etape", "")[:200]
    return redirect(url_for("studio.running_list", slug=slug, version=version, etape=node or None), 303)


def _tell(report: mending.Report, done: str) -> None:
    """What became of each demande, by reference."""
    if report.done:
        flash(f"{done}\u00a0: {', '.join(report.done)}.", "success")
    for reference, cause in report.refused:
        flash(f"{reference}\u00a0: {cause}", "warning")


def _mend(slug: str, chosen: list[uuid.UUID], mend: Callable[[], mending.Report], done: str) -> ResponseReturnValue:
    """Does this to the ticked demandes, and tells what became of each."""
    if not chosen:
        flash("Cochez au moins une demande.", "warning")
        return _back(slug)
    try:
        _tell(mend(), done)
    except Refused as refusal:
        flash(refusal.message, "warning")
    return _back(slug)


@bp.post("/<slug>/dossiers/relancer", endpoint="retry_cases")
@without_transaction
def retry(slug: str) -> ResponseReturnValue:
    """Runs again what failed in the ticked demandes."""
    require(current_actor(), Permission.INCIDENT_MANAGE)
    chosen = _selected(slug)
    return _mend(slug, chosen, partial(mending.retry_many, portal().database, current_actor(), chosen), "Reparties")


@bp.post("/<slug>/dossiers/deplacer", endpoint="move_cases")
@without_transaction
def move(slug: str) -> ResponseReturnValue:
    """Sends the ticked demandes to another step of their version, with a reason."""
    require(current_actor(), Permission.INCIDENT_MANAGE)
    chosen = _selected(slug)
    node, reason = request.form.get("vers", "")[:200], request.form.get("raison", "")
    if not chosen or not node:
        flash("Cochez au moins une demande et choisissez une étape.", "warning")
        return _back(slug)
    act = partial(mending.move_many, portal().database, current_actor(), chosen, node, reason)
    return _mend(slug, chosen, act, "Déplacées")


@bp.post("/<slug>/dossiers/passer", endpoint="skip_cases")
@without_transaction
def skip(slug: str) -> ResponseReturnValue:
    """Takes what failed in the ticked demandes as done, with a reason."""
    require(current_actor(), Permission.INCIDENT_MANAGE)
    chosen, reason = _selected(slug), request.form.get("raison", "")
    act = partial(mending.skip_many, portal().database, current_actor(), chosen, reason)
    return _mend(slug, chosen, act, "Passées")
