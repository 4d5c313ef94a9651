"""How templates read ``thing.name``."""

from __future__ import annotations

from typing import Any

from flask.templating import Environment
from jinja2.runtime import TemplateReference

_METHODS = frozenset(dir(dict))


class PortalEnvironment(Environment):
    """Jinja's environment, which finds the key of a dictionary and the block of a page at once.

    Jinja tries an attribute first: for each key an exception is made and dropped, one twentieth of a page's time.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        kind = type(obj)
        if (kind is dict and attribute in obj and attribute not in _METHODS) or kind is TemplateReference:
            return self.getitem(obj, attribute)
        return super().getattr(obj, attribute)
