"""How reads are executed on Postgres: on psycopg's own pool, by itself."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
import psycopg_pool
from psycopg.rows import tuple_row
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect
from sqlalchemy.engine import Dialect, make_url

from app.db.drivers import NO_ANSWER, TOO_LONG, Row, Statement, unavailable
from app.errors import Malformed

SETTINGS = "-c jit=off -c default_transaction_read_only=on -c random_page_cost=1.1"
"""Of connections that read.

What is read has an index and is mostly in memory. With the default cost, meant for discs that turn, Postgres read 20,000
documents through to find one, and their terms take ten times as long to unpack as it thinks.
"""
GATHERED = 8
"""How many records one statement is asked for at the most, so that there is something left for the other connections."""


class _Gathered(NamedTuple):
    """Ids that are asked for at the same moment, and their rows to come."""

    ids: list[str]
    rows: asyncio.Task[dict[str, Row]]


class PostgresDriver:
    """A pool of connections that only read."""

    dialect: Dialect = psycopg_dialect.dialect()  # type: ignore[no-untyped-call]

    def __init__(self, url: str, *, deadline: float, connections: int) -> None:
        conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self.reads = 0
        self._gathered: dict[tuple[str, str], _Gathered] = {}
        self._pool = psycopg_pool.AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=connections,
            open=False,
            timeout=deadline,
            kwargs={
                "autocommit": True,
                "prepare_threshold": 0,
                "row_factory": tuple_row,
                "application_name": "rapporteur reading",
                "options": f"{SETTINGS} -c statement_timeout={int(deadline * 1000)}",
            },
        )

    async def open(self) -> None:
        """Open the pool; it connects by itself, and again after the server was away."""
        await self._pool.open()

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close()

    def encode(self, values: Sequence[Any]) -> list[str]:
        """A list, which psycopg sends as an array."""
        return list(values)

    async def fetch(self, statement: Statement, parameters: Mapping[str, Any]) -> list[Row]:
        """On a connection of the pool."""
        self.reads += 1
        try:
            async with self._pool.connection() as connection:
                prepare = False if statement.planned_anew else None
                cursor = await connection.execute(statement.sql, {**statement.constants, **parameters}, prepare=prepare)
                return await cursor.fetchall()
        except psycopg.errors.QueryCanceled as error:
            raise unavailable(TOO_LONG) from error
        except psycopg.DataError as error:
            raise Malformed("a value in the request cannot be read as what it is compared with") from error
        except (psycopg.OperationalError, psycopg_pool.PoolTimeout) as error:
            raise unavailable(NO_ANSWER) from error

    async def by_id(self, statement: Statement, record_id: str, parameters: Mapping[str, Any]) -> Row | None:
        """By one statement with all that are asked for in this turn of the event loop.

        A statement costs more than the record that it reads: 16 clients are given twice as many.
        """
        key = statement.sql, repr(parameters)
        gathered = self._gathered.get(key)
        if gathered is None or len(gathered.ids) == GATHERED:
            ids: list[str] = []
            gathered = _Gathered(ids, asyncio.create_task(self._by_ids(key, ids, statement, parameters)))
            self._gathered[key] = gathered
        gathered.ids.append(record_id)
        # Whoever gives up must not take the others' rows along.
        return (await asyncio.shield(gathered.rows)).get(record_id)

    async def _by_ids(
        self, key: tuple[str, str], ids: list[str], statement: Statement, parameters: Mapping[str, Any]
    ) -> dict[str, Row]:
        if self._gathered[key].ids is ids:  # else it was full, and another follows
            del self._gathered[key]
        return {row[-1]: row for row in await self.fetch(statement, {"ids": ids, **parameters})}
