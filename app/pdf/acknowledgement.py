"""The acknowledgement that every electronic filing gets (L112-11 CRPA), with the items of article R112-11-1 (R-01).

An acknowledgement that lacks one of them does not start the time limits (L112-6): it is refused here rather than sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from app.clock import in_paris
from app.pdf import render
from forms.french import date_text

_BASIS = (
    "Accusé de réception délivré en application des articles L. 112-11 et R. 112-11-1 du code des relations entre le "
    "public et l’administration. Conservez-le : il prouve votre dépôt."
)
_ATTESTATION = (
    "Vous pourrez alors demander au service indiqué ci-dessous une attestation de cette acceptation (article L. 232-3 "
    "du code des relations entre le public et l’administration)."
)


class Regime(StrEnum):
    """What silence means: acceptance, rejection, or nothing because no decision is awaited (R-02)."""

    SVA = "SVA"
    SVR = "SVR"
    NONE = "AUCUN"


class MissingItem(ValueError):
    """An item that the law wants is missing. ``item`` is the field's name."""

    def __init__(self, item: str) -> None:
        super().__init__(f"acknowledgement: {item} is missing")
        self.item = item


@dataclass(frozen=True)
class Service:
    """The service in charge. ``address`` is postal and may hold several lines."""

    name: str
    address: str
    email: str
    phone: str


@dataclass(frozen=True)
class Section:
    """A part of what was filed: a title (may be empty) and (label, value) lines, all text as shown on screen."""

    title: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Piece:
    """A piece that came with the filing: its type, and a detail such as the file's name and its pages."""

    label: str
    detail: str = ""


@dataclass(frozen=True)
class Acknowledgement:
    """Everything an acknowledgement says. ``received_at`` is aware and shown in Paris time.

    ``implicit_on`` is the date of the implicit decision, the file being complete: wanted for SVA and SVR.
    ``appeal_routes`` are paragraphs: wanted for SVR. ``recap`` is wanted; ``pieces`` may be empty, and it says so.
    """

    reference: str
    received_at: datetime
    procedure: str
    commune: str
    service: Service
    regime: Regime
    filed_by: str
    recap: tuple[Section, ...]
    pieces: tuple[Piece, ...] = ()
    implicit_on: date | None = None
    appeal_routes: tuple[str, ...] = ()


def acknowledgement_pdf(acknowledgement: Acknowledgement) -> bytes:
    """The acknowledgement as a tagged PDF. Raises MissingItem; ValueError for an instant without a zone."""
    check_complete(acknowledgement)
    it = acknowledgement
    received = in_paris(it.received_at)
    return render(
        "accuse-reception",
        {
            "title": f"Accusé de réception {it.reference}",
            "commune": it.commune,
            "reference": it.reference,
            "procedure": it.procedure,
            "receipt": [
                ["Référence", it.reference],
                ["Reçu le", f"{date_text(received.date())} à {received.hour} h {received.minute:02d}"],
                ["Démarche", it.procedure],
                ["Déposée par", it.filed_by],
                ["Commune", it.commune],
            ],
            "outcome": outcome_paragraphs(it),
            "appeal": list(it.appeal_routes) if it.regime is Regime.SVR else [],
            "service": [
                ["Service", it.service.name],
                ["Adresse", it.service.address],
                ["Courriel", it.service.email],
                ["Téléphone", it.service.phone],
            ],
            "recap": [
                {"title": section.title, "lines": [list(line) for line in section.lines]} for section in it.recap
            ],
            "pieces": [{"label": piece.label, "detail": piece.detail} for piece in it.pieces],
            "basis": _BASIS,
        },
        instant=received,
    )


def check_complete(acknowledgement: Acknowledgement) -> None:
    """Raise MissingItem for the first item that the law wants and that is blank. Also for use before filing."""
    it = acknowledgement
    wanted: dict[str, str] = {
        "reference": it.reference,
        "procedure": it.procedure,
        "commune": it.commune,
        "filed_by": it.filed_by,
        "service.name": it.service.name,
        "service.address": it.service.address,
        "service.email": it.service.email,
        "service.phone": it.service.phone,
        "recap": "".join(value for section in it.recap for line in section.lines for value in line),
    }
    if it.regime is not Regime.NONE:
        wanted["implicit_on"] = str(it.implicit_on or "")
    if it.regime is Regime.SVR:
        wanted["appeal_routes"] = "".join(it.appeal_routes)
    for item, value in wanted.items():
        if not value.strip():
            raise MissingItem(item)
    if it.received_at.utcoffset() is None:
        raise ValueError("acknowledgement: received_at has no time zone")


def outcome_paragraphs(acknowledgement: Acknowledgement) -> list[str]:
    """What happens next, in plain French: the regime, the date, and the attestation (SVA). For screen and mail too."""
    it = acknowledgement
    if it.regime is Regime.NONE or it.implicit_on is None:
        return [
            "Le service indiqué ci-dessous traite votre dossier et vous tient au courant.",
            "Cette démarche ne donne pas lieu à une décision implicite : le silence de la mairie ne vaut ni "
            "acceptation ni refus.",
        ]
    last = date_text(it.implicit_on)
    if it.regime is Regime.SVA:
        return [
            f"Si votre dossier est complet et que vous n’avez pas reçu de réponse le {last}, votre demande sera "
            "considérée comme acceptée : pour cette démarche, le silence de la mairie vaut acceptation.",
            _ATTESTATION,
        ]
    return [
        f"Si votre dossier est complet et que vous n’avez pas reçu de réponse le {last}, votre demande sera "
        "considérée comme refusée : pour cette démarche, le silence de la mairie vaut rejet.",
    ]
