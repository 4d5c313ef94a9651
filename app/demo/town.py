"""Valbrise itself: settings, structures, activities, roles, agents (domain.md, part C). All invented."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from sqlalchemy.orm import Session

from app import clock
from app.accounts.administration import grant_role, seed_roles
from app.accounts.models import Account
from app.accounts.operations import open_account
from app.agenda.operations import save_activity
from app.documents.piece_types import install_piece_types
from app.policy import SYSTEM
from app.town.operations import change_settings, create_structure

STREET = "1 place de la Mairie\n99870 Valbrise"

STRUCTURES: tuple[tuple[str, str, str, list[str], int | None, str, str], ...] = (
    ("EM", "École maternelle Les Tilleuls", "ecole", ["PS", "MS", "GS"], 78, "2 rue des Tilleuls", "01 99 00 12 31"),
    (
        "EE",
        "École élémentaire Les Marronniers",
        "ecole",
        ["CP", "CE1", "CE2", "CM1", "CM2"],
        142,
        "5 allée des Marronniers",
        "01 99 00 12 32",
    ),
    ("RS", "Restaurant scolaire", "restauration", [], 170, "7 allée des Marronniers", "01 99 00 12 33"),
    ("AL", "Accueil de loisirs La Clairière", "alsh", [], None, "3 chemin de la Clairière", "01 99 00 12 34"),
    ("MA", "Multi-accueil Les Petits Pas", "eaje", [], 25, "8 rue du Lavoir", "01 99 00 12 35"),
    ("EJ", "Espace jeunes Le Phare", "jeunes", [], 24, "12 rue du Stade", "01 99 00 12 36"),
)

ACTIVITIES = (
    ("MATIN", "Accueil du matin", "AL", (1, 2, 4, 5), "07:30", "08:35"),
    ("CANT", "Restauration scolaire", "RS", (1, 2, 4, 5), "11:45", "13:35"),
    ("SOIR1", "Accueil du soir, avec goûter", "AL", (1, 2, 4, 5), "16:30", "17:30"),
    ("ETUDE", "Étude surveillée", "EE", (1, 2, 4, 5), "16:45", "17:45"),
    ("SOIR2", "Accueil du soir, fin de journée", "AL", (1, 2, 4, 5), "17:30", "18:30"),
    ("MERC_J", "Mercredi, journée", "AL", (3,), "07:30", "18:30"),
    ("MERC_MR", "Mercredi, matin et repas", "AL", (3,), "07:30", "13:30"),
    ("VAC_J", "Vacances, journée", "AL", (1, 2, 3, 4, 5), "07:30", "18:30"),
)

#: persona, civility, first name, last name, function, role, structure (or everywhere)
AGENTS = (
    ("gestionnaire", "Madame", "Claire", "Vasseur", "Gestionnaire enfance", "gestionnaire", None),
    ("gestionnaire-2", "Monsieur", "Karim", "Belkacem", "Gestionnaire enfance", "gestionnaire", None),
    ("directrice", "Madame", "Sophie", "Lemaire", "Directrice de La Clairière", "direction", "AL"),
    ("restauration", "Monsieur", "Yves", "Caron", "Agent de restauration", "restauration", "RS"),
    ("regisseur", "Madame", "Nadia", "Ferrand", "Régisseuse", "regie", None),
    ("comptable", "Monsieur", "Paul", "Renard", "Comptable", "comptabilite", None),
    ("dpo", "Madame", "Hélène", "Marchand", "Déléguée à la protection des données", "dpo", None),
    ("administrateur", "Monsieur", "Thomas", "Girard", "Administrateur du portail", "administrateur", None),
)

SETTINGS = {
    "name": "Valbrise",
    "insee_code": "99870",
    "postal_code": "99870",
    "siret": "21990870400014",
    "address": STREET,
    "phone": "01 99 00 12 30",
    "email": "enfance@valbrise.example.org",
    "opening_hours": "Du lundi au vendredi, de 8 h 30 à 12 h et de 13 h 30 à 17 h 30",
    "service_name": "Service enfance de Valbrise",
    "zone": "B",
    "holidays": "metropole",
    "publication_director": "La maire de Valbrise",
    "host": "Commune de Valbrise, 1 place de la Mairie, 99870 Valbrise",
    "dpo_name": "Hélène Marchand",
    "dpo_email": "dpo@valbrise.example.org",
    "welcome": "Cantine, accueil du matin et du soir, école : faites vos démarches en quelques minutes et suivez-les.",
}


def build_town(session: Session) -> Mapping[str, uuid.UUID]:
    """Settings, structures, activities, piece types and roles. Returns the ids of the structures by code."""
    change_settings(session, SYSTEM, SETTINGS)
    places: dict[str, uuid.UUID] = {}
    for code, name, kind, levels, capacity, street, phone in STRUCTURES:
        made = create_structure(
            session,
            SYSTEM,
            code=code,
            name=name,
            kind=kind,
            levels=levels,
            capacity=capacity,
            address=f"{street}\n99870 Valbrise",
            phone=phone,
            email=f"{code.lower()}@valbrise.example.org",
            opening_hours="Du lundi au vendredi, de 7 h 30 à 18 h 30",
        )
        session.flush()
        places[code] = made.id
    seed_roles(session, SYSTEM)
    install_piece_types(session, SYSTEM)
    session.flush()
    return places


def build_activities(session: Session, places: Mapping[str, uuid.UUID]) -> None:
    """The services of the day, which an absence names."""
    for rank, (code, label, place, weekdays, starts_at, ends_at) in enumerate(ACTIVITIES):
        save_activity(
            session,
            SYSTEM,
            code=code,
            label=label,
            structure_id=places[place],
            weekdays=weekdays,
            starts_at=starts_at,
            ends_at=ends_at,
            rank=rank,
        )


def build_agents(session: Session, places: Mapping[str, uuid.UUID]) -> Mapping[str, Account]:
    """The agents, by persona: whom « se connecter comme… » offers to be."""
    agents: dict[str, Account] = {}
    for persona, civility, first_name, last_name, capacity, role, place in AGENTS:
        account = open_account(
            session,
            SYSTEM,
            email=f"{persona}@valbrise.example.org",
            first_name=first_name,
            last_name=last_name,
            civility=civility,
            kind="agent",
            capacity=capacity,
        )
        account.persona = persona
        account.last_sign_in_at = clock.now()
        session.flush()
        grant_role(session, SYSTEM, account.id, role, places[place] if place else None)
        agents[persona] = account
    return agents
