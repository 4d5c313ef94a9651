"""Choosing: yes or no, one, several; from the definition or from what the view offers to this person."""

from collections.abc import Iterator

from forms.definition import Choice
from forms.fields.portal import PortalField
from forms.french import joined
from forms.hygiene import BadInput
from forms.sources import Json, Surroundings

NOT_OFFERED = "Ce choix n’est pas proposé. Choisissez dans la liste."
# Beyond this many answers a closed list is easier to use than a column of buttons.
MAX_RADIOS = 7


class ChoiceField(PortalField):
    """One of the choices; its value is stored. A value that is not offered is refused, whoever posts it."""

    kind = "radios"
    in_fieldset = True

    def _interpret(self, around: Surroundings) -> None:
        self.choices = self.offered(around)
        if type(self).kind == "radios":
            long_list = len(self.choices) > MAX_RADIOS if not self.spec.display else self.spec.display == "select"
            self.kind = "select" if long_list else "radios"
            self.in_fieldset = not long_list
        super()._interpret(around)

    def offered(self, around: Surroundings) -> tuple[Choice, ...]:
        """The possible answers."""
        return around.choices_for(self.spec)

    def parse(self, suffix: str, text: str, around: Surroundings) -> Json:
        """An offered, open choice."""
        return self.accepted(text).value

    def accepted(self, value: str) -> Choice:
        """The choice of this value. Raises `BadInput` when it is not offered or closed."""
        choice = next((choice for choice in self.choices if choice.value == value), None)
        if choice is None:
            raise BadInput(NOT_OFFERED)
        if choice.closed:
            raise BadInput(f"«\u00a0{choice.label}\u00a0» ne peut pas être choisi\u00a0: {choice.closed}.")
        return choice

    def partial(self) -> dict[str, Json]:
        """A refused choice is not kept: it may name somebody else's child."""
        return dict(self.parsed)

    def missing(self) -> list[tuple[str, str]]:
        """Tells apart a question without answer and a question without any possible answer."""
        if self.required and self.is_blank() and not self.choices:
            return [("", "Aucun choix n’est possible pour le moment.")]
        if self.required and self.is_blank():
            return [("", self.spec.required_message or "Choisissez une réponse.")]
        return []

    def items(self) -> Iterator[tuple[str, Choice, bool]]:
        """(element id, choice, chosen) in order; the first id is the field's own, where error links go."""
        chosen = set(self.typed.get("", ()))
        for number, choice in enumerate(self.choices):
            yield (self.id if number == 0 else f"{self.id}-{number + 1}"), choice, choice.value in chosen


class PersonField(ChoiceField):
    """A child or an adult of the family, who is chosen already when nobody else could be."""

    def choose_the_only_one(self, around: Surroundings) -> None:
        """Only for a required question: to leave out the only child may be what a person means."""
        possible = [choice.value for choice in self.choices if not choice.closed]
        if self.required and len(possible) == 1:
            self.load({self.spec.name: possible[0]}, around)


class YesNoField(ChoiceField):
    """Yes or no, stored as a boolean."""

    def offered(self, around: Surroundings) -> tuple[Choice, ...]:
        """Always the same two."""
        return (Choice("oui", "Oui"), Choice("non", "Non"))

    def parse(self, suffix: str, text: str, around: Surroundings) -> Json:
        """`True` or `False`."""
        return self.accepted(text).value == "oui"

    def to_typed(self, suffix: str, value: Json) -> list[str]:
        """Booleans become oui / non."""
        if isinstance(value, bool):
            return ["oui" if value else "non"]
        return super().to_typed(suffix, value)


class ConsentField(PortalField):
    """A box to tick: `True` when ticked, `None` otherwise (nothing is presumed)."""

    kind = "consent"

    def parse(self, suffix: str, text: str, around: Surroundings) -> Json:
        """Only the box's own value counts."""
        if text != "oui":
            raise BadInput("Cochez la case pour accepter.")
        return True

    def to_typed(self, suffix: str, value: Json) -> list[str]:
        """Ticked or nothing."""
        return ["oui"] if value is True else []

    def partial(self) -> dict[str, Json]:
        """Ticked or nothing."""
        return dict(self.parsed)

    def missing(self) -> list[tuple[str, str]]:
        """A consent that is required blocks until it is given."""
        if self.required and self.is_blank():
            return [("", self.spec.required_message or "Cochez la case pour continuer.")]
        return []

    def control(self, suffix: str = "") -> dict[str, str | None]:
        """A checkbox."""
        ticked = "oui" in self.typed.get("", ())
        return super().control(suffix) | {"type": "checkbox", "value": "oui", "checked": "" if ticked else None}


class ChoicesField(ChoiceField):
    """Several of the choices, stored as the list of their values in the order offered."""

    kind = "checkboxes"
    in_fieldset = True

    def _one(self, suffix: str, around: Surroundings) -> Json:
        values = {self.clean(text, suffix) for text in self.typed.get("", ())[:500]} - {""}
        for value in sorted(values):
            self.accepted(value)
        return [choice.value for choice in self.choices if choice.value in values]

    def to_typed(self, suffix: str, value: Json) -> list[str]:
        """A list of texts, or nothing."""
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    def check(self, around: Surroundings) -> None:
        """The number of choices."""
        count = len(self.parsed[self.spec.name])
        low, high = self.spec.min_count, self.spec.max_count
        if high and count > high:
            self.problems.append(("", f"Pas plus de {high}\u00a0choix."))
        elif count and low and count < low:
            self.problems.append(("", f"Cochez au moins {low}\u00a0réponses."))

    def missing(self) -> list[tuple[str, str]]:
        """At least one."""
        found = super().missing()
        return [(s, m.replace("Choisissez une réponse.", "Cochez au moins une réponse.")) for s, m in found]

    def partial(self) -> dict[str, Json]:
        """The acceptable choices among those ticked."""
        ticked = set(self.typed.get("", ()))
        return {self.spec.name: [c.value for c in self.choices if c.value in ticked and not c.closed]}


def labels_of(values: list[str], choices: tuple[Choice, ...]) -> str:
    """« Léna Martin et Hugo Martin »; a value that is no longer offered is said to be so."""
    known = {choice.value: choice.label for choice in choices}
    return joined([known.get(value, "choix qui n’est plus proposé") for value in values])
