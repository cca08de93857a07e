"""Runs reads on Postgres through psycopg's own connection pool, without SQLAlchemy."""

import asyncio
import os
import socket
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import psycopg
import psycopg_pool
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect
from sqlalchemy.engine import Dialect, make_url

from app.db.availability import Availability
from app.db.driver import Row, Statement
from app.db.failures import AWAY, DAMAGED, FINE, MIGRATED, NO_ANSWER, READ_ONLY, Trouble, failure, unavailable
from app.db.postgres_plans import READING_SETTINGS
from app.db.schema import newest_revision
from app.errors import Malformed

SERVERS_SHARE = 0.9
"""The server cancels a read after this share of its deadline. If it does not, the driver closes the connection at the
deadline."""
DAMAGE_TOLD_SECONDS = 60
"""Seconds for which `/readyz` reports damage after a read has found it. The report ends after a fixed time, because no query
can prove that all pages are readable again."""
_REVISION = "SELECT max(version_num) FROM alembic_version"
_STATE = f"SELECT current_setting('transaction_read_only')::bool, ({_REVISION})"
WATCH_SECONDS = 2.0
"""Seconds between two looks at the revision of the schema."""
GATHERED = 8
"""Maximum number of records that `by_id` reads with one statement. More records are read with several statements, so that
several connections share the work."""


class _Gathered(NamedTuple):
    """Ids requested at the same time, and the task that reads their rows."""

    ids: list[str]
    rows: asyncio.Task[dict[str, Row]]


TRANSACTION_POOLING = "transaction"
"""The pooler mode that gives a client a server session for one transaction only, so session settings and prepared statements
are lost after each transaction."""


def connection_arguments(url: str) -> dict[str, Any]:
    """Return the arguments with which psycopg connects. They are the same for reading and for writing.

    A URL may name several hosts, in the syntax of SQLAlchemy (`?host=a:1&host=b:2`) or of libpq (`?host=a,b&port=1,2`). It may
    also say which of the hosts to use (`target_session_attrs`). If the network is silent, libpq gives up after the timeouts set
    here, unless the URL sets other timeouts. If a server is stopped but its operating system still acknowledges packets, these
    timeouts do not end the wait; our own timers do.
    """
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    _, arguments = PostgresDriver.dialect.create_connect_args(parsed)
    patience = {"connect_timeout": 2, "tcp_user_timeout": 10_000, "keepalives_idle": 10, "keepalives_interval": 3}
    return {**patience, "keepalives_count": 2, **arguments}


def cut(connection: "psycopg.AsyncConnection[Any] | psycopg.Connection[Any]") -> None:
    """Shut down the socket of a connection, so that a thread or task waiting for a response gets an error immediately."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as ours:
        ours.shutdown(socket.SHUT_RDWR)


def _is_of_connection(error: psycopg.Error) -> bool:
    """Whether the connection was lost or never made. Otherwise, the error means that the statement failed."""
    return isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate.startswith("57P"))


class PostgresDriver:
    """The driver for Postgres: a pool of read-only connections."""

    dialect: Dialect = psycopg_dialect.dialect()  # type: ignore[no-untyped-call]

    def __init__(self, url: str, *, deadline: float, connections: int, pooler: str = "") -> None:
        self.reads = 0
        arguments = connection_arguments(url)
        self._probe_seconds = 1 + arguments["connect_timeout"] * (str(arguments.get("host", "")).count(",") + 1)
        self.availability = Availability(self._probe, self._changed, seconds=self._probe_seconds)
        self._damaged_until = 0.0
        self._gathered: dict[tuple[str, str], _Gathered] = {}
        self._deadline = deadline
        self._revision = newest_revision()
        self._connections = connections
        self._pools_transactions = pooler == TRANSACTION_POOLING
        self._conninfo = make_conninfo(**arguments, application_name="rapporteur reading")
        # The server's timeout is shorter than our deadline, because the connection stays usable if the server cancels a read.
        read_only = "transaction_read_only" if self._pools_transactions else "default_transaction_read_only"
        settings = {**READING_SETTINGS, read_only: "on", "statement_timeout": str(int(deadline * 1000 * SERVERS_SHARE))}
        of = "true" if self._pools_transactions else "false"
        self._set = "SELECT " + ", ".join(f"set_config('{name}', '{value}', {of})" for name, value in settings.items())
        self._pool: psycopg_pool.AsyncConnectionPool[Any] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Open the pool. The pool connects in the background, and reconnects after the server was unreachable."""
        self.availability.open()
        await self._open_pool()

    async def _open_pool(self) -> None:
        self._pool = psycopg_pool.AsyncConnectionPool(
            self._conninfo,
            connection_class=self._reporting(),
            min_size=1,
            max_size=self._connections,
            open=False,
            timeout=self._deadline,
            configure=None if self._pools_transactions else self._configure,
            kwargs={
                "autocommit": True,
                "prepare_threshold": None if self._pools_transactions else 0,
                "row_factory": tuple_row,
            },
        )
        await self._pool.open()

    def _reporting(self) -> type[psycopg.AsyncConnection[Any]]:
        """Return a connection class that reports failed attempts to connect.

        The pool itself reports no failure. It only tries again, at increasing intervals.
        """
        report = self._report

        class Reporting(psycopg.AsyncConnection[Any]):
            @classmethod
            async def connect(cls, *arguments: Any, **options: Any) -> Any:
                try:
                    return await super().connect(*arguments, **options)
                except psycopg.Error as error:
                    report(error)
                    raise

        return Reporting

    async def _configure(self, connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute(self._set, prepare=False)

    async def watch(self) -> None:
        """Detect that the schema was migrated. If the server is gone, the next read notices it."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._pool is None:
                continue
            with suppress(psycopg.Error):  # the server is away, or all connections are in use
                async with self._pool.connection() as connection:
                    timer = asyncio.get_running_loop().call_later(self._deadline, cut, connection)
                    try:
                        found = await (await connection.execute(_REVISION)).fetchone()
                    finally:
                        timer.cancel()
                if found != (self._revision,):
                    self.availability.report(MIGRATED)

    async def close(self) -> None:
        """Close the pool."""
        await self.availability.close()
        if self._pool is not None:
            await self._pool.close(timeout=1)
        await asyncio.gather(*self._closing, return_exceptions=True)

    # -- whether the server is there ---------------------------------------------------------------------------------------

    def _changed(self, trouble: Trouble) -> None:
        """Close the pool when the server is away, and open a new one when it is back.

        The old connections are not reused, because they may hang for as long as the network is silent.
        """
        if trouble.reads is not None and self._pool is not None:
            pool, self._pool = self._pool, None
            self._later(pool.close(timeout=1))
        elif trouble.reads is None and self._pool is None:
            self._later(self._open_pool())

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _probe(self) -> Trouble:
        connection = None
        loop = asyncio.get_running_loop()
        until = loop.time() + self._probe_seconds * SERVERS_SHARE
        try:
            connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True, prepare_threshold=None)
            timer = loop.call_at(until, cut, connection)
            try:
                found = await (await connection.execute(_STATE)).fetchone()
            finally:
                timer.cancel()
        except psycopg.Error as error:
            known = failure(error)
            return known.trouble if known is not None and known.trouble != FINE else AWAY
        finally:
            if connection is not None:
                await connection.close()
        if found is not None and found[1] != self._revision:
            return MIGRATED
        if found is not None and found[0]:
            return READ_ONLY
        return self.availability.trouble if time.monotonic() < self._damaged_until else FINE

    # -- reads -------------------------------------------------------------------------------------------------------------

    def encode(self, values: Sequence[Any]) -> list[str]:
        """Return the values as a list, which psycopg sends as an array."""
        return list(values)

    async def fetch(self, statement: Statement, parameters: Mapping[str, Any], *, letters: int | None = None) -> list[Row]:
        """Run the statement and return all rows; `letters` is ignored, because Postgres sends all rows together.

        If the server has ended the connection, the read runs again on another connection of the pool. This is
        safe, because a read changes nothing.
        """
        self.reads += 1
        given = {**statement.constants, **parameters}
        loop = asyncio.get_running_loop()
        until = loop.time() + self._deadline
        for _ in range(self._connections + 1):
            self.availability.require_reads()
            if self._pool is None:
                break
            try:
                async with self._pool.connection() as connection:
                    timer = loop.call_at(until, cut, connection)
                    try:
                        return await self._rows(connection, statement, given)
                    finally:
                        timer.cancel()
            except psycopg.DataError as error:
                raise Malformed("a value in the request cannot be read as what it is compared with") from error
            except psycopg.Error as error:
                is_late = loop.time() >= until
                if is_late or not _is_of_connection(error):
                    raise self._told(error, certain=is_late) from error
        raise unavailable(NO_ANSWER)

    async def _rows(
        self, connection: psycopg.AsyncConnection[Any], statement: Statement, given: Mapping[str, Any]
    ) -> list[Row]:
        if not self._pools_transactions:
            cursor = await connection.execute(statement.sql, given, prepare=False if statement.planned_anew else None)
            return await cursor.fetchall()
        async with connection.pipeline(), connection.transaction():
            await connection.execute(self._set)
            cursor = await connection.execute(statement.sql, given)
            return await cursor.fetchall()

    def _told(self, error: psycopg.Error, *, certain: bool) -> Exception:
        found = failure(error)
        if found is None:
            return error
        if found.trouble == DAMAGED:
            self._damaged_until = time.monotonic() + DAMAGE_TOLD_SECONDS
        self.availability.report(found.trouble, certain=certain and not isinstance(error, psycopg_pool.PoolTimeout))
        return found.problem

    def _report(self, error: psycopg.Error) -> None:
        found = failure(error)
        if found is not None:
            self.availability.report(found.trouble)

    async def by_id(self, statement: Statement, record_id: str, parameters: Mapping[str, Any]) -> Row | None:
        """Read one record, together with other records that are requested in the same iteration of the event loop.

        One statement reads up to GATHERED records, because executing a statement costs more than reading a record. With 16
        clients, reading several records together doubles the throughput.
        """
        key = statement.sql, repr(parameters)
        gathered = self._gathered.get(key)
        if gathered is None or len(gathered.ids) == GATHERED:
            ids: list[str] = []
            gathered = _Gathered(ids, asyncio.create_task(self._by_ids(key, ids, statement, parameters)))
            self._gathered[key] = gathered
        gathered.ids.append(record_id)
        # The task is shielded, because if one request is cancelled, the other requests still need their rows.
        return (await asyncio.shield(gathered.rows)).get(record_id)

    async def _by_ids(
        self, key: tuple[str, str], ids: list[str], statement: Statement, parameters: Mapping[str, Any]
    ) -> dict[str, Row]:
        if self._gathered[key].ids is ids:  # otherwise this batch was full, and a new batch has replaced it
            del self._gathered[key]
        return {row[-1]: row for row in await self.fetch(statement, {"ids": ids, **parameters})}
