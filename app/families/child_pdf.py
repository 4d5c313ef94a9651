"""What the sheet of a child says on paper, to whom: a family, or staff; simple, or with his health (R-73)."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from app import clock
from app.families import vocabulary
from app.families.consents import Health, authorisation_states
from app.families.custody_calendars import CustodyCard, custody_of
from app.families.pickup import PickupCard, blocked_of, persons_of
from app.families.queries import ChildCard, GuardianCard, guardians_of
from app.families.rights import Action
from app.families.shots import vaccinations_of
from app.pdf.child_sheet import ChildSheet, Part
from app.policy import Actor
from app.town.queries import town_settings
from forms.french import phone_text


def sheet_of(
    session: Session,
    actor: Actor,
    child: ChildCard,
    household_id: uuid.UUID | None,
    health: Health | None = None,
) -> ChildSheet:
    """The sheet of a child who was loaded through policy, as this person may know him (``household_id``: hers, ``None``
    for staff). ``health`` was read by whoever may read it; ``None`` leaves it out."""
    town, staff = town_settings(session), child.authority is None
    parts = [_identity(child), _guardians(guardians_of(session, [child], household_id)[child.id])]
    if child.may(Action.PICKUP):
        parts.append(_persons(persons_of(session, [child.id])[child.id]))
    if child.may(Action.CUSTODY) and (custody := custody_of(session, child.id)) is not None:
        parts.append(_custody(custody))
    if child.may(Action.AUTHORISE):
        states = authorisation_states(session, child).values()
        lines = tuple(
            (state.label, "Oui" if state.valid else f"Non – {state.reason[:1].lower()}{state.reason[1:]}")
            for state in states
        )
        parts.append(Part("Autorisations", lines))
    if health is not None:
        parts.append(_health(session, child, health))
    blocked = blocked_of(session, [child.id])[child.id] if staff else []
    return ChildSheet(
        name=child.full_name,
        commune=town.name,
        service=town.service_name,
        made_at=clock.now(),
        made_for=actor.label,
        parts=parts,
        warning=tuple(f"{person.name} – {person.source}" for person in blocked),
        full=health is not None,
    )


def _identity(child: ChildCard) -> Part:
    lines = (
        ("Date de naissance", f"{child.birth_date:%d/%m/%Y}"),
        ("Sexe", vocabulary.SEXES.get(child.sex, "")),
        ("Établissement", child.school),
        ("Niveau", child.level),
    )
    return Part("L’enfant", _filled(lines))


def _guardians(guardians: list[GuardianCard]) -> Part:
    lines = []
    for guardian in guardians:
        contact = [
            phone_text(guardian.phone) if guardian.phone else "",
            guardian.email or "",
            *(guardian.address or ()),
        ]
        told = [f"{guardian.quality_label}, {guardian.authority_label.lower()}", *contact]
        lines.append((guardian.name, "\n".join(filter(None, told))))
    return Part("Ses responsables", tuple(lines), "Personne n’est responsable de cet enfant dans le portail.")


def _persons(persons: list[PickupCard]) -> Part:
    lines = []
    for person in persons:
        dates = [
            "" if person.in_force else f"à partir du {person.since:%d/%m/%Y}",
            f"jusqu’au {person.until:%d/%m/%Y}" if person.until else "",
        ]
        told = (person.relation_label, phone_text(person.phone) if person.phone else "", *dates)
        lines.append((person.name, ", ".join(filter(None, told))))
    return Part("Qui peut venir le chercher", tuple(lines), "Personne d’autre que ses responsables.")


def _custody(custody: CustodyCard) -> Part:
    lines = [("Rythme", custody.kind_label), ("Document", custody.source)]
    for span in custody.spans:
        days = f"Du {span.first:%d/%m/%Y} au {span.last:%d/%m/%Y}"
        lines.append((days, f"chez {span.home}" if span.home else "la décision ne le dit pas"))
    return Part("Garde", tuple(lines))


def _health(session: Session, child: ChildCard, health: Health) -> Part:
    shown = vaccinations_of(session, child.id, child.birth_date)
    doctor = ", ".join(
        filter(None, (health.doctor_name, phone_text(health.doctor_phone) if health.doctor_phone else ""))
    )
    lines = (
        ("Type de repas", health.diet_label),
        ("Allergies", ", ".join(health.allergy_labels) or "Aucune signalée"),
        ("Précisions", health.allergy_note),
        ("Recommandations pour les repas", health.meal_note),
        ("Projet d’accueil individualisé (PAI)", "Oui" if health.pai else "Non"),
        ("Médecin traitant", doctor),
        ("Vaccinations", shown.text or "Rien n’a encore été montré"),
        ("Obligatoires, et non montrées", ", ".join(shown.missing) or "Aucune"),
    )
    return Part("Repas et santé", _filled(lines))


def _filled(lines: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(line for line in lines if line[1])
