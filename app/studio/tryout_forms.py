"""The forms of the steps that wait in a try-out, shown page by page and judged as the portal does.

What is typed before a step is sent is kept in ``Sight["typed"]``: node → {values, page}, as a draft keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app import clock
from app.cases.scenario_cast import FILE
from app.cases.steps import Lines, page_asked
from app.db import Json
from app.engine.bundle import SETTINGS
from app.engine.expressions import compile_expression
from app.errors import NotFound
from app.procedures.settings import read_settings
from forms import Choice, ExpressionFailure, FormDefinition, Sources, StepForm, load_definition, open_form, summary

CHECK = "verification"
Sight = Mapping[str, Json]
Step = Mapping[str, Json]


def waiting_step(sight: Sight, node: str) -> Step:
    """One of the steps that wait. Raises NotFound."""
    for step in sight.get("waiting", ()):
        if step["node"] == node:
            found: Step = step
            return found
    raise NotFound("Cette étape n’attend plus personne.")


@dataclass(frozen=True)
class Trial:
    """A step that waits, with its form (``None``: one click) on the page in hand.

    ``page`` counts from 0, ``None`` for the whole form: agents, and corrections, see it so. ``lines`` are the answers
    to check before sending, on that page only. ``fault``: why the form cannot be shown.
    """

    step: Step
    form: StepForm | None = None
    page: int | None = None
    lines: Lines | None = None
    fault: str = ""

    @property
    def pages(self) -> int:
        """How many, the check among them."""
        return len(self.form.definition.pages) + 1 if self.form is not None else 0


class StepForms:
    """The forms of one draft in one try-out."""

    def __init__(self, files: Mapping[str, bytes], sight: Sight) -> None:
        self.files, self.sight = files, sight

    def trial(self, step: Step, raw: str) -> Trial:
        """The step on the page that an address asks for (``raw``), else on the one that was left."""
        if not step.get("form"):
            return Trial(step)
        try:
            if raw == CHECK and self.by_pages(step):
                return self.check(step)
            page = self.page(step, raw)
            return Trial(step, self.form(step, page), page)
        except ExpressionFailure as failure:
            return Trial(step, fault=f"L’expression « {failure.expression} » du formulaire ne peut pas être calculée.")

    def check(self, step: Step) -> Trial:
        """What was answered, judged as a whole, to read again before it is sent."""
        form = self.form(step, None)
        form.validate()
        lines = summary(form.definition, form.values(), self._sources(step, form.definition))
        return Trial(step, form, lines=lines)

    def by_pages(self, step: Step) -> bool:
        """Whether the form is filled one page at a time: families do, but for a correction; agents do not."""
        return bool(step["family"]) and step["only"] is None

    def page(self, step: Step, raw: str) -> int | None:
        """The page in hand."""
        if not self.by_pages(step):
            return None
        return page_asked(self._definition(step), raw, self._typed(step).get("page"))

    def checks(self, step: Step) -> bool:
        """Whether answers are read again before they are sent: a family's whole demande, unless the settings say no."""
        return self.by_pages(step) and bool(read_settings(self.files[SETTINGS]).settings.get("verification", True))

    def form(self, step: Step, page: int | None, formdata: Any = None, files: Any = None) -> StepForm:
        """The form as the portal makes it, on the day of the story. Files that are sent become ``@fichier``."""
        now = datetime.fromisoformat(self.sight["now"])
        definition = self._definition(step)
        made = open_form(
            definition,
            values={**step["known"], **self._typed(step).get("values", {})},
            sources=self._sources(step, definition),
            evaluate=lambda expression, names: compile_expression(expression).evaluate(names, now=now),
            today=clock.in_paris(now).date(),
            formdata=formdata,
            files=files,
            page=page,
            only=tuple(step["only"]) if step["only"] is not None else None,
        )
        for name in {name for name, _ in made.uploads()}:
            made.attach(name, [FILE])
        return made

    def values(self, form: StepForm, step: Step) -> dict[str, Json]:
        """What was answered, as a story writes it: what is known already is left out, what was erased is empty."""
        produced = {name: spec.name for spec in form.definition.fields() for name in spec.produced()}
        values = {}
        for name, value in form.values().items():
            reopened = step["only"] is None or produced.get(name) in step["only"]
            known = step["known"].get(name)
            if name not in produced or not reopened or value == known:
                continue
            if not _is_nothing(value):
                values[name] = value
            elif not _is_nothing(known):
                values[name] = [] if isinstance(known, list) else ""
        return values

    def _typed(self, step: Step) -> Mapping[str, Json]:
        found: Mapping[str, Json] = self.sight.get("typed", {}).get(step["node"], {})
        return found

    def _definition(self, step: Step) -> FormDefinition:
        return load_definition(self.files[f"forms/{step['form']}.json"])

    def _sources(self, step: Step, definition: FormDefinition) -> Sources:
        """The choices of the play, and the file that was sent since."""
        found = {kind: [Choice(**each) for each in choices] for kind, choices in step["sources"].items()}
        values = self._typed(step).get("values", {})
        for spec in definition.fields():
            if spec.type == "piece" and FILE in (values.get(spec.name) or ()):
                found.setdefault(f"pieces:{spec.piece_type}", []).append(
                    Choice(FILE, "Votre fichier", "Fichier d’essai")
                )
        return found


def _is_nothing(value: Json) -> bool:
    return value is None or value in ("", [])


# -- what is typed ---------------------------------------------------------------------------------------------------


def remembered(sight: Sight, node: str, values: Mapping[str, Json], page: int | None) -> dict[str, Json]:
    """What was seen, with what is typed now in this step."""
    typed = {**sight.get("typed", {}), node: {"values": dict(values), "page": page or 0}}
    return {**sight, "typed": typed}


def answered(sight: Sight, act: Mapping[str, Json]) -> dict[str, Json]:
    """What was seen, with what a scenario answers at this act, when its step waits and nothing is typed there yet."""
    node = act.get("do", "")
    waits = any(step["node"] == node and step.get("form") for step in sight.get("waiting", ()))
    typed = node in sight.get("typed", {})
    return remembered(sight, node, act.get("values", {}), 0) if waits and not typed else dict(sight)


def carried(before: Sight, after: Sight, sent: str = "") -> dict[str, Json]:
    """``after``, with what was typed before in the steps that still wait, but not in ``sent``, which was accepted."""
    refused = bool(after.get("seen")) and after["seen"][-1]["refused"]
    waiting = {step["node"] for step in after.get("waiting", ())} - (set() if refused else {sent})
    # nothing waits when the play stopped: what is typed stays for the next one
    kept = {node: each for node, each in before.get("typed", {}).items() if node in waiting or after.get("problem")}
    return {**after, "typed": kept} if kept else dict(after)
