"""The WTForms field of each type of definition."""

from collections.abc import Mapping
from types import MappingProxyType

from forms.fields.choices import ChoiceField, ChoicesField, ConsentField, PersonField, YesNoField
from forms.fields.contact import AddressField, EmailField, PhoneField
from forms.fields.dates import DateField, DateRangeField, TimeField
from forms.fields.decision import DecisionField
from forms.fields.group import GroupField
from forms.fields.numbers import DecimalField, IntegerField, MoneyField
from forms.fields.piece import PieceField
from forms.fields.portal import PortalField
from forms.fields.text import InfoField, LongTextField, TextField

FIELD_CLASSES: Mapping[str, type[PortalField]] = MappingProxyType(
    {
        "text": TextField,
        "long_text": LongTextField,
        "integer": IntegerField,
        "decimal": DecimalField,
        "money": MoneyField,
        "date": DateField,
        "date_range": DateRangeField,
        "time": TimeField,
        "email": EmailField,
        "phone": PhoneField,
        "address": AddressField,
        "yes_no": YesNoField,
        "choice": ChoiceField,
        "choices": ChoicesField,
        "consent": ConsentField,
        "child": PersonField,
        "children": ChoicesField,
        "adult": PersonField,
        "person": PersonField,
        "structure": ChoiceField,
        "activity": ChoiceField,
        "slots": ChoicesField,
        "piece": PieceField,
        "group": GroupField,
        "info": InfoField,
        "decision": DecisionField,
    }
)

__all__ = ["FIELD_CLASSES", "GroupField", "PieceField", "PortalField"]
