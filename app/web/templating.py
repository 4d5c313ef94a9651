"""How templates read ``thing.name`` and call their macros."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from flask.templating import Environment
from jinja2.runtime import Context, Macro, TemplateReference

_METHODS = frozenset(dir(dict))


class PortalContext(Context):
    """Jinja's context, which calls a macro and a plain function without asking them first what they want passed.

    Jinja asks each callable twice, by attribute: nearly two hundred times in the pages of a demande.
    """

    def call(self, called: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        kind = type(called)
        if kind is Macro:
            args = (self.eval_ctx, *args)
        elif kind is not FunctionType or hasattr(called, "jinja_pass_arg"):
            return super().call(called, *args, **kwargs)
        kwargs.pop("_block_vars", None)
        kwargs.pop("_loop_vars", None)
        return called(*args, **kwargs)


class PortalEnvironment(Environment):
    """Jinja's environment, which finds the key of a dictionary and the block of a page at once.

    Jinja tries an attribute first: for each key an exception is made and dropped, one twentieth of a page's time.
    """

    context_class = PortalContext

    def getattr(self, obj: Any, attribute: str) -> Any:
        kind = type(obj)
        if (kind is dict and attribute in obj and attribute not in _METHODS) or kind is TemplateReference:
            return self.getitem(obj, attribute)
        return super().getattr(obj, attribute)
