"""A repeated group of fields: rows added and removed without JavaScript."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from forms.definition import FieldDef
from forms.fields.portal import FormData, PortalField
from forms.sources import Json, Surroundings
from forms.walk import settle

if TYPE_CHECKING:
    from forms.builder import FieldSet


class GroupField(PortalField):
    """Rows of fields, stored as a list of objects.

    Each row posts its number under `<name>__rang`; its cells are `<name>-<number>-<cell>`. The buttons
    `<name>__ajouter` and `<name>__retirer` (value: the number) change the rows and nothing else. Rows left entirely
    blank are dropped.
    """

    kind = "group"
    in_fieldset = True

    def __init__(self, spec: FieldDef, row_class: "type[FieldSet]", **options: Any) -> None:
        super().__init__(spec, **options)
        self.row_class = row_class
        self.rows: list[tuple[int, FieldSet]] = []
        self.row_change = False

    def read(self, formdata: FormData, files: FormData | None, around: Surroundings) -> None:
        """Takes the posted rows, then the button."""
        self.problems = []
        numbers = _numbers(formdata.getlist(f"{self.name}__rang"))
        removed = _numbers(formdata.getlist(f"{self.name}__retirer"))
        added = bool(formdata.getlist(f"{self.name}__ajouter"))
        self.row_change = added or bool(removed)
        numbers = [number for number in numbers if number not in removed]
        if len(numbers) > self.spec.max_rows:
            self.problems.append(("", f"Pas plus de {self.spec.max_rows}\u00a0lignes."))
            numbers = numbers[: self.spec.max_rows]
        self.rows = [(number, self._row(number, around, formdata=formdata)) for number in numbers]
        if added and len(self.rows) < self.spec.max_rows:
            number = max(numbers, default=-1) + 1
            self.rows.append((number, self._row(number, around)))
        self._collect()

    def load(self, stored: Mapping[str, Json], around: Surroundings) -> None:
        """Takes stored rows; a group that needs rows shows blank ones."""
        self.problems = []
        kept = stored.get(self.spec.name)
        rows = [row for row in kept if isinstance(row, dict)] if isinstance(kept, list) else []
        rows = rows[: self.spec.max_rows]
        wanted = max(self.spec.min_rows, 1 if self.required else 0)
        rows += [{}] * (wanted - len(rows))
        self.rows = [(number, self._row(number, around, stored=row)) for number, row in enumerate(rows)]
        self._collect()

    def _row(
        self,
        number: int,
        around: Surroundings,
        *,
        formdata: FormData | None = None,
        stored: Mapping[str, Json] | None = None,
    ) -> "FieldSet":
        row = self.row_class(prefix=f"{self.name}-{number}-")
        context = dict(around.context) | {name: None for field in row for name in field.produced}
        inside = Surroundings(context, around.sources, around.evaluate, around.today)
        for field in row:
            settle(field, inside, context, formdata=formdata, stored=stored or {})
        return row

    def _collect(self) -> None:
        filled = [row for _, row in self.rows if not row.is_blank()]
        values = [{name: value for field in row for name, value in field.parsed.items()} for row in filled]
        self.parsed = {self.spec.name: values or None}

    def clear(self) -> None:
        """No rows."""
        super().clear()
        self.rows = []

    def is_blank(self) -> bool:
        """No row with anything in it."""
        return not self.problems and all(row.is_blank() for _, row in self.rows)

    def partial(self) -> dict[str, Json]:
        """Every row as typed, blank ones included: a draft shows them again."""
        rows = [{name: value for field in row for name, value in field.partial().items()} for _, row in self.rows]
        return {self.spec.name: rows or None}

    def missing(self) -> list[tuple[str, str]]:
        """Enough rows."""
        filled = sum(not row.is_blank() for _, row in self.rows)
        wanted = max(self.spec.min_rows, 1 if self.required else 0)
        if filled >= wanted or (not self.required and filled == 0):
            return []
        plural = "s" if wanted > 1 else ""
        return [("", f"Remplissez au moins {wanted}\u00a0ligne{plural}.")]

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        """The rows with something in them, then their number."""
        fine = super().validate(form, extra_validators)
        if not (self.shown and self.editable):
            return fine
        for _, row in self.rows:
            if not row.is_blank():
                judged = [field.validate(row) for field in row]
                fine = fine and all(judged)
        return fine

    def input_id(self, suffix: str = "") -> str:
        """Error links go to the first cell, or to the button that adds one."""
        first = next((field for _, row in self.rows for field in row if field.shown), None)
        return first.input_id(first.suffixes[0]) if first else f"{self.id}-ajouter"

    def summary_links(self) -> list[tuple[str, str]]:
        """Own messages, then those of the cells, each with its row."""
        links = super().summary_links()
        for position, (_, row) in enumerate(self.rows, 1):
            cells = [link for field in row for link in field.summary_links()]
            links += [(target, f"{self.spec.row_label} {position}, {text}") for target, text in cells]
        return links

    def numbered_rows(self) -> Iterator[tuple[int, int, "FieldSet"]]:
        """(position from 1, posted number, row)."""
        for position, (number, row) in enumerate(self.rows, 1):
            yield position, number, row

    @property
    def can_add(self) -> bool:
        """Whether one more row is allowed."""
        return len(self.rows) < self.spec.max_rows


def _numbers(texts: list[Any]) -> list[int]:
    """Row numbers, without duplicates or nonsense."""
    plain = [t for t in texts[:100] if isinstance(t, str) and t.isascii() and t.isdigit() and len(t) <= 4]
    return list(dict.fromkeys(int(text) for text in plain))
