"""Chooses the driver for a database. Drivers run reads without SQLAlchemy's engine and without transactions.

Connections stay open. On SQLite, a read first runs on the event loop, because passing it to a thread takes 110-140 µs, longer
than most reads (8.5 µs through the driver, 95-126 µs through SQLAlchemy's engine). The number of steps that SQLite may execute
for this read is limited, so that it cannot delay other requests. A read that exceeds the limit is aborted and runs again on one
of two threads. The next executions of the same statement (their number is DEAR_FOR) go directly to the threads.

On Postgres, the driver (`app/db/postgres.py`) uses psycopg's own connection pool, autocommit and prepared statements.
"""

from sqlalchemy.engine import make_url

from app.db.driver import Driver
from app.db.sqlite_driver import SqliteDriver


def driver_for(url: str, *, deadline: float, connections: int, pooler: str = "") -> Driver:
    """Return the driver for the database with this URL.

    `pooler`: the mode of the connection pooler between this program and Postgres; '' if there is no pooler.
    """
    if make_url(url).get_backend_name() == "sqlite":
        return SqliteDriver(url, deadline=deadline)
    # psycopg is imported only for Postgres, because the import takes a tenth of the start-up time.
    from app.db.postgres import PostgresDriver  # noqa: PLC0415

    return PostgresDriver(url, deadline=deadline, connections=connections, pooler=pooler)
