"""Forms of agents about pieces: accept, refuse, claim."""

from typing import Any

from wtforms import DateField, SelectField
from wtforms.validators import Optional

from forms.accounts import AccountForm, BlockField
from forms.administration import Needed, block

MAX_TEXT = 1000


class DayField(DateField):
    """A date that may be left empty, told in French when it is not one."""

    def process_formdata(self, valuelist: Any) -> None:
        """The same reading; only the words change."""
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("Indiquez une date qui existe, par exemple 31/08/2027.") from None


class AcceptPieceForm(AccountForm):
    """Until when a piece holds."""

    until = DayField(
        "Valable jusqu’au",
        description="Dernier jour de validité. Laissez vide si la pièce n’a pas de fin.",
        validators=[Optional()],
    )


class RefusePieceForm(AccountForm):
    """Why a piece is refused: the family reads it as it is written."""

    reason = BlockField(
        "Motif, lu par la famille",
        description="Dites ce qui ne va pas et ce qu’il faut fournir à la place.",
        filters=block(MAX_TEXT),
        validators=[Needed("Dites à la famille pourquoi cette pièce n’est pas acceptée.")],
        render_kw={"rows": 4},
    )


class ClaimPieceForm(AccountForm):
    """What is asked of a family. Choices are set by the view."""

    piece_type = SelectField("Pièce à réclamer", validators=[Needed("Choisissez un type de pièce.")])
    child_id = SelectField("Enfant concerné", description="Pour la pièce d’un enfant.", validators=[Optional()])
    due_on = DayField("À fournir avant le", validators=[Optional()])
    message = BlockField(
        "Message à la famille", filters=block(MAX_TEXT), validators=[Optional()], render_kw={"rows": 3}
    )
