"""Badges over the picture of a version: how many demandes wait at each node, are stopped there, how long it takes.

They are drawn last, with a white halo, so that no line or shape hides a number. Each number is a link to its demandes,
named in words; the triangle, not the colour alone, tells those that are stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from app.procedures.diagram import Box, Drawing
from app.procedures.diagram_svg import INK, PAPER, QUIET, STROKES

STOPPED = "#a3241b"
HEIGHT, DIGIT, GAP = 28, 9.5, 6
"""Of a badge, in pixels: as high as a finger or a mouse needs."""


@dataclass(frozen=True)
class Number:
    """A number that leads to its demandes: ``words`` says it whole, ``url`` lists them."""

    value: int
    words: str
    url: str


@dataclass(frozen=True)
class Mark:
    """What stands over one node; ``usual`` is its median time as people say it, « » when nothing was measured."""

    waiting: Number | None = None
    stopped: Number | None = None
    usual: str = ""


def badges(drawing: Drawing, marks: Mapping[str, Mark]) -> Markup:
    """The badges of these nodes, to draw over the picture."""
    return Markup("").join(_over(shape.box, marks[shape.id]) for shape in drawing.shapes if shape.id in marks)


def _over(box: Box, mark: Mark) -> Markup:
    wide = {number: _width(number, mark) for number in (mark.waiting, mark.stopped) if number is not None}
    x = box.x + box.width / 2 - (sum(wide.values()) + GAP * max(0, len(wide) - 1)) / 2
    y, drawn = box.y - HEIGHT + 5, Markup("")
    for number, width in wide.items():
        drawn += _badge(number, Box(x, y, width, HEIGHT), stopped=number is mark.stopped)
        x += width + GAP
    # a time stands alone when nothing waits there: it is still worth reading
    return drawn + _time(box.x + box.width / 2, (y if wide else box.y) - 7, mark.usual)


def _width(number: Number, mark: Mark) -> float:
    return 18 + DIGIT * len(str(number.value)) + (18 if number is mark.stopped else 0)


def _badge(number: Number, box: Box, *, stopped: bool) -> Markup:
    ink, middle = STOPPED if stopped else STROKES["current"], box.y + HEIGHT / 2
    sign = Markup("")
    if stopped:
        sign = Markup(
            '<g fill="none" stroke="{paper}" stroke-width="1.8" stroke-linejoin="round">'
            '<path d="M{x:g} {t:g}l6.5 12h-13z"/><path d="M{x:g} {m:g}v3.5m0 2v1"/></g>'
        ).format(x=box.x + 15, t=middle - 7, m=middle - 2, paper=PAPER)
    return Markup(
        '<a href="{url}" class="schema-number" aria-label="{words}"><title>{words}</title>'
        '<rect x="{b.x:g}" y="{b.y:g}" width="{b.width:g}" height="{b.height:g}" rx="14" fill="{ink}" '
        'stroke="{paper}" stroke-width="3" paint-order="stroke"/>{sign}'
        '<text x="{x:g}" y="{y:g}" text-anchor="middle" font-size="16" font-weight="700" fill="{paper}">{value}</text>'
        "</a>"
    ).format(
        url=number.url, words=number.words, b=box, ink=ink, paper=PAPER, sign=sign, value=number.value,
        x=box.x + box.width / 2 + (9 if stopped else 0), y=middle + 5.5,
    )  # fmt: skip


def _time(x: float, y: float, usual: str) -> Markup:
    """Already in words with its number, and in the table: not read aloud a second time."""
    if not usual:
        return Markup("")
    return Markup(
        '<g aria-hidden="true" fill="none" stroke="{quiet}"><circle cx="{cx:g}" cy="{cy:g}" r="5" fill="{paper}"/>'
        '<path d="M{cx:g} {top:g}v3h2.5"/><text x="{x:g}" y="{y:g}" text-anchor="middle" font-size="14" fill="{ink}" '
        'stroke="{paper}" stroke-width="4" paint-order="stroke">{usual}</text></g>'
    ).format(
        quiet=QUIET, paper=PAPER, ink=INK, usual=usual, x=x + 8, y=y,
        cx=x - 3.2 * len(usual) - 2, cy=y - 4.5, top=y - 7.5,
    )  # fmt: skip
