"""Legal pages, help and services: what every page's footer leads to (R-90, R-91, N2, X4)."""

from __future__ import annotations

import logging

from flask import Response, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.errors import NotFound
from app.town import queries
from app.town.help import TOPICS
from app.town.settings import audit_expires_on
from app.traces import frames_of
from app.web.guards import blueprint, without_transaction
from app.web.requests import db, transaction

log = logging.getLogger(__name__)

bp = blueprint("town_public", __name__, audience="public")


@bp.get("/mentions-legales")
def legal_notice() -> ResponseReturnValue:
    return render_template("town/legal_notice.html")


@bp.get("/conditions-utilisation")
def terms_of_use() -> ResponseReturnValue:
    return render_template("town/terms_of_use.html")


@bp.get("/donnees-personnelles")
def privacy() -> ResponseReturnValue:
    return render_template("town/privacy.html")


@bp.get("/accessibilite")
def accessibility() -> ResponseReturnValue:
    audited_on = queries.town_settings(db()).accessibility_audit_date
    return render_template(
        "town/accessibility.html", expires_on=audit_expires_on(audited_on) if audited_on is not None else None
    )


@bp.get("/aide")
def help_page() -> ResponseReturnValue:
    return render_template("town/help.html", topics=TOPICS)


@bp.get("/services")
def services() -> ResponseReturnValue:
    return render_template("town/services.html", structures=queries.structures(db(), open_only=True))


@bp.get("/logo/<digest>.png")
def logo(digest: str) -> ResponseReturnValue:
    kept = queries.logo(db())
    if kept is None or kept[0] != digest:
        raise NotFound
    return Response(kept[1], mimetype="image/png", headers={"Cache-Control": "public, max-age=31536000, immutable"})


@bp.get("/sante")
@without_transaction
def health() -> ResponseReturnValue:
    """For the proxy and the supervisor: 200 when this process answers and reaches its database, 503 otherwise."""
    try:
        with transaction(read_only=True) as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        log.error("the database does not answer\n%s", frames_of(error))
        return Response("base de données injoignable\n", 503, mimetype="text/plain")
    return Response("ok\n", mimetype="text/plain")
