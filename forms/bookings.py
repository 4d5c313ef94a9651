"""Forms of agents about bookings: what they answer, and the days that they close."""

from typing import Any

from wtforms import SelectField

from forms.accounts import AccountForm, BlockField, LineField
from forms.administration import Needed, block, line
from forms.pieces import DayField

MAX_ANSWER = 500
MAX_WORDS = 200


class AnswersForm(AccountForm):
    """What goes with the answers of many days: the reason of the refusals, a word to the families."""

    reason = SelectField(
        "Motif des refus",
        default="",
        description="Il faut un motif dès que vous refusez une réservation\u00a0: la famille le lit.",
    )
    words = BlockField(
        "Message aux familles",
        description="Il suit chaque jour du courriel. N’y nommez personne\u00a0: il part à toutes ces familles.",
        filters=block(MAX_ANSWER),
        render_kw={"rows": 3},
    )


class ClosureForm(AccountForm):
    """Days to close. What may be closed, and why, is set by the view."""

    scope = SelectField("Que fermez-vous\u00a0?", validators=[Needed("Choisissez ce que vous fermez.")])
    first = DayField("Premier jour", validators=[Needed("Indiquez le premier jour.")])
    last = DayField("Dernier jour", validators=[Needed("Indiquez le dernier jour.")])
    kind = SelectField("Pourquoi\u00a0?", validators=[Needed("Choisissez la raison.")])
    words = LineField(
        "Ce que les familles liront",
        description="Par exemple «\u00a0Grève du personnel de cantine\u00a0». Vide\u00a0: la raison ci-dessus.",
        filters=line(MAX_WORDS),
    )

    def dates(self) -> tuple[Any, Any]:
        """The first and the last day, once the form is valid."""
        return self.first.data, self.last.data


__all__ = ["AnswersForm", "ClosureForm"]
