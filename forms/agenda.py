"""Forms of the agenda: the activity of administrators (canteen, morning, Wednesday…), the group entry of families."""

from typing import Any

from wtforms import BooleanField, IntegerField, RadioField, SelectField, SelectMultipleField
from wtforms.validators import Optional, ValidationError

from forms.accounts import AccountForm, LineField
from forms.administration import Needed, line, options
from forms.french import WEEKDAYS
from forms.hygiene import BadInput
from forms.parsing import parse_time
from forms.pieces import DayField


def _hour(_form: Any, field: Any) -> None:
    """Replaces the text by ``HH:MM``, if there is one to check."""
    if not field.data:
        return
    try:
        field.data = parse_time(field.data)
    except BadInput as error:
        raise ValidationError(str(error)) from error


def _time(label: str, needed: str) -> LineField:
    return LineField(label, filters=line(8), validators=[Needed(needed), _hour], render_kw={"type": "time"})


class ActivityForm(AccountForm):
    """What families and staff are told of an activity, and when it takes place. ``weekdays`` are ISO numbers."""

    label = LineField("Nom", filters=line(100), validators=[Needed("Indiquez le nom de l’activité.")])
    weekdays = SelectMultipleField(
        "Jours",
        coerce=int,
        choices=options((str(number), day) for number, day in enumerate(WEEKDAYS, 1)),
        validators=[Needed("Choisissez au moins un jour de la semaine.")],
    )
    starts_at = _time("Début", "Indiquez l’heure du début.")
    ends_at = _time("Fin", "Indiquez l’heure de fin.")
    rank = IntegerField(
        "Rang dans les listes",
        description="De 0 à 999\u00a0: le plus petit d’abord\u00a0; à rang égal, dans l’ordre des heures.",
        validators=[Optional()],
    )
    open = BooleanField("Les familles peuvent y signaler une absence", default=True)


class NewActivityForm(ActivityForm):
    """The same, with the code that absences will keep: it cannot change afterwards."""

    code = LineField(
        "Code",
        description="Lettres majuscules, chiffres ou traits bas, par exemple CANT. Il ne pourra plus changer.",
        filters=[*line(20), lambda text: text.upper() if isinstance(text, str) else text],
        validators=[Needed("Indiquez le code.")],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )


ADD, REMOVE = "reserver", "annuler"
TURNS = (
    ("all", "Toutes les semaines"),
    ("even", "Les semaines paires (numéro de la semaine dans le calendrier)"),
    ("odd", "Les semaines impaires"),
)


class GroupEntryForm(AccountForm):
    """« Saisie groupée »: the same week for several children. Children, activities and days are set by the view."""

    children = SelectMultipleField("Pour quels enfants\u00a0?", validators=[Needed("Choisissez au moins un enfant.")])
    action = RadioField(
        "Que voulez-vous faire\u00a0?",
        choices=options([(ADD, "Réserver des jours"), (REMOVE, "Annuler des jours réservés")]),
        default=ADD,
        validators=[Needed("Choisissez de réserver ou d’annuler.")],
    )
    activities = SelectMultipleField(
        "Pour quelles activités\u00a0?", validators=[Needed("Choisissez au moins une activité.")]
    )
    first = DayField("Premier jour", validators=[Needed("Indiquez le premier jour.")])
    last = DayField("Dernier jour", validators=[Needed("Indiquez le dernier jour.")])
    weekdays = SelectMultipleField(
        "Quels jours de la semaine\u00a0?",
        coerce=int,
        validators=[Needed("Choisissez au moins un jour de la semaine.")],
    )
    turn = SelectField("Quelles semaines\u00a0?", choices=options(TURNS), default="all")


__all__ = ["ADD", "REMOVE", "ActivityForm", "GroupEntryForm", "NewActivityForm"]


class ExportForm(AccountForm):
    """Which list of attendance, over which days, as which file; the choices are given by the page."""

    what = SelectField("Liste", validators=[Needed("Choisissez une liste.")])
    activity = SelectField("Activité")
    first = DayField("Premier jour", validators=[Needed("Indiquez le premier jour.")])
    last = DayField("Dernier jour", validators=[Needed("Indiquez le dernier jour.")])
    kind = SelectField("Fichier", validators=[Needed("Choisissez un type de fichier.")])
