"""How reads are executed: by the drivers themselves, without transactions, on standing connections.

SQLite: SQLAlchemy's engine costs ten times the driver (95-126 µs a query against 8.5), a hop to a thread 110-140 µs.
So a read is first tried on the event loop with a budget of steps too small to be felt by anybody else; one that
exceeds it is given up and run again on one of two threads, and its statement goes there at once from then on.

Postgres (`app/db/postgres.py`): psycopg's own pool, autocommit, statements prepared.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from pydantic_core import to_json
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.sql import ClauseElement

from app.db.availability import Availability
from app.db.engine import PATIENCE, sqlite_path
from app.db.failures import FINE, GONE, TOO_LONG, Trouble, failure, unavailable
from app.db.sqlite import SqliteConnection, connect, look_of, renew

LOOP_CHECK_STEPS = 10_000
LOOP_CHECKS = 6
"""A read may take so many checks' worth of SQLite's virtual machine steps on the event loop: some 3 ms.

SQLite counts a prepared statement's steps over all its executions, so that one check may fall into the cheapest of reads;
only several within one execution mean that it is dear.
"""
DEAR_FOR = 100
"""Executions on a thread after which a statement is tried on the loop again: one dear value does not damn a shape."""
DEADLINE_CHECK_STEPS = 20_000
SQLITE_THREADS = 2
STATEMENTS_KEPT = 128
"""Prepared statements a connection keeps: clients choose fields and includes, and each such statement takes up to 150 KB."""
CACHE_KIB = 32_768
"""Of pages, a connection that reads. Not a map of the file: where that is cut short, the system ends the process."""
ROWS_AT_ONCE = 60
"""Of an answer that is bounded in letters: a list of ordinary length comes at once."""
WATCH_SECONDS = 0.5
"""After which the file is looked at again: a connection would go on reading one that was removed."""
_SOME_ROW = "SELECT version_num FROM alembic_version"

Row = tuple[Any, ...]


@dataclass
class Statement:
    """A statement ready for the driver."""

    sql: str
    constants: Mapping[str, Any]
    dear: int = 0
    """How many more times it goes to a thread, since it ran longer than the event loop may wait."""
    planned_anew: bool = False
    """Whether Postgres must look at the values before it chooses a way: what is rare wants another than what is common."""

    @cached_property
    def looks_for_terms(self) -> bool:
        """Whether SQLite's full-text index is asked, which may take long within one step of its machine."""
        return " MATCH " in self.sql


def compiled(statement: ClauseElement, dialect: Dialect) -> Statement:
    """A statement of SQLAlchemy's as the driver takes it."""
    made = statement.compile(dialect=dialect)
    return Statement(str(made), {name: value for name, value in made.params.items() if value is not None})


class Driver(Protocol):
    """A database to read from."""

    dialect: Dialect
    reads: int
    """How many statements it was given."""
    availability: Availability

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Let go of all connections."""

    async def fetch(self, statement: Statement, parameters: Mapping[str, Any], *, letters: int | None = None) -> list[Row]:
        """All rows; Unavailable when the database does not answer in time.

        With `letters`: the first rows, until their first columns have more letters than these, as far as the database hands
        out one row after another.
        """

    async def by_id(self, statement: Statement, record_id: str, parameters: Mapping[str, Any]) -> Row | None:
        """The row of a record, its id last; the same errors."""

    def encode(self, values: Sequence[Any]) -> Any:
        """Several values as one parameter."""


class SqliteDriver:
    """One connection for the event loop, one for each of two threads."""

    dialect: Dialect = sqlite_dialect.dialect(paramstyle="named")

    def __init__(self, url: str, *, deadline: float) -> None:
        self.reads = 0
        self.availability = Availability(self._probe, self._changed)
        self._path = sqlite_path(url)
        self._deadline = deadline
        self._own = threading.local()
        self._opened = 0
        """How often the connections were opened anew."""
        self._threads = ThreadPoolExecutor(SQLITE_THREADS, thread_name_prefix="read")
        self._probing = ThreadPoolExecutor(2, thread_name_prefix="probe")
        self._seen: object = None
        self._was_damaged = False
        self._check: Future[bool] | None = None
        self._connections: list[SqliteConnection] = []
        self._loop: SqliteConnection | None = None
        self._watching: asyncio.Task[None] | None = None
        self._checks = 0

    async def open(self) -> None:
        """Open the event loop's connection; the threads open theirs when first needed."""
        self.availability.open()
        self._open_loops()
        self._watching = asyncio.create_task(self._watch_file())

    def _open_loops(self) -> None:
        self._loop = self._connect()
        self._loop.set_progress_handler(self._over_budget, LOOP_CHECK_STEPS)

    def _over_budget(self) -> bool:
        self._checks += 1
        return self._checks > LOOP_CHECKS

    async def close(self) -> None:
        """Wait for what is running, then close all."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self.availability.close()
        for threads in (self._threads, self._probing):
            await asyncio.to_thread(threads.shutdown, cancel_futures=True)
        for connection in self._connections:
            connection.close()

    def _connect(self) -> SqliteConnection:
        connection = connect(self._path, cached_statements=STATEMENTS_KEPT)
        for pragma in ("query_only = ON", f"busy_timeout = {round(PATIENCE * 1000)}", f"cache_size = -{CACHE_KIB}"):
            connection.execute(f"PRAGMA {pragma}")
        self._connections.append(connection)
        return connection

    # -- whether the file is there and whole -------------------------------------------------------------------------------

    async def _watch_file(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._loop is None or self.availability.trouble.reads is not None:
                continue
            try:
                self._look_at_file(self._loop)
            except sqlite3.Error as error:
                self._told(error)

    def _look_at_file(self, connection: SqliteConnection) -> None:
        if not connection.is_in_place:
            self.availability.report(GONE)
        elif not connection.has_its_log:
            if connection.rescue(patience=0):
                self._reopen()
        elif not connection.is_current:
            self._reopen()

    def _changed(self, trouble: Trouble) -> None:
        """Read the file that is there now, where it is another than the one that was opened, or was repaired."""
        was_damaged, self._was_damaged = self._was_damaged, trouble.damage is not None
        if self._loop is None:
            return
        if (was_damaged and not self._was_damaged) or (trouble.reads is None and not self._loop.is_in_place):
            renew(self._path)
        if trouble.reads is None and not self._loop.is_current:
            self._reopen()

    def _reopen(self) -> None:
        old = self._loop
        self._opened += 1
        self._open_loops()
        if old is not None:
            self._forget(old)

    def _forget(self, connection: SqliteConnection) -> None:
        with suppress(ValueError):
            self._connections.remove(connection)
        connection.close()

    async def _probe(self) -> Trouble:
        found = await asyncio.get_running_loop().run_in_executor(self._probing, self._trouble)
        return self.availability.trouble if found == FINE and self._is_damaged() else found

    def _trouble(self) -> Trouble:
        """Read a row and begin a write."""
        if self._is_being_replaced():
            return GONE
        try:
            with closing(connect(self._path)) as connection:
                connection.execute("PRAGMA busy_timeout = 0")
                connection.execute(_SOME_ROW).fetchone()
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
        except OSError:
            return GONE  # because the database's log is renamed or removed at this moment
        except sqlite3.Error as error:
            found = failure(error)
            return found.trouble if found is not None else FINE
        return FINE

    def _is_being_replaced(self) -> bool:
        """Whether there is no file, or one that is still being written: it must look the same twice before it is opened."""
        if self._loop is None or self._loop.is_in_place:
            return False
        before, self._seen = self._seen, look_of(self._path)
        return self._seen is None or self._seen != before

    def _is_damaged(self) -> bool:
        """Whether the file that was found damaged still is, as far as is known: to see it through may take minutes."""
        if self.availability.trouble.damage is None:
            return False
        if self._check is None:
            self._check = self._probing.submit(self._is_whole)
        if not self._check.done():
            return True
        check, self._check = self._check, None
        return not check.result()

    def _is_whole(self) -> bool:
        try:
            with closing(connect(self._path)) as connection:
                return connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
        except sqlite3.Error:
            return False

    # -- reads -------------------------------------------------------------------------------------------------------------

    def encode(self, values: Sequence[Any]) -> str:
        """A JSON array, for json_each."""
        return to_json(values).decode()

    async def fetch(self, statement: Statement, parameters: Mapping[str, Any], *, letters: int | None = None) -> list[Row]:
        """On the event loop within the budget, else on a thread within the deadline."""
        self.reads += 1
        self.availability.require_reads()
        given = {**statement.constants, **parameters}
        if self._loop is not None and not statement.dear and not statement.looks_for_terms:
            self._checks = 0
            try:
                return _rows(self._loop.execute(statement.sql, given), letters)
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_INTERRUPT:
                    raise self._told(error) from error
                statement.dear = DEAR_FOR
        statement.dear = max(statement.dear - 1, 0)
        until = time.monotonic() + self._deadline
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._fetch_slowly, statement.sql, given, until, letters)

    async def by_id(self, statement: Statement, record_id: str, parameters: Mapping[str, Any]) -> Row | None:
        """By itself: on the event loop a statement costs little more than what it reads."""
        rows = await self.fetch(statement, {"id": record_id, **parameters})
        return rows[0] if rows else None

    def _fetch_slowly(self, sql: str, parameters: Mapping[str, Any], until: float, letters: int | None = None) -> list[Row]:
        """`until` is on the monotonic clock, and counts from the request: what waited too long is not begun."""
        if time.monotonic() > until:
            raise unavailable(TOO_LONG)
        try:
            connection = self._of_this_thread()
            connection.set_progress_handler(lambda: time.monotonic() > until, DEADLINE_CHECK_STEPS)
            return _rows(connection.execute(sql, parameters), letters)
        except sqlite3.Error as error:
            raise self._told(error) from error

    def _of_this_thread(self) -> SqliteConnection:
        connection: SqliteConnection | None = getattr(self._own, "connection", None)
        if connection is not None and (self._own.opened != self._opened or not connection.is_current):
            self._own.connection = None  # also where no other can be made
            self._forget(connection)
            connection = None
        if connection is None:
            self._own.opened = self._opened
            connection = self._own.connection = self._connect()
        return connection

    def _told(self, error: sqlite3.Error) -> Exception:
        found = failure(error)
        if found is None:
            return error
        self.availability.report(found.trouble)
        return found.problem


def _rows(cursor: sqlite3.Cursor, letters: int | None) -> list[Row]:
    if letters is None:
        return cursor.fetchall()
    rows: list[Row] = []
    while letters >= 0:
        some = cursor.fetchmany(ROWS_AT_ONCE)
        rows += some
        if len(some) < ROWS_AT_ONCE:
            return rows
        letters -= sum(len(row[0]) for row in some)
    cursor.close()
    return rows


def driver_for(url: str, *, deadline: float, connections: int, pooler: str = "") -> Driver:
    """The driver that reads the database of this URL; `pooler` says how a pooler before Postgres hands out its sessions."""
    if make_url(url).get_backend_name() == "sqlite":
        return SqliteDriver(url, deadline=deadline)
    # Whoever has SQLite does without psycopg, which takes a tenth of the time to start.
    from app.db.postgres import PostgresDriver  # noqa: PLC0415

    return PostgresDriver(url, deadline=deadline, connections=connections, pooler=pooler)
