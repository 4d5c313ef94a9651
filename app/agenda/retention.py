"""What a demande declared does not outlive it."""

from __future__ import annotations

import uuid

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.agenda.models import Absence, AbsenceSlot


def forget_absence(session: Session, case_id: uuid.UUID) -> None:
    """Removes what a demande declared: the demande is being erased."""
    of_case = select(Absence.id).where(Absence.case_id == case_id)
    session.execute(delete(AbsenceSlot).where(AbsenceSlot.absence_id.in_(of_case)))
    session.execute(delete(Absence).where(Absence.case_id == case_id))
