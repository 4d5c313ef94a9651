"""The home page with the catalogue, each démarche's own page, and what a signed-in parent starts from."""

from __future__ import annotations

import uuid
from itertools import groupby

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.agenda.offers import offers_of
from app.cases.presentation import STATUS_WORDS
from app.cases.queries import answers_due, modifiable_among, their_cases
from app.cases.views.family import who
from app.db import fold
from app.documents.queries import asked_of
from app.families.queries import children_of, household_id_of
from app.procedures.models import Procedure
from app.procedures.queries import catalogue, content_of, published
from app.procedures.settings import CATEGORIES
from app.web.guards import blueprint
from app.web.identity import current_actor
from app.web.requests import db

public = blueprint("cases_public", __name__, audience="public")
home_of_family = blueprint("cases_home", __name__, audience="family")

PAGE = 20
MAX_PAGE = 10_000  # beyond, an offset that no database takes
SIGN_UP = "creation-compte"
"""The démarche that opens an account: nothing for whoever has one."""


@public.get("/", endpoint="home")
def home() -> ResponseReturnValue:
    """The catalogue by theme, with « @ » on what needs an account; ``?recherche=`` narrows it (D1)."""
    asked = request.args.get("recherche", "").strip()[:100]
    offered = [p for p in catalogue(db()) if p.slug != SIGN_UP or current_actor().kind == "visitor"]
    found = [p for p in offered if not asked or fold(asked) in fold(f"{p.title} {p.summary}")]
    return render_template("cases/home.html", themes=themes_of(found), asked=asked, count=len(found))


def themes_of(found: list[Procedure]) -> list[tuple[str, list[Procedure]]]:
    """The démarches by theme, in the order of ``CATEGORIES``."""
    order = list(CATEGORIES)
    known = sorted((p for p in found if p.category in CATEGORIES), key=lambda p: (order.index(p.category), p.position))
    return [(CATEGORIES[key], list(group)) for key, group in groupby(known, key=lambda p: p.category)]


@public.get("/demarches/<slug>", endpoint="procedure")
def procedure(slug: str) -> ResponseReturnValue:
    """What a démarche needs and how long it takes, before starting it."""
    found = published(db(), slug)
    settings = content_of(db(), found.bundle_hash).settings
    return render_template("cases/procedure.html", procedure=found, settings=settings)


@home_of_family.get("/tableau-de-bord", endpoint="dashboard")
def dashboard() -> ResponseReturnValue:
    """What waits: what is asked of the family, its demandes in progress, unread messages (D6)."""
    person = who()
    going_on = their_cases(db(), person, period="encours", limit=6)[:6]
    asked = [(case, task) for case, task in going_on if task is not None and case.status == "traitement"]
    actor = current_actor()
    assert actor.id is not None  # the family audience
    children = children_of(db(), actor.id)
    return render_template(
        "cases/dashboard.html",
        asked=asked,
        cases=[found for found in going_on if found not in asked],
        due=answers_due(db(), [case.id for case, _ in going_on]),
        pieces=asked_of(db(), actor),
        offers=offers_of(db(), household_id_of(db(), actor.id), children),
        children=children,
    )


@home_of_family.get("/demandes", endpoint="mine")
def mine() -> ResponseReturnValue:
    """« Mes demandes »: all, going on or past; by type, status, child (D5)."""
    actor = current_actor()
    assert actor.id is not None  # the family audience
    period = request.args.get("periode", "toutes")
    status = request.args.get("statut", "")
    slug = request.args.get("demarche", "")
    child = request.args.get("enfant", "")
    page = max(1, min(request.args.get("page", 1, type=int), MAX_PAGE))
    found = their_cases(
        db(),
        who(),
        period=period if period in ("encours", "passees") else "toutes",
        status=status if status in STATUS_WORDS else None,
        slug=slug or None,
        child_id=_uuid(child),
        limit=PAGE,
        offset=(page - 1) * PAGE,
    )
    return render_template(
        "cases/mine.html",
        cases=found[:PAGE],
        due=answers_due(db(), [case.id for case, _ in found]),
        modifiable=modifiable_among(db(), [case for case, _ in found]),
        more=len(found) > PAGE,
        page=page,
        filters={"periode": period, "statut": status, "demarche": slug, "enfant": child},
        statuses=list(STATUS_WORDS.items()),
        procedures=[(p.slug, p.title) for p in catalogue(db())],
        children=children_of(db(), actor.id),
    )


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None


@public.get("/inscription", endpoint="sign_up")
def sign_up() -> ResponseReturnValue:
    """Opening an account is a démarche like the others (A1)."""
    if current_actor().kind != "visitor":
        return redirect(url_for("cases_public.home"))
    return redirect(url_for("cases_family.open_new", slug=SIGN_UP))


@public.get("/contact", endpoint="contact")
def contact() -> ResponseReturnValue:
    """Writing to a service is a démarche too (N2). An agent reads what it is, families alone fill it."""
    if current_actor().is_agent:
        return redirect(url_for("cases_public.procedure", slug="contact"))
    return redirect(url_for("cases_family.open_new", slug="contact"))
