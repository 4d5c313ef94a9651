"""An agent's decision: accept, ask for a correction, refuse."""

from forms.definition import Choice
from forms.fields.portal import PortalField
from forms.hygiene import BadInput, clean_block, clean_line
from forms.sources import Json, Surroundings

_LABELS = {
    "accepter": Choice("accepter", "Accepter la demande"),
    "completer": Choice("completer", "Demander un complément", "La famille corrige seulement ce que vous cochez."),
    "refuser": Choice("refuser", "Refuser la demande"),
}
OTHER_MOTIVE = "autre"
MAX_REASON = 2000


class DecisionField(PortalField):
    """`<name>` in accepter, completer, refuser; `_motif` (refusal, from the definition's list), `_raison` (free text
    shown to the family), `_base_legale` (refusal), `_champs` (correction: names of the fields to reopen).

    What does not belong to the chosen outcome is not stored. A refusal needs its reasons (rule R-06), a correction its
    reason and what to correct (D8).
    """

    suffixes = ("", "_motif", "_raison", "_base_legale", "_champs")
    kind = "decision"
    in_fieldset = True

    def _interpret(self, around: Surroundings) -> None:
        self.choices = tuple(_LABELS[outcome] for outcome in self.spec.outcomes)
        self.motives = tuple(Choice(o.value, o.label, o.help) for o in self.spec.motives)
        self.reopenable = around.choices_for(self.spec)
        super()._interpret(around)
        outcome = self.parsed[self.spec.name]
        dropped = {
            "accepter": ("_motif", "_base_legale", "_champs"),
            "completer": ("_motif", "_base_legale"),
            "refuser": ("_champs",),
        }.get(outcome, ())
        for suffix in dropped:
            self.parsed[self.spec.name + suffix] = None
        self.problems = [(suffix, message) for suffix, message in self.problems if suffix not in dropped]

    def clean(self, text: str, suffix: str) -> str:
        """The reason may have several lines."""
        if suffix == "_raison":
            return clean_block(text, MAX_REASON)
        return clean_line(text, 300 if suffix == "_base_legale" else 80)

    def _one(self, suffix: str, around: Surroundings) -> Json:
        if suffix != "_champs":
            return super()._one(suffix, around)
        ticked = set(self.typed.get(suffix, ()))
        if ticked - {choice.value for choice in self.reopenable}:
            raise BadInput("Un des éléments cochés ne peut pas être rouvert.")
        return [choice.value for choice in self.reopenable if choice.value in ticked] or None

    def to_typed(self, suffix: str, value: Json) -> list[str]:
        """The reopened fields are a list."""
        if suffix == "_champs":
            return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
        return super().to_typed(suffix, value)

    def parse(self, suffix: str, text: str, around: Surroundings) -> Json:
        """Closed lists are closed."""
        allowed = {"": self.choices, "_motif": self.motives}.get(suffix)
        if allowed is not None and text not in {choice.value for choice in allowed}:
            raise BadInput("Ce choix n’est pas proposé. Choisissez dans la liste.")
        return text

    def missing(self) -> list[tuple[str, str]]:
        """What the chosen outcome needs."""
        refused = {suffix for suffix, _ in self.problems}
        outcome = self.parsed[self.spec.name]
        if outcome is None:
            return [] if "" in refused else [("", "Choisissez une décision.")]
        wanted = []
        if outcome == "completer":
            wanted = [("_champs", "Cochez ce que la famille doit corriger."), ("_raison", "Expliquez ce qui manque.")]
            if not self.reopenable:
                wanted = wanted[1:]
        elif outcome == "refuser":
            wanted = [("_raison", "Expliquez les raisons du refus.")]
            if self.motives:
                wanted.insert(0, ("_motif", "Choisissez un motif de refus."))
            if self.spec.legal_basis:
                wanted.append(("_base_legale", "Indiquez le texte sur lequel se fonde le refus."))
        return [(s, m) for s, m in wanted if s not in refused and not self.parsed[self.spec.name + s]]

    def partial(self) -> dict[str, Json]:
        """Only the texts are kept as typed."""
        kept = super().partial()
        for suffix in ("", "_motif"):
            kept[self.spec.name + suffix] = self.parsed[self.spec.name + suffix]
        if any(suffix == "_champs" for suffix, _ in self.problems):
            kept[f"{self.spec.name}_champs"] = None
        return kept

    def part_states(self, suffix: str) -> dict[str, str | None]:
        """The ARIA attributes of one of the complements: required only for some outcomes, so never said to be."""
        return self.states(suffix) | {"aria-required": None}

    def items(self, suffix: str) -> list[tuple[str, Choice, bool]]:
        """(element id, choice, chosen) of the outcomes (`""`), the motives or the fields to reopen."""
        choices = {"": self.choices, "_motif": self.motives, "_champs": self.reopenable}[suffix]
        chosen = set(self.typed.get(suffix, ()))
        first = self.input_id(suffix)
        return [(first if n == 0 else f"{first}-{n + 1}", c, c.value in chosen) for n, c in enumerate(choices)]
