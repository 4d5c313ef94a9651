"""The commune's two colours, turned into the custom properties that the style sheets read.

A commune chooses a main and an accent colour in its settings. Every other shade is computed here, in Python,
so that each pair used for text keeps the contrast that RGAA 3.2 (WCAG 2.1 criterion 1.4.3) asks for: 4.5.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import lru_cache

from flask import Flask, Response, request, url_for

DEFAULT_PRIMARY = "#1d6561"
DEFAULT_ACCENT = "#b04a26"
MINIMUM_CONTRAST = 4.5

_HEX = re.compile(r"#[0-9a-f]{6}")
Rgb = tuple[int, int, int]


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: Rgb) -> float:
    channels = (value / 255 for value in colour)
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two ``#rrggbb`` colours: 1.0 (same) to 21.0 (black on white)."""
    high, low = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mixed(colour: str, with_colour: str, share: float) -> str:
    """``colour`` with ``share`` (0 to 1) of another in it, as ``#rrggbb``."""
    pairs = zip(_rgb(colour), _rgb(with_colour), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def acceptable(colour: str) -> bool:
    """Whether a commune may use this colour: ``#rrggbb`` that white text, or itself on its own pale tint, can bear."""
    colour = colour.strip().lower()
    if not _HEX.fullmatch(colour):
        return False
    tint = mixed(colour, "#ffffff", 0.92)
    return min(contrast(colour, "#ffffff"), contrast(colour, tint)) >= MINIMUM_CONTRAST


def _scale(name: str, colour: str) -> dict[str, str]:
    return {
        f"--commune-{name}": colour,
        f"--commune-{name}-hover": mixed(colour, "#000000", 0.18),
        f"--commune-{name}-active": mixed(colour, "#000000", 0.32),
        f"--commune-{name}-ink": mixed(colour, "#000000", 0.45),
        f"--commune-{name}-border": mixed(colour, "#ffffff", 0.62),
        f"--commune-{name}-soft": mixed(colour, "#ffffff", 0.84),
        f"--commune-{name}-tint": mixed(colour, "#ffffff", 0.92),
    }


@lru_cache(maxsize=8)
def theme_css(primary_hex: str, accent_hex: str) -> str:
    """The style sheet of ``/theme.css``: a ``:root`` rule with ``--commune-…`` properties and nothing else.

    A colour that is malformed or too pale for text falls back to the product's own, each on its own.
    """
    primary = primary_hex.strip().lower() if acceptable(primary_hex) else DEFAULT_PRIMARY
    accent = accent_hex.strip().lower() if acceptable(accent_hex) else DEFAULT_ACCENT
    properties = _scale("primary", primary) | _scale("accent", accent)
    return ":root{" + ";".join(f"{name}:{value}" for name, value in properties.items()) + "}\n"


def install(app: Flask, colours: Callable[[], tuple[str, str]]) -> None:
    """Serves ``/theme.css`` (endpoint ``theme``) from ``colours()`` = (primary, accent); templates get ``theme_url()``.

    The address carries the content's hash, so a change of colour is seen at the next page.
    """

    @lru_cache(maxsize=8)
    def digest(css: str) -> str:
        return hashlib.sha256(css.encode()).hexdigest()[:10]

    def theme() -> Response:
        css = theme_css(*colours())
        response = Response(css, mimetype="text/css")
        current = request.args.get("v") == digest(css)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if current else "public, no-cache"
        return response

    def theme_url() -> str:
        return url_for("theme", v=digest(theme_css(*colours())))

    theme.without_transaction = True  # type: ignore[attr-defined]  # read by Portal: ``colours`` opens its own
    app.add_url_rule("/theme.css", "theme", theme, methods=["GET"])
    app.jinja_env.globals["theme_url"] = theme_url
