"""The settings of the commune as everybody reads them, and the rules that need nothing else (R-90)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from app import clock

SignupVariant = Literal["activation", "validation", "invitation"]
AccessibilityStatus = Literal["non conforme", "partiellement conforme", "totalement conforme"]

SIGNUP_VARIANTS: dict[str, str] = {
    "activation": "La famille s’inscrit et active son compte par courriel",
    "validation": "La famille s’inscrit, le service valide, puis la famille reçoit son lien",
    "invitation": "Seuls les agents ouvrent les comptes, sur invitation",
}
ZONES = ("A", "B", "C")

# An audit binds for three years, then the declaration has to be made again (décret 2019-768).
AUDIT_VALID_YEARS = 3


@dataclass(frozen=True)
class TownSettings:
    """What an administrator of the commune sets. Field for field the row ``models.Commune``.

    Texts may be empty; ``accessibility_rate`` is a percentage (0 to 100); colours are ``#rrggbb`` or empty for the
    product's own; ``max_upload_mb`` is in megabytes, ``idle_minutes_…`` in minutes.
    Nobody younger than ``pickup_minimum_age`` may come for a child (R-24). ``tell_other_holder``: what one parent
    changes about a child is told to the other (R-22).
    """

    name: str = "Ma commune"
    insee_code: str = ""
    postal_code: str = ""
    siret: str = ""
    department: str = ""
    address: str = ""
    phone: str = ""
    email: str = ""
    website: str = ""
    opening_hours: str = ""
    service_name: str = "Service enfance et jeunesse"
    welcome: str = ""
    primary_colour: str = ""
    accent_colour: str = ""
    logo_digest: str | None = None
    zone: str = "B"
    holidays: str = "metropole"
    publication_director: str = ""
    host: str = ""
    legal_notice: str = ""
    terms_of_use: str = ""
    privacy_notice: str = ""
    dpo_name: str = ""
    dpo_email: str = ""
    dpo_phone: str = ""
    dpo_address: str = ""
    accessibility_audit_date: date | None = None
    accessibility_rate: float | None = None
    accessibility_auditor: str = ""
    accessibility_declared_on: date | None = None
    accessibility_failures: str = ""
    accessibility_derogations: str = ""
    accessibility_exemptions: str = ""
    accessibility_scheme_url: str = ""
    accessibility_plan_url: str = ""
    accessibility_contact: str = ""
    signup_variant: str = "activation"
    email_change_allowed: bool = True
    max_upload_mb: int = 10
    idle_minutes_family: int = 60
    idle_minutes_agent: int = 60
    pickup_minimum_age: int = 18
    tell_other_holder: bool = True

    @property
    def logo_url(self) -> str | None:
        """Where the logo is served; the address changes with the picture."""
        return f"/logo/{self.logo_digest}.png" if self.logo_digest else None

    @property
    def accessibility_status(self) -> AccessibilityStatus:
        """The status of today, which every page shows (R-90)."""
        return accessibility_status(self, clock.today())


def audit_expires_on(audited_on: date) -> date:
    """The first day on which an audit made ``audited_on`` no longer counts."""
    try:
        return audited_on.replace(year=audited_on.year + AUDIT_VALID_YEARS)
    except ValueError:  # 29 February
        return date(audited_on.year + AUDIT_VALID_YEARS, 3, 1)


def accessibility_status(settings: TownSettings, today: date) -> AccessibilityStatus:
    """The status that every page shows (R-90, RGAA 4.1).

    *non conforme* until an audit date and a rate are entered, below 50 %, or once the audit is three years old.
    """
    audited_on, rate = settings.accessibility_audit_date, settings.accessibility_rate
    if audited_on is None or rate is None or audited_on > today:
        return "non conforme"
    if today >= audit_expires_on(audited_on) or rate < 50:
        return "non conforme"
    return "totalement conforme" if rate >= 100 else "partiellement conforme"
