"""Append-only, hash-chained history: who did what to which object, when. No business values (R-74).

Entries are gathered during the transaction and written just before it commits, so the head of the chain is
locked for the length of one commit only and always last (no deadlock is possible with the rows of cases).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Index, Table, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.db import Base, Json
from app.policy import Actor

GENESIS = "0" * 64
BATCH = 1000
"""Entries read at a time by ``verify_chain``."""


class JournalEntry(Base):
    """One fact. ``hash`` covers the entry and the previous hash."""

    __tablename__ = "journal_entries"
    __table_args__ = (
        Index("ix_journal_entries_object", "object_type", "object_id", "seq"),
        Index("ix_journal_entries_actor", "actor_id", "seq"),
        Index("ix_journal_entries_action", "action", "seq"),
        Index("ix_journal_entries_at", "at"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[uuid.UUID | None]
    actor_label: Mapped[str]
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[uuid.UUID | None]
    details: Mapped[dict[str, Json]]
    previous_hash: Mapped[str]
    hash: Mapped[str]


class JournalHead(Base):
    """The single row that says where the chain ends; locking it orders the writers."""

    __tablename__ = "journal_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int]
    hash: Mapped[str]


def _digest(previous: str, row: dict[str, Json]) -> str:
    content = {
        "seq": row["seq"],
        "at": row["at"].isoformat(timespec="microseconds"),
        "actor_kind": row["actor_kind"],
        "actor_id": str(row["actor_id"]) if row["actor_id"] else None,
        "actor_label": row["actor_label"],
        "action": row["action"],
        "object_type": row["object_type"],
        "object_id": str(row["object_id"]) if row["object_id"] else None,
        "details": row["details"],
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def record(
    session: Session,
    actor: Actor,
    action: str,
    object_type: str,
    object_id: uuid.UUID | None,
    **details: Json,
) -> None:
    """Notes a fact, written with this transaction or not at all.

    ``action`` is a past fact in the vocabulary ``room.verb`` (``case.submitted``). ``details`` hold ids, codes and
    field *names*, never values that a person typed.
    """
    pending: list[dict[str, Json]] = session.info.setdefault("journal", [])
    pending.append(
        {
            "at": clock.now(),
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "actor_label": actor.label,
            "action": action,
            "object_type": object_type,
            "object_id": object_id,
            "details": details,
        }
    )


# Built once: every transaction that writes runs these three.
_HEAD = select(JournalHead.seq, JournalHead.hash).where(JournalHead.id == 1).with_for_update()
_ENTRIES = cast(Table, JournalEntry.__table__)
_ADD_ENTRIES = insert(_ENTRIES)
_MOVE_HEAD = update(cast(Table, JournalHead.__table__)).values(seq=bindparam("end"), hash=bindparam("end_hash"))


def append_pending(session: Session) -> None:
    """Chains and writes what ``record`` gathered: three statements whatever their number. Called before commit."""
    pending: list[dict[str, Json]] = session.info.pop("journal", [])
    if not pending:
        return
    seq, previous = _locked_head(session)
    for row in pending:
        seq += 1
        row["seq"] = seq
        row["previous_hash"] = previous
        previous = row["hash"] = _digest(previous, row)
    connection = session.connection()
    connection.execute(_ADD_ENTRIES, pending)
    connection.execute(_MOVE_HEAD, {"end": seq, "end_hash": previous})


def _locked_head(session: Session) -> tuple[int, str]:
    """Where the chain ends, locked until the commit; the very first writers wait for one another too."""
    head = session.execute(_HEAD).one_or_none()
    if head is None:
        first = {"id": 1, "seq": 0, "hash": GENESIS}
        if session.get_bind().dialect.name == "sqlite":
            session.execute(sqlite.insert(JournalHead).values(first).on_conflict_do_nothing())
        else:
            session.execute(postgresql.insert(JournalHead).values(first).on_conflict_do_nothing())
        head = session.execute(_HEAD).one()
    return head.seq, head.hash


@dataclass(frozen=True)
class ChainReport:
    """What ``verify_chain`` found: entries read, and the first fault (``None`` when the chain is whole)."""

    entries: int
    fault: str | None


def _entries(session: Session, end: int) -> Iterator[dict[str, Json]]:
    """The entries up to ``end``, in batches that each stand alone: no cursor stays open on the server meanwhile."""
    last = 0
    query = select(*_ENTRIES.columns).where(_ENTRIES.c.seq <= end).order_by(_ENTRIES.c.seq).limit(BATCH)
    while batch := session.execute(query.where(_ENTRIES.c.seq > last)).mappings().all():
        yield from map(dict, batch)
        last = batch[-1]["seq"]


def verify_chain(session: Session) -> ChainReport:
    """Recomputes the whole chain and compares its end with the head. The portal may go on writing meanwhile."""
    head = session.execute(select(JournalHead.seq, JournalHead.hash).where(JournalHead.id == 1)).one_or_none()
    end, end_hash = (head.seq, head.hash) if head else (0, GENESIS)
    previous, count = GENESIS, 0
    for entry in _entries(session, end):
        count += 1
        if entry["seq"] != count:
            return ChainReport(count, f"l’entrée {count} manque (trouvé : {entry['seq']})")
        if entry["previous_hash"] != previous:
            return ChainReport(count, f"l’entrée {count} ne suit pas la précédente")
        if _digest(previous, entry) != entry["hash"]:
            return ChainReport(count, f"l’entrée {count} a été modifiée")
        previous = entry["hash"]
    # entries and head are compared within one statement: what is being appended shows in both, or in neither
    known = func.coalesce(select(JournalHead.seq).where(JournalHead.id == 1).scalar_subquery(), 0)
    beyond = session.scalar(select(JournalEntry.seq).where(JournalEntry.seq > known).limit(1))
    if (count, previous) != (end, end_hash) or beyond is not None:
        return ChainReport(count, "la fin du journal a été coupée ou ajoutée hors du portail")
    return ChainReport(count, None)
