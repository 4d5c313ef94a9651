"""Forms of administrators about the commune: its settings, section by section, and its structures."""

from typing import Any

from wtforms import BooleanField, DateField, FileField, IntegerField, SelectField, SelectMultipleField
from wtforms.validators import Optional

from forms.accounts import AccountForm, BlockField, LineField
from forms.administration import Needed, block, email_address, line, options


def _phone(label: str) -> LineField:
    return LineField(label, filters=line(30), render_kw={"type": "tel"})


def _email(label: str) -> LineField:
    return LineField(label, filters=line(254), validators=[email_address], render_kw={"type": "email"})


def _text(label: str, rows: int = 6, description: str = "") -> BlockField:
    return BlockField(label, description=description, filters=block(20_000), render_kw={"rows": rows})


def _link(label: str, description: str = "") -> LineField:
    return LineField(label, description=description, filters=line(200), render_kw={"type": "url"})


def _day(label: str, description: str = "") -> DateField:
    return DateField(label, description=description, validators=[Optional()])


class RateField(LineField):
    """A percentage with a French comma, kept as a float or None."""

    def _value(self) -> str:
        data: Any = self.data
        if isinstance(data, float):
            return f"{data:g}".replace(".", ",")
        return data or ""

    def process_formdata(self, valuelist: list[Any]) -> None:
        text = str(valuelist[0]).strip() if valuelist else ""
        self.data = text
        if not text:
            self.data = None
            return
        try:
            self.data = float(text.replace("%", "").replace(",", ".").strip())  # type: ignore[assignment]  # a number once read
        except ValueError as error:
            raise ValueError("Écrivez un pourcentage, par exemple 72,5.") from error


class TownForm(AccountForm):
    """Who the commune is, and how to reach its service."""

    name = LineField("Nom de la commune", filters=line(200), validators=[Needed("Indiquez le nom de la commune.")])
    service_name = LineField("Nom du service", filters=line(200))
    address = _text("Adresse", rows=3)
    postal_code = LineField("Code postal", filters=line(5), render_kw={"inputmode": "numeric"})
    insee_code = LineField("Code INSEE", filters=line(5))
    siret = LineField("SIRET", filters=line(14), render_kw={"inputmode": "numeric"})
    department = LineField("Département", filters=line(200))
    phone = _phone("Téléphone")
    email = _email("Adresse e-mail du service")
    website = _link("Site de la commune")
    opening_hours = _text("Horaires d’ouverture", rows=4)
    welcome = _text("Mot d’accueil", rows=3, description="Une ou deux phrases, en tête de la page d’accueil.")
    zone = SelectField(
        "Zone de vacances scolaires", choices=options([("A", "Zone A"), ("B", "Zone B"), ("C", "Zone C")])
    )
    holidays = SelectField(
        "Jours fériés",
        choices=options(
            [
                ("metropole", "Métropole"),
                ("alsace-moselle", "Alsace-Moselle"),
                (
                    "alsace-moselle-sans-vendredi-saint",
                    "Alsace-Moselle, commune sans temple ni église mixte",
                ),
            ]
        ),
    )


class LookForm(AccountForm):
    """The commune's two colours and its logo."""

    primary_colour = LineField(
        "Couleur principale",
        description="Comme #1d6561. Elle doit rester lisible sur fond blanc\u00a0; vide\u00a0: la couleur du portail.",
        filters=line(7),
        render_kw={"spellcheck": "false"},
    )
    accent_colour = LineField(
        "Couleur d’accent", description="Comme #b04a26.", filters=line(7), render_kw={"spellcheck": "false"}
    )
    logo = FileField(
        "Nouveau logo", description="Image PNG ou JPEG de moins de 2\u00a0Mo.", render_kw={"accept": ".png,.jpg,.jpeg"}
    )
    remove_logo = BooleanField("Retirer le logo actuel")


class LegalForm(AccountForm):
    """The texts of the legal pages."""

    publication_director = LineField("Directeur ou directrice de la publication", filters=line(200))
    host = _text("Hébergeur\u00a0: nom, adresse, téléphone", rows=3)
    legal_notice = _text("Autres mentions légales")
    terms_of_use = _text("Conditions générales d’utilisation", rows=12)
    privacy_notice = _text("Données personnelles\u00a0: ce que la commune veut ajouter")
    dpo_name = LineField("Délégué à la protection des données", filters=line(200))
    dpo_email = _email("Son adresse e-mail")
    dpo_phone = _phone("Son téléphone")
    dpo_address = _text("Son adresse", rows=3)


class AccessibilityForm(AccountForm):
    """What the accessibility statement says (RGAA 4.1)."""

    accessibility_audit_date = _day(
        "Date de l’audit", "Sans audit, ou après trois ans, le portail est «\u00a0non conforme\u00a0»."
    )
    accessibility_rate = RateField("Taux de conformité (%)", render_kw={"inputmode": "decimal"})
    accessibility_auditor = LineField("Qui a fait l’audit", filters=line(200))
    accessibility_declared_on = _day("Date de la déclaration")
    accessibility_failures = _text("Non-conformités", description="Une par ligne.")
    accessibility_derogations = _text(
        "Dérogations pour charge disproportionnée",
        rows=4,
        description="Une par ligne, avec la solution de remplacement.",
    )
    accessibility_exemptions = _text("Contenus non soumis à l’obligation", rows=4, description="Un par ligne.")
    accessibility_scheme_url = _link("Schéma pluriannuel d’accessibilité (adresse)")
    accessibility_plan_url = _link("Plan d’actions de l’année (adresse)")
    accessibility_contact = _text("À qui signaler une difficulté", rows=3)


class OptionsForm(AccountForm):
    """What the portal allows."""

    signup_variant = SelectField("Ouverture des comptes des familles")
    email_change_allowed = BooleanField("Les familles peuvent changer d’adresse e-mail en ligne")
    max_upload_mb = IntegerField("Taille d’un fichier déposé (Mo, de 1 à 50)")
    idle_minutes_family = IntegerField("Déconnexion d’une famille inactive (minutes, de 5 à 240)")
    idle_minutes_agent = IntegerField("Déconnexion d’un agent inactif (minutes, de 5 à 240)")
    pickup_minimum_age = IntegerField(
        "Âge à partir duquel on peut venir chercher un enfant (de 7 à 18 ans)",
        description="À 18 ans, seuls des adultes peuvent être désignés par les familles.",
    )
    tell_other_holder = BooleanField("Prévenir l’autre parent de ce qui change pour l’enfant")


class StructureForm(AccountForm):
    """A structure. Choices are set by the view."""

    name = LineField("Nom", filters=line(200), validators=[Needed("Indiquez le nom de la structure.")])
    code = LineField(
        "Code",
        description="Quelques lettres ou chiffres, par exemple EM. Les démarches désignent la structure par ce code.",
        filters=line(12),
        validators=[Needed("Indiquez le code.")],
    )
    kind = SelectField("Type")
    levels = SelectMultipleField("Niveaux scolaires")
    capacity = IntegerField(
        "Nombre de places", description="Laissez vide s’il n’est pas limité.", validators=[Optional()]
    )
    address = _text("Adresse", rows=3)
    phone = _phone("Téléphone")
    email = _email("Adresse e-mail")
    opening_hours = _text("Horaires", rows=3)
    open = BooleanField("Cette structure est ouverte", default=True)


__all__ = ["AccessibilityForm", "LegalForm", "LookForm", "OptionsForm", "StructureForm", "TownForm"]
