"""The door of Valbrise, these last days: who came, who did not, who left late, and one child whom nobody marked."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from itertools import count

from app import clock
from app.agenda.attendance_marks import Mark, mark_all
from app.agenda.attendance_sheets import Sheet, sheet, sheets_of
from app.agenda.states import ABSENT
from app.db import Database
from app.policy import Actor

ABSENT_EVERY, LATE_EVERY = 9, 7
"""One child in so many does not come, or leaves late."""


class Door:
    """Marks the days that have passed since it last did, as the clock of the demonstration goes on."""

    def __init__(self, database: Database, agent: Actor, first: date) -> None:
        self.database, self.agent, self.first = database, agent, first
        self.turn = count(1)

    def mark_until_yesterday(self, *, finished: bool = True) -> None:
        """``finished``: every child of every sheet; else the last one of the last day is forgotten."""
        days = [self.first + timedelta(days=n) for n in range((clock.today() - self.first).days)]
        self.first = clock.today()
        with self.database.transaction() as session:
            sheets = [
                sheet(session, self.agent, card.activity.id, day)
                for day in days
                for card in sheets_of(session, self.agent, day)
            ]
            held = [each for each in sheets if each.lines]
            last = max((each.day for each in held), default=None)
            for each in held:
                mark_all(session, self.agent, self._marks(each, all_of_them=finished or each.day != last))

    def _marks(self, found: Sheet, *, all_of_them: bool) -> list[Mark]:
        card = found.activity.card
        marks = []
        for line in found.lines if all_of_them else found.lines[:-1]:
            turn = next(self.turn)
            announced = line.state in (*ABSENT, "cancel_requested")
            kind = "absent" if announced or turn % ABSENT_EVERY == 0 else "present"
            left_at = ""
            if kind == "present" and found.collects and turn % LATE_EVERY == 0:
                kind, left_at = "left", f"{card.ends_at[:3]}{int(card.ends_at[3:]) + 12:02d}"
            marks.append(Mark(uuid.uuid4(), card.id, found.day, line.child_id, kind, line.token, left_at))
        if found.others and found.day.isoweekday() == 4:
            child_id, _ = found.others[0]
            marks.append(Mark(uuid.uuid4(), card.id, found.day, child_id, "unbooked"))
        return marks
