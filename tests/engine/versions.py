"""A case and the version where it may go: what would become of it there, going there, and coming back."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from app.db import Database
from app.engine import state
from app.engine.migration import Plan, migrated, plan, restored
from app.engine.models import Instance
from app.engine.runtime import Runtime
from app.policy import SYSTEM
from tests.engine.house import House

Files = Mapping[str, Mapping[str, bytes]]


class TwoVersions(House):
    """A case and the version where it may go."""

    def __init__(
        self, database: Database, first: bytes, second: bytes, *, callees: Files | None = None,
        second_callees: Files | None = None,
    ) -> None:  # fmt: skip
        self.second = {"process.bpmn": second}
        self.second_callees = second_callees or callees or {}
        self.of = "h"
        super().__init__(database, first, callees=callees)

    def _runtime(self) -> Runtime:
        def load(wanted: str):
            return (self.second, self.second_callees) if wanted == "h2" else (self.files, self.callees)

        return Runtime(self.registry, lambda _session: load)

    def workflow(self):
        """As the database holds it, on whichever version."""
        with self.database.transaction(read_only=True) as session:
            instance = session.scalars(select(Instance).where(Instance.case_id == self.facts.id)).one()
            definition = self._runtime().definition(session, self.of)
            return state.load(instance.state, instance.serializer, definition), definition, instance

    def plan(self, needed=None, **mapping: str) -> Plan:
        with self.step() as (session, instance):
            workflow, old = self.runtime.look(session, self.facts, instance)
            return plan(workflow, old, self.runtime.definition(session, "h2"), mapping, needed or {})

    def go(self, target: str):
        with self.database.transaction() as session:
            instance = self.instance(session)
            old = self.runtime.definition(session, "h")
            outcome = self.runtime.replace(
                session, SYSTEM, self.facts, instance, "h2", lambda each, engine: migrated(each, old, engine, target)
            )
        self.of = "h2"
        self.check()
        return outcome


def take(house: TwoVersions, needed=None, **mapping: str) -> bytes:
    """Migrates a case as planned; gives what the database held before."""
    assert house.plan(needed, **mapping).result == "safe", house.plan(needed, **mapping)
    with house.database.transaction() as session:
        instance = house.instance(session)
        before = instance.state
        old = house.runtime.definition(session, "h")
        outcome = house.runtime.replace(
            session, SYSTEM, house.facts, instance, "h2",
            lambda each, engine: migrated(each, old, engine, "", mapping, needed),
        )  # fmt: skip
    house.of = "h2"
    house.check()
    assert not outcome.failures
    return before


def bring_back(house: TwoVersions, before: bytes) -> None:
    with house.database.transaction() as session:
        instance = house.instance(session)
        house.runtime.replace(
            session, SYSTEM, house.facts, instance, "h",
            lambda each, engine: restored(each, engine, before, instance.serializer),
        )  # fmt: skip
    house.of = "h"
    house.check()
