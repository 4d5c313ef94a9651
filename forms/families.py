"""Forms of agents about families: search, a new household, an invitation. What is accepted is the application's."""

from wtforms import BooleanField, DateField, SelectField
from wtforms.validators import Optional

from forms.accounts import AccountForm, BlockField, LineField
from forms.administration import CIVILITIES, Needed, block, email_address, line


class SearchForm(AccountForm):
    """What an agent looks for: a name, a child, an address, a phone or the number of a family."""

    q = LineField("Nom, enfant, adresse électronique, téléphone ou N°\u00a0famille", filters=line(200))


class NewHouseholdForm(AccountForm):
    """A household and its first adult. The choices of `quality` are set by the view."""

    civility = SelectField("Civilité", choices=CIVILITIES, validators=[Optional()])
    last_name = LineField("Nom", filters=line(80), validators=[Needed("Indiquez le nom.")])
    first_name = LineField("Prénom", filters=line(80), validators=[Needed("Indiquez le prénom.")])
    birth_date = DateField(
        "Date de naissance",
        validators=[Optional()],
        render_kw={"type": "date"},
    )
    quality = SelectField("Qualité", validators=[Optional()])
    email = LineField(
        "Adresse électronique",
        description="Nécessaire pour inviter cette personne à ouvrir son compte.",
        filters=line(254),
        validators=[email_address],
        render_kw={"type": "email", "autocomplete": "off", "spellcheck": "false"},
    )
    mobile = LineField("Téléphone portable", filters=line(40), render_kw={"type": "tel", "autocomplete": "off"})
    phone = LineField("Téléphone du domicile", filters=line(40), render_kw={"type": "tel", "autocomplete": "off"})
    street = LineField("Adresse", description="Numéro et voie.", filters=line(200))
    address_extra = LineField("Complément d’adresse", filters=line(200))
    postal_code = LineField("Code postal", filters=line(12), render_kw={"inputmode": "numeric"})
    city = LineField("Commune", filters=line(100))
    desk_only = BooleanField("Famille sans internet\u00a0: ses démarches se font au guichet")


class InviteForm(AccountForm):
    """Where the invitation goes."""

    email = LineField(
        "Adresse électronique",
        description="Un lien à usage unique, valable trois jours, y sera envoyé pour ouvrir le compte.",
        filters=line(254),
        validators=[Needed("Indiquez l’adresse électronique."), email_address],
        render_kw={"type": "email", "autocomplete": "off", "spellcheck": "false"},
    )


def _day(label: str, description: str = "") -> DateField:
    return DateField(label, description=description, validators=[Optional()], render_kw={"type": "date"})


class CustodyForm(AccountForm):
    """With whom a child of two households is. The choices of `kind` and `first` are set by the view."""

    kind = SelectField("Comment la décision l’écrit-elle\u00a0?")
    first = SelectField(
        "Foyer des semaines paires, ou de la première semaine",
        description="L’autre foyer a les autres semaines.",
    )
    anchor = _day(
        "Premier jour du rythme", "Pour «\u00a0une semaine sur deux\u00a0»\u00a0: un jour de la première semaine."
    )
    changes_on = SelectField("Jour où l’enfant change de foyer")
    stays = BlockField(
        "Périodes à part",
        description=(
            "Une par ligne\u00a0: premier jour, dernier jour, puis 1 ou 2 pour le foyer. "
            "Par exemple\u00a0: 19/12/2026 26/12/2026 2. La dernière écrite l’emporte."
        ),
        filters=block(5_000),
        render_kw={"rows": 4, "spellcheck": "false"},
    )
    since = _day("À partir du", "Vide\u00a0: aujourd’hui. Ce qui était écrit pour les jours d’avant reste.")
    source = LineField(
        "Document",
        description="Par exemple\u00a0: jugement du 14 mars 2025, tribunal judiciaire de Valbrise.",
        filters=line(500),
        validators=[Needed("Indiquez le document qui fixe la garde.")],
    )


class BlockedForm(AccountForm):
    """Somebody to whom a child must not be handed. The choices of `relation` are set by the view."""

    last_name = LineField("Nom", filters=line(80), validators=[Needed("Indiquez le nom.")])
    first_name = LineField("Prénom", filters=line(80), validators=[Needed("Indiquez le prénom.")])
    relation = SelectField("Lien avec l’enfant")
    since = _day("À partir du", "Vide\u00a0: aujourd’hui.")
    until = _day("Jusqu’au", "Ce jour compris. Vide\u00a0: sans fin.")
    source = LineField(
        "Décision de justice",
        description="Date et tribunal. Sans décision, personne ne peut être écarté. Joignez-en la copie à ses pièces.",
        filters=line(500),
        validators=[Needed("Indiquez la décision de justice.")],
    )
