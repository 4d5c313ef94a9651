"""The hand-written forms of accounts and messages: plain WTForms, French messages, no CSRF (the web layer adds it).

Lengths are bounded here; what a password must be, and whether an account exists, is decided by the application, with
`refuse()` to say so on the field.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from wtforms import Form, MultipleFileField, PasswordField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, StopValidation, ValidationError

from forms.fields.piece import ACCEPTED
from forms.hygiene import BadInput, clean_block, clean_line
from forms.parsing import parse_email

MAX_PASSWORD = 512
MAX_SUBJECT = 150
MAX_BODY = 5000

Filter = Callable[[Any], Any]


def _line(max_length: int) -> Filter:
    def cleaned(text: Any) -> Any:
        return clean_line(text, max_length) if isinstance(text, str) else text

    return cleaned


def _block(max_length: int) -> Filter:
    def cleaned(text: Any) -> Any:
        return clean_block(text, max_length) if isinstance(text, str) else text

    return cleaned


def _needed(message: str) -> DataRequired:
    return DataRequired(message)


def _is_email(_form: Form, field: StringField) -> None:
    """Replaces the text by its normal form."""
    try:
        field.data = parse_email(field.data or "")
    except BadInput as error:
        raise ValidationError(str(error)) from error


def _is_password(_form: Form, field: PasswordField) -> None:
    """Only what protects the server: passwords are never trimmed, normalised or judged here."""
    text = field.data or ""
    if len(text) > MAX_PASSWORD:
        raise StopValidation(f"Ce mot de passe est trop long\u00a0: {MAX_PASSWORD}\u00a0caractères au plus.")
    if "\0" in text:
        raise StopValidation("Ce mot de passe contient un caractère interdit.")


class _Unfailing:
    """A field whose cleaning failed keeps only the cleaning's message."""

    def pre_validate(self, form: Any) -> None:
        if self.process_errors:  # type: ignore[attr-defined]  # mixed into WTForms fields only
            raise StopValidation()


class LineField(_Unfailing, StringField):
    """One line of text."""


class BlockField(_Unfailing, TextAreaField):
    """Several lines of text."""


class SecretField(PasswordField):
    """A password, never sent back. `rules` are the hints ticked while typing (rule for the script, French text)."""

    def __init__(self, *args: Any, rules: tuple[tuple[str, str], ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if rules:
            self.rules = rules


class AccountForm(Form):
    """What the hand-written forms have in common: French, and errors told as those of step forms."""

    class Meta:
        """WTForms' own messages, if one ever appears, in French."""

        locales: ClassVar[list[str]] = ["fr_FR", "fr"]

    @property
    def error_links(self) -> list[tuple[str, str]]:
        """(element id, message) of every error, for the summary."""
        return [(field.id, str(text)) for field in self for text in field.errors]

    def refuse(self, name: str, message: str) -> None:
        """Says on a field why the application refuses."""
        field = self[name]
        field.errors = [*field.errors, message]


def _email(label: str = "Adresse e-mail", *, autocomplete: str = "username", description: str = "") -> LineField:
    return LineField(
        label,
        description=description,
        filters=[_line(254)],
        validators=[_needed("Indiquez votre adresse e-mail."), _is_email],
        render_kw={"type": "email", "autocomplete": autocomplete, "spellcheck": "false", "autocapitalize": "none"},
    )


class SignInForm(AccountForm):
    """E-mail and password. The password of an existing account may be anything up to 512 characters."""

    email = _email()
    password = SecretField(
        "Mot de passe",
        validators=[InputRequired("Indiquez votre mot de passe."), _is_password],
        render_kw={"autocomplete": "current-password"},
    )


class ForgottenPasswordForm(AccountForm):
    """Where to send the link."""

    email = _email(description="Nous vous enverrons un lien pour choisir un nouveau mot de passe.")


class ForgottenIdentifierForm(AccountForm):
    """Where to send the identifier."""

    email = _email(
        "Adresse e-mail que vous avez pu donner à la mairie",
        autocomplete="email",
        description="Si un compte y correspond, nous y enverrons votre identifiant.",
    )


def _current_password() -> SecretField:
    return SecretField(
        "Mot de passe actuel",
        validators=[InputRequired("Indiquez votre mot de passe actuel."), _is_password],
        render_kw={"autocomplete": "current-password"},
    )


def _new_password() -> SecretField:
    return SecretField(
        "Nouveau mot de passe",
        validators=[InputRequired("Choisissez un mot de passe."), _is_password],
        rules=(("length:12", "12 caractères au moins"), ("varied", "des mots ou des signes variés")),
        render_kw={"autocomplete": "new-password", "data-password-rules": "password-regles"},
    )


def _same_again() -> SecretField:
    return SecretField(
        "Le même mot de passe, une seconde fois",
        validators=[InputRequired("Saisissez le mot de passe une seconde fois."), _is_password, _is_same],
        render_kw={"autocomplete": "new-password"},
    )


def _is_same(form: Form, field: PasswordField) -> None:
    first = form["password"].data
    if first and field.data != first:
        raise ValidationError("Les deux mots de passe sont différents.")


class ChoosePasswordForm(AccountForm):
    """A new password, twice."""

    password = _new_password()
    confirmation = _same_again()


class ChangePasswordForm(AccountForm):
    """The same for a person signed in, who proves the current one first."""

    current = _current_password()
    password = _new_password()
    confirmation = _same_again()


class ChangeEmailForm(AccountForm):
    """A new address, confirmed by the current password."""

    email = _email(
        "Nouvelle adresse e-mail",
        autocomplete="email",
        description="Un lien de confirmation y sera envoyé. Votre adresse ne change qu’une fois le lien suivi.",
    )
    password = _current_password()


def _is_totp(_form: Form, field: StringField) -> None:
    """Six digits, however they are grouped."""
    digits = "".join((field.data or "").split())
    if not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
        raise ValidationError("Le code a six chiffres.")
    field.data = digits


class TotpForm(AccountForm):
    """The code of the authentication application."""

    code = LineField(
        "Code à six chiffres",
        description="Il est affiché par votre application d’authentification.",
        filters=[_line(20)],
        validators=[_needed("Indiquez le code à six chiffres."), _is_totp],
        render_kw={"inputmode": "numeric", "autocomplete": "one-time-code"},
    )


class InviteParentForm(AccountForm):
    """Who to invite to the portal."""

    given_name = LineField("Prénom", filters=[_line(100)], validators=[_needed("Indiquez le prénom.")])
    family_name = LineField("Nom", filters=[_line(100)], validators=[_needed("Indiquez le nom.")])
    email = LineField(
        "Adresse e-mail",
        description="Une invitation valable une seule fois y sera envoyée.",
        filters=[_line(254)],
        validators=[_needed("Indiquez l’adresse e-mail."), _is_email],
        render_kw={"type": "email", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )


def _files() -> MultipleFileField:
    """The input of files: what it carries is received, and judged, by the application."""
    return MultipleFileField(
        "Joindre des fichiers",
        description="PDF, photo, ODT ou DOC, cinq fichiers au plus. Depuis un téléphone, prenez une photo.",
        render_kw={"accept": ",".join(ACCEPTED)},
    )


class MessageForm(AccountForm):
    """A message to a service or a family."""

    subject = LineField("Objet", filters=[_line(MAX_SUBJECT)], validators=[_needed("Indiquez l’objet du message.")])
    body = BlockField(
        "Message",
        filters=[_block(MAX_BODY)],
        validators=[_needed("Écrivez votre message.")],
        render_kw={"rows": 8, "data-count": str(MAX_BODY)},
    )
    files = _files()


class ReplyForm(AccountForm):
    """An answer in a thread."""

    body = BlockField(
        "Votre réponse",
        filters=[_block(MAX_BODY)],
        validators=[_needed("Écrivez votre réponse.")],
        render_kw={"rows": 5, "data-count": str(MAX_BODY)},
    )
    files = _files()


__all__ = [
    "AccountForm",
    "ChangeEmailForm",
    "ChangePasswordForm",
    "ChoosePasswordForm",
    "ForgottenIdentifierForm",
    "ForgottenPasswordForm",
    "InviteParentForm",
    "MessageForm",
    "ReplyForm",
    "SignInForm",
    "TotpForm",
]
