"""The engine's rows: instances (with the compact state), and the projection that screens read.

Tasks, timers, subscriptions and incidents are written by the engine's synchronisation only (design.md, invariant 4).
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, LongText, new_id

OPEN = text("closed_at IS NULL")


class Instance(Base):
    """A running process: the version it started with and its tasks and data, compressed, without the spec.

    Lists never read this table. ``revision`` counts the steps; ``serializer`` says which release wrote the state;
    ``troubled`` that an incident is open, so that the other instances need not look for theirs at each step.
    """

    __tablename__ = "instances"
    __table_args__ = (
        Index(
            "ix_instances_running",
            "bundle_hash",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    case_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    bundle_hash: Mapped[str]
    serializer: Mapped[str]
    state: Mapped[bytes] = mapped_column(LargeBinary)
    revision: Mapped[int]
    troubled: Mapped[bool]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Task(Base):
    """One human task, open or done. Its id is the engine's own."""

    __tablename__ = "tasks"
    __table_args__ = (
        # Each index serves one list of the inbox, already in its order: to take, mine, the team's; all or one démarche.
        # A queue and a status make a pile (see app/cases/inbox.py). The last two columns spare SQLite, which checks the
        # index's own condition again, from reading the rows.
        *(
            Index(name, *columns, sqlite_where=where, postgresql_where=where)
            for name, columns, where in (
                (
                    "ix_tasks_free",
                    ("queue", "status", "due_at", "id", "assignee_id", "closed_at"),
                    text("closed_at IS NULL AND assignee_id IS NULL"),
                ),
                (
                    "ix_tasks_free_procedure",
                    ("queue", "procedure", "status", "due_at", "id", "assignee_id", "closed_at"),
                    text("closed_at IS NULL AND assignee_id IS NULL"),
                ),
                ("ix_tasks_mine", ("assignee_id", "due_at", "id"), OPEN),
                (
                    "ix_tasks_team",
                    ("queue", "status", "due_at", "id", "assignee_id", "closed_at"),
                    text("closed_at IS NULL AND assignee_id IS NOT NULL"),
                ),
                (
                    "ix_tasks_team_procedure",
                    ("queue", "procedure", "status", "due_at", "id", "assignee_id", "closed_at"),
                    text("closed_at IS NULL AND assignee_id IS NOT NULL"),
                ),
            )
        ),
        Index("ix_tasks_case_id_opened_at", "case_id", "opened_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    case_id: Mapped[uuid.UUID]
    node: Mapped[str]
    title: Mapped[str]
    lane: Mapped[str]
    queue: Mapped[str]
    status: Mapped[str]
    form: Mapped[str | None]
    procedure: Mapped[str]
    case_title: Mapped[str]
    reference: Mapped[str]
    subject: Mapped[str]
    structure_id: Mapped[uuid.UUID | None]
    owner_id: Mapped[uuid.UUID | None]
    assignee_id: Mapped[uuid.UUID | None]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]


class TaskKey(Base):
    """A text under which an open task can be found; gone when the task closes."""

    __tablename__ = "task_keys"
    __table_args__ = (Index("ix_task_keys_queue_key", "queue", "key", "task_id"),)

    task_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    # A search is a range over keys (« from dup to dup… »), which needs byte order: PostgreSQL promises it in "C" only.
    key: Mapped[str] = mapped_column(String().with_variant(String(collation="C"), "postgresql"), primary_key=True)
    queue: Mapped[str]


class Timer(Base):
    """An instant at which the clock must look at an instance."""

    __tablename__ = "timers"
    __table_args__ = (Index("ix_timers_due_at", "due_at"), Index("ix_timers_case_id", "case_id"))

    task_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    case_id: Mapped[uuid.UUID]
    node: Mapped[str]
    due_at: Mapped[datetime]


class Subscription(Base):
    """A message or signal that an instance waits for."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        Index("ix_subscriptions_name_case_id", "name", "case_id"),
        Index("ix_subscriptions_case_id", "case_id"),
    )

    task_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    case_id: Mapped[uuid.UUID]
    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    node: Mapped[str]


class Incident(Base):
    """A node that could not run: the case waits there until somebody retries."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index("ix_incidents_case_id", "case_id"),
        Index(
            "ix_incidents_open",
            "opened_at",
            sqlite_where=text("resolved_at IS NULL"),
            postgresql_where=text("resolved_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[uuid.UUID]
    task_id: Mapped[uuid.UUID]
    node: Mapped[str]
    node_name: Mapped[str]
    reference: Mapped[str]
    cause: Mapped[str] = mapped_column(LongText)
    attempts: Mapped[int]
    opened_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
