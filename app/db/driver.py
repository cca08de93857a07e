"""The interface of a driver, which runs compiled SELECT statements on one database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement

from app.db.availability import Availability

Row = tuple[Any, ...]

MOST_SPACES = 1_000
"""More than the prepared statements that a connection keeps, so that a text is forgotten before it is executed again."""


@dataclass
class Statement:
    """A compiled statement: its SQL, and the values of those parameters that are the same in every execution."""

    sql: str
    constants: Mapping[str, Any]
    dear: int = 0
    """How many of the next executions run on a thread. The number is 0 unless the statement was too slow for the event loop."""
    interrupted: int = 0
    """How many executions on the event loop were interrupted."""
    planned_anew: bool = False
    """Whether Postgres must plan the statement again for each set of values. This is needed if rare values need another plan
    than common ones."""

    def interrupt(self) -> None:
        """Note that an execution on SQLite's event loop was interrupted.

        In Python 3.11, a prepared statement that was interrupted between two rows counts as used from then on, so the module
        `sqlite3` would prepare the same text again for each execution. Another text is prepared once.
        """
        self.interrupted += 1
        self.loop_sql = self.sql + " " * (self.interrupted % MOST_SPACES)

    @cached_property
    def loop_sql(self) -> str:
        """The SQL as SQLite's event loop executes it."""
        return self.sql

    @cached_property
    def looks_for_terms(self) -> bool:
        """Whether the statement uses SQLite's full-text index.

        One step of SQLite's virtual machine may take long in that index, so a limit on the number of steps does not limit the
        time.
        """
        return " MATCH " in self.sql


def to_statement(statement: ClauseElement, dialect: Dialect) -> Statement:
    """Compile a SQLAlchemy statement for the driver."""
    made = statement.compile(dialect=dialect)
    return Statement(str(made), {name: value for name, value in made.params.items() if value is not None})


class Driver(Protocol):
    """Runs reads on one database."""

    dialect: Dialect
    reads: int
    """The number of statements that the driver has run."""
    availability: Availability

    async def open(self) -> None:
        """Connect to the database."""

    async def watch(self) -> None:
        """Watch for changes of the database that reads would not notice, such as a removed file. Runs until cancelled."""

    async def close(self) -> None:
        """Close all connections."""

    async def fetch(self, statement: Statement, parameters: Mapping[str, Any], *, letters: int | None = None) -> list[Row]:
        """Run the statement and return its rows. Raises Unavailable if the database does not answer in time.

        `letters` is a soft limit on the size of the result. The driver may stop reading when the first column of all rows read
        so far has more than `letters` characters in total. SQLite's driver stops. Postgres' driver reads all rows, because the
        server sends them together.
        """

    async def by_id(self, statement: Statement, record_id: str, parameters: Mapping[str, Any]) -> Row | None:
        """Return the row of one record, with the id as its last column; None if there is no such record.

        Raises the same errors as `fetch`.
        """

    def encode(self, values: Sequence[Any]) -> Any:
        """Encode several values as one parameter: JSON on SQLite, an array on Postgres."""
