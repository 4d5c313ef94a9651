"""Demandes about enrolments that wait at each step in Valbrise: asked, examined, to be completed, accepted, refused."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Protocol

from sqlalchemy import func, select

from app import clock
from app.agenda.activities import agendas, read_regulated
from app.agenda.calendars import Calendar
from app.agenda.judging import limit_of
from app.agenda.models import Booking
from app.agenda.patterns import WeekPattern
from app.db import Database, Json
from app.demo.families import Made
from app.families.models import Child
from app.families.schooling_tasks import autumn_of, level_of
from app.families.weeks import Weeks


class Teller(Protocol):
    """What tells the story of Valbrise: ``build._Story``."""

    database: Database
    made: Made
    schools: Mapping[str, uuid.UUID]

    def file(self, persona: str, slug: str, values: Mapping[str, Json]) -> uuid.UUID: ...
    def draft(self, persona: str, slug: str, values: Mapping[str, Json]) -> uuid.UUID: ...
    def send_next(self, case_id: uuid.UUID, persona: str, values: Mapping[str, Json]) -> None: ...
    def take_charge(self, case_id: uuid.UUID | None) -> None: ...
    def decide(self, case_id: uuid.UUID | None, values: Mapping[str, Json]) -> None: ...


TERM, HOLIDAYS, CANCEL = "inscription-periscolaire", "inscription-vacances", "annulation-reservation"
SCHOOL = "inscription-scolaire"
TOWN_ZONE = "B"


class Enrolments:
    """The demandes of one story, told on its clock."""

    def __init__(self, story: Teller) -> None:
        self.story = story

    def some_days_ago(self) -> None:
        """Accepted without an agent, begun and left there, or sent back with a question."""
        self._ask("Éric Rousseau", "Tom", "MATIN", ["1", "4"])
        self.story.file("marc-fontaine", TERM, {"enfants": [self._child("Léna")], "activite": "ETUDE"})
        self.story.decide(
            self._ask("marta-da-silva", "Ava", "MERC_MR"),
            {
                "decision": "completer",
                "decision_raison": "Ava vient-elle chaque mercredi\u00a0? Précisez les semaines.",
                "decision_champs": ["rythme"],
            },
        )

    def yesterday(self) -> None:
        """Waiting, in hand, drafts."""
        story = self.story
        self._ask("julie-fontaine", "Hugo", "MERC_MR", weeks="paires")
        story.take_charge(self._ask("linh-nguyen", "Maël", "MERC_MR"))
        story.draft("aurelie-perrin", TERM, {"enfants": [self._child("Noé")]})
        self._holidays()
        self._cancellations()
        self._schools()

    def _schools(self) -> None:
        """The school of the sector, or another one: asked, in hand, to be completed; a certificate for an employer."""
        story = self.story

        def ask(persona: str, child: str, **more: Json) -> uuid.UUID | None:
            if not self._schoolable(child):
                return None
            case_id = story.file(persona, SCHOOL, {"enfant": self._child(child)})
            told: dict[str, Json] = {"quand": "en_cours", "demande": "secteur", "honneur": True}
            story.send_next(case_id, persona, told | more)
            return case_id

        other = {"demande": "derogation", "ecole": str(story.schools["EE"]), "raison_type": "travail"}
        ask("aurelie-perrin", "Noé")
        story.take_charge(ask("Éric Rousseau", "Tom", **other, raison="Je travaille à côté de cette école."))
        story.decide(
            ask("julie-fontaine", "Léna", **other, raison="Nous déménageons."),
            {
                "decision": "completer",
                "decision_raison": "À quelle date déménagez-vous\u00a0? Précisez-le.",
                "decision_champs": ["raison"],
            },
        )
        story.draft("marta-da-silva", SCHOOL, {"enfant": self._child("Paul")})
        story.file("linh-nguyen", SCHOOL, {"enfant": self._child("Maël")})
        certified: dict[str, Json] = {"enfant": self._child("Hugo")}
        story.file("marc-fontaine", "attestation-inscription", certified)
        story.draft("linh-nguyen", "attestation-inscription", {"enfant": self._child("Maël")})

    def _holidays(self) -> None:
        """The next holidays that may still be asked for; in the middle of a summer there are none."""
        story, found = self.story, self._next_holidays()
        if found is None:
            return
        chosen, days = found

        def ask(persona: str, child: str, last: int) -> uuid.UUID:
            case_id = story.file(persona, HOLIDAYS, {"enfants": [self._child(child)], "activite": chosen})
            story.send_next(case_id, persona, {"dates": days[:last], "reglement": True})
            return case_id

        ask("julie-fontaine", "Léna", 5)
        story.take_charge(ask("linh-nguyen", "Maël", 3))
        story.decide(
            ask("marta-da-silva", "Ava", 2),
            {
                "decision": "completer",
                "decision_raison": "Le certificat de vaccination est illisible\u00a0: envoyez-le de nouveau.",
                "decision_champs": ["piece_vaccins"],
            },
        )
        story.draft("aurelie-perrin", HOLIDAYS, {"enfants": [self._child("Noé")]})
        story.file("Éric Rousseau", HOLIDAYS, {"enfants": [self._child("Tom")], "activite": chosen})

    def _schoolable(self, child: str) -> bool:
        """Whether he has the age of school this year: the demonstration is built at any date."""
        with self.story.database.transaction(read_only=True) as session:
            born = session.get_one(Child, self.story.made.children[child]).birth_date
        return bool(level_of(born, autumn_of("en_cours", clock.today())))

    def _next_holidays(self) -> tuple[str, list[str]] | None:
        with self.story.database.transaction(read_only=True) as session:
            activity = next(each for each in read_regulated(session) if each.card.code == "VAC_J")
            for span in activity.regulation.openings:
                if span.last is None or span.last < clock.today():
                    continue
                agenda = agendas(session, [activity], span.first, span.last)[activity.id]
                limit = limit_of(agenda, span.first, "book")
                if limit is not None and clock.now() + timedelta(days=1) < limit:
                    days = agenda.rhythm.open_days(span.first, span.last, agenda.calendar)
                    return f"VAC_J:{span.first}", [day.isoformat() for day in days]
        return None

    def _cancellations(self) -> None:
        """The nearest lunch of two children, too late to be free of charge: one waits, the other is in hand."""
        for persona, child, taken in (("Anne Rousseau", "Tom", False), ("Isabelle Roche", "Nour", True)):
            day = self._next_lunch(child)
            if day is not None:
                chosen = {"enfant": self._child(child), "reservations": [f"CANT:{day}"]}
                case_id = self.story.file(persona, CANCEL, chosen)
                if taken:
                    self.story.take_charge(case_id)
        self.story.draft("julie-fontaine", CANCEL, {"enfant": self._child("Hugo")})

    def _next_lunch(self, child: str) -> date | None:
        """The next lunch that is booked, when its limit has passed."""
        with self.story.database.transaction(read_only=True) as session:
            activity = next(each for each in read_regulated(session) if each.card.code == "CANT")
            day = session.scalar(
                select(func.min(Booking.day)).where(
                    Booking.child_id == self.story.made.children[child],
                    Booking.activity_id == activity.id,
                    Booking.state == "booked",
                    Booking.day > clock.today() + timedelta(days=1),
                )
            )
            if day is None:
                return None
            limit = limit_of(agendas(session, [activity], day, day)[activity.id], day, "cancel")
            return day if limit is not None and limit <= clock.now() else None

    def _child(self, name: str) -> str:
        return str(self.story.made.children[name])

    def _ask(
        self, persona: str, child: str, code: str, days: list[str] | None = None, weeks: str = "toutes"
    ) -> uuid.UUID:
        case_id = self.story.file(persona, TERM, {"enfants": [self._child(child)], "activite": code})
        first = clock.today() + timedelta(days=21)
        last, term = first + timedelta(days=60), Calendar(TOWN_ZONE)
        named = WeekPattern(frozenset({3}), Weeks("even")).days(first, last)
        held = any(term.is_term_day(day) for day in named)  # none in the middle of a summer
        answers: dict[str, Json] = {"periode_debut": first.isoformat(), "periode_fin": last.isoformat()}
        answers |= {"rythme": weeks if held else "aucune", "reglement": True}
        self.story.send_next(case_id, persona, answers | ({"jours": days} if days and held else {}))
        return case_id
