"""Statements that most requests run, compiled once and handed straight to the driver (docs/decisions/0017).

SQLAlchemy writes the SQL, converts the values and owns connection, transaction and errors; what is left out is what it
does at each execution and that never changes for these statements. Measured here: 40 µs instead of 90 for a row of a
Core select, 170 for the same through the ORM. Screens that are not in the way of every request need none of this.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard, TypeVar

from sqlalchemy import Connection, Dialect, Insert, Table, bindparam, insert
from sqlalchemy.orm import Session, configure_mappers, make_transient, make_transient_to_detached
from sqlalchemy.orm.attributes import instance_state, set_committed_value
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from app.db import Base, Json, PortalSession, Sent, as_told

Row = tuple[Any, ...]
Values = Mapping[str, Json]
Process = Callable[[Any], Any]
Entity = TypeVar("Entity", bound=Base)


_PLACE = re.compile(r"%%|%\(([^)]+)\)s")


def _numbered(sql: str) -> tuple[str, list[str]]:
    """A statement written for psycopg (``%(name)s``) with numbered places (``$1``), and the name of each."""
    names: list[str] = []

    def place(match: re.Match[str]) -> str:
        if (name := match[1]) is None:
            return "%"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PLACE.sub(place, sql), names


class _Compiled:
    """A statement in the words of one kind of database."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        assert not compiled.post_compile_params, "lists as parameters are for SQLAlchemy itself"
        self.sql, self._order = compiled.string, compiled.positiontup or []
        if not compiled.positional:
            self.sql, self._order = _numbered(compiled.string)
        self._asked: list[tuple[str, str, Process | None]] = []
        self._fixed: dict[str, Any] = {}
        for bind, name in compiled.bind_names.items():
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if bind.required:
                self._asked.append((name, bind.key, process))
            else:
                self._fixed[name] = process(bind.value) if process is not None else bind.value
        columns = statement.selected_columns if statement.is_select else statement.exported_columns
        self._types: Sequence[TypeEngine[Any]] = [column.type for column in columns]
        self._dialect = dialect
        self._processors: list[tuple[int, Process]] | None = None

    def parameters(self, values: Values) -> list[Any]:
        """What the driver is given: the values that the statement holds itself, and the caller's, converted."""
        found = self._fixed.copy()
        for name, key, process in self._asked:
            value = values[key]
            found[name] = process(value) if process is not None else value
        return [found[name] for name in self._order]

    def sent(self, values: Values) -> Sent:
        """The statement with these values, as a trip takes it."""
        return Sent(self.sql, self.parameters(values))

    def converted(self, rows: list[Row], code_of: Callable[[int], Any]) -> list[Row]:
        """The rows, converted where the driver does not do it; ``code_of`` tells the driver's type of a column."""
        if not rows:
            return rows
        if self._processors is None:
            made = [
                each.dialect_impl(self._dialect).result_processor(self._dialect, code_of(index))
                for index, each in enumerate(self._types)
            ]
            self._processors = [(index, process) for index, process in enumerate(made) if process is not None]
        if not self._processors:
            return rows
        converted = []
        for row in rows:
            cells = list(row)
            for index, process in self._processors:
                cells[index] = process(cells[index])
            converted.append(tuple(cells))
        return converted


class Hot:
    """A statement whose parameters are all ``bindparam``s; built once, at import."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}
        self._lock = threading.Lock()

    def rows(self, session: Session, **values: Json) -> list[Row]:
        """Runs a statement that reads, and gives its rows as tuples: in one trip with what was held back."""
        if sends_trips(session):
            return self._rows_of_trip(session, values)
        connection = session.connection()
        compiled = self._in(connection.dialect)
        cursor = _execute(connection, compiled.sql, compiled.parameters(values))
        try:
            return compiled.converted(cursor.fetchall(), lambda _: None)
        finally:
            cursor.close()

    def ahead(self, session: Session, **values: Json) -> None:
        """Says that ``rows`` will be asked this: on PostgreSQL it is read in the trip of whatever is read next.

        What is written meanwhile makes ``rows`` read it again.
        """
        if sends_trips(session):
            session.ahead.setdefault(_key(self, values), None)

    def _rows_of_trip(self, session: PortalSession, values: Values) -> list[Row]:
        key = _key(self, values)
        read: list[Row] | None = session.ahead.pop(key, None)
        if read is not None:
            return read
        asked = [key, *(each for each, read in session.ahead.items() if read is None)]
        bind = session.get_bind()
        trip = [hot._in(bind.dialect) for hot, _ in asked]
        sent = [compiled.sent(dict(given)) for compiled, (_, given) in zip(trip, asked, strict=True)]
        for each in sent:
            _tell(bind, *each)
        answers = session.trip(sent)
        found: list[list[Row]] = [
            each.converted(answer.rows, answer.code_of) for each, answer in zip(trip, answers, strict=True)
        ]
        session.ahead.update(zip(asked[1:], found[1:], strict=True))
        return found[0]

    def run(self, session: Session, rows: Values | Sequence[Values]) -> int:
        """Runs a statement that writes, once or for each of the rows; gives how many rows it touched."""
        listed = [rows] if isinstance(rows, Mapping) else rows
        if not listed:
            return 0
        session.info.pop("ahead", None)
        if sends_trips(session):
            bind = session.get_bind()
            compiled = self._in(bind.dialect)
            asked = [compiled.sent(each) for each in listed]
            _tell(bind, compiled.sql, asked[0].parameters, many=len(asked) > 1)
            return sum(answer.touched for answer in session.trip(asked))
        connection = session.connection()
        compiled = self._in(connection.dialect)
        cursor = _execute(connection, compiled.sql, [compiled.parameters(each) for each in listed])
        touched: int = cursor.rowcount
        cursor.close()
        return touched

    def later(self, session: Session, rows: Values | Sequence[Values]) -> None:
        """Runs a statement that writes before the next one that reads, or the commit: on PostgreSQL in the same trip.

        For writes that cannot be refused, or whose refusal is nobody's to answer: the error comes then. Within a
        savepoint nothing waits: what it undoes must be there to be undone, and what is refused be told inside it.
        """
        if not sends_trips(session) or session.in_nested_transaction():
            self.run(session, rows)
            return
        bind = session.get_bind()
        compiled = self._in(bind.dialect)
        for values in [rows] if isinstance(rows, Mapping) else rows:
            sent = compiled.sent(values)
            _tell(bind, *sent)
            session.hold(sent)

    def _in(self, dialect: Dialect) -> _Compiled:
        if (found := self._compiled.get(dialect.name)) is not None:
            return found
        with self._lock:
            return self._compiled.setdefault(dialect.name, _Compiled(self._statement, dialect))


def sends_trips(session: Session) -> TypeGuard[PortalSession]:
    """True where statements leave together: for PostgreSQL."""
    return isinstance(session, PortalSession) and session.get_bind().dialect.name == "postgresql"


def _key(hot: Hot, values: Values) -> tuple[Hot, tuple[tuple[str, Json], ...]]:
    return hot, tuple(values.items())


def _execute(connection: Connection, sql: str, parameters: list[Any]) -> Any:
    """The driver's cursor once it has run this. Raises what SQLAlchemy would."""
    many = bool(parameters) and isinstance(parameters[0], list)
    driver: Any = connection.connection.driver_connection
    cursor = driver.cursor()
    _tell(connection, sql, parameters, many=many)
    try:
        (cursor.executemany if many else cursor.execute)(sql, parameters)
    except Exception as error:
        cursor.close()
        raise as_told(connection, sql, error) from error
    return cursor


def _tell(source: Any, sql: str, parameters: Any, *, many: bool = False) -> None:
    """Those who watch the statements of this engine see these too (tests and measures count them)."""
    for listener in source.dispatch.before_cursor_execute:
        listener(source, None, sql, parameters, None, many)


def adding(table: Table, **values: Any) -> Insert:
    """The insertion of a row whose every column is a parameter of its name, but for those given here."""
    named = {column.key: bindparam(column.key, type_=column.type) for column in table.columns}
    return insert(table).values(named | values)


def entity(session: Session, kind: type[Entity], row: Row, *, fresh: bool = False) -> Entity | None:
    """The entity of a row that holds every column of its table in order; ``None`` for the empty side of an outer join.

    It belongs to the session like one that the ORM loaded. One already there is left as it is, unless ``fresh``.
    """
    return stored(session, kind, dict(zip(_names_of(kind), row, strict=True)), fresh=fresh)


def stored(session: Session, kind: type[Entity], values: Mapping[str, Any], *, fresh: bool = False) -> Entity | None:
    """The entity of a stored row, of which ``values`` gives every column; like ``entity``."""
    mapper = kind.__mapper__
    if not mapper.configured:
        configure_mappers()  # the ORM does so at its first own statement, which may not have come yet
    identity = tuple(values[column.key] for column in mapper.primary_key)  # type: ignore[index]  # keys of columns are texts
    if identity[0] is None:
        return None
    key = mapper.identity_key_from_primary_key(identity)
    found: Entity | None = session.identity_map.get(key)
    if found is None:
        made: Entity = mapper.class_manager.new_instance()
        made.__dict__.update(values)
        _attach(session, made, key)
        return made
    if fresh:
        for name, value in values.items():
            set_committed_value(found, name, value)
    return found


def _attach(session: Session, made: Base, key: Any) -> None:
    """Puts a whole row in the session as SQLAlchemy's loading does; ``add`` would first look for what is new in it."""
    state = instance_state(made)
    state.key, state.session_id = key, session.hash_key
    session.identity_map.add(state)


def saved(session: Session, written: Base) -> None:
    """Tells the session that a statement of ours has written this entity as it is: it has nothing more to do for it."""
    if written in session:
        session.expunge(written)
    make_transient(written)
    make_transient_to_detached(written)
    session.add(written)


def entities(session: Session, kind: type[Entity], rows: Sequence[Row]) -> list[Entity]:
    """The entity of each row."""
    return [made for row in rows if (made := entity(session, kind, row)) is not None]


_NAMES: dict[type[Base], tuple[str, ...]] = {}


def _names_of(kind: type[Base]) -> tuple[str, ...]:
    if (names := _NAMES.get(kind)) is None:
        table = kind.__table__
        assert isinstance(table, Table)
        names = _NAMES[kind] = tuple(column.key for column in table.columns)
    return names
