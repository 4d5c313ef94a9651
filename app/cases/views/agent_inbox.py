"""The inbox of agents: what waits for their roles, in three lists, with filters and a search."""

from __future__ import annotations

import re
import uuid
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import inbox
from app.cases.inbox import NO_STRUCTURE, Filters
from app.cases.presentation import STATUS_WORDS
from app.cases.views.agent import bp
from app.policy import Permission, require
from app.procedures.queries import all_procedures
from app.town.queries import structure_names, structures
from app.web.identity import current_actor
from app.web.requests import db

TAB_LABELS = {"a-prendre": "À prendre", "mes-taches": "Mes tâches", "equipe": "Équipe"}
STATUSES = ("en_attente", "traitement")
SLUG = re.compile(r"[a-z0-9-]{1,60}")


@bp.get("/taches", endpoint="inbox")
def show_inbox() -> ResponseReturnValue:
    """What waits for this agent's roles: three lists, filters, a search over all three."""
    actor = current_actor()
    require(actor, Permission.TASK_WORK)
    tab = request.args.get("onglet", "")
    tab = tab if tab in inbox.TABS else "a-prendre"
    filters, text = _filters(), request.args.get("q", "").strip()[:100]
    if text:
        shown = inbox.found(db(), actor, text, filters)
    else:
        shown = inbox.page(db(), actor, tab, filters, request.args.get("apres", "")[:100])
    kept = {"demarche": filters.procedure, "statut": filters.status, "structure": filters.structure}
    kept = {name: value for name, value in kept.items() if value}
    return render_template(
        "cases/agent_inbox.html",
        tab=tab,
        tabs=_tabs(tab if not text else "", inbox.counts(db(), actor), kept),
        shown=shown,
        text=text,
        filters=filters,
        kept=kept,
        procedures=[(each.slug, each.title) for each, _ in all_procedures(db())],
        statuses=[(status, STATUS_WORDS[status]) for status in STATUSES],
        places=_places(),
        names=structure_names(db()),
        continued=bool(request.args.get("apres")),
    )


def _filters() -> Filters:
    """The filters of the address; a mangled one is as if it were not there."""
    structure = request.args.get("structure", "")
    if structure != NO_STRUCTURE:
        try:
            structure = str(uuid.UUID(structure)) if structure else ""
        except ValueError:
            structure = ""
    status, slug = request.args.get("statut", ""), request.args.get("demarche", "")
    return Filters(slug if SLUG.fullmatch(slug) else "", status if status in STATUSES else "", structure)


def _tabs(current: str, counts: dict[str, int], kept: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "label": label,
            "url": url_for("cases_agent.inbox", onglet=tab, **kept),
            "current": tab == current,
            "count": "99+" if counts[tab] >= inbox.COUNTED else counts[tab],
        }
        for tab, label in TAB_LABELS.items()
    ]


def _places() -> list[tuple[str, str]]:
    """The structures this agent works for; no filter when there is only one."""
    held = current_actor().structures(Permission.TASK_WORK)
    mine = [(str(each.id), each.name) for each in structures(db()) if held is None or each.id in held]
    return [*mine, (NO_STRUCTURE, "Sans structure")] if len(mine) > 1 else []
