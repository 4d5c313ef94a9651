"""A form definition once read and checked: frozen, hashable by content, shared by every request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType

from forms.bounds import CONSTANT_BOUND
from forms.conditions import names_in

# What each type writes: suffix added to the field's name → kind of JSON value.
#   text, date (ISO), time (HH:MM), decimal (string), email, phone (E.164): strings
#   integer, money (cents): integers · boolean · list: list of strings · rows: list of objects
PRODUCES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "text": {"": "text"},
        "long_text": {"": "text"},
        "integer": {"": "integer"},
        "decimal": {"": "decimal"},
        "money": {"": "money"},
        "date": {"": "date"},
        "date_range": {"_debut": "date", "_fin": "date"},
        "time": {"": "time"},
        "email": {"": "email"},
        "phone": {"": "phone"},
        "address": {"_voie": "text", "_complement": "text", "_code_postal": "text", "_commune": "text"},
        "yes_no": {"": "boolean"},
        "choice": {"": "text"},
        "choices": {"": "list"},
        "consent": {"": "boolean"},
        "child": {"": "text"},
        "children": {"": "list"},
        "adult": {"": "text"},
        "person": {"": "text"},
        "structure": {"": "text"},
        "activity": {"": "text"},
        "slots": {"": "list"},
        "piece": {"": "list"},
        "group": {"": "rows"},
        "info": {},
        "decision": {"": "text", "_motif": "text", "_raison": "text", "_base_legale": "text", "_champs": "list"},
    }
)

# Types whose choices are given by the view, and under which key of `Sources`.
SOURCE_OF: Mapping[str, str] = MappingProxyType(
    {
        "child": "children",
        "children": "children",
        "adult": "adults",
        "person": "persons",
        "structure": "structures",
        "activity": "activities",
        "slots": "slots",
        "piece": "pieces",
        "decision": "champs",
    }
)

OUTCOMES = ("accepter", "completer", "refuser")


@dataclass(frozen=True, slots=True)
class Choice:
    """One possible answer. `detail` is shown beside it; `closed` says why it cannot be chosen now ('' = it can)."""

    value: str
    label: str
    detail: str = ""
    closed: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """A choice written in the definition."""

    value: str
    label: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A page of the portal that a consent refers to (internal path only)."""

    url: str
    label: str


@dataclass(frozen=True, slots=True)
class ExpressionUse:
    """One expression: where it stands (JSON path), for what (`show_if`, `required_if`, `default`, `min`, `max`),
    of which field ('' for a page), its text and the names it reads.
    """

    path: str
    purpose: str
    field: str
    expression: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reference:
    """Something outside that a field needs: `kind` is `piece_type`, `structure_kind`, `offer` (`activities:…`,
    `slots:…`) or `source`."""

    kind: str
    value: str
    field: str
    path: str


@dataclass(frozen=True, slots=True)
class FieldDef:
    """One field. Attributes that a type does not use keep their defaults; see `form.schema.json` for each."""

    type: str
    name: str = ""
    label: str = ""
    help: str = ""
    required: bool = False
    required_message: str = ""
    show_if: str = ""
    required_if: str = ""
    default: str = ""
    autocomplete: str = ""
    min: int | str | None = None
    max: int | str | None = None
    min_length: int = 0
    max_length: int = 0
    rows: int = 0
    places: int = 2
    unit: str = ""
    max_days: int = 0
    options: tuple[Option, ...] = ()
    display: str = ""
    min_count: int = 0
    max_count: int = 0
    link: Link | None = None
    structure_kind: str = ""
    offer: str = ""
    piece_type: str = ""
    fields: tuple["FieldDef", ...] = ()
    min_rows: int = 0
    max_rows: int = 0
    row_label: str = ""
    text: str = ""
    tone: str = "info"
    outcomes: tuple[str, ...] = ()
    motives: tuple[Option, ...] = ()
    legal_basis: bool = False
    path: str = ""

    def produced(self) -> dict[str, str]:
        """The names this field writes and the kind of each value (see `PRODUCES`)."""
        return {self.name + suffix: kind for suffix, kind in PRODUCES[self.type].items()}

    def source_keys(self) -> tuple[str, ...]:
        """The keys of `Sources` that may hold this field's choices, most specific first."""
        source = SOURCE_OF.get(self.type)
        if source is None:
            return ()
        qualifier = self.piece_type or self.structure_kind or self.offer
        middle = (f"{source}:{qualifier}",) if qualifier else ()
        return (f"{source}:{self.name}", *middle, source)

    def expressions(self) -> Iterator[ExpressionUse]:
        """Its expressions, those of its row fields included."""
        for purpose in ("show_if", "required_if", "default"):
            text = getattr(self, purpose)
            if text:
                yield ExpressionUse(f"{self.path}.{purpose}", purpose, self.name, text, names_in(text))
        for purpose in ("min", "max"):
            bound = getattr(self, purpose)
            if isinstance(bound, str) and is_expression_bound(bound):
                yield ExpressionUse(f"{self.path}.{purpose}", purpose, self.name, bound, names_in(bound))
        for inner in self.fields:
            yield from inner.expressions()


@dataclass(frozen=True, slots=True)
class PageDef:
    """One page of the form, shown when `show_if` holds (always when empty)."""

    title: str
    help: str = ""
    show_if: str = ""
    fields: tuple[FieldDef, ...] = ()
    path: str = ""


@dataclass(frozen=True)
class FormDefinition:
    """A checked form. `hash` is the SHA-256 of its canonical JSON: same content, same classes."""

    title: str
    pages: tuple[PageDef, ...]
    hash: str
    help: str = ""
    submit_label: str = "Enregistrer la demande"
    by_name: Mapping[str, FieldDef] = field(default_factory=dict, repr=False, compare=False)
    referenced: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def __hash__(self) -> int:
        return hash(self.hash)

    def fields(self) -> Iterator[FieldDef]:
        """Every field in order, information texts included, fields of rows excluded."""
        for page in self.pages:
            yield from page.fields

    def variables(self) -> dict[str, str]:
        """The names this form writes → kind of value (see `PRODUCES`), in order."""
        return {name: kind for spec in self.fields() for name, kind in spec.produced().items()}

    def expressions(self) -> list[ExpressionUse]:
        """Every expression with where it stands."""
        found = []
        for page in self.pages:
            if page.show_if:
                where = f"{page.path}.show_if"
                found.append(ExpressionUse(where, "show_if", "", page.show_if, names_in(page.show_if)))
            for spec in page.fields:
                found.extend(spec.expressions())
        return found

    def references(self) -> list[Reference]:
        """Piece types, structure kinds and sources that the portal must know."""
        found = []
        for spec in (inner for outer in self.fields() for inner in (outer, *outer.fields)):
            for kind, value in (("piece_type", spec.piece_type), ("structure_kind", spec.structure_kind)):
                if value:
                    found.append(Reference(kind, value, spec.name, f"{spec.path}.{kind}"))
            if spec.offer:
                found.append(
                    Reference("offer", f"{SOURCE_OF[spec.type]}:{spec.offer}", spec.name, f"{spec.path}.offer")
                )
            if spec.type in SOURCE_OF:
                found.append(Reference("source", SOURCE_OF[spec.type], spec.name, spec.path))
        return found


FIELD_KEYS = frozenset(f.name for f in fields(FieldDef)) - {"path"}


def is_expression_bound(bound: str) -> bool:
    """False for a constant: an ISO date, an hour, a number, or `aujourd_hui ± N jours|semaines|mois|ans`."""
    return CONSTANT_BOUND.fullmatch(bound) is None


def field_choices(definition: FormDefinition) -> list[Choice]:
    """The fields that an agent may ask a family to correct, as choices for a decision's `champs` source."""
    pages = [(page.title, spec) for page in definition.pages for spec in page.fields]
    return [Choice(s.name, s.label, title) for title, s in pages if s.type not in ("info", "decision")]
