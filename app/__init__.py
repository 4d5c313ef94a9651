"""The Flask application: rooms, the engine, and the web. ``create_app`` is the only composition root."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import g, request
from flask_wtf.csrf import CSRFProtect
from markupsafe import Markup
from werkzeug.middleware.proxy_fix import ProxyFix

from app import rooms
from app.composition import open_database
from app.config import Settings, settings_from
from app.db import Database
from app.town.queries import town_settings
from app.web import assets, components, errors, filters, headers, hygiene, identity, theme
from app.web.cookies import Cookies, forgery_token
from app.web.navigation import admin_menu, menu
from app.web.requests import MAX_FORM, MAX_UPLOAD, Portal

csrf = CSRFProtect()


def create_app(settings: Settings | None = None, database: Database | None = None) -> Portal:
    """The portal, ready to serve. Both parts can be given by tests; otherwise they come from the environment."""
    app = Portal("app", template_folder="web/templates", static_folder=None)
    app.session_interface = Cookies()
    app.settings = settings or settings_from()
    app.database = database or open_database(app.settings)
    app.config.update(
        SECRET_KEY=app.settings.secret_key,
        SESSION_COOKIE_NAME="portail",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=app.settings.secure_cookies,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        MAX_CONTENT_LENGTH=MAX_UPLOAD,
        MAX_FORM_MEMORY_SIZE=MAX_FORM,
        MAX_FORM_PARTS=1000,
        WTF_CSRF_TIME_LIMIT=None,
        TESTING=app.settings.mode == "test",
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    if app.settings.trusted_proxies:
        hops = app.settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # Flask documents it so
    hygiene.install(app)
    csrf.init_app(app)
    for part in (headers, assets, filters, identity, errors):
        part.install(app)
    theme.install(app, _colours(app))
    rooms.register(app)
    app.context_processor(_page_context)
    app.jinja_env.globals.update(csrf=_csrf_field, csrf_token=forgery_token)
    components.install(app)
    return app


def _colours(app: Portal) -> Any:
    def read() -> tuple[str, str]:
        if "db" in g:
            town = town_settings(g.db)
        else:
            with app.database.transaction(read_only=True) as session:
                town = town_settings(session)
        return town.primary_colour, town.accent_colour

    return read


def _csrf_field() -> Markup:
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(forgery_token())


def _page_context() -> dict[str, Any]:
    """What every layout needs: the commune, the person, the menu."""
    from app.web.requests import portal

    town = town_settings(g.db) if "db" in g else None
    actor = identity.current_actor() if "db" in g else identity.VISITOR
    return {
        "commune": town,
        "town": town,
        "actor": actor,
        "account": _account(),
        "nav": _nav(actor),
        "demonstration": portal().settings.demonstration,
    }


def _nav(actor: Any) -> list[Any]:
    if actor.kind == "visitor" or "db" not in g:
        return []
    if request.path.startswith("/admin"):
        return list(admin_menu(actor))
    # whoever only administers finds the way back to it on the public pages too
    return list(menu(actor, _unread(actor)) or admin_menu(actor))


def _unread(actor: Any) -> int:
    """Read with the session at the beginning of the request; again where this very page may have opened a message."""
    person = identity.current_account()
    if person is None or request.path.startswith("/messages"):
        return rooms.unread_count(g.db, actor)
    return int(person.also.get("unread") or 0)


def _account() -> dict[str, str] | None:
    person = identity.current_account() if "db" in g else None
    if person is None:
        return None
    return {"name": person.name, "url": "/compte", "sign_out_url": "/deconnexion", "role": person.capacity}
