"""One step of a démarche: a definition, stored answers, a submission."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from forms.builder import field_set_class
from forms.definition import FormDefinition, PageDef
from forms.fields import GroupField, PieceField, PortalField
from forms.fields.portal import FormData
from forms.recap import told
from forms.sources import Evaluate, Json, Sources, Surroundings
from forms.walk import settle

SEEN = "questions_vues"


@dataclass(frozen=True, slots=True)
class PageState:
    """A page in the progress: `index` in the definition, `state` in `faite`, `en_cours`, `a_faire`."""

    index: int
    title: str
    state: str


def open_form(
    definition: FormDefinition,
    *,
    values: Mapping[str, Json],
    sources: Sources,
    evaluate: Evaluate,
    today: date,
    formdata: FormData | None = None,
    files: FormData | None = None,
    page: int | None = None,
    only: Collection[str] | None = None,
) -> "StepForm":
    """A form ready to render, validate or save.

    `values`: answers already known (as `values()` or `partial()` gave them), and any other variable that expressions
    read. `page`: the page in hand, `None` for the whole form. `only`: the fields that may be changed (correction
    loop); the others keep their values whatever is posted, except one that a reopened answer makes appear for the
    first time.
    `formdata`: what was posted, `None` to show or judge the stored answers. Raises `ExpressionFailure` when an
    expression of the definition is at fault, `IndexError` when there is no such page.
    """
    if page is not None and not 0 <= page < len(definition.pages):
        raise IndexError(f"no page {page}")
    form = StepForm(definition, values=values, page=page)
    around = Surroundings(form.context, sources, evaluate, today)
    before = None
    if only is not None and formdata is not None:
        earlier = open_form(definition, values=values, sources=sources, evaluate=evaluate, today=today)
        before = {field.spec.name for field in earlier.field_set if field.shown}
    form.settle(around, formdata, files, only, before)
    return form


class StepForm:
    """A bound form. `fields` are the WTForms fields to render, in order; `form[name]` is one of them."""

    def __init__(self, definition: FormDefinition, *, values: Mapping[str, Json], page: int | None) -> None:
        self.definition = definition
        self.page = page
        self.stored = values
        self.field_set = field_set_class(definition)()
        self.shown_pages: list[int] = []
        self.context: dict[str, Json] = dict(values)
        for field in self.field_set:
            for name in field.produced:
                self.context[name] = None
        self.posted = False

    def settle(
        self,
        around: Surroundings,
        formdata: FormData | None,
        files: FormData | None,
        only: Collection[str] | None,
        before: Collection[str] | None,
    ) -> None:
        """Walks through the definition once; see `forms.walk`."""
        self.posted = formdata is not None
        self.context.setdefault("aujourd_hui", around.today.isoformat())
        for index, page in enumerate(self.definition.pages):
            shown = not page.show_if or around.holds(page.show_if, f"{page.path}.show_if")
            if shown:
                self.shown_pages.append(index)
            for spec in page.fields:
                field = self.field_set[spec.name]
                in_hand = self.page is None or index == self.page
                revealed = before is not None and spec.name not in before
                field.editable = in_hand and (only is None or spec.name in only or revealed)
                if not in_hand and shown and not self._read_elsewhere(field):
                    # Another page's answer that no expression reads: passed on untouched, choices may read it.
                    self.context.update({name: self.stored.get(name) for name in field.produced})
                    continue
                field.reactive = bool(self.definition.referenced.intersection(field.produced))
                settle(
                    field,
                    around,
                    self.context,
                    stored=self.stored,
                    formdata=formdata if field.editable else None,
                    files=files,
                    page_shown=shown,
                    choose=True,  # not in the rows of a group: a blank row must stay blank, it is then dropped
                )
                if in_hand and not field.editable and field.shown:
                    field.locked_text = told(spec, field.parsed, around.choices_for)

    def _read_elsewhere(self, field: PortalField) -> bool:
        return bool(field.spec.show_if) or not self.definition.referenced.isdisjoint(field.produced)

    # -- what to render --------------------------------------------------------------------------------------------

    @property
    def fields(self) -> list[PortalField]:
        """The shown fields of the page in hand (of every page when there is none)."""
        return [field for _, fields in self.sections for field in fields]

    @cached_property
    def sections(self) -> list[tuple[PageDef, list[PortalField]]]:
        """The same by page, pages without any shown field left out. What is shown does not change once settled."""
        wanted = self.shown_pages if self.page is None else [self.page]
        pages = [self.definition.pages[index] for index in wanted]
        found = [(page, [f for f in (self.field_set[s.name] for s in page.fields) if f.shown]) for page in pages]
        return [(page, fields) for page, fields in found if fields]

    def __getitem__(self, name: str) -> PortalField:
        return self.field_set[name]

    def __iter__(self) -> Iterator[PortalField]:
        return iter(self.fields)

    # -- judging ---------------------------------------------------------------------------------------------------

    def validate(self) -> bool:
        """Judges the fields in hand, whether their answers were posted or stored."""
        # every field is judged: all errors are shown at once
        judged = [field.validate(self.field_set) for field in self.fields]
        return all(judged)

    @property
    def errors(self) -> list[tuple[str, str]]:
        """(element id, message with the field's label) in the order of the page, for the summary."""
        return [link for field in self.fields for link in field.summary_links()]

    @property
    def error_links(self) -> list[tuple[str, str]]:
        """Same as `errors`; the name that account forms have too."""
        return self.errors

    @property
    def has_rows(self) -> bool:
        """A repeated group is shown: its buttons must not be what the Enter key presses."""
        return any(isinstance(field, GroupField) and field.editable for field in self.fields)

    def wants_row_change(self) -> bool:
        """A button « Ajouter » or « Retirer » was pressed: rows are changed already, show the page again."""
        return any(isinstance(field, GroupField) and field.row_change for field in self.fields)

    def unseen(self, posted: FormData) -> set[str]:
        """The questions that the answers just given call for, and that the page did not show yet: it says those it did
        in a hidden field (`seen_names`). Without JavaScript, that is how an answer calls for others."""
        seen = posted.getlist(SEEN)
        return {field.spec.name for field in self.fields} - set(str(seen[0]).split(",")) if seen else set()

    @property
    def seen_names(self) -> str:
        """What the hidden field of `unseen` says."""
        return ",".join(field.spec.name for field in self.fields)

    def add_error(self, name: str, message: str) -> None:
        """A refusal found by the application (no place left, unknown address…), shown like the others."""
        field = self.field_set[name]
        field.errors = [*field.errors, message]
        field.error_links.append((field.input_id(field.suffixes[0]), message))

    # -- results ---------------------------------------------------------------------------------------------------

    def values(self) -> dict[str, Json]:
        """Every answer of the form, to replace the stored ones.

        Fields in hand: their value, `None` when blank or hidden. Other pages: as stored, `None` when hidden;
        names never stored are absent (so that defaults still apply).
        """
        return self._results(partial=False)

    def partial(self) -> dict[str, Json]:
        """The same for a draft: what was refused is kept as typed."""
        return self._results(partial=True)

    def _results(self, *, partial: bool) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for index, page in enumerate(self.definition.pages):
            for spec in page.fields:
                field = self.field_set[spec.name]
                if not field.shown:
                    in_hand = self.page is None or index == self.page
                    found.update({name: None for name in field.produced if in_hand or name in self.stored})
                elif field.editable:
                    found.update(field.partial() if partial else field.parsed)
                    if isinstance(field, PieceField) and field.attached:
                        found.update(field.with_attached(found[spec.name]))
                else:
                    found.update({name: self.stored[name] for name in field.produced if name in self.stored})
        return found

    def uploads(self) -> list[tuple[str, Any]]:
        """(field name, file) for each file received by a shown, editable field."""
        pieces = [field for field in self.fields if isinstance(field, PieceField) and field.editable]
        return [(piece.spec.name, file) for piece in pieces for file in piece.uploads]

    def attach(self, name: str, ids: Sequence[str]) -> None:
        """Adds to a piece the ids of its uploads, once stored; they are then part of `values()`."""
        field = self.field_set[name]
        assert isinstance(field, PieceField)
        field.attach(list(ids))

    # -- progress --------------------------------------------------------------------------------------------------

    @property
    def pages(self) -> list[PageState]:
        """The pages that this person goes through."""
        here = self.page if self.page is not None else len(self.definition.pages)
        states = [(i, "faite" if i < here else "en_cours" if i == here else "a_faire") for i in self.shown_pages]
        return [PageState(index, self.definition.pages[index].title, state) for index, state in states]

    @property
    def progress(self) -> tuple[int, int]:
        """(position of this page from 1, number of pages)."""
        done = [index for index in self.shown_pages if self.page is None or index <= self.page]
        return len(done), len(self.shown_pages)

    @property
    def previous_page(self) -> int | None:
        """The index of the page before, `None` on the first."""
        return max((i for i in self.shown_pages if self.page is None or i < self.page), default=None)

    @property
    def next_page(self) -> int | None:
        """The index of the page after, `None` on the last."""
        if self.page is None:
            return None
        return min((i for i in self.shown_pages if i > self.page), default=None)
