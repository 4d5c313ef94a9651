"""The règlement of an activity as administrators write it: rules, limits, periods, age groups. Choices are set by the
view; whether it all makes sense is decided by the application."""

from typing import Any

from wtforms import BooleanField, HiddenField, RadioField, SelectField, SelectMultipleField
from wtforms.validators import Optional, ValidationError

from forms.accounts import AccountForm, LineField
from forms.administration import Needed, WholeNumber, between, line, options
from forms.french import WEEKDAYS
from forms.hygiene import BadInput
from forms.parsing import parse_time
from forms.pieces import DayField

OLDEST, MOST = 25, 5000
_bounded = between(0, 400, "Écrivez un nombre de 0 à 400.")


def _hour(_form: Any, field: Any) -> None:
    try:
        field.data = parse_time(field.data) if field.data else "00:00"
    except BadInput as error:
        raise ValidationError(str(error)) from error


class RulesForm(AccountForm):
    """How families book, and what an absence costs."""

    acceptance = RadioField(
        "Comment une réservation est-elle acceptée\u00a0?", validators=[Needed("Choisissez une réponse.")]
    )
    times = SelectField("Quand l’activité a-t-elle lieu\u00a0?")
    needs_enrolment = BooleanField("Il faut une inscription acceptée avant de réserver")
    pieces = SelectMultipleField("Pièces justificatives à fournir")
    pieces_block = BooleanField("Tant qu’une de ces pièces manque, on ne peut pas réserver")
    late_cancel = BooleanField("Hors délai, une annulation peut être demandée\u00a0: un agent répond")
    offer_hours = WholeNumber(
        "Une place qui se libère est proposée pendant (heures)",
        description="Sans réponse, elle passe à la famille suivante de la liste d’attente.",
        validators=between(1, 240, "Écrivez un nombre de 1 à 240."),
    )
    setting = SelectField("Cadre réglementaire", description="Il fixe combien d’enfants un adulte peut encadrer.")
    pedt = BooleanField("La commune a un projet éducatif territorial (PEdT)")
    absence_hours = WholeNumber(
        "Un justificatif donné sous tant d’heures excuse dès le premier jour",
        validators=_bounded,
    )
    absence_days = WholeNumber(
        "Après, il est encore accepté pendant tant de jours",
        validators=_bounded,
    )
    absence_waiting_days = WholeNumber(
        "et tant de jours restent alors facturés", validators=between(0, 400, "Écrivez un nombre de 0 à 400.")
    )


class LimitForm(AccountForm):
    """Until when one may book, change or cancel."""

    mode = SelectField("Règle")
    n = WholeNumber(
        "Nombre",
        description="De jours, ou de semaines avant\u00a0; pour le mois précédent, le jour du mois.",
        validators=_bounded,
    )
    weekday = SelectField(
        "Jour de la semaine",
        coerce=int,
        choices=options((str(number), day) for number, day in enumerate(WEEKDAYS, 1)),
        description="Ne compte que pour «\u00a0un jour d’une semaine précédente\u00a0».",
    )
    at = LineField("Jusqu’à quelle heure", filters=line(8), validators=[_hour], render_kw={"type": "time"})
    skips_weekends = BooleanField("Si la limite tombe un samedi ou un dimanche, elle passe au vendredi d’avant")
    skips_holidays = BooleanField("Si la limite tombe un jour férié, elle passe à la veille")


def _count(label: str, most: int) -> WholeNumber:
    def check(_form: Any, field: Any) -> None:
        if field.data is not None and not 0 <= field.data <= most:
            raise ValidationError(f"Écrivez un nombre de 0 à {most}.")

    return WholeNumber(label, validators=[Optional(), check])


class AgeGroupForm(AccountForm):
    """Children who share places. Without a name, the group is not there."""

    code = HiddenField()
    label = LineField("Nom du groupe", filters=line(100))
    age_from = _count("Âge minimum", OLDEST)
    age_to = _count("Âge maximum", OLDEST)
    places = _count("Places de la salle", MOST)
    staff = _count("Adultes encadrants", MOST)


class OpeningForm(AccountForm):
    """A period when the activity is open. Without a name, it is not there."""

    name = LineField("Nom de la période", filters=line(100))
    first = DayField("Premier jour", validators=[Optional()])
    last = DayField("Dernier jour", validators=[Optional()])


__all__ = ["AgeGroupForm", "LimitForm", "OpeningForm", "RulesForm"]
