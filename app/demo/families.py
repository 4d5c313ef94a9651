"""The twelve families of Valbrise: each is there to exercise a rule (domain.md, part C). All invented."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from app import clock
from app.accounts.models import Account
from app.accounts.operations import open_account
from app.families.child_operations import add_child, join_household, link_adult, receive_child
from app.families.consents import Health, authorise, set_health
from app.families.custody_calendars import Rhythm, set_custody
from app.families.models import Household
from app.families.operations import add_adult, create_household, invite
from app.families.pickup import Named, block_person, name_person
from app.policy import SYSTEM


@dataclass(frozen=True)
class Kid:
    """A child: first name, birth, school code and level, health when it matters."""

    first_name: str
    born: str
    school: str = ""
    level: str = ""
    health: Health | None = None


@dataclass(frozen=True)
class Parent:
    """An adult: civility, names, quality, authority; ``persona`` when the sign-in page offers to be her."""

    civility: str
    first_name: str
    last_name: str
    quality: str
    authority: str = "joint"
    persona: str = ""
    source: str = ""
    account: bool = True


@dataclass(frozen=True)
class Family:
    """A household: its label, its adults, its children, the quotient familial and the rest of its sheet."""

    code: str
    label: str
    street: str
    parents: tuple[Parent, ...]
    kids: tuple[Kid, ...]
    qf: int | None = None
    caisse: str = "caf"
    situation: str = ""
    city: str = "Valbrise"
    postal_code: str = "99870"
    desk_only: bool = False


def mrs(first: str, last: str, **more: str | bool) -> Parent:
    return Parent("Madame", first, last, "mere", **more)  # type: ignore[arg-type]  # keywords of the dataclass


def mr(first: str, last: str, **more: str | bool) -> Parent:
    return Parent("Monsieur", first, last, "pere", **more)  # type: ignore[arg-type]  # same


JUDGMENT = "Jugement du 14 mars 2025, tribunal judiciaire de Valbrise"

FAMILIES = (
    Family(
        "F01",
        "Fontaine",
        "14 rue des Lilas",
        (mrs("Julie", "Fontaine", persona="julie-fontaine"), mr("Marc", "Fontaine", persona="marc-fontaine")),
        (Kid("Léna", "2019-05-12", "EE", "CE1"), Kid("Hugo", "2021-11-03", "EM", "MS")),
        qf=640,
        situation="marie",
    ),
    Family("F02", "Moreau", "3 impasse du Puits", (mrs("Camille", "Moreau", persona="camille-moreau"),), (), qf=847),
    Family(
        "F02B",
        "Lefort",
        "22 avenue de la Gare",
        (mr("Antoine", "Lefort", persona="antoine-lefort"),),
        (Kid("Inès", "2018-03-21", "EE", "CE2"),),
        qf=1625,
        situation="separe",
    ),
    Family(
        "F03",
        "Perrin",
        "9 rue du Moulin",
        (mrs("Aurélie", "Perrin", authority="sole", source=JUDGMENT, persona="aurelie-perrin"),),
        (Kid("Noé", "2020-01-01", "EE", "CP"),),
        qf=320,
        situation="divorce",
    ),
    Family(
        "F04",
        "Garnier",
        "17 rue Haute",
        (mrs("Lucie", "Garnier", authority="sole", source=JUDGMENT),),
        (Kid("Zoé", "2020-01-02", "EE", "CP"),),
        qf=1045,
    ),
    Family(
        "F05",
        "Rousseau",
        "4 route de Valbrise",
        (mr("Éric", "Rousseau"), mrs("Anne", "Rousseau")),
        (Kid("Tom", "2017-09-09", "EE", "CM1"),),
        qf=980,
        city="Montclair",
        postal_code="99871",
    ),
    Family(
        "F06",
        "Nguyen",
        "31 rue des Écoles",
        (mrs("Linh", "Nguyen", persona="linh-nguyen"), mr("David", "Nguyen")),
        (
            Kid(
                "Maël",
                "2022-02-14",
                "EM",
                "PS",
                Health("panier", ("arachides",), "Trousse d’urgence à l’école.", "Panier-repas fourni.", True),
            ),
        ),
        qf=1310,
    ),
    Family(
        "F07",
        "Blanchard",
        "2 place du Marché",
        (mr("Julien", "Blanchard"),),
        (Kid("Sacha", "2016-12-30", "EE", "CM2"),),
    ),
    Family(
        "F08",
        "Da Silva",
        "8 chemin des Vignes",
        (mrs("Marta", "Da Silva", persona="marta-da-silva"), mr("João", "Da Silva")),
        (Kid("Lou", "2015-08-01"), Kid("Ava", "2018-10-10", "EE", "CE2"), Kid("Paul", "2023-07-15", "MA", "")),
        qf=410,
        caisse="msa",
    ),
    Family(
        "F09",
        "Mercier",
        "5 rue du Four",
        (mrs("Élodie", "Mercier"),),
        (Kid("Jade", "2019-01-19", "EE", "CE1"),),
        qf=1720,
    ),
    Family(
        "F10",
        "Chevalier",
        "26 rue Basse",
        (mr("Olivier", "Chevalier"),),
        (Kid("Eliott", "2020-06-06", "EE", "CP"),),
        qf=1130,
    ),
    Family(
        "F11",
        "Service départemental",
        "1 rue du Département",
        (
            Parent(
                "Madame",
                "Isabelle",
                "Roche",
                "ase",
                authority="guardian",
                source="Décision de placement du 2 juin 2025",
            ),
        ),
        (Kid("Nour", "2017-04-04", "EE", "CM1"),),
    ),
    Family(
        "F12",
        "Haddad",
        "11 rue Neuve",
        (mr("Samir", "Haddad", account=False),),
        (Kid("Adam", "2018-02-02", "EE", "CE2"),),
        qf=150,
        desk_only=True,
    ),
)

#: Not activated yet: two invitations that wait (domain.md, seeded situations).
INVITED = ("F09", "F10")


@dataclass(frozen=True)
class Made:
    """What building gives back: accounts by persona (or full name), children by first name, households by code."""

    accounts: Mapping[str, Account]
    children: Mapping[str, uuid.UUID]
    households: Mapping[str, uuid.UUID]
    adults: Mapping[str, uuid.UUID]


def _email(parent: Parent) -> str:
    from app.db import fold

    return f"{fold(parent.first_name)}.{fold(parent.last_name).replace(' ', '-')}@example.org"


def build_families(session: Session, places: Mapping[str, uuid.UUID]) -> Made:
    """Every household with its adults, children, links, health and authorisations."""
    accounts: dict[str, Account] = {}
    children: dict[str, uuid.UUID] = {}
    households: dict[str, uuid.UUID] = {}
    adults: dict[str, uuid.UUID] = {}
    for number, family in enumerate(FAMILIES):
        household = _household(session, family)
        households[family.code] = household.id
        for rank, parent in enumerate(family.parents):
            account = _account(session, family, parent)
            adult = add_adult(
                session,
                SYSTEM,
                household.id,
                first_name=parent.first_name,
                last_name=parent.last_name,
                account_id=account.id if account else None,
                civility=parent.civility,
                quality=parent.quality,
                email=_email(parent),
                mobile=f"06 39 98 {number:02d} {rank:02d}",
            )
            session.flush()
            adults[f"{parent.first_name} {parent.last_name}"] = adult.id
            if account is not None:
                accounts[parent.persona or f"{parent.first_name} {parent.last_name}"] = account
        for kid in family.kids:
            children[kid.first_name] = _child(session, family, kid, household.id, places, adults)
        if family.code in INVITED:
            invite(session, SYSTEM, adults[f"{family.parents[0].first_name} {family.parents[0].last_name}"])
    _two_homes(session, children, households, adults)
    _around(session, children, households, adults)
    # the photo consent of one holder only: not valid until the other agrees
    authorise(session, SYSTEM, children["Léna"], adults["Julie Fontaine"], {"image": True, "hospitalisation": True})
    return Made(accounts, children, households, adults)


def _around(
    session: Session,
    children: Mapping[str, uuid.UUID],
    households: Mapping[str, uuid.UUID],
    adults: Mapping[str, uuid.UUID],
) -> None:
    """Whose week it is for Inès, as her judgment words it; who may come for her, for Léna, for Hugo, and who must not
    come for Noé."""
    rhythm = Rhythm("parity", first=households["F02"], changes_on=1)
    since = school_year(clock.today())
    set_custody(session, SYSTEM, children["Inès"], rhythm, source=JUDGMENT, since=since)
    granny = Named("Odette", "Fontaine", "06 39 98 01 77", "grand_parent", since=since)
    neighbour = Named("Karim", "Benali", "06 39 98 01 78", "voisin", since=since)
    nanny = Named("Rosa", "Almeida", "06 39 98 02 77", "assistante_maternelle", since=since)
    for named, child, parent in (
        (granny, "Léna", "Julie Fontaine"),
        (granny, "Hugo", "Julie Fontaine"),
        (neighbour, "Léna", "Marc Fontaine"),
        (nanny, "Inès", "Camille Moreau"),
    ):
        name_person(session, SYSTEM, children[child], named, adult_id=adults[parent])
    father = Named("Nicolas", "Perrin-Costa", relation="parent", since=since)
    block_person(session, SYSTEM, children["Noé"], father, source=JUDGMENT)


def school_year(day: date) -> date:
    """The first of September before that day."""
    return date(day.year - (day.month < 9), 9, 1)


def _household(session: Session, family: Family) -> Household:
    household = create_household(
        session,
        SYSTEM,
        label=family.label,
        street=family.street,
        postal_code=family.postal_code,
        city=family.city,
        situation=family.situation,
        caisse=family.caisse if family.qf is not None else "",
        qf=family.qf,
        qf_source=family.caisse if family.qf is not None else "",
        desk_only=family.desk_only,
    )
    session.flush()
    return household


def _account(session: Session, family: Family, parent: Parent) -> Account | None:
    if not parent.account or family.code in INVITED:
        return None
    account = open_account(
        session,
        SYSTEM,
        email=_email(parent),
        first_name=parent.first_name,
        last_name=parent.last_name,
        civility=parent.civility,
    )
    account.persona = parent.persona or None
    session.flush()
    return account


def _child(
    session: Session,
    family: Family,
    kid: Kid,
    household_id: uuid.UUID,
    places: Mapping[str, uuid.UUID],
    adults: Mapping[str, uuid.UUID],
) -> uuid.UUID:
    school = kid.school if kid.school in ("EM", "EE") else ""
    child = add_child(
        session,
        SYSTEM,
        household_id,
        first_name=kid.first_name,
        last_name=family.label if family.code != "F11" else "Amari",
        birth_date=date.fromisoformat(kid.born),
        school_id=places[school] if school else None,
        level=kid.level,
    )
    session.flush()
    for parent in family.parents:
        link_adult(
            session,
            SYSTEM,
            child.id,
            adults[f"{parent.first_name} {parent.last_name}"],
            quality=parent.quality,
            authority=parent.authority,
            source=parent.source,
            since=date.fromisoformat(kid.born),
        )
    for place in ("RS", "AL") if school else (kid.school,) if kid.school else ():
        receive_child(session, SYSTEM, child.id, places[place])
    if kid.health is not None:
        set_health(session, SYSTEM, child.id, kid.health)
    return child.id


def _two_homes(
    session: Session,
    children: Mapping[str, uuid.UUID],
    households: Mapping[str, uuid.UUID],
    adults: Mapping[str, uuid.UUID],
) -> None:
    """Inès lives one week with each parent; Noé's father lost his authority; Zoé's keeps the right to be informed."""
    join_household(session, SYSTEM, children["Inès"], households["F02"])
    born = date(2018, 3, 21)
    mother = adults["Camille Moreau"]
    link_adult(session, SYSTEM, children["Inès"], mother, quality="mere", authority="joint", since=born)
    for label, first_name, child, authority in (
        ("Perrin-Costa", "Nicolas", "Noé", "withdrawn"),
        ("Garnier-Petit", "Fabien", "Zoé", "none_with_info"),
    ):
        household = create_household(session, SYSTEM, label=label, city="Montclair", postal_code="99871")
        session.flush()
        father = add_adult(
            session, SYSTEM, household.id, first_name=first_name, last_name=label, civility="Monsieur", quality="pere"
        )
        session.flush()
        link_adult(session, SYSTEM, children[child], father.id, quality="pere", authority=authority, source=JUDGMENT)
