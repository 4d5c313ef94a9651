"""From a step of a demande to its form: what families and agents fill is opened in one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from app import clock
from app.cases.models import Case
from app.cases.operations import runtime
from app.cases.queries import Opened, Who
from app.db import Json
from app.engine.expressions import compile_expression
from app.engine.operations import Call, ParameterError, registry
from app.engine.runtime import NotWaiting
from app.engine.specs import Node
from app.errors import NotFound
from app.policy import FAMILY_LANE
from app.procedures.queries import Content, content_of
from app.sources import Filer, Offered, choices_for
from forms import FormDefinition, Sources, StepForm, field_choices, open_form, summary

Lines = list[tuple[str, list[tuple[str, str, str]]]]


def evaluate(expression: str, names: Mapping[str, Json]) -> Json:
    """The evaluator given to forms: the engine's, on our clock."""
    return compile_expression(expression).evaluate(names, now=clock.now())


@dataclass(frozen=True)
class StepPage:
    """A step ready to be shown or sent: its definition, what is known already, what may be chosen."""

    opened: Opened
    content: Content
    node: Node
    definition: FormDefinition
    known: Mapping[str, Json]
    sources: Sources
    only: tuple[str, ...] | None

    def form(
        self,
        *,
        page: int | None = None,
        formdata: object = None,
        files: object = None,
        stored: Mapping[str, Json] | None = None,
    ) -> StepForm:
        """The bound form of one page, or (``None``) of the whole step; ``stored`` takes the place of the draft."""
        if stored is None:
            stored = self.opened.draft.values if self.opened.draft else {}
        return open_form(
            self.definition,
            values={**self.known, **stored},
            sources=self.sources,
            evaluate=evaluate,
            today=clock.today(),
            formdata=formdata,  # type: ignore[arg-type]  # Werkzeug's MultiDict is what it describes
            files=files,  # type: ignore[arg-type]  # same
            page=page,
            only=self.only,
        )

    def overview(self, session: Session, who: Who, values: Mapping[str, Json]) -> Mapping[str, Json] | None:
        """What the operation drawn on this step (property ``apercu``) foresees of these answers, for the page that
        checks before sending; ``None`` where none is drawn. Raises Refused for what it would not do."""
        name, task = self.node.properties.get("apercu"), self.opened.task
        if name is None or task is None:
            return None
        spec = registry[name]
        if not spec.reads:
            raise ParameterError(f"« {name} » écrit : une page ne peut pas la montrer avant l’envoi")
        known = {**self.known, **values}
        asked = {each.name: known.get(each.name) for each in spec.parameters}
        found = spec.run(Call(session, who.actor, self.opened.facts, task.id), spec.bind(asked))
        return found["apercu"] if found is not None else None

    def told(self, values: Mapping[str, Json]) -> Lines:
        """The answers as the person reads them."""
        # a choice that depends on an answer of the step before is told by it
        sources = {kind: _knowing(offered, self.known) for kind, offered in self.sources.items()}
        return summary(self.definition, values, sources)


def _knowing(offered: Offered, known: Mapping[str, Json]) -> Offered:
    return (lambda answers: offered({**known, **answers})) if callable(offered) else offered


def _fields_asked(content: Content, names: Json) -> tuple[str, ...] | None:
    """The fields that a family is asked to correct; the whole form when one of them, asked in another version, has
    another name in this one, or is gone."""
    drawn = {name for form in content.forms.values() for name in form.by_name}
    return tuple(names) if isinstance(names, list) and drawn.issuperset(names) else None


def sources_for(session: Session, who: Who, case: Case, definition: FormDefinition, content: Content) -> Sources:
    """The choices this form offers to the family of this case."""
    kinds = {ref.value for ref in definition.references() if ref.kind == "source" and ref.value != "pieces"}
    kinds |= {f"pieces:{ref.value}" for ref in definition.references() if ref.kind == "piece_type"}
    kinds |= {f"structures:{ref.value}" for ref in definition.references() if ref.kind == "structure_kind"}
    kinds |= {ref.value for ref in definition.references() if ref.kind == "offer"}
    filer = Filer(who.actor, case.owner_id, case.household_id, case.id)
    found = dict(choices_for(session, filer, kinds))
    if "champs" in kinds:
        found["champs"] = [choice for form in _family_forms(content) for choice in field_choices(form)]
    return found


def _family_forms(content: Content) -> list[FormDefinition]:
    """The forms that hold no decision: those a family fills, whose fields an agent may ask to correct."""
    return [form for form in content.forms.values() if all(spec.type != "decision" for spec in form.fields())]


def page_asked(definition: FormDefinition, raw: str, kept: int | None = None) -> int:
    """The page that an address asks for, counted from 1 (``raw``); else the one that was left (``kept``, from 0)."""
    last = len(definition.pages) - 1
    if not raw and kept is not None:
        return min(kept, last)
    index = int(raw) - 1 if raw.isdecimal() and len(raw) < 4 else 0
    return min(max(index, 0), last)


def agents_step_page(session: Session, who: Who, opened: Opened) -> StepPage:
    """``step_page`` for an agent, blank: what an earlier decision wrote under the same names is not an answer to this
    one."""
    step = step_page(session, who, opened)
    decided = {name for spec in step.definition.fields() if spec.type == "decision" for name in spec.produced()}
    return replace(step, known={name: value for name, value in step.known.items() if name not in decided})


def step_page(session: Session, who: Who, opened: Opened) -> StepPage:
    """The step of ``opened.task``. Raises NotFound when it has no form, NotWaiting when it is not open any more."""
    task, case = opened.task, opened.case
    content = content_of(session, case.bundle_hash)
    if task is not None and task.closed_at is not None:  # this version may not draw it: it was closed in another
        raise NotWaiting("Cette étape n’attend plus de réponse : la demande a avancé entre-temps.")
    if task is None or task.form is None or task.form not in content.forms:
        raise NotFound("Cette étape n’a pas de formulaire.")
    node = runtime.definition(session, case.bundle_hash).nodes[task.node]
    definition = content.forms[task.form]
    known = runtime.data(session, opened.facts, opened.instance, task.id)
    only = known.get(node.properties["champs"]) if "champs" in node.properties else None
    return StepPage(
        opened=opened,
        content=content,
        node=node,
        definition=definition,
        known=known,
        sources=sources_for(session, who, case, definition, content),
        only=_fields_asked(content, only) if task.lane == FAMILY_LANE else None,
    )
