"""The parts of full-text search that differ between the databases: FTS5 on SQLite, `tsvector` and GIN on Postgres."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.db import postgres_plans
from app.db.postgres_plans import Way
from app.text.nodes import FTS5, TSQUERY, Syntax, tsvector

INDEX = "search_entries_index"
"""The name of SQLite's full-text index over the terms. Postgres uses TERMS_INDEX instead."""
TERMS_INDEX = "ix_search_entries_terms"
"""The name of the GIN index over the terms on Postgres."""
HELD = 1 << 24
"""Bytes of terms that FTS5 buffers before it writes them as a segment of the index. The value is large, so that an import
writes only a few segments, because each segment must later be merged with others."""
_CREATE_INDEX = (
    f"CREATE VIRTUAL TABLE {INDEX} USING fts5"
    "(terms, content='search_entries', content_rowid='docid', tokenize=\"ascii tokenchars '-@#=~|'\")"
)
_INDEX = sa.table(INDEX, *map(sa.column, (INDEX, "rowid", "terms")))
# ruff: noqa: S608 - only numbers and our own names are formatted into SQL, never input from clients
Rows = Sequence[dict[str, Any]]


class FullText(ABC):
    """The operations that differ between the databases when search entries are written or found."""

    syntax: Syntax
    statistics: str | None = None
    """The query for the statistics that `postgres_plans.chosen` uses to choose how matches are read. It is None if the database
    can read them in only one way."""

    @abstractmethod
    def stored(self, terms: Sequence[str], first: int) -> str:
        """Return the terms in the form in which a search entry stores them.

        `first` is the position of the first term, counted from 1.
        """

    @abstractmethod
    def newest(self, tier: int, match: str, way: Way, limit: int, *, bounds: tuple[str, str] | None, since: bool) -> str:
        """Return the SQL that reads the newest matches of a tier (one level of the search ranking, see `app/search/tiers.py`).

        `postgres_plans.newest` explains the parameters.
        """

    def removals(self, entries: sa.Table, those: sa.ColumnElement[Any]) -> Iterator[sa.UpdateBase]:
        """Yield the statements that remove entries from the index table. If the database updates its index itself, yield none.

        The statements must run before the rows of `entries` are deleted. The condition `those` selects the rows.
        """
        del entries, those
        return iter(())

    def copies(self, rows: Rows) -> tuple[sa.TableClause, Rows] | None:
        """Return the index table, and the rows that must be inserted into it whenever the search entries `rows` are inserted.

        Return None if the database updates its index itself.
        """
        del rows
        return None

    def forget_removed(self, connection: Connection) -> None:
        """Take the terms of removed entries out of the index for good. If the database does this itself, do nothing."""
        del connection

    def disagreements(self, connection: Connection) -> Iterator[str]:
        """Yield a message for each search entry without a row in the index table, and for each such row without an entry."""
        del connection
        return iter(())


class _Fts5(FullText):
    syntax = FTS5

    def stored(self, terms: Sequence[str], first: int) -> str:
        del first  # FTS5 numbers the positions itself
        return " ".join(terms)

    def newest(self, tier: int, match: str, way: Way, limit: int, *, bounds: tuple[str, str] | None, since: bool) -> str:
        del tier, way  # unused: on FTS5, every tier is read in the same way, the newest entries first up to the limit
        within = f" AND rowid >= :{bounds[0]} AND rowid < :{bounds[1]}" if bounds else ""
        if since:
            within += f" AND (SELECT date_end FROM search_entries WHERE docid = {INDEX}.rowid) >= :date_from"
        return f"SELECT rowid AS docid FROM {INDEX} WHERE {INDEX} MATCH :{match}{within} ORDER BY rowid LIMIT {limit}"

    def removals(self, entries: sa.Table, those: sa.ColumnElement[Any]) -> Iterator[sa.UpdateBase]:
        # The index stores no copy of the terms, so the statement must pass FTS5 the terms that it has to remove.
        old = sa.select(sa.literal("delete"), entries.c.docid, entries.c.terms).where(those).order_by(entries.c.docid)
        yield sa.insert(_INDEX).from_select([INDEX, "rowid", "terms"], old)

    def copies(self, rows: Rows) -> tuple[sa.TableClause, Rows]:
        return _INDEX, [{"rowid": row["docid"], "terms": row["terms"]} for row in rows]

    def forget_removed(self, connection: Connection) -> None:
        # FTS5 only marks removed terms, until it merges the segments that contain them.
        connection.execute(sa.insert(_INDEX).values({INDEX: "optimize"}))

    def disagreements(self, connection: Connection) -> Iterator[str]:
        indexed = sa.select(sa.table(f"{INDEX}_docsize", sa.column("id")).c.id)
        there = sa.select(sa.table("search_entries", sa.column("docid")).c.docid)
        for what, query in (("lacks", sa.except_(there, indexed)), ("has too much", sa.except_(indexed, there))):
            for docid in connection.execute(query).scalars():
                yield f"{INDEX}: {what}: {docid}"


class _Tsvector(FullText):
    syntax = TSQUERY
    statistics = postgres_plans.STATISTICS

    def stored(self, terms: Sequence[str], first: int) -> str:
        return tsvector(terms, first)

    def newest(self, tier: int, match: str, way: Way, limit: int, *, bounds: tuple[str, str] | None, since: bool) -> str:
        return postgres_plans.newest(tier, match, way, limit, bounds=bounds, since=since)


def full_text_of(dialect: Dialect) -> FullText:
    """Return the FullText implementation for the database with this dialect."""
    return _Fts5() if dialect.name == "sqlite" else _Tsvector()


class has_terms(FunctionElement[Any]):  # noqa: N801 - named like an SQL function
    """Whether a record's search entry matches a query.

    Arguments: the record's id; the query in FTS5 syntax; the query in tsquery syntax.
    """

    type = sa.Integer()
    inherit_cache = True


@compiles(has_terms, "sqlite")
def _match(element: has_terms, compiler: SQLCompiler, **kw: Any) -> str:
    record_id, query, _ = element.clauses
    found = f"SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH {compiler.process(query, **kw)}"
    return f"{compiler.process(record_id, **kw)} IN (SELECT record_id FROM search_entries WHERE docid IN ({found}))"


@compiles(has_terms, "postgresql")
def _at_at(element: has_terms, compiler: SQLCompiler, **kw: Any) -> str:
    record_id, _, query = element.clauses
    found = f"SELECT record_id FROM search_entries WHERE terms @@ CAST({compiler.process(query, **kw)} AS tsquery)"
    return f"{compiler.process(record_id, **kw)} IN ({found})"


def create_index(connection: Connection) -> None:
    """Create the full-text index on SQLite; do nothing on Postgres.

    The index is created by plain SQL, because it is a virtual table, and SQLAlchemy does not support virtual tables.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_CREATE_INDEX)
        connection.exec_driver_sql(f"INSERT INTO {INDEX} ({INDEX}, rank) VALUES ('hashsize', ?)", (HELD,))


def drop_index(connection: Connection) -> None:
    """Drop the full-text index on SQLite; do nothing on Postgres."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"DROP TABLE {INDEX}")
