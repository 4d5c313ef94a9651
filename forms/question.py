"""The forms of the editor of forms: one question of any type, a page, the form itself; and from what is typed to the
JSON of a definition and back.

Everything is typed as text, so that nothing is lost when it is refused; `raw_of` reads it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from wtforms import BooleanField, SelectField
from wtforms.fields.core import UnboundField

from forms.accounts import AccountForm, BlockField, LineField
from forms.administration import Needed, block, line, options
from forms.definition import OUTCOMES
from forms.hygiene import BadInput
from forms.loading import schema
from forms.parsing import parse_cents, parse_date, parse_decimal

PREFIX = "q--"
"""Before the ids and names of these forms: no question of the form in preview can be called so."""

Raw = dict[str, Any]

_INTEGERS = ("min_length", "max_length", "rows", "places", "max_days", "min_count", "max_count", "min_rows", "max_rows")
_OUTCOMES: Mapping[str, str] = {"accepter": "Accepter", "completer": "Demander de compléter", "refuser": "Refuser"}
_OFFERS: Mapping[str, str] = {
    "": "Les services de la journée",
    "inscription": "Activités ouvertes à l’enfant choisi avant",
    "vacances": "Accueils des vacances, par période, ouverts à l’enfant choisi avant",
    "jours": "Jours de l’activité choisie avant",
    "reservations": "Jours réservés de l’enfant choisi avant",
    "tardives": "Annulations hors délai de cette demande",
}
_AUTOCOMPLETE: Mapping[str, str] = {
    "": "Laisser le navigateur décider",
    "off": "Ne rien proposer (la réponse concerne quelqu’un d’autre)",
    "name": "Nom complet",
    "given-name": "Prénom",
    "additional-name": "Deuxième prénom",
    "family-name": "Nom de famille",
    "honorific-prefix": "Civilité",
    "nickname": "Surnom",
    "email": "Adresse e-mail",
    "tel": "Téléphone",
    "bday": "Date de naissance",
    "sex": "Sexe",
    "organization": "Organisme",
    "organization-title": "Fonction",
    "address": "Adresse entière",
    "postal-code": "Code postal",
    "address-level2": "Commune",
    "country-name": "Pays",
    "street-address": "Voie",
}
_PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


def allowed_keys(kind: str) -> tuple[str, ...]:
    """What a question of this type may say, from the schema."""
    rules = schema()["$defs"]["field"]["allOf"]
    found = next(rule for rule in rules if rule["if"]["properties"]["type"]["const"] == kind)
    return tuple(found["then"]["propertyNames"]["enum"])


def _number(label: str, help: str = "") -> LineField:
    return LineField(label, description=help, filters=line(20), render_kw={"inputmode": "numeric", **_PLAIN})


def _expression(label: str, help: str) -> LineField:
    return LineField(label, description=help, filters=line(600), render_kw=_PLAIN)


#: Key of the definition → its fields, in the order in which they are asked.
_ASKED: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "label": lambda: {
        "label": LineField(
            "Question",
            description="Ce que la personne lit.",
            filters=line(300),
            validators=[Needed("Écrivez la question.")],
        )
    },
    "text": lambda: {
        "text": BlockField(
            "Texte",
            description="Une ligne vide sépare deux paragraphes.",
            filters=block(6000),
            validators=[Needed("Écrivez le texte.")],
        )
    },
    "tone": lambda: {
        "tone": SelectField(
            "Ton", choices=options([("info", "Information"), ("warning", "Attention"), ("success", "Bonne nouvelle")])
        )
    },
    "help": lambda: {
        "help": BlockField("Aide", description="Sous la question.", filters=block(1200), render_kw={"rows": 2})
    },
    "options": lambda: {
        "options": BlockField(
            "Réponses proposées",
            description="Une par ligne\u00a0: «\u00a0valeur = libellé\u00a0». La valeur est gardée avec la demande et "
            "sert dans les conditions\u00a0; sans signe =, elle est faite à partir du libellé.",
            filters=block(40_000),
            validators=[Needed("Écrivez au moins une réponse.")],
            render_kw={"rows": 6, **_PLAIN},
        )
    },
    "outcomes": lambda: {f"outcome_{each}": BooleanField(_OUTCOMES[each]) for each in OUTCOMES},
    "motives": lambda: {
        "motives": BlockField(
            "Motifs de refus proposés",
            description="Un par ligne\u00a0: «\u00a0valeur = libellé\u00a0».",
            filters=block(20_000),
            render_kw={"rows": 4, **_PLAIN},
        )
    },
    "legal_basis": lambda: {"legal_basis": BooleanField("Demander le texte sur lequel un refus se fonde")},
    "piece_type": lambda: {"piece_type": SelectField("Type de pièce", validate_choice=False)},
    "structure_kind": lambda: {"structure_kind": SelectField("Genre de structure", validate_choice=False)},
    "offer": lambda: {"offer": SelectField("Ce qui est proposé", choices=options(_OFFERS.items()))},
    "required": lambda: {"required": BooleanField("Réponse obligatoire")},
    "show_if": lambda: {
        "show_if": _expression("Affichée seulement si", "Une condition\u00a0; vide\u00a0: toujours affichée.")
    },
    "required_if": lambda: {
        "required_if": _expression("Obligatoire seulement si", "Une condition\u00a0; vide s’il n’y en a pas.")
    },
    "required_message": lambda: {"required_message": LineField("Message quand la réponse manque", filters=line(300))},
    "display": lambda: {
        "display": SelectField(
            "Présentation",
            choices=options([("", "Selon le nombre de réponses"), ("radio", "Boutons"), ("select", "Liste fermée")]),
        )
    },
    "default": lambda: {
        "default": _expression("Réponse proposée au départ", "Une expression\u00a0; un texte s’écrit entre guillemets.")
    },
    "min": lambda: {"min": _expression("Au moins", "")},
    "max": lambda: {"max": _expression("Au plus", "")},
    "unit": lambda: {
        "unit": LineField("Unité", description="Après la réponse\u00a0: «\u00a0km\u00a0».", filters=line(30))
    },
    "places": lambda: {"places": _number("Chiffres après la virgule")},
    "max_days": lambda: {"max_days": _number("Durée maximale, en jours")},
    "min_length": lambda: {"min_length": _number("Longueur minimale, en caractères")},
    "max_length": lambda: {"max_length": _number("Longueur maximale, en caractères")},
    "rows": lambda: {"rows": _number("Hauteur de la zone de texte, en lignes")},
    "min_count": lambda: {"min_count": _number("Nombre minimal de réponses")},
    "max_count": lambda: {"max_count": _number("Nombre maximal")},
    "row_label": lambda: {
        "row_label": LineField("Nom d’une ligne", description="Par exemple «\u00a0Personne\u00a0».", filters=line(80))
    },
    "min_rows": lambda: {"min_rows": _number("Nombre minimal de lignes")},
    "max_rows": lambda: {"max_rows": _number("Nombre maximal de lignes")},
    "link": lambda: {
        "link_url": LineField(
            "Page à lire", description="Adresse du portail, comme /cgu.", filters=line(250), render_kw=_PLAIN
        ),
        "link_label": LineField("Libellé du lien", filters=line(300)),
    },
    "autocomplete": lambda: {
        "autocomplete": SelectField("Remplissage automatique", choices=options(_AUTOCOMPLETE.items()))
    },
    "name": lambda: {
        "name": LineField(
            "Nom dans les conditions",
            description="Minuscules sans accent, chiffres et _. Vide\u00a0: fait à partir de la question.",
            filters=line(80),
            render_kw=_PLAIN,
        )
    },
}

_LIMITS: Mapping[str, str] = {
    "date": "Une date (01/09/2026), «\u00a0aujourd_hui + 7 jours\u00a0», ou une expression.",
    "date_range": "Une date (01/09/2026), «\u00a0aujourd_hui + 7 jours\u00a0», ou une expression.",
    "time": "Une heure (08:30), ou une expression.",
    "money": "Une somme en euros (12,50), ou une expression en centimes.",
}


class QuestionForm(AccountForm):
    """What every question has; the rest depends on its type (see `question_form`)."""

    kind = ""

    def fields_of(self, key: str) -> list[str]:
        """The names of the fields that a key of the definition is typed in."""
        if key == "link":
            return ["link_url", "link_label"]
        if key == "outcomes":
            return [f"outcome_{each}" for each in OUTCOMES]
        return [key]

    def blamed(self, path: str) -> str:
        """The field that a problem of the definition is about; ``path`` begins inside the question."""
        key = re.split(r"[.\[]", path, maxsplit=1)[0]
        wanted = [name for name in self.fields_of(key) if name in self]
        return wanted[0] if wanted else "text" if self.kind == "info" else "label" if "label" in self else "title"

    def blame(self, path: str, message: str) -> None:
        """Says the problem there."""
        self.refuse(self.blamed(path), message)


@lru_cache(maxsize=64)
def question_form(kind: str) -> type[QuestionForm]:
    """The form of a question of this type."""
    allowed = allowed_keys(kind)
    asked: dict[str, Any] = {}
    for key, make in _ASKED.items():
        if key in allowed:
            asked |= make()
    if kind == "info":
        asked["label"] = LineField("Titre", description="Au-dessus du texte.", filters=line(300))
    for key in ("min", "max"):
        if isinstance(limit := asked.get(key), UnboundField):
            limit.kwargs["description"] = _LIMITS.get(kind, "Un nombre, ou une expression.")
    return type(f"QuestionForm_{kind}", (QuestionForm,), {**asked, "kind": kind})


class PageForm(QuestionForm):
    """A page of the form."""

    title = LineField("Titre de la page", filters=line(300), validators=[Needed("Donnez un titre à la page.")])
    help = BlockField("Introduction de la page", filters=block(1200), render_kw={"rows": 2})
    show_if = _expression("Page affichée seulement si", "Une condition\u00a0; vide\u00a0: toujours affichée.")


class WordsForm(QuestionForm):
    """The form's own words."""

    title = LineField("Titre du formulaire", filters=line(300), validators=[Needed("Donnez un titre au formulaire.")])
    help = BlockField("Introduction", filters=block(1200), render_kw={"rows": 2})
    submit_label = LineField(
        "Bouton d’envoi", description="Vide\u00a0: «\u00a0Enregistrer la demande\u00a0».", filters=line(80)
    )


# -- from JSON to what is typed --------------------------------------------------------------------------------------


def typed(kind: str, raw: Raw) -> dict[str, Any]:
    """What the fields hold for what a question says."""
    found: dict[str, Any] = {"tone": "info", "display": "", "autocomplete": "", "structure_kind": "", "offer": ""}
    found |= {key: value for key, value in raw.items() if key not in ("fields", "link", "outcomes")}
    for key in ("options", "motives"):
        found[key] = "\n".join(f"{each.get('value', '')} = {each.get('label', '')}" for each in raw.get(key, []))
    for key in ("min", "max"):
        if isinstance(raw.get(key), int) and kind == "money":
            found[key] = f"{raw[key] // 100},{raw[key] % 100:02d}" if raw[key] >= 0 else str(raw[key])
        elif key in raw:
            found[key] = str(raw[key])
    for key in _INTEGERS:
        if key in raw:
            found[key] = str(raw[key])
    found |= {f"outcome_{each}": each in raw.get("outcomes", OUTCOMES) for each in OUTCOMES}
    link = raw.get("link", {})
    return found | {"link_url": link.get("url", ""), "link_label": link.get("label", "")}


# -- from what is typed to JSON --------------------------------------------------------------------------------------


def raw_of(form: QuestionForm, before: Raw, value_for: Callable[[str], str]) -> Raw:
    """What the question says now: every key its type may say, ``None`` for what is left out. What cannot be read is
    refused on its field. ``before`` is what it said; ``value_for`` makes the value of an answer from its label."""
    if isinstance(form, (PageForm, WordsForm)):
        return {name: (field.data or None) for name, field in form._fields.items()}
    said: Raw = {}
    for key in (key for key in _ASKED if set(form.fields_of(key)) <= set(form._fields)):
        said[key] = _value(form, key, before, value_for)
    return said


def _value(form: QuestionForm, key: str, before: Raw, value_for: Callable[[str], str]) -> Any:
    if key == "link":
        url, label = form["link_url"].data, form["link_label"].data
        return {"url": url or "", "label": label or ""} if url or label else None
    if key == "outcomes":
        chosen = [each for each in OUTCOMES if form[f"outcome_{each}"].data]
        return None if tuple(chosen) == OUTCOMES and "outcomes" not in before else chosen
    data = form[key].data
    if key in ("options", "motives"):
        return _listed(data or "", before.get(key, []), value_for) or (None if key == "motives" else [])
    if key in ("min", "max"):
        return _bound(form, key, data or "")
    if key in _INTEGERS:
        return _integer(form, key, data or "")
    if key == "tone" and data == "info" and "tone" not in before:
        return None
    return data or None


def _listed(text: str, before: Iterable[Raw], value_for: Callable[[str], str]) -> list[Raw]:
    helps = {each.get("value"): each["help"] for each in before if "help" in each}
    found = []
    for written in filter(None, (each.strip() for each in text.splitlines())):
        value, equals, label = (part.strip() for part in written.partition("="))
        if not equals:
            value, label = value_for(written), written
        option = {"value": value, "label": label}
        found.append(option | ({"help": helps[value]} if value in helps else {}))
    return found


def _integer(form: QuestionForm, key: str, text: str) -> int | None:
    digits = "".join(text.split())
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit()):
        form.refuse(key, "Écrivez un nombre entier, par exemple 3.")
        return None
    return int(digits)


def _bound(form: QuestionForm, key: str, text: str) -> int | str | None:
    if not text:
        return None
    looks_plain = re.fullmatch(r"-?[\d\s\u00a0\u202f]+([.,]\d+)?\s*€?", text) is not None
    try:
        if form.kind == "money" and looks_plain:
            return parse_cents(text)
        if form.kind == "decimal" and looks_plain:
            number = str(parse_decimal(text, 6))
            return int(number) if number.lstrip("-").isdigit() else number
        if form.kind in ("date", "date_range") and re.fullmatch(r"\d{1,2}[/.]\d{1,2}[/.]\d{2,4}", text):
            return str(parse_date(text))
    except BadInput as error:
        form.refuse(key, str(error))
        return text
    return int(text) if form.kind == "integer" and re.fullmatch(r"-?\d+", text) else text
