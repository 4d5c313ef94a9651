"""What was typed when the session, or the page, had ended: kept in a page that can send it again.

Only for a form that a page of this portal sent (the browser says so), that carries no file, and nothing secret.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import render_template, request

from app.web.requests import SAFE

MAX_KEPT = 200_000
#: Rooms where secrets are typed: passwords, codes of a second factor.
_SECRET = frozenset({"accounts_public", "accounts_links", "accounts_member"})


def typed() -> list[tuple[str, str]] | None:
    """The fields of this request, to send again; nothing when they must not be kept, or when there is none."""
    if request.method in SAFE or not _from_here() or request.mimetype != "application/x-www-form-urlencoded":
        return None
    fields = [(name, text) for name, text in request.form.items(multi=True) if name != "csrf_token"]
    if request.blueprint in _SECRET or any("password" in name for name, _ in fields):
        return None
    size = sum(len(name) + len(text) for name, text in fields)
    return fields if fields and size <= MAX_KEPT else None


def _from_here() -> bool:
    """Browsers say where a form comes from; what another site sends is never offered again."""
    origin = urlsplit(request.headers.get("Origin", ""))
    return origin.netloc == request.host and origin.scheme in ("http", "https")


def kept(fields: list[tuple[str, str]], sign_in_url: str = "") -> str:
    """The page that holds them. ``sign_in_url``: nobody is signed in any more."""
    return render_template(
        "errors/resend.html", fields=fields, address=request.full_path.rstrip("?"), sign_in=sign_in_url
    )
