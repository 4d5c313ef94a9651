"""The first of the three gates: a blueprint says for whom it is (design.md, invariant 8)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.errors import NotFound
from app.policy import Actor
from app.web.identity import current_account, current_actor, second_factor_missing, sign_in_required

Audience = Literal["public", "member", "family", "agent", "admin"]
View = TypeVar("View", bound=Callable[..., Any])


def writes(view: View) -> View:
    """Marks a view whose GET writes: opening a draft, following a single-use link."""
    view.writes = True  # type: ignore[attr-defined]  # functions carry attributes; Flask itself does so
    return view


def takes_files(view: View) -> View:
    """Marks a view whose form carries a file: its requests may be larger than a form (``requests.MAX_UPLOAD``)."""
    view.takes_files = True  # type: ignore[attr-defined]  # same
    return view


def without_transaction(view: View) -> View:
    """Marks a view that reads no row (assets, health, the theme)."""
    view.without_transaction = True  # type: ignore[attr-defined]  # same
    return view


def admits(audience: Audience, actor: Actor) -> bool:
    """Whether this audience includes this person."""
    match audience:
        case "public":
            return True
        case "member":
            return actor.kind in ("parent", "agent")
        case "family":
            return actor.kind == "parent"
        case "agent":
            return actor.is_agent
        case "admin":
            return actor.is_agent and any(p.startswith(ADMIN_PREFIXES) for g in actor.grants for p in g.permissions)


ROOMS = Path(__file__).resolve().parents[1]

ADMIN_PREFIXES = ("procedure:", "user:manage", "role:", "structure:", "settings:", "audit:", "incident:", "mail:")


def blueprint(
    name: str, import_name: str, *, audience: Audience, url_prefix: str | None = None, personal: bool = False
) -> Blueprint:
    """A blueprint whose every route is reserved to ``audience``.

    ``member`` is anybody who is signed in, of a family or of the town hall. Somebody who is not signed in is sent to
    the sign-in page; somebody else's pages do not exist (404). Whoever needs a second factor is sent to give it first;
    whoever must change a password that somebody else knew, to change it. ``personal`` says so of public pages that show
    what is somebody's.
    """
    made = Blueprint(
        name, import_name, url_prefix=url_prefix, template_folder=str(ROOMS / import_name.split(".")[1] / "templates")
    )
    made.audience = audience  # type: ignore[attr-defined]  # read by the access matrix

    @made.before_request
    def check_audience() -> ResponseReturnValue | None:
        if audience == "public" and not personal:
            return None
        actor = current_actor()
        if actor.kind == "visitor":
            return None if audience == "public" else sign_in_required()
        if second_factor_missing():
            return redirect(url_for("accounts_public.second_factor", suite=request.full_path))
        person = current_account()
        if audience != "member" and person is not None and person.must_change_password:
            return redirect(url_for("accounts_member.password"))
        if audience != "public" and not admits(audience, actor):
            raise NotFound
        return None

    return made
