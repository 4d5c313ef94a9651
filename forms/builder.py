"""From a definition to WTForms classes, once per content."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, ClassVar, cast

from wtforms.fields.core import UnboundField
from wtforms.form import BaseForm
from wtforms.meta import DefaultMeta

from forms.definition import FieldDef, FormDefinition
from forms.fields import FIELD_CLASSES, GroupField, PortalField

_META = DefaultMeta()


class FieldSet(BaseForm):
    """The fields of a definition, or of one row, as a WTForms form.

    `BaseForm` rather than `Form`: fields must not hide methods when an administrator names one « data » or « errors ».
    CSRF is the web layer's.
    """

    unbound: ClassVar[tuple[tuple[str, "UnboundField[Any]"], ...]] = ()

    def __init__(self, prefix: str = "") -> None:
        super().__init__(self.unbound, prefix=prefix, meta=_META)

    def __iter__(self) -> Iterator[PortalField]:
        return cast("Iterator[PortalField]", super().__iter__())

    def __getitem__(self, name: str) -> PortalField:
        return cast(PortalField, super().__getitem__(name))

    def is_blank(self) -> bool:
        """No field has an answer."""
        return all(field.is_blank() for field in self)


@lru_cache(maxsize=512)
def field_set_class(definition: FormDefinition) -> type[FieldSet]:
    """The WTForms class of a definition; the same one for the same content."""
    return _class_of(f"Form_{definition.hash[:12]}", definition.fields())


def _class_of(name: str, specs: Iterable[FieldDef]) -> type[FieldSet]:
    return type(name, (FieldSet,), {"unbound": tuple((spec.name, _unbound(spec)) for spec in specs)})


def _unbound(spec: FieldDef) -> "UnboundField[Any]":
    field_class = FIELD_CLASSES[spec.type]
    if issubclass(field_class, GroupField):
        return UnboundField(field_class, spec=spec, row_class=_class_of(f"Row_{spec.name}", spec.fields))
    return UnboundField(field_class, spec=spec)
