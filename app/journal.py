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
from typing import Any, cast
from weakref import WeakSet

from sqlalchemy import Index, Insert, String, Table, bindparam, func, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.db import Base, Json
from app.hot import Hot, adding
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


def _told(row: dict[str, Json]) -> str:
    """What the hash of an entry covers, but for the previous hash: JSON with sorted keys, of which ``seq`` is last."""
    content = {
        "at": row["at"].isoformat(timespec="microseconds"),
        "actor_kind": row["actor_kind"],
        "actor_id": str(row["actor_id"]) if row["actor_id"] else None,
        "actor_label": row["actor_label"],
        "action": row["action"],
        "object_type": row["object_type"],
        "object_id": str(row["object_id"]) if row["object_id"] else None,
        "details": row["details"],
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))[:-1]


def _digest(previous: str, row: dict[str, Json]) -> str:
    return hashlib.sha256(f'{previous}\n{_told(row)},"seq":{row["seq"]}}}'.encode()).hexdigest()


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


# Built once: every transaction that writes runs them.
_HEADS, _ENTRIES = cast(Table, JournalHead.__table__), cast(Table, JournalEntry.__table__)
_HEAD = select(_HEADS.c.id, _HEADS.c.seq, _HEADS.c.hash).where(_HEADS.c.id == 1).with_for_update()
_READ_HEAD = Hot(_HEAD)
_ADD_ENTRIES = Hot(adding(_ENTRIES))
_MOVE_HEAD = Hot(update(_HEADS).values(seq=bindparam("end"), hash=bindparam("end_hash")))


def _add_one() -> Insert:
    """On PostgreSQL, which can hash, one entry (what most transactions write) is chained and written in one statement.

    Its parameters are those of the row and ``told``, what its hash covers beside the previous hash and its number.
    """
    head = _HEAD.cte("head")
    number = head.c.seq + 1
    covered = head.c.hash + bindparam("told", type_=String) + sql_cast(number, String) + "}"
    digest = func.encode(func.sha256(func.convert_to(covered, "UTF8")), "hex")
    values = (head.c.id, number.label("seq"), head.c.hash.label("previous_hash"), digest.label("hash"))
    chained = select(*values).cte("chained")
    moved = update(_HEADS).values(seq=chained.c.seq, hash=chained.c.hash).where(_HEADS.c.id == chained.c.id)
    # without a head these are NULL, and the whole is refused
    row = {name: select(chained.c[name]).scalar_subquery() for name in ("seq", "previous_hash", "hash")}
    return adding(_ENTRIES, **row).add_cte(moved.cte("moved"))


_ADD_ONE = Hot(_add_one())
FEW = 3
_headed: WeakSet[Any] = WeakSet()
"""The databases whose chain is known to have a head."""


def append_pending(session: Session) -> None:
    """Chains and writes what ``record`` gathered: three statements whatever their number, on PostgreSQL one for each
    of a few, which wait for nothing. Called before commit."""
    pending: list[dict[str, Json]] = session.info.pop("journal", [])
    if not pending:
        return
    engine = session.get_bind()
    if len(pending) <= FEW and engine in _headed:
        for row in pending:
            _ADD_ONE.later(session, row | {"told": f'\n{_told(row)},"seq":'})
        return
    seq, previous = _locked_head(session)
    for row in pending:
        seq += 1
        row["seq"] = seq
        row["previous_hash"] = previous
        previous = row["hash"] = _digest(previous, row)
    _ADD_ENTRIES.run(session, pending)
    _MOVE_HEAD.run(session, {"end": seq, "end_hash": previous})
    if engine.dialect.name == "postgresql":
        _headed.add(engine)


def _locked_head(session: Session) -> tuple[int, str]:
    """Where the chain ends, locked until the commit; the very first writers wait for one another too."""
    heads = _READ_HEAD.rows(session)
    if not heads:
        first = {"id": 1, "seq": 0, "hash": GENESIS}
        if session.get_bind().dialect.name == "sqlite":
            session.execute(sqlite.insert(JournalHead).values(first).on_conflict_do_nothing())
        else:
            session.execute(postgresql.insert(JournalHead).values(first).on_conflict_do_nothing())
        heads = _READ_HEAD.rows(session)
    _, seq, last = heads[0]
    return seq, last


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
