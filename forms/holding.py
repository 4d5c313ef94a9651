"""Forms by which a demande is held, or not any more."""

from forms.accounts import AccountForm, BlockField, LineField
from forms.administration import Needed, block, line

MAX_REASON = 500


class ReasonForm(AccountForm):
    """Why, in words that the journal keeps."""

    reason = BlockField(
        "Pour quelle raison\u00a0?",
        description="Le journal la garde. N’y nommez personne\u00a0: par exemple «\u00a0recours du 3 mars\u00a0».",
        filters=block(MAX_REASON),
        validators=[Needed("Dites pour quelle raison.")],
        render_kw={"rows": 2},
    )


class HoldForm(ReasonForm):
    """Which demande, and why."""

    reference = LineField(
        "Référence de la demande",
        description="Par exemple «\u00a026-K7QX-M2PD\u00a0».",
        filters=line(20),
        validators=[Needed("Indiquez la référence.")],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
