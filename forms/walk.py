"""The order of evaluation: one field after another, each seeing the answers before it."""

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING

from forms.sources import Json, Surroundings

if TYPE_CHECKING:
    from forms.fields.portal import FormData, PortalField


def settle(
    field: "PortalField",
    around: Surroundings,
    context: MutableMapping[str, Json],
    *,
    stored: Mapping[str, Json],
    formdata: "FormData | None" = None,
    files: "FormData | None" = None,
    page_shown: bool = True,
    choose: bool = False,
) -> None:
    """Decides whether a field is shown and required, gives it its answer, and tells `context` (which `around` reads).

    The answer comes from `formdata` when given, else from `stored`, else from the default expression or, with `choose`,
    from the only answer possible. A hidden field answers `None` whatever is posted.
    """
    spec = field.spec
    if not page_shown or (spec.show_if and not around.holds(spec.show_if, f"{spec.path}.show_if")):
        field.clear()
    else:
        field.shown = True
        field.required = spec.required or (
            spec.required_if != "" and around.holds(spec.required_if, f"{spec.path}.required_if")
        )
        if formdata is not None:
            field.read(formdata, files, around)
        elif spec.default and spec.name not in stored:
            field.load({spec.name: around.ask(spec.default, f"{spec.path}.default")}, around)
        else:
            field.load(stored, around)
            if choose and spec.name not in stored:
                field.choose_the_only_one(around)
    context.update(field.parsed)
