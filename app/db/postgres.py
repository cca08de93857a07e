"""How reads are executed on Postgres: on psycopg's own pool, by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

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


class PostgresDriver:
    """A pool of connections that only read."""

    dialect: Dialect = psycopg_dialect.dialect()  # type: ignore[no-untyped-call]

    def __init__(self, url: str, *, deadline: float, connections: int) -> None:
        conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
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
