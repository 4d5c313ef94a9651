"""The settings of a démarche, in four pages. Choices that depend on the commune or on the draft are set by the view."""

from typing import Any

from wtforms import BooleanField, DateField, SelectField
from wtforms.validators import InputRequired, Optional, ValidationError

from forms.accounts import AccountForm, BlockField, LineField
from forms.administration import Needed, WholeNumber, between, block, line


def _in_order(form: Any, field: Any) -> None:
    if field.data and form.opens_on.data and field.data < form.opens_on.data:
        raise ValidationError("La fermeture vient avant l’ouverture : corrigez l’une des deux dates.")


class _Date(DateField):
    """A day, or nothing; what is no date says so in French."""

    def process_formdata(self, valuelist: list[str]) -> None:
        if not any(valuelist):
            self.data = None
            return
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("Écrivez une date qui existe, comme 01/09/2026.") from None


class PresentationForm(AccountForm):
    """What a family reads before she begins."""

    title = LineField("Titre", filters=line(120), validators=[Needed("Donnez un titre à la démarche.")])
    summary = BlockField(
        "Résumé",
        description="Une ou deux phrases, dans le catalogue et en tête de la démarche.",
        filters=block(500),
        validators=[Needed("Écrivez un résumé.")],
        render_kw={"rows": 3},
    )
    category = SelectField("Catégorie", validators=[InputRequired("Choisissez une catégorie.")])
    position = WholeNumber(
        "Place dans sa catégorie",
        description="Les plus petits nombres d’abord.",
        validators=between(0, 9999, "Écrivez un nombre entre 0 et 9999."),
    )
    duration = LineField("Temps à prévoir", description="Par exemple «\u00a05 minutes\u00a0».", filters=line(60))
    delay = LineField("Délai de réponse annoncé", filters=line(200))
    service = LineField("Service qui répond", filters=line(120))
    pieces = BlockField(
        "Pièces à préparer",
        description="Une par ligne, telles que la famille les lit avant de commencer.",
        filters=block(4000),
        render_kw={"rows": 4},
    )
    listed = BooleanField("Montrer la démarche dans le catalogue")


class FilingForm(AccountForm):
    """Who may file, and when."""

    account = BooleanField("Un compte est nécessaire (« @ » dans le catalogue)")
    filers = SelectField("Qui peut déposer")
    opens_on = _Date("Ouverte à partir du", description="Laissez vide s’il n’y a pas de date.")
    closes_on = _Date("Ouverte jusqu’au", description="Ce jour compris.", validators=[_in_order])
    open = BooleanField("Ouvrir la démarche dès sa première publication")
    draft_days = WholeNumber(
        "Jours pendant lesquels un brouillon est gardé",
        description="Sans nouvelle de la famille, son brouillon est ensuite effacé (90\u00a0jours d’habitude).",
        validators=between(1, 3650, "Écrivez un nombre de jours entre 1 et 3650."),
    )


class HandlingForm(AccountForm):
    """Who receives the demandes, under which rule, and who reads before publication."""

    structure = SelectField("Structure qui reçoit les demandes")
    subject = LineField(
        "Sujet de la demande dans les listes",
        description="Les questions dont la réponse est montrée : leurs noms dans la liste, séparés par des virgules.",
        filters=line(200),
        validators=[Optional()],
    )
    automatic = LineField(
        "Questions acceptées d’office",
        description=(
            "Leur réponse est intégrée dès l’envoi, sans qu’un agent la valide. Écrivez leurs noms dans la liste, "
            "séparés par des virgules. Vide\u00a0: un agent valide tout."
        ),
        filters=line(500),
        validators=[Optional()],
    )
    regime = SelectField("Si la mairie ne répond pas")
    months = WholeNumber(
        "Au bout de combien de mois", validators=between(1, 12, "Écrivez un nombre de mois entre 1 et 12.")
    )
    retention_months = WholeNumber(
        "Mois pendant lesquels une demande terminée est gardée",
        description=(
            "Elle est ensuite effacée, avec ses réponses, ses messages et ses pièces\u00a0; les pièces encore valables "
            "restent dans «\u00a0Mes pièces\u00a0». Une fois publiée, la durée vaut aussi pour les demandes déjà "
            "terminées. Entre 3 et 120\u00a0mois, 24 d’habitude."
        ),
        validators=between(3, 120, "Écrivez un nombre de mois entre 3 et 120."),
    )
    second_reader = BooleanField("Demander l’accord d’une seconde personne avant chaque publication")


class StatusForm(AccountForm):
    """What the family is told when her demande reaches one status."""

    next_step = BlockField(
        "Et ensuite\u00a0?",
        description="Ce que la famille lit sur la page de sa demande.",
        filters=block(1000),
        render_kw={"rows": 2},
    )
    subject = LineField("Objet du courriel", filters=line(200))
    body = BlockField(
        "Texte du courriel",
        description="Sans objet ni texte, aucun courriel ne part à ce statut.",
        filters=block(5000),
        render_kw={"rows": 6},
    )
