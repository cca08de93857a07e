"""Reads SQLite: on the event loop, or on a thread if a read exceeds a limit of steps. Also watches the database file."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from operator import itemgetter
from typing import Any

from pydantic_core import to_json
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.expression import FromClause

from app.db.availability import Availability
from app.db.driver import Row, Statement
from app.db.engine import PATIENCE, sqlite_path
from app.db.failures import FINE, GONE, MIGRATED, TOO_LONG, Trouble, failure, unavailable
from app.db.schema import newest_revision
from app.db.sqlite import SqliteConnection, connect, look_of, renew

LOOP_CHECK_STEPS = 10_000
LOOP_CHECKS = 6
"""The limit of a read on the event loop: this number of checks, about 3 ms. A check happens every LOOP_CHECK_STEPS steps.

A step is one of SQLite's virtual machine. SQLite counts the steps of a prepared statement over all its executions, so one check
can happen even in the cheapest read. Only several checks within one execution mean that the read is expensive.
"""
DEAR_FOR = 100
"""The number of times that a slow statement runs on a thread before it is tried on the event loop again."""
DEADLINE_CHECK_STEPS = 20_000
SQLITE_THREADS = 2
STATEMENTS_KEPT = 128
"""Number of prepared statements that each connection caches. Clients choose fields and includes, so there are many different
statements, and each takes up to 150 KB."""
CACHE_KIB = 32_768
"""Size of the page cache of each reading connection, in KiB. We do not use mmap, because the operating system would kill the
process if the file were truncated."""
ROWS_AT_ONCE = 60
"""Number of rows that are fetched together if the result is limited by `letters`. A page of usual size needs only one fetch."""
WATCH_SECONDS = 0.5
"""Seconds between checks that the database file still exists, because a connection would continue to read a removed file."""
_REVISION = "SELECT max(version_num) FROM alembic_version"


class _Compiler(SQLiteCompiler):
    """Writes the hints of statements (`in_index_order`), which SQLAlchemy leaves out for SQLite."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        """Return the text after the name of a table."""
        del table
        return text


class _Dialect(SQLiteDialect_pysqlite):
    statement_compiler = _Compiler
    supports_statement_cache = True


class SqliteDriver:
    """The driver for SQLite: one connection for the event loop, and one for each of two threads."""

    dialect: Dialect = _Dialect(paramstyle="named")

    def __init__(self, url: str, *, deadline: float) -> None:
        self.reads = 0
        self.availability = Availability(self._probe, self._changed)
        self._path = sqlite_path(url)
        self._revision = newest_revision()
        self._deadline = deadline
        self._own = threading.local()
        self._opened = 0
        """How many times the connections were reopened."""
        self._threads = ThreadPoolExecutor(SQLITE_THREADS, thread_name_prefix="read")
        self._probing = ThreadPoolExecutor(2, thread_name_prefix="probe")
        self._seen: object = None
        self._was_damaged = False
        self._check: Future[bool] | None = None
        self._connections: list[SqliteConnection] = []
        self._loop: SqliteConnection | None = None
        self._checks = 0

    async def open(self) -> None:
        """Open the event loop's connection. Each thread opens its own connection when it first runs a read."""
        self.availability.open()
        self._open_loops()

    def _open_loops(self) -> None:
        self._loop = self._connect()
        # A small sort in a temporary file costs more to prepare than to do. The limit on steps bounds what is sorted here.
        self._loop.execute("PRAGMA temp_store = MEMORY")
        self._loop.set_progress_handler(self._over_budget, LOOP_CHECK_STEPS)

    def _over_budget(self) -> bool:
        self._checks += 1
        return self._checks > LOOP_CHECKS

    async def close(self) -> None:
        """Wait for running statements, then close all connections."""
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

    async def watch(self) -> None:
        """Detect within a second that the file was removed or replaced, or that the schema was migrated. No read is needed."""
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
        elif connection.execute(_REVISION).fetchone() != (self._revision,):
            self.availability.report(MIGRATED)

    def _changed(self, trouble: Trouble) -> None:
        """Reopen the connections if the file was replaced or repaired."""
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
        """Probe the database by reading a row and beginning a write. Return the trouble that this shows, or FINE."""
        if self._is_being_replaced():
            return GONE
        try:
            with closing(connect(self._path)) as connection:
                connection.execute("PRAGMA busy_timeout = 0")
                (revision,) = connection.execute(_REVISION).fetchone()
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
        except OSError:
            return GONE  # SQLite's WAL files are being renamed or removed at this moment
        except sqlite3.Error as error:
            found = failure(error)
            return found.trouble if found is not None else FINE
        return FINE if revision == self._revision else MIGRATED

    def _is_being_replaced(self) -> bool:
        """Whether the file is missing or still being copied.

        A new file counts as completely copied if its inode, size and time of change are the same in two successive probes.
        """
        if self._loop is None or self._loop.is_in_place:
            return False
        before, self._seen = self._seen, look_of(self._path)
        return self._seen is None or self._seen != before

    def _is_damaged(self) -> bool:
        """Whether the file still counts as damaged.

        A damaged file counts as damaged until a check of the whole file succeeds. The check may take minutes.
        """
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
        """Return the values as a JSON array, which the SQL reads with `json_each`."""
        return to_json(values).decode()

    async def fetch(self, statement: Statement, parameters: Mapping[str, Any], *, letters: int | None = None) -> list[Row]:
        """Run the statement on the event loop. If it exceeds the limit on steps there, run it on a thread within the deadline.

        A statement that was too slow before, or that uses the full-text index, runs on a thread from the beginning.
        """
        self.reads += 1
        self.availability.require_reads()
        given = {**statement.constants, **parameters}
        if self._loop is not None and not statement.dear and not statement.looks_for_terms:
            self._checks = 0
            try:
                return _rows(self._loop.execute(statement.loop_sql, given), letters)
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_INTERRUPT:
                    raise self._told(error) from error
                statement.dear = DEAR_FOR
                statement.interrupt()
        statement.dear = max(statement.dear - 1, 0)
        until = time.monotonic() + self._deadline
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._fetch_slowly, statement.sql, given, until, letters)

    async def by_id(self, statement: Statement, record_id: str, parameters: Mapping[str, Any]) -> Row | None:
        """Read one record with its own statement.

        A statement runs on the event loop with almost no overhead. Reading several records with one statement, as the driver
        for Postgres does, would therefore save nothing.
        """
        rows = await self.fetch(statement, {"id": record_id, **parameters})
        return rows[0] if rows else None

    def _fetch_slowly(self, sql: str, parameters: Mapping[str, Any], until: float, letters: int | None = None) -> list[Row]:
        """Run the statement on this thread, unless the deadline `until` (monotonic clock) passed while it was queued."""
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
            self._own.connection = None  # cleared first, because opening a new connection may fail
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


_FIRST = itemgetter(0)


def _rows(cursor: sqlite3.Cursor, letters: int | None) -> list[Row]:
    if letters is None:
        return cursor.fetchall()
    rows: list[Row] = []
    while letters >= 0:
        some = cursor.fetchmany(ROWS_AT_ONCE)
        rows += some
        if len(some) < ROWS_AT_ONCE:
            return rows
        letters -= sum(map(len, map(_FIRST, some)))
    cursor.close()
    return rows
