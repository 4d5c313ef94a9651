"""The vaccinations that were shown of a child, and those that are missing (F3). Rows are replaced together."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock, journal
from app.db import new_id
from app.errors import Refused
from app.families.loading import load_child_row
from app.families.models import ChildVaccination
from app.families.vaccinations import missing, rules
from app.policy import Actor, Permission, require

MOST = 60
"""Doses: twelve valences, some of them given four or five times."""


@dataclass(frozen=True)
class Dose:
    """A dose of a valence (``vaccinations.rules().labels``), and its day."""

    valence: str
    given_on: date


@dataclass(frozen=True)
class Vaccinations:
    """What was shown: the doses, or a certificate of the doctor which covers everything; ``missing`` are French names
    of compulsory valences of which nothing was shown (birth date: ``vaccinations.compulsory``)."""

    doses: tuple[Dose, ...]
    certificate: bool
    missing: tuple[str, ...]

    @property
    def text(self) -> str:
        """In one line, as the agent and the family read it."""
        if self.certificate:
            return "Certificat du médecin fourni"
        labels = rules().labels
        return ", ".join(f"{labels[dose.valence]} le {dose.given_on:%d/%m/%Y}" for dose in self.doses)


def checked_doses(doses: Sequence[Dose], born: date) -> tuple[Dose, ...]:
    """The doses in order, each once. Raises Refused (``vaccins``): unknown valence, before birth, to come, too many."""
    labels = rules().labels
    if len(doses) > MOST:
        raise Refused(f"Indiquez {MOST} vaccinations au plus.", "vaccins")
    for dose in doses:
        if dose.valence not in labels:
            raise Refused("Choisissez un des vaccins proposés.", "vaccins")
        if not born <= dose.given_on <= clock.today():
            raise Refused(
                f"{labels[dose.valence]}\u00a0: la date est entre la naissance de l’enfant et aujourd’hui.", "vaccins"
            )
    rank = list(labels)
    return tuple(sorted(set(doses), key=lambda dose: (rank.index(dose.valence), dose.given_on)))


def note_vaccinations(
    session: Session,
    actor: Actor,
    child_id: uuid.UUID,
    doses: Sequence[Dose] = (),
    *,
    certificate: uuid.UUID | None = None,
    case_id: uuid.UUID | None = None,
) -> None:
    """Replaces what was shown: by these doses, or by the ``certificate`` (a document). The journal names no vaccine.

    Raises Forbidden, NotFound, Refused (``vaccins``).
    """
    require(actor, Permission.FAMILY_WRITE)
    child = load_child_row(session, actor, child_id, lock=True)
    kept = () if certificate is not None else checked_doses(doses, child.birth_date)
    now = clock.now()
    session.execute(
        update(ChildVaccination)
        .where(ChildVaccination.child_id == child.id, ChildVaccination.superseded_at.is_(None))
        .values(superseded_at=now)
    )
    shown: list[tuple[str, date | None]] = [(dose.valence, dose.given_on) for dose in kept]
    for valence, day in [("", None)] if certificate is not None else shown:
        session.add(
            ChildVaccination(
                id=new_id(),
                child_id=child.id,
                valence=valence,
                given_on=day,
                document_id=certificate,
                case_id=case_id,
                declared_at=now,
            )
        )
    session.flush()
    journal.record(session, actor, "child.vaccinations_changed", "child", child.id)


def vaccinations_of(session: Session, child_id: uuid.UUID, born: date) -> Vaccinations:
    """What was shown of a child, for whoever may read his health. One statement."""
    rows = session.scalars(
        select(ChildVaccination).where(ChildVaccination.child_id == child_id, ChildVaccination.superseded_at.is_(None))
    ).all()
    doses = [Dose(row.valence, row.given_on) for row in rows if row.valence and row.given_on]
    return vaccinations(doses, born, certificate=any(not row.valence for row in rows))


def vaccinations(doses: Sequence[Dose], born: date, *, certificate: bool = False) -> Vaccinations:
    """The same of doses that are not written yet."""
    rank, labels = list(rules().labels), rules().labels
    ordered = sorted(doses, key=lambda dose: (rank.index(dose.valence), dose.given_on))
    lacking = () if certificate else missing(born, {dose.valence for dose in ordered})
    return Vaccinations(tuple(ordered), certificate, tuple(labels[valence] for valence in lacking))
