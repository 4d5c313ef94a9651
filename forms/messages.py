"""Forms of messages that need to know to whom one writes."""

from wtforms import SelectField

from forms.accounts import MessageForm
from forms.administration import Needed


class ServiceMessageForm(MessageForm):
    """A message to a service chosen among those of the commune. Choices are set by the view."""

    structure = SelectField("À quel service écrivez-vous\u00a0?", validators=[Needed("Choisissez un service.")])


class FamilyMessageForm(MessageForm):
    """A message of an agent to a family, in the name of a service. Choices are set by the view."""

    structure = SelectField("Au nom de quel service\u00a0?", validators=[Needed("Choisissez un service.")])


__all__ = ["FamilyMessageForm", "ServiceMessageForm"]
