"""Text on one line or several."""

from typing import Any

from forms.definition import FieldDef
from forms.fields.portal import PortalField
from forms.hygiene import BadInput, clean_block, clean_line
from forms.sources import Json, Surroundings


class TextField(PortalField):
    """One line of text."""

    def clean(self, text: str, suffix: str) -> str:
        """Bounded by the definition."""
        return clean_line(text, self.spec.max_length)

    def parse(self, suffix: str, text: str, around: Surroundings) -> Json:
        """Refuses a text that is too short."""
        if len(text) < self.spec.min_length:
            raise BadInput(f"Cette réponse est trop courte\u00a0: {self.spec.min_length}\u00a0caractères au moins.")
        return text


class LongTextField(TextField):
    """Several lines of text."""

    kind = "textarea"

    def clean(self, text: str, suffix: str) -> str:
        """Bounded by the definition; line breaks are kept."""
        return clean_block(text, self.spec.max_length)

    def hints(self) -> list[str]:
        """Tells the limit, since the browser must not cut what is pasted."""
        return [*super().hints(), f"{self.spec.max_length}\u00a0caractères au plus."]

    def control(self, suffix: str = "") -> dict[str, str | None]:
        """Attributes of a `textarea`: its text is not one of them."""
        attributes = super().control(suffix)
        return {k: v for k, v in attributes.items() if k not in ("type", "value", "inputmode")} | {
            "rows": str(self.spec.rows)
        }


class InfoField(PortalField):
    """An information text: no input, no value."""

    suffixes = ()
    kind = "info"

    def __init__(self, spec: FieldDef, **options: Any) -> None:
        super().__init__(spec, **options)
        self.paragraphs = [block.strip() for block in spec.text.split("\n\n") if block.strip()]
