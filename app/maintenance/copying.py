"""Copies a whole registry into an empty database, also of the other sort: with history, keys, redirects, stored answers."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.db import types
from app.db.engine import analyze, continue_numbers, create_engine, reading
from app.db.schema import applied_revision
from app.db.sql import CHUNK, Rows
from app.errors import OperatorError
from app.maintenance.check import disagreements
from app.models import Base
from app.models.access import Key
from app.models.records import Change
from app.reading.changes import Position, end_of_log, position_of
from app.search.index import search_entries
from app.writing.writer import Writer

changes: sa.Table = Change.__table__
Row = dict[str, Any]
Progress = Callable[[int], object]
NOT_EMPTY = "the database to copy to is not empty: name a new one"


def tables() -> list[sa.Table]:
    """The tables whose rows are copied. The search entries are made anew, because they differ between the databases."""
    return [table for table in Base.metadata.sorted_tables if table is not search_entries]


def count(connection: Connection) -> int:
    """How many rows there are to copy."""
    return sum(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables())


def require_empty(url: str) -> None:
    """Raise OperatorError if the database contains records. It may have the schema of any version; it is not changed."""
    if applied_revision(url) is None:
        return
    engine = create_engine(url)
    with reading(engine) as connection:
        is_empty = connection.execute(sa.text("SELECT 1 FROM records LIMIT 1")).first() is None
    engine.dispose()
    if not is_empty:
        raise OperatorError(NOT_EMPTY)


def keys_of(connection: Connection) -> list[Any]:
    """Which keys there are, and which of them are revoked."""
    return list(connection.execute(sa.select(Key.id, Key.revoked_at).order_by(Key.id)).all())


def end_of(connection: Connection) -> Position:
    """The position of the end of the log."""
    return position_of(connection.execute(end_of_log()).all())


def copy(source: Connection, target: Connection, writer: Writer, *, progress: Progress) -> None:
    """Copy all rows into an empty database of the same schema, make the search index, and compare both.

    `writer` is one of the target's. `progress` is called with the number of rows after each piece: once when they are copied,
    and once when they are compared. Raises OperatorError if the target is not empty, or if the copy differs from the source or
    is not consistent; the caller then rolls back.
    """
    if any(target.execute(sa.select(sa.literal_column("1")).select_from(table).limit(1)).first() for table in tables()):
        raise OperatorError(NOT_EMPTY)
    rows = Rows(target.dialect)
    for table in tables():
        for some in _pieces(source, table):
            rows.insert(target, table, some)
            progress(len(some))
    continue_numbers(target, changes.c.seq)
    writer.index_all(target)
    analyze(target, Base.metadata.sorted_tables)
    for table in tables():
        _compare(source, target, table, progress)
    if found := disagreements(target, writer, progress=lambda _: None):
        raise OperatorError("\n".join(["the copy is not consistent; nothing was kept", *found[:20]]))


def _compare(source: Connection, target: Connection, table: sa.Table, progress: Progress) -> None:
    for one, other in zip_longest(_pieces(source, table), _pieces(target, table)):
        if one != other:
            raise OperatorError(f"the copy of {table.name} differs from what was copied; nothing was kept")
        progress(len(one or ()))


def _pieces(connection: Connection, table: sa.Table) -> Iterator[list[Row]]:
    """Yield the rows of a table in pieces, in the order of the primary key, in the form in which `Rows` inserts them."""
    columns = [column for column in table.c if column.computed is None]
    query = sa.select(*columns).order_by(*table.primary_key.columns).execution_options(yield_per=CHUNK)
    for some in connection.execute(query).mappings().partitions():
        yield [_plain(row, columns) for row in some]


def _plain(row: sa.RowMapping, columns: Sequence[sa.Column[Any]]) -> Row:
    return {
        column.name: types.instant_text(value) if isinstance(value := row[column], datetime) else value for column in columns
    }
