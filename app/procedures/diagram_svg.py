"""The picture of a process, as SVG: presentation attributes only (the security policy forbids inline styles).

A state is never told by colour alone: a step in hand has a thick outline and « en cours » written over it, a step done
a tick in its corner. Everything that comes from the file is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from markupsafe import Markup

from app.procedures.diagram import STATE_WORDS, Box, Drawing, Line, Shape, State, state_of

INK, QUIET, RULE, PAPER = "#20303a", "#53626c", "#868d90", "#ffffff"
FILLS: Mapping[State, str] = {"done": "#dff2e4", "current": "#e3edf9", "todo": PAPER}
STROKES: Mapping[State, str] = {"done": "#1c5e35", "current": "#1f4e86", "todo": "#53626c"}
LETTER = 6.4
"""Width of a letter of the labels, in pixels: enough to cut lines without measuring fonts."""
LINE = 15

KINDS: Mapping[str, str] = {
    "userTask": "étape d’une personne",
    "manualTask": "étape d’une personne",
    "serviceTask": "opération du portail",
    "scriptTask": "calcul",
    "businessRuleTask": "règle de décision",
    "sendTask": "envoi d’un message",
    "receiveTask": "attente d’un message",
    "callActivity": "autre démarche",
    "subProcess": "sous-processus",
    "exclusiveGateway": "choix",
    "parallelGateway": "chemins en parallèle",
    "inclusiveGateway": "chemins possibles ensemble",
    "eventBasedGateway": "attente du premier événement",
    "startEvent": "début",
    "endEvent": "fin",
    "intermediateCatchEvent": "attente",
    "intermediateThrowEvent": "événement émis",
    "boundaryEvent": "événement pendant l’étape",
    "lane": "couloir",
    "participant": "processus",
    "textAnnotation": "note",
}


def picture(
    drawing: Drawing,
    done: Collection[str] = (),
    current: Collection[str] = (),
    *,
    id: str = "schema",
    over: Markup | None = None,
) -> Markup:
    """The SVG element. ``done`` and ``current`` are node ids; ``id`` prefixes the ids inside, one per page.

    ``over`` is drawn last, in place of « en cours »: as it may hold links, the picture is then a group whose other
    parts are not read aloud one by one."""
    box = drawing.box
    named = [shape.name for shape in drawing.shapes if shape.id in current and shape.name]
    where = f"En cours : {', '.join(named)}." if named else "Aucune étape en cours."
    parts = [
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" role="{role}" aria-labelledby="{id}-titre {id}-texte" '
            'width="{w:g}" height="{h:g}" viewBox="{x:g} {y:g} {w:g} {h:g}" font-family="inherit" font-size="12">'
            '<title id="{id}-titre">Schéma : {title}</title>'
            '<desc id="{id}-texte">{where} Les étapes sont aussi données en texte après le schéma.</desc>'
            '<defs><marker id="{id}-pointe" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
            'orient="auto"><path d="M0 0 10 5 0 10z" fill="{quiet}"/></marker></defs>'
        ).format(
            role="img" if over is None else "group", id=id, title=drawing.title, where=where,
            x=box.x, y=box.y, w=box.width, h=box.height, quiet=QUIET,
        )
    ]  # fmt: skip
    frames = [shape for shape in drawing.shapes if shape.kind in ("participant", "lane")]
    nodes = [shape for shape in drawing.shapes if shape.kind not in ("participant", "lane")]
    parts += [_frame(shape) for shape in frames]
    parts += [_big(shape) for shape in nodes if shape.expanded]
    parts += [_arrow(line, id) for line in drawing.lines]
    parts += [_node(shape, state_of(shape.id, done, current), over is None) for shape in nodes if not shape.expanded]
    if over is not None:
        parts = [parts[0], Markup('<g aria-hidden="true">'), *parts[1:], Markup("</g>"), over]
    return Markup("").join([*parts, Markup("</svg>")])


def _frame(shape: Shape) -> Markup:
    """A pool or a lane, its name along its short side."""
    box = shape.box
    fill = "#fbf9f5" if shape.kind == "participant" else "none"
    x, y = box.x + 15, box.y + box.height / 2
    turned = Markup(' transform="rotate(-90 {x:g} {y:g})"').format(x=x, y=y) if shape.horizontal else Markup("")
    if not shape.horizontal:
        x, y = box.x + box.width / 2, box.y + 15
    room = box.height if shape.horizontal else box.width
    return Markup(
        '<g><rect x="{b.x:g}" y="{b.y:g}" width="{b.width:g}" height="{b.height:g}" rx="4" fill="{fill}" '
        'stroke="#e6e0d6"/><text x="{x:g}" y="{y:g}"{turned} text-anchor="middle" dominant-baseline="middle" '
        'fill="{quiet}">{name}</text></g>'
    ).format(b=box, fill=fill, x=x, y=y, turned=turned, quiet=QUIET, name=_cut(shape.name, int(room / LETTER)))


def _big(shape: Shape) -> Markup:
    """A sub-process drawn open: its frame, its name at the top."""
    box = shape.box
    return Markup(
        '<g><rect x="{b.x:g}" y="{b.y:g}" width="{b.width:g}" height="{b.height:g}" rx="10" fill="none" '
        'stroke="{stroke}"/><text x="{x:g}" y="{y:g}" fill="{ink}">{name}</text></g>'
    ).format(b=box, stroke=RULE, x=box.x + 10, y=box.y + 18, ink=INK, name=_cut(shape.name, int(box.width / LETTER)))


def _node(shape: Shape, state: State, stated: bool) -> Markup:
    """A node and its title; ``stated`` says whether its state is told, in the title and by a mark."""
    kind = KINDS.get(shape.kind, shape.kind)
    told = f"{shape.name or KINDS.get(shape.kind, '')} ({kind}, {STATE_WORDS[state]})" if stated else shape.name or kind
    draw: Callable[[Shape, State], Markup] = _task
    if shape.kind.endswith("Gateway"):
        draw = _gateway
    elif shape.kind.endswith("Event"):
        draw = _event
    elif shape.kind == "textAnnotation":
        draw = _note
    return Markup('<g class="schema-{state}"><title>{told}</title>{drawn}{mark}</g>').format(
        state=state, told=told, drawn=draw(shape, state), mark=_mark(shape, state) if stated else ""
    )


def _mark(shape: Shape, state: State) -> Markup:
    """What says the state without colours."""
    box = shape.box
    if state == "current":
        return Markup(
            '<text x="{x:g}" y="{y:g}" text-anchor="middle" font-weight="700" fill="{ink}">▶ en cours</text>'
        ).format(x=box.x + box.width / 2, y=box.y - 8, ink=STROKES[state])
    if state == "done":
        return Markup(
            '<path d="M{x:g} {y:g}l4 4 7-8" fill="none" stroke="{ink}" stroke-width="2.5" stroke-linecap="round"/>'
        ).format(x=box.x + box.width - 16, y=box.y + min(12, box.height / 2), ink=STROKES["done"])
    return Markup("")


def _outline(state: State) -> Markup:
    return Markup('fill="{fill}" stroke="{stroke}" stroke-width="{width:g}"').format(
        fill=FILLS[state], stroke=STROKES[state], width=4 if state == "current" else 1.5
    )


def _task(shape: Shape, state: State) -> Markup:
    box = shape.box
    dashes = Markup(' stroke-dasharray="6 4"') if shape.kind == "callActivity" else Markup("")
    drawn = Markup(
        '<rect x="{b.x:g}" y="{b.y:g}" width="{b.width:g}" height="{b.height:g}" rx="10" {outline}{dashes}/>{glyph}'
    ).format(b=box, outline=_outline(state), dashes=dashes, glyph=_glyph(shape))
    return drawn + _words(shape.name, box)


def _glyph(shape: Shape) -> Markup:
    """A person, or a cog wheel of the portal, in the corner."""
    x, y = shape.box.x + 8, shape.box.y + 8
    if shape.kind in ("userTask", "manualTask"):
        return Markup(
            '<g fill="none" stroke="{q}"><circle cx="{cx:g}" cy="{cy:g}" r="3"/>'
            '<path d="M{x:g} {by:g}a5 5 0 0 1 10 0"/></g>'
        ).format(q=QUIET, cx=x + 5, cy=y + 3, x=x, by=y + 12)
    if shape.kind == "serviceTask":
        return Markup(
            '<g fill="none" stroke="{q}"><circle cx="{cx:g}" cy="{cy:g}" r="2.5"/>'
            '<circle cx="{cx:g}" cy="{cy:g}" r="5" stroke-width="2" stroke-dasharray="2.6 2.6"/></g>'
        ).format(q=QUIET, cx=x + 5, cy=y + 5)
    return Markup("")


def _gateway(shape: Shape, state: State) -> Markup:
    box = shape.box
    x, y, half = box.x + box.width / 2, box.y + box.height / 2, box.width / 2
    drawn = Markup('<path d="M{x:g} {t:g}L{r:g} {y:g}L{x:g} {b:g}L{l:g} {y:g}z" {outline}/>').format(
        x=x, y=y, t=y - half, b=y + half, l=x - half, r=x + half, outline=_outline(state)
    )
    inner = half * 0.4
    crosses = {
        "exclusiveGateway": f"M{x - inner:g} {y - inner:g}L{x + inner:g} {y + inner:g}"
        f"M{x + inner:g} {y - inner:g}L{x - inner:g} {y + inner:g}",
        "parallelGateway": f"M{x:g} {y - inner:g}V{y + inner:g}M{x - inner:g} {y:g}H{x + inner:g}",
    }
    if shape.kind in crosses:
        drawn += Markup('<path d="{d}" stroke="{ink}" stroke-width="2.5"/>').format(d=crosses[shape.kind], ink=INK)
    else:
        drawn += Markup('<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="none" stroke="{ink}" stroke-width="2"/>').format(
            x=x, y=y, r=inner * 1.3, ink=INK
        )
    return drawn + _outside(shape)


def _event(shape: Shape, state: State) -> Markup:
    box = shape.box
    x, y, radius = box.x + box.width / 2, box.y + box.height / 2, box.width / 2
    thick = 4 if shape.kind == "endEvent" or state == "current" else 1.5
    dashes = Markup("") if shape.interrupting else Markup(' stroke-dasharray="4 3"')
    drawn = Markup('<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{f}" stroke="{s}" stroke-width="{w:g}"{d}/>').format(
        x=x, y=y, r=radius, f=FILLS[state], s=STROKES[state], w=thick, d=dashes
    )
    if shape.kind in ("boundaryEvent", "intermediateCatchEvent", "intermediateThrowEvent"):
        drawn += Markup('<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="none" stroke="{s}"{d}/>').format(
            x=x, y=y, r=max(radius - 3.5, 1), s=STROKES[state], d=dashes
        )
    paths = {
        "timer": f"M{x:g} {y - radius * 0.5:g}V{y:g}L{x + radius * 0.35:g} {y + radius * 0.2:g}",
        "message": f"M{x - radius * 0.5:g} {y - radius * 0.35:g}h{radius:g}v{radius * 0.7:g}h{-radius:g}z"
        f"l{radius * 0.5:g} {radius * 0.4:g} {radius * 0.5:g} {-radius * 0.4:g}",
        "error": f"M{x - radius * 0.5:g} {y + radius * 0.4:g}l{radius * 0.3:g} {-radius * 0.8:g} "
        f"{radius * 0.4:g} {radius * 0.5:g} {radius * 0.3:g} {-radius * 0.6:g}",
        "signal": f"M{x:g} {y - radius * 0.5:g}l{radius * 0.5:g} {radius * 0.85:g}h{-radius:g}z",
        "escalation": f"M{x:g} {y - radius * 0.5:g}l{radius * 0.4:g} {radius:g}-{radius * 0.4:g} "
        f"{-radius * 0.4:g}-{radius * 0.4:g} {radius * 0.4:g}z",
    }
    if shape.event in paths:
        drawn += Markup('<path d="{d}" fill="none" stroke="{ink}"/>').format(d=paths[shape.event], ink=INK)
    return drawn + _outside(shape)


def _note(shape: Shape, _state: State) -> Markup:
    box = shape.box
    bracket = Markup('<path d="M{r:g} {t:g}H{l:g}V{b:g}H{r:g}" fill="none" stroke="{s}"/>').format(
        l=box.x, r=box.x + 10, t=box.y, b=box.y + box.height, s=RULE
    )
    return bracket + _words(shape.name, box)


def _arrow(line: Line, id: str) -> Markup:
    points = " ".join(f"{x:g},{y:g}" for x, y in line.points)
    plain = line.kind != "sequenceFlow"
    drawn = Markup('<polyline points="{p}" fill="none" stroke="{s}"{dashes}{end}/>').format(
        p=points,
        s=QUIET,
        dashes=Markup(' stroke-dasharray="3 3"') if plain else Markup(""),
        end=Markup("") if plain else Markup(' marker-end="url(#{}-pointe)"').format(id),
    )
    if not line.name:
        return drawn
    if line.label is not None:
        place = Box(line.label.x - 5, line.label.y, line.label.width + 10, line.label.height)
    else:
        (ax, ay), (bx, by) = line.points[0], line.points[1]
        place = Box((ax + bx) / 2 - 45, (ay + by) / 2 - 22, 90, 20)
    return drawn + _words(line.name, place, halo=True)


def _outside(shape: Shape) -> Markup:
    """The name of a small shape, where the drawing puts it or underneath."""
    if not shape.name:
        return Markup("")
    if shape.label is not None:
        return _words(shape.name, Box(shape.label.x - 8, shape.label.y, shape.label.width + 16, shape.label.height))
    below = Box(shape.box.x + shape.box.width / 2 - 55, shape.box.y + shape.box.height + 4, 110, 2 * LINE)
    return _words(shape.name, below)


def _words(text: str, box: Box, *, halo: bool = False) -> Markup:
    """Text cut into centred lines that fit a box; what does not fit ends with « … » (the title has it whole)."""
    rows = _rows(text, max(6, int(box.width / LETTER)), max(1, int(box.height / LINE)))
    if not rows:
        return Markup("")
    top = box.y + box.height / 2 - (len(rows) - 1) * LINE / 2
    spans = Markup("").join(
        Markup('<tspan x="{x:g}" y="{y:g}">{row}</tspan>').format(
            x=box.x + box.width / 2, y=top + number * LINE, row=row
        )
        for number, row in enumerate(rows)
    )
    white = Markup(' paint-order="stroke" stroke="{}" stroke-width="4"').format(PAPER) if halo else Markup("")
    return Markup('<text text-anchor="middle" dominant-baseline="middle" fill="{ink}"{white}>{spans}</text>').format(
        ink=INK, white=white, spans=spans
    )


def _rows(text: str, width: int, most: int) -> list[str]:
    rows: list[str] = []
    for word in text.split():
        piece = _cut(word, width)
        if rows and len(rows[-1]) + 1 + len(piece) <= width:
            rows[-1] += f" {piece}"
        else:
            rows.append(piece)
    if len(rows) > most:
        rows = [*rows[: most - 1], _cut(" ".join(rows[most - 1 :]), width)]
    return rows


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(1, width - 1)]}…"
