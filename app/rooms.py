"""The rooms of the house: which blueprints, BPMN operations, sources and handlers make this product."""

from __future__ import annotations

import importlib

from sqlalchemy.orm import Session

from app.policy import Actor
from app.web.requests import Portal

#: Imported for what they register: rows, BPMN operations, form sources, outbox handlers.
PARTS = (
    "app.town.models",
    "app.accounts.models",
    "app.accounts.mails",
    "app.accounts.tasks",
    "app.accounts.chores",
    "app.families.models",
    "app.families.tasks",
    "app.families.pickup_tasks",
    "app.families.child_tasks",
    "app.families.schooling_tasks",
    "app.families.mails",
    "app.families.sources",
    "app.documents.models",
    "app.documents.tasks",
    "app.documents.sources",
    "app.agenda.models",
    "app.agenda.mails",
    "app.agenda.booking_mails",
    "app.agenda.chores",
    "app.agenda.tasks",
    "app.agenda.enrolment_tasks",
    "app.agenda.enrolment_sources",
    "app.agenda.cancelling_tasks",
    "app.agenda.statements",
    "app.agenda.sources",
    "app.messages.models",
    "app.messages.tasks",
    "app.procedures.models",
    "app.cases.models",
    "app.cases.tasks",
    "app.cases.mails",
    "app.cases.chores",
    "app.cases.erasing",
    "app.studio.models",
    "app.studio.checks",
    "app.studio.migrating",
    "app.studio.undoing",
    "app.studio.stories",
)

VIEWS = (
    "app.town.views",
    "app.accounts.views",
    "app.families.views",
    "app.documents.views",
    "app.agenda.views",
    "app.messages.views",
    "app.cases.views",
    "app.studio.views",
)


def load() -> None:
    """Imports every part; idempotent."""
    for name in PARTS:
        importlib.import_module(name)
    _read_along()


def _read_along() -> None:
    """What every page of a parent needs of two rooms, read with her session."""
    from app.accounts.sessions import read_along
    from app.families.queries import household_of_account
    from app.messages.queries import unread_of_account

    read_along("household_id", household_of_account)
    read_along("unread", unread_of_account)


def register(app: Portal) -> None:
    """Gives the application every blueprint of every room (each ``views`` exports ``blueprints``)."""
    load()
    for name in VIEWS:
        for blueprint in importlib.import_module(name).blueprints(app.settings):
            app.register_blueprint(blueprint)


def unread_count(session: Session, actor: Actor) -> int:
    """Unread messages of a parent, for the badge of the menu."""
    from app.messages.queries import unread_for

    return unread_for(session, actor.id) if actor.kind == "parent" and actor.id is not None else 0
