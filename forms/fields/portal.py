"""What every field of a definition does, whatever its type: read, keep what was typed, judge, render its attributes."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from wtforms import Field

from forms.definition import Choice, FieldDef
from forms.hygiene import BadInput, clean_line, scrub
from forms.sources import Json, Surroundings

ONE_ANSWER = "Une seule réponse est attendue."
REQUIRED = "Ce champ est obligatoire."


class FormData(Protocol):
    """A multi-dict, as Werkzeug's."""

    def getlist(self, key: str, /) -> list[Any]:
        """Every value posted under this key."""


class PortalField(Field):
    """A WTForms field bound to its definition.

    One field may have several inputs and write several values: both are told apart by a suffix added to its name
    (`""` for the only one). The life of a field: `read` (a submission) or `load` (stored values), then `validate`.
    `typed` keeps what the person wrote, so that nothing is lost by an error; `parsed` holds the JSON values.
    """

    suffixes: ClassVar[tuple[str, ...]] = ("",)
    kind: str = "input"
    # A group of inputs is labelled by a legend, a single input by its label.
    in_fieldset: bool = False
    input_type: ClassVar[str] = "text"
    inputmode: ClassVar[str | None] = None
    hint: ClassVar[str] = ""
    limit: ClassVar[int] = 200

    def __init__(self, spec: FieldDef, **options: Any) -> None:
        prefix = options.get("_prefix", "")
        super().__init__(label=spec.label, description=spec.help, id=f"champ-{prefix}{spec.name}", **options)
        self.spec = spec
        self.produced = tuple(spec.name + suffix for suffix in self.suffixes)
        self.shown = True
        self.editable = True
        self.required = spec.required
        self.reactive = False
        self.locked_text = ""
        self.choices: tuple[Choice, ...] = ()
        self.typed: dict[str, list[str]] = {}
        self.parsed: dict[str, Json] = {}
        self.problems: list[tuple[str, str]] = []
        self.error_links: list[tuple[str, str]] = []
        self.errors: Sequence[str] = []

    # -- reading ---------------------------------------------------------------------------------------------------

    def read(self, formdata: FormData, files: FormData | None, around: Surroundings) -> None:
        """Takes a submission. Whatever is posted, this never raises: mistakes become `problems`."""
        self.typed = {
            suffix: [text for text in formdata.getlist(self.name + suffix) if isinstance(text, str)]
            for suffix in self.suffixes
        }
        self._interpret(around)

    def load(self, stored: Mapping[str, Json], around: Surroundings) -> None:
        """Takes stored values, as `values()` or `partial()` gave them, by the same path as a submission."""
        self.typed = {
            suffix: self.to_typed(suffix, stored[name]) if stored.get(name) is not None else []
            for suffix, name in zip(self.suffixes, self.produced, strict=True)
        }
        self._interpret(around)

    def choose_the_only_one(self, around: Surroundings) -> None:
        """Called when nothing was ever answered: a field that one answer alone can meet may take it."""

    def clear(self) -> None:
        """A hidden field: no answer, no obligation."""
        self.shown = False
        self.required = False
        self.typed = {}
        self.problems = []
        self.parsed = dict.fromkeys(self.produced)

    def to_typed(self, suffix: str, value: Json) -> list[str]:
        """How a person would have typed this stored value."""
        return [] if isinstance(value, list | dict) else [str(value)]

    def _interpret(self, around: Surroundings) -> None:
        self.problems = []
        self.parsed = {}
        for suffix, name in zip(self.suffixes, self.produced, strict=True):
            try:
                self.parsed[name] = self._one(suffix, around)
            except BadInput as error:
                self.parsed[name] = None
                self.problems.append((suffix, str(error)))
        if not self.problems:
            self.check(around)

    def _one(self, suffix: str, around: Surroundings) -> Json:
        texts = self.typed.get(suffix, [])
        if not texts:
            return None
        if len(texts) > 1:
            raise BadInput(ONE_ANSWER)
        text = self.clean(texts[0], suffix)
        return self.parse(suffix, text, around) if text else None

    def clean(self, text: str, suffix: str) -> str:
        """Hygiene before parsing."""
        return clean_line(text, self.limit)

    def parse(self, suffix: str, text: str, around: Surroundings) -> Json:
        """The JSON value of a cleaned, non-empty text. Raises `BadInput`."""
        return text

    def check(self, around: Surroundings) -> None:
        """Rules over several inputs; adds to `problems`."""

    # -- results ---------------------------------------------------------------------------------------------------

    def is_blank(self) -> bool:
        """No answer at all, and nothing typed that was refused."""
        return not self.problems and all(value is None or value == [] for value in self.parsed.values())

    def partial(self) -> dict[str, Json]:
        """Values for a draft: what could not be understood is kept as it was typed."""
        kept = dict(self.parsed)
        for suffix, _ in self.problems:
            texts = self.typed.get(suffix, [])
            if texts and kept.get(self.spec.name + suffix) is None:
                kept[self.spec.name + suffix] = scrub(texts[0]) or None
        return kept

    def missing(self) -> list[tuple[str, str]]:
        """The obligations not met, as (suffix, message)."""
        if self.required and self.is_blank():
            return [(self.suffixes[0], self.spec.required_message or REQUIRED)]
        return []

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        """Fills `errors` (messages) and `error_links` (element id, message)."""
        found = [*self.problems, *self.missing()] if self.shown and self.editable else []
        self.error_links = [(self.input_id(suffix), message) for suffix, message in found]
        self.errors = [message for _, message in found]
        return not found

    def summary_links(self) -> list[tuple[str, str]]:
        """`error_links` whose messages can be read out of their place, with the label before."""
        label = self.label.text
        if label.endswith("?"):
            return [(target, f"{label} {message}") for target, message in self.error_links]
        return [(target, f"{label}\u00a0: {message[:1].lower()}{message[1:]}") for target, message in self.error_links]

    # -- rendering -------------------------------------------------------------------------------------------------

    def input_id(self, suffix: str = "") -> str:
        """The id of one input; that of the field itself for the first."""
        return self.id + suffix

    def typed_text(self, suffix: str = "") -> str:
        """What to show again in an input."""
        texts = self.typed.get(suffix)
        return scrub(texts[0]) if texts else ""

    def hints(self) -> list[str]:
        """Help of the definition, then the expected format."""
        return [text for text in (self.spec.help, self.hint) if text]

    def error_ids(self, suffix: str) -> list[str]:
        """Ids of the messages about one input."""
        return [f"{target}-erreur" for target, _ in self.error_links if target == self.input_id(suffix)]

    def described_by(self, suffix: str = "", *, with_hints: bool = True) -> str | None:
        """The `aria-describedby` of one input."""
        ids = [f"{self.id}-aide"] if with_hints and self.hints() else []
        return " ".join(dict.fromkeys(ids + self.error_ids(suffix))) or None

    def control(self, suffix: str = "") -> dict[str, str | None]:
        """The HTML attributes of a one-line input; `None` ones are left out by Jinja's `xmlattr`."""
        return {
            "class": "ds-input",
            "id": self.input_id(suffix),
            "name": self.name + suffix,
            "type": self.input_type,
            "value": self.typed_text(suffix),
            "inputmode": self.inputmode,
            "autocomplete": self.autocomplete(suffix),
            **self.states(suffix),
        }

    def states(self, suffix: str = "") -> dict[str, str | None]:
        """The ARIA attributes of one input."""
        return {
            "aria-describedby": self.described_by(suffix, with_hints=not self.in_fieldset),
            "aria-invalid": "true" if self.error_ids(suffix) else None,
            "aria-required": "true" if self.required else None,
        }

    def autocomplete(self, suffix: str = "") -> str | None:
        """The WCAG 1.3.5 token of one input."""
        return self.spec.autocomplete or None
