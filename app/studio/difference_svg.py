"""Two pictures of a process side by side, with what was added, removed or changed marked by a word and a shape."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from app.procedures.diagram import Box, Drawing
from app.procedures.diagram_svg import picture
from app.studio.changes import Marks


@dataclass(frozen=True)
class _Style:
    """How a mark looks without its colour: a sign, a word, and the dashes of its frame."""

    sign: str
    word: str
    ink: str
    dashes: str


_ADDED = _Style("+", "ajouté", "#1c5e35", "")
_REMOVED = _Style("−", "retiré", "#a3241b", "8 4")
_CHANGED = _Style("≠", "changé", "#7a4b00", "2 3")


def pictures(before: Drawing | None, after: Drawing | None, found: Marks) -> tuple[Markup | None, Markup | None]:
    """The older and the newer picture; nothing for a file without a drawing."""
    old = dict.fromkeys(found.removed, _REMOVED) | dict.fromkeys(found.changed, _CHANGED)
    new = dict.fromkeys(found.added, _ADDED) | dict.fromkeys(found.changed, _CHANGED)
    return _marked(before, old, "schema-avant"), _marked(after, new, "schema-apres")


def _marked(drawing: Drawing | None, styles: Mapping[str, _Style], id: str) -> Markup | None:
    if drawing is None:
        return None
    plain = picture(drawing, id=id)
    drawn = Markup("").join(
        [_around(shape.box, styles[shape.id], shape.name) for shape in drawing.shapes if shape.id in styles]
        + [_beside(line.points, styles[line.id]) for line in drawing.lines if line.id in styles]
    )
    return plain[: -len("</svg>")] + drawn + Markup("</svg>")


def _around(box: Box, style: _Style, name: str) -> Markup:
    dashes = Markup(' stroke-dasharray="{}"').format(style.dashes) if style.dashes else Markup("")
    return Markup(
        '<g class="difference"><title>{name} : {word}</title><rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" '
        'rx="12" fill="none" stroke="{ink}" stroke-width="3"{dashes}/>{label}</g>'
    ).format(
        name=name, word=style.word, x=box.x - 6, y=box.y - 6, w=box.width + 12, h=box.height + 12, ink=style.ink,
        dashes=dashes, label=_label(box.x + box.width / 2, box.y - 12, style),
    )  # fmt: skip


def _beside(points: Collection[tuple[float, float]], style: _Style) -> Markup:
    places = list(points)
    (ax, ay), (bx, by) = places[(len(places) - 1) // 2], places[(len(places) - 1) // 2 + 1]
    dashes = Markup(' stroke-dasharray="{}"').format(style.dashes) if style.dashes else Markup("")
    way = " ".join(f"{x:g},{y:g}" for x, y in places)
    return Markup(
        '<g class="difference"><polyline points="{way}" fill="none" stroke="{ink}" stroke-width="3"{dashes}/>'
        "{label}</g>"
    ).format(way=way, ink=style.ink, dashes=dashes, label=_label((ax + bx) / 2, (ay + by) / 2 + 4, style))


def _label(x: float, y: float, style: _Style) -> Markup:
    return Markup(
        '<text x="{x:g}" y="{y:g}" text-anchor="middle" font-weight="700" fill="{ink}" paint-order="stroke" '
        'stroke="#ffffff" stroke-width="4">{sign} {word}</text>'
    ).format(x=x, y=y, ink=style.ink, sign=style.sign, word=style.word)
