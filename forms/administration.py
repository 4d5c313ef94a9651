"""Forms of administrators about people: agents, roles; and the recovery code of a lost phone."""

from collections.abc import Iterable
from typing import Any

from wtforms import IntegerField, SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import InputRequired, NumberRange, Optional, ValidationError

from forms.accounts import AccountForm, BlockField, LineField
from forms.hygiene import BadInput, clean_block, clean_line
from forms.parsing import parse_email


def options(pairs: Iterable[tuple[str, str]]) -> Any:
    """(value, label) pairs as WTForms wants the choices of a list."""
    return [SelectChoice(value, label) for value, label in pairs]


CIVILITIES = options([("", "Non précisée"), ("Madame", "Madame"), ("Monsieur", "Monsieur")])


def line(max_length: int) -> list[Any]:
    """Filters of one line of text."""
    return [lambda text: clean_line(text, max_length) if isinstance(text, str) else text]


def block(max_length: int) -> list[Any]:
    """Filters of several lines of text."""
    return [lambda text: clean_block(text, max_length) if isinstance(text, str) else text]


class WholeNumber(IntegerField):
    """A whole number; what is none says so in French."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("Écrivez un nombre entier.") from None


def between(low: int, high: int, message: str) -> list[Any]:
    """A number is needed, between these two."""
    return [InputRequired(message), NumberRange(low, high, message)]


class Needed:
    """Like InputRequired, for text whose spaces were cleaned."""

    field_flags = {"required": True}

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, form: Any, field: Any) -> None:
        if not field.data:
            raise ValidationError(self.message)


def email_address(_form: Any, field: Any) -> None:
    """Replaces the text by its normal form, if there is one to check."""
    if not field.data:
        return
    try:
        field.data = parse_email(field.data)
    except BadInput as error:
        raise ValidationError(str(error)) from error


class IdentityForm(AccountForm):
    """How an agent is named on the letters and screens that families see."""

    civility = SelectField("Civilité", choices=CIVILITIES, validators=[Optional()])
    first_name = LineField("Prénom", filters=line(100), validators=[Needed("Indiquez le prénom.")])
    last_name = LineField("Nom", filters=line(100), validators=[Needed("Indiquez le nom.")])
    phone = LineField("Téléphone", filters=line(30), render_kw={"type": "tel", "autocomplete": "tel"})


class InviteAgentForm(AccountForm):
    """Who to invite among the agents."""

    civility = SelectField("Civilité", choices=CIVILITIES, validators=[Optional()])
    first_name = LineField("Prénom", filters=line(100), validators=[Needed("Indiquez le prénom.")])
    last_name = LineField("Nom", filters=line(100), validators=[Needed("Indiquez le nom.")])
    capacity = LineField(
        "Fonction",
        description="Elle figure avec le nom sur les courriers aux familles, par exemple «\u00a0directrice\u00a0».",
        filters=line(100),
        validators=[Needed("Indiquez la fonction.")],
    )
    email = LineField(
        "Adresse e-mail professionnelle",
        description="Une invitation valable une seule fois, pendant trois jours, y sera envoyée.",
        filters=line(254),
        validators=[Needed("Indiquez l’adresse e-mail."), email_address],
        render_kw={"type": "email", "autocomplete": "off", "spellcheck": "false"},
    )


class GrantForm(AccountForm):
    """A role, in one structure or everywhere (empty). Choices are set by the view."""

    role = SelectField("Rôle", validators=[Needed("Choisissez un rôle.")])
    structure = SelectField("Structure")


class RoleForm(AccountForm):
    """A role and its permissions. Choices are set by the view."""

    label = LineField("Nom du rôle", filters=line(80), validators=[Needed("Indiquez le nom du rôle.")])
    code = LineField(
        "Code",
        description="Un mot en minuscules, sans accent\u00a0: le nom du couloir dans les diagrammes des démarches.",
        filters=line(40),
        validators=[Needed("Indiquez le code.")],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    description = BlockField("À quoi sert ce rôle", filters=block(500), render_kw={"rows": 2})
    permissions = SelectMultipleField("Permissions")


class RecoveryCodeForm(AccountForm):
    """One of the codes printed when the second factor was set up."""

    code = LineField(
        "Code de secours",
        description="Douze lettres et chiffres, par exemple «\u00a0bcd2-fg34-hj56\u00a0». Chaque code sert une fois.",
        filters=line(30),
        validators=[Needed("Indiquez un code de secours.")],
        render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )
