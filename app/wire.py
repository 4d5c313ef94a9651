"""Statements that leave together for PostgreSQL, through libpq (docs/decisions/0017).

Psycopg opens the connection, converts the values and is told of nothing else: its pipeline sends each statement as it
comes, which wakes the server for each. Here a trip is one ``send``, one answer.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from psycopg import Connection, errors
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from app.db import Sent

Row = tuple[Any, ...]
_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)
_OURS = "portail_"


class Answer(NamedTuple):
    """What PostgreSQL answered to a statement: its rows as psycopg gives them, and how many it touched."""

    rows: list[Row]
    touched: int
    code_of: Callable[[int], int]
    """PostgreSQL's number for the type of a column."""


class Wire:
    """One connection of the pool and the statements it has prepared. Used by one thread at a time, as its owner is."""

    def __init__(self, driver: Connection[Any]) -> None:
        self.driver = driver
        self._libpq = driver.pgconn
        self._values = Transformer(driver)
        self._prepared: dict[str, bytes] = {}
        self._doubtful = False
        self._under_way = 0
        self._ends = False
        self._ready = select.poll()
        self._ready.register(self._libpq.socket, select.POLLIN)

    def doubt(self) -> None:
        """To be told of each rollback: psycopg may then drop every prepared statement of the connection, ours too."""
        self._doubtful = True

    def make_ready(self, statements: Sequence[Sent]) -> None:
        """To be called before ``send`` and ``set_off``: what must be asked apart, once. Statements are prepared in a
        conversation of their own; so is what follows a commit that is under way."""
        if self._under_way and (self._ends or any(sql not in self._prepared for sql, _ in statements)):
            self._check_all(self._together(()))
        if self._doubtful:
            self._ask_what_is_left()
        for sql, _ in statements:
            if sql not in self._prepared:
                name = f"{_OURS}{len(self._prepared)}".encode()
                self._check(self._libpq.prepare(name, sql.encode()))
                self._prepared[sql] = name

    @property
    def is_idle(self) -> bool:
        """True outside any transaction."""
        return self._libpq.transaction_status == TransactionStatus.IDLE

    def set_off(self, statements: Sequence[Sent], *, ends: bool = False) -> None:
        """Like ``send``, without waiting: PostgreSQL works while the caller goes on. The next ``send`` tells how it
        went. ``ends`` says that the last of these ends the transaction."""
        with self._whole():
            self._leave(statements)
            self._flush()
        self._under_way += len(statements)
        self._ends = ends

    def send(self, statements: Sequence[Sent]) -> list[Answer]:
        """Runs these in one trip, after what is under way. Gives the answer to each.

        Raises the driver's error of the first that fails, of what had been set off too: what follows it has not run.
        """
        if self._under_way or len(statements) > 1:
            results = self._together(statements)
        else:
            results = [
                self._libpq.exec_prepared(self._prepared[sql], *self._dumped(parameters), Format.BINARY)
                for sql, parameters in statements
            ]
        self._check_all(results)
        return [self._answer(result) for result in results[len(results) - len(statements) :]]

    def forget(self) -> None:
        """Waits for what was set off, whatever became of it: the transaction is about to be rolled back."""
        if self._under_way and self._libpq.status == ConnStatus.OK:
            self._together(())

    def _check_all(self, results: Sequence[PGresult]) -> None:
        for result in results:
            self._check(result)

    def _answer(self, result: PGresult) -> Answer:
        rows: list[Row] = []
        if result.ntuples:
            self._values.set_pgresult(result)
            rows = self._values.load_rows(0, result.ntuples, tuple)
        return Answer(rows, result.command_tuples or 0, result.ftype)

    def _dumped(self, parameters: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """Parameters as text, whose type PostgreSQL knows from the statement; bytes as they are."""
        if not parameters:
            return (), ()
        formats = [PyFormat.BINARY if isinstance(each, bytes) else PyFormat.TEXT for each in parameters]
        return self._values.dump_sequence(parameters, formats), self._values.formats or ()

    def _check(self, result: PGresult) -> None:
        if result.status not in _FAILED:
            return
        if self._libpq.status == ConnStatus.BAD:
            raise errors.OperationalError(result.error_message.decode(errors="replace"))
        raise errors.error_from_result(result, encoding=self.driver.info.encoding)

    def _ask_what_is_left(self) -> None:
        found = self._libpq.exec_(b"SELECT name FROM pg_prepared_statements")
        if found.status in _FAILED:  # within a transaction that has failed: so will what was to be sent
            return
        left = {found.get_value(row, 0) or b"" for row in range(found.ntuples)}
        if not left.issuperset(self._prepared.values()):
            for name in left.intersection(self._prepared.values()):
                self._libpq.exec_(b"DEALLOCATE " + name)
            self._prepared.clear()
        self._doubtful = False

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Half a conversation is none: nobody could tell which answer is whose."""
        try:
            yield
        except BaseException:
            self._libpq.finish()
            raise

    def _leave(self, statements: Sequence[Sent]) -> None:
        if not self._under_way:
            self._libpq.enter_pipeline_mode()
        for sql, parameters in statements:
            self._libpq.send_query_prepared(self._prepared[sql], *self._dumped(parameters), Format.BINARY)

    def _together(self, statements: Sequence[Sent]) -> list[PGresult]:
        """Sends these after what is under way; gives the results of all."""
        with self._whole():
            self._leave(statements)
            self._libpq.pipeline_sync()
            self._flush()
            count, self._under_way, self._ends = self._under_way + len(statements), 0, False
            results = self._received(count)
            self._libpq.exit_pipeline_mode()
        return results

    def _flush(self) -> None:
        while self._libpq.flush():  # more than the socket takes at once: the server may be answering already
            self._ready.modify(self._libpq.socket, select.POLLIN | select.POLLOUT)
            if any(happened & select.POLLIN for _, happened in self._ready.poll()):
                self._libpq.consume_input()
        self._ready.modify(self._libpq.socket, select.POLLIN)

    def _received(self, count: int) -> list[PGresult]:
        """The result of each statement, once all have come. Other threads run meanwhile."""
        results: list[PGresult] = []
        for _ in range(2 * count + 1):  # each is followed by nothing, and the last by the mark of the end
            while self._libpq.is_busy():
                self._ready.poll()
                self._libpq.consume_input()
            result = self._libpq.get_result()
            if result is None:
                continue
            if result.status == ExecStatus.PIPELINE_SYNC:
                return results
            results.append(result)
        raise errors.OperationalError("the answers do not match what was sent")
