"""Forms of agents about families: search, a new household, an invitation. What is accepted is the application's."""

from wtforms import BooleanField, DateField, SelectField
from wtforms.validators import Optional

from forms.accounts import AccountForm, LineField
from forms.administration import CIVILITIES, Needed, email_address, line


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
