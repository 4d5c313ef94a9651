"""E-mail, phone, postal address."""

from forms.fields.portal import PortalField
from forms.french import phone_text
from forms.hygiene import clean_line
from forms.parsing import parse_email, parse_phone, parse_postcode
from forms.sources import Json, Surroundings


class EmailField(PortalField):
    """An e-mail address; its domain is stored in lower case, no network is asked."""

    limit = 254
    input_type = "email"
    inputmode = "email"
    hint = "Par exemple nom@exemple.fr."

    def parse(self, suffix: str, text: str, around: Surroundings) -> Json:
        """A complete address."""
        return parse_email(text)

    def autocomplete(self, suffix: str = "") -> str | None:
        """The person's own address unless the definition says otherwise."""
        return self.spec.autocomplete or "email"

    def control(self, suffix: str = "") -> dict[str, str | None]:
        """No spelling corrections in an address."""
        return super().control(suffix) | {"spellcheck": "false", "autocapitalize": "none"}


class PhoneField(PortalField):
    """A phone number, stored in E.164 (`+33612345678`)."""

    limit = 40
    input_type = "tel"
    inputmode = "tel"
    hint = "Par exemple 06\u00a012\u00a034\u00a056\u00a078."

    def parse(self, suffix: str, text: str, around: Surroundings) -> Json:
        """French, or foreign with its +."""
        return parse_phone(text)

    def to_typed(self, suffix: str, value: Json) -> list[str]:
        """Grouped by two, as people write it."""
        return [
            phone_text(text).replace("\u00a0", " ") if text.startswith("+") else text
            for text in super().to_typed(suffix, value)
        ]

    def autocomplete(self, suffix: str = "") -> str | None:
        """The person's own number unless the definition says otherwise."""
        return self.spec.autocomplete or "tel"


class AddressField(PortalField):
    """A French postal address, in four values: `_voie`, `_complement`, `_code_postal`, `_commune`."""

    suffixes = ("_voie", "_complement", "_code_postal", "_commune")
    kind = "address"
    in_fieldset = True
    parts = (
        ("_voie", "Numéro et voie"),
        ("_complement", "Complément d’adresse (facultatif)"),
        ("_code_postal", "Code postal"),
        ("_commune", "Commune"),
    )
    _tokens = ("address-line1", "address-line2", "postal-code", "address-level2")
    _wanted = (
        ("_voie", "Indiquez le numéro et la voie."),
        ("_code_postal", "Indiquez le code postal."),
        ("_commune", "Indiquez la commune."),
    )

    def clean(self, text: str, suffix: str) -> str:
        """Lines of an envelope: 100 characters at most."""
        return clean_line(text, 20 if suffix == "_code_postal" else 100)

    def parse(self, suffix: str, text: str, around: Surroundings) -> Json:
        """Five digits for the postcode, text for the rest."""
        return parse_postcode(text) if suffix == "_code_postal" else text

    def missing(self) -> list[tuple[str, str]]:
        """A complete address, or none."""
        if not self.required and self.is_blank():
            return []
        refused = {suffix for suffix, _ in self.problems}
        return [(s, m) for s, m in self._wanted if s not in refused and self.parsed[self.spec.name + s] is None]

    def autocomplete(self, suffix: str = "") -> str | None:
        """The person's own address unless the definition says `off`."""
        if self.spec.autocomplete == "off":
            return "off"
        return self._tokens[self.suffixes.index(suffix)]

    def control(self, suffix: str = "") -> dict[str, str | None]:
        """The second line is never required; the postcode is a number to type."""
        attributes = super().control(suffix)
        if suffix == "_complement":
            attributes["aria-required"] = None
        if suffix == "_code_postal":
            attributes["inputmode"] = "numeric"
        return attributes
