"""What every page of the studio shares: the blueprint, what a démarche shows (its draft, or else its version in line),
and the frame around each tab.

A tab is a module of this package: routes on ``bp`` named below, and ``return page("studio/x.html", studio, …)`` where
``studio = opened(slug)``. Its template extends ``studio/frame.html`` and fills ``block tab``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template, request, url_for
from sqlalchemy import select
from werkzeug.routing import BuildError

from app.errors import NotFound
from app.policy import Permission, require
from app.procedures.models import Procedure, Version
from app.procedures.queries import content_of
from app.studio.drafts import draft_of, files_of, holds
from app.studio.models import Draft
from app.web.guards import blueprint
from app.web.identity import current_actor
from app.web.requests import db

bp = blueprint("studio", __name__, audience="admin", url_prefix="/admin/demarches")

#: endpoint → label, in the order of the tabs; one whose endpoint does not exist is not shown.
TABS: Mapping[str, str] = {
    "studio.diagram": "Diagramme",
    "studio.forms": "Formulaires",
    "studio.settings": "Réglages",
    "studio.scenarios": "Scénarios",
    "studio.versions": "Versions",
    "studio.running": "Dossiers en cours",
}


@bp.before_request
def _may_read() -> None:
    require(current_actor(), Permission.PROCEDURE_EDIT)


@dataclass(frozen=True)
class Studio:
    """One démarche as the studio opens it. ``files`` are those of the draft when there is one, else of the version in
    line. ``mine`` says that this person holds the draft, so may save."""

    slug: str
    title: str
    procedure: Procedure | None
    version: Version | None
    draft: Draft | None
    files: Mapping[str, bytes]
    mine: bool

    @property
    def errors(self) -> int | None:
        """How many errors verification found in the draft as it is; ``None`` while it is being verified."""
        if self.draft is None or self.draft.verified_revision != self.draft.revision:
            return None
        return sum(1 for problem in self.draft.problems if problem["severity"] == "error")


def opened(slug: str) -> Studio:
    """What this address is about. Raises NotFound when there is neither a démarche nor a draft of this name."""
    session = db()
    procedure = session.scalars(select(Procedure).where(Procedure.slug == slug)).one_or_none()
    draft = draft_of(session, slug)
    if procedure is None and draft is None:
        raise NotFound("Cette démarche n’existe pas.")
    version = session.get(Version, procedure.version_id) if procedure and procedure.version_id else None
    if draft is not None:
        files: Mapping[str, bytes] = files_of(draft)
    else:
        files = content_of(session, version.bundle_hash).files if version is not None else {}
    title = draft.title if draft is not None else procedure.title if procedure is not None else slug
    mine = draft is not None and holds(draft, current_actor())
    return Studio(slug, title, procedure, version, draft, files, mine)


def revision_sent() -> int:
    """The revision on which the changes were made; none is 0, which no draft has."""
    return request.form.get("revision", 0, type=int)


def page(template: str, studio: Studio, *, stale: object = None, **context: Any) -> str:
    """The page of a tab, in the frame. ``stale`` (``stale.Stale``) is why what was typed could not be saved.

    Its forms say the revision they are made on: the draft's, but on a page that only shows again what was typed on an
    older one.
    """
    now = studio.draft.revision if studio.draft is not None else 0
    again = request.method == "POST" and "revision" in request.form and stale is None
    return render_template(
        template,
        studio=studio,
        tabs=_tabs(studio.slug),
        stale=stale,
        draft_revision=revision_sent() if again else now,
        **context,
    )


def _tabs(slug: str) -> list[dict[str, Any]]:
    found = []
    for endpoint, label in TABS.items():
        try:
            url = url_for(endpoint, slug=slug)
        except BuildError:
            continue
        found.append({"label": label, "url": url, "current": request.path.startswith(url)})
    return found
