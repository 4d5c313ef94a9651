"""The components of templates, given to every page: ``ui`` (``components/ui.html``) and ``forms_ui`` (``form.html``).

A page draws some twenty icons and the same menu as the page before: what depends on nothing but its arguments is drawn
once. Importing the file in each template would also cost more than most components do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import cast

from flask import Flask, request
from markupsafe import Markup

KEPT = 500
Drawn = Callable[..., Markup]


@lru_cache(KEPT)
def _svg(address: str, label: str) -> Markup:
    told = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon" viewBox="0 0 24 24" focusable="false" {}><use href="{}"/></svg>').format(
        told, address
    )


def remembered(macro: Drawn) -> Drawn:
    """A macro whose text depends on its arguments only, drawn once for each; they are told apart by their ``repr``."""
    kept: dict[str, Markup] = {}

    @wraps(macro, assigned=())
    def drawn(*arguments: object) -> Markup:
        key = f"{request.script_root} {arguments!r}"
        if (found := kept.get(key)) is None:
            if len(kept) >= KEPT:
                kept.clear()
            found = kept[key] = macro(*arguments)
        return found

    return drawn


def icons(static_url: Callable[[str], str]) -> Drawn:
    """What draws an icon, by its name and what a screen reader says of it."""

    def drawn_icon(name: str, label: str = "") -> Markup:
        return _svg(f"{static_url('vendor/lucide/icons.svg')}#{name}", label)

    return drawn_icon


def install(app: Flask) -> None:
    """Gives ``ui`` and ``forms_ui`` to every template. To be called once the other globals are there."""
    names = app.jinja_env.globals
    names["drawn_icon"] = icons(cast(Callable[[str], str], names["static_url"]))
    names["remembered"] = remembered
    for name, file in (("ui", "ui.html"), ("forms_ui", "form.html")):
        names[name] = app.jinja_env.get_template(f"components/{file}").module
