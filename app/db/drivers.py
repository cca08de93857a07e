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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from pydantic_core import to_json
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.sql import ClauseElement

from app.db.engine import PATIENCE, sqlite_path
from app.errors import Unavailable

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
STATEMENTS_KEPT = 512
RETRY_SECONDS = 2

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

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Let go of all connections."""

    async def fetch(self, statement: Statement, parameters: Mapping[str, Any]) -> list[Row]:
        """All rows; Unavailable when the database does not answer in time."""

    async def by_id(self, statement: Statement, record_id: str, parameters: Mapping[str, Any]) -> Row | None:
        """The row of a record, its id last; the same errors."""

    def encode(self, values: Sequence[Any]) -> Any:
        """Several values as one parameter."""


def unavailable(why: str) -> Unavailable:
    """What a client is told where the database gives no answer: why, and when to ask again."""
    return Unavailable(why, headers={"Retry-After": str(RETRY_SECONDS)})


TOO_LONG = "the question took longer than a read may take; ask for less, or narrow it"
NO_ANSWER = "the database does not answer"


class SqliteDriver:
    """One connection for the event loop, one for each of two threads."""

    dialect: Dialect = sqlite_dialect.dialect(paramstyle="named")

    def __init__(self, url: str, *, deadline: float) -> None:
        self.reads = 0
        self._path = sqlite_path(url)
        self._deadline = deadline
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(SQLITE_THREADS, thread_name_prefix="read")
        self._connections: list[sqlite3.Connection] = []
        self._loop: sqlite3.Connection | None = None
        self._checks = 0

    async def open(self) -> None:
        """Open the event loop's connection; the threads open theirs when first needed."""
        self._loop = self._connect()
        self._loop.set_progress_handler(self._over_budget, LOOP_CHECK_STEPS)

    def _over_budget(self) -> bool:
        self._checks += 1
        return self._checks > LOOP_CHECKS

    async def close(self) -> None:
        """Wait for what is running, then close all."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        for connection in self._connections:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            _file_uri(self._path), uri=True, isolation_level=None, cached_statements=STATEMENTS_KEPT, check_same_thread=False
        )
        for pragma in (
            "query_only = ON",
            f"busy_timeout = {round(PATIENCE * 1000)}",
            "cache_size = -65536",
            "mmap_size = 1073741824",
        ):
            connection.execute(f"PRAGMA {pragma}")
        self._connections.append(connection)
        return connection

    def encode(self, values: Sequence[Any]) -> str:
        """A JSON array, for json_each."""
        return to_json(values).decode()

    async def fetch(self, statement: Statement, parameters: Mapping[str, Any]) -> list[Row]:
        """On the event loop within the budget, else on a thread within the deadline."""
        self.reads += 1
        given = {**statement.constants, **parameters}
        if self._loop is not None and not statement.dear and not statement.looks_for_terms:
            self._checks = 0
            try:
                return self._loop.execute(statement.sql, given).fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise unavailable(NO_ANSWER) from error
                statement.dear = DEAR_FOR
        statement.dear = max(statement.dear - 1, 0)
        until = time.monotonic() + self._deadline
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._fetch_slowly, statement.sql, given, until)

    async def by_id(self, statement: Statement, record_id: str, parameters: Mapping[str, Any]) -> Row | None:
        """By itself: on the event loop a statement costs little more than what it reads."""
        rows = await self.fetch(statement, {"id": record_id, **parameters})
        return rows[0] if rows else None

    def _fetch_slowly(self, sql: str, parameters: Mapping[str, Any], until: float) -> list[Row]:
        """`until` is on the monotonic clock, and counts from the request: what waited too long is not begun."""
        if time.monotonic() > until:
            raise unavailable(TOO_LONG)
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._connect()
        connection.set_progress_handler(lambda: time.monotonic() > until, DEADLINE_CHECK_STEPS)
        try:
            rows: list[Row] = connection.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            interrupted = error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
            raise unavailable(TOO_LONG if interrupted else NO_ANSWER) from error
        return rows


def _file_uri(path: Path) -> str:
    return f"{path.resolve().as_uri()}?mode=rw"


def driver_for(url: str, *, deadline: float, connections: int) -> Driver:
    """The driver that reads the database of this URL."""
    if make_url(url).get_backend_name() == "sqlite":
        return SqliteDriver(url, deadline=deadline)
    # Whoever has SQLite does without psycopg, which takes a tenth of the time to start.
    from app.db.postgres import PostgresDriver  # noqa: PLC0415

    return PostgresDriver(url, deadline=deadline, connections=connections)
