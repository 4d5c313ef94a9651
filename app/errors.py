"""The four ways an operation says no. The web turns each into one status and one page; nothing else does."""

from __future__ import annotations


class PortalError(Exception):
    """A refusal with a message in French, fit for the person who asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(PortalError):
    """404: it does not exist, or this person may not know that it does."""

    def __init__(self, message: str = "Cette page n’existe pas ou ne vous est pas destinée.") -> None:
        super().__init__(message)


class Forbidden(PortalError):
    """403: visible, but this action is not theirs."""

    def __init__(self, message: str = "Votre rôle ne permet pas cette action.") -> None:
        super().__init__(message)


class Conflict(PortalError):
    """409: the state no longer allows it (somebody else acted, or it was done already)."""


class Refused(PortalError):
    """422: a business rule says no; the person corrects and tries again, nothing typed is lost.

    ``field`` names the form field at fault, when there is one.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field
