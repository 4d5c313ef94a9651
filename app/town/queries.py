"""Reads of the commune. Both lists are kept in the process: a page that shows them costs no SQL statement."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, fields

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.kept import Kept
from app.town.models import Commune, Structure, TownLogo
from app.town.settings import TownSettings

STRUCTURE_KINDS: dict[str, str] = {
    "ecole": "École",
    "restauration": "Restauration scolaire",
    "alsh": "Accueil de loisirs",
    "eaje": "Crèche ou multi-accueil",
    "jeunes": "Accueil jeunes",
    "service": "Service de la mairie",
}
SCHOOL_LEVELS = ("TPS", "PS", "MS", "GS", "CP", "CE1", "CE2", "CM1", "CM2", "ULIS")


@dataclass(frozen=True)
class StructureView:
    """A structure as screens and forms read it; see ``models.Structure``."""

    id: uuid.UUID
    code: str
    name: str
    kind: str
    levels: tuple[str, ...]
    capacity: int | None
    address: str
    phone: str
    email: str
    opening_hours: str
    open: bool

    @property
    def kind_label(self) -> str:
        return STRUCTURE_KINDS.get(self.kind, self.kind)


def _read_settings(session: Session) -> TownSettings:
    columns = [getattr(Commune, field.name) for field in fields(TownSettings)]
    row = session.execute(select(*columns)).one_or_none()
    return TownSettings(**row._mapping) if row is not None else TownSettings()


def _read_structures(session: Session) -> tuple[StructureView, ...]:
    columns = [getattr(Structure, field.name) for field in fields(StructureView)]
    rows = session.execute(select(*columns).order_by(Structure.sort_key)).all()
    return tuple(StructureView(**{**row._mapping, "levels": tuple(row.levels)}) for row in rows)


_settings = Kept(_read_settings)
_structures = Kept(_read_structures)


def forget_all() -> None:
    """Makes the next read go to the database. Called after a change is committed."""
    _settings.forget()
    _structures.forget()


def town_settings(session: Session) -> TownSettings:
    """The settings of the commune; the defaults of ``TownSettings`` before anybody set them."""
    return _settings.get(session)


def structures(session: Session, *, kind: str | None = None, open_only: bool = False) -> list[StructureView]:
    """Every structure in French order, or those of one kind, or those that still receive children."""
    return [s for s in _structures.get(session) if (kind is None or s.kind == kind) and (s.open or not open_only)]


def structure(session: Session, structure_id: uuid.UUID) -> StructureView:
    """One structure. Raises NotFound."""
    for found in _structures.get(session):
        if found.id == structure_id:
            return found
    raise NotFound("Cette structure n’existe pas ou n’existe plus.")


def structure_names(session: Session) -> dict[uuid.UUID, str]:
    """The name of each structure, closed ones included: history shows them."""
    return {found.id: found.name for found in _structures.get(session)}


def logo(session: Session) -> tuple[str, bytes] | None:
    """Digest and PNG bytes of the logo, or ``None``."""
    row = session.execute(select(TownLogo.digest, TownLogo.content)).one_or_none()
    return (row.digest, row.content) if row is not None else None
