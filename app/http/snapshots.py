"""Runs read functions that need a SQLAlchemy connection. Each runs on a separate thread, with one database snapshot."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from app.db.availability import Availability
from app.db.engine import cut_connections, reading
from app.db.failures import failure
from app.errors import Problem

Result = TypeVar("Result")
AT_ONCE = 2
"""The maximum number of read functions that run at the same time. Further ones wait."""


class Snapshots:
    """Runs read functions on threads."""

    def __init__(self, engine: Engine, availability: Availability) -> None:
        self._engine = engine
        self._availability = availability
        availability.listen(lambda trouble: cut_connections(engine) if trouble.reads is not None else None)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="snapshot")

    def close(self) -> None:
        """Stop the threads, and close the database connections."""
        self._threads.shutdown(cancel_futures=True)
        self._engine.dispose()

    async def read(self, function: Callable[[Connection], Result]) -> Result:
        """Run a function with a connection that reads. Raises Unavailable if the database does not answer."""
        self._availability.require_reads()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, function)
        except DBAPIError as error:
            raise problem_of(error, self._availability) from error

    def _read(self, function: Callable[[Connection], Result]) -> Result:
        with reading(self._engine) as connection:
            return function(connection)


def problem_of(error: DBAPIError, availability: Availability) -> Problem:
    """Report a database error, and return the Problem for it. Raises the error itself if its cause is unknown."""
    known = failure(error.orig) if error.orig is not None else None
    if known is None:
        raise error
    availability.report(known.trouble)
    return known.problem
