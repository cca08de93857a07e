"""SQL constructs that compile differently on each database (JSON text, aggregates, lists of values), and fast execution.

JSON is built by concatenating text, because the result is then the same bytes on both databases and the number of fields has no
limit (`json_object` takes 63 pairs on SQLite 3.40 and 50 on Postgres, which also adds spaces). There is one exception: on
SQLite, `json_object` builds each object that contains no array, because it is faster and gives the same bytes
(`app/db/record_sql.py`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.db import types
from app.db.postgres_plans import NOT_BY_INDEX, ONE_OF_ANY, ONE_OF_FEW
from app.db.types import Exact

Item = TypeVar("Item")
Encode = Callable[[Sequence[Any]], Any]
"""Encodes several values as one parameter of the driver."""
SQLITE_ARGUMENTS = 100
"""Maximum number of arguments in a call of an SQL function. Every build of SQLite allows this many."""


class json_string(FunctionElement[str]):  # noqa: N801 - named like an SQL function
    """An SQL function that converts a text value to a JSON string."""

    type = sa.String()
    inherit_cache = True


@compiles(json_string, "sqlite")
def _json_quote(element: json_string, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_quote({compiler.process(element.clauses, **kw)})"


@compiles(json_string, "postgresql")
def _to_json(element: json_string, compiler: SQLCompiler, **kw: Any) -> str:
    return f"to_json({compiler.process(element.clauses, **kw)})::text"


class instant_text(FunctionElement[str]):  # noqa: N801
    """An SQL function that converts an instant to text: RFC 3339 in UTC with microseconds."""

    type = sa.String()
    inherit_cache = True


@compiles(instant_text, "sqlite")
def _stored_text(element: instant_text, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(instant_text, "postgresql")
def _to_char(element: instant_text, compiler: SQLCompiler, **kw: Any) -> str:
    instant = compiler.process(element.clauses, **kw)
    return f"to_char({instant} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


class concatenated(FunctionElement[str]):  # noqa: N801
    """Concatenation of its arguments; null if one of them is null."""

    type = sa.String()
    inherit_cache = True


@compiles(concatenated)
def _pipes(element: FunctionElement[str], compiler: SQLCompiler, **kw: Any) -> str:
    return "(" + " || ".join(compiler.process(clause, **kw) for clause in element.clauses) + ")"


class assembled(FunctionElement[str]):  # noqa: N801
    """Concatenation of its arguments, none of which may be null. The JSON text of a record is built with it.

    On SQLite this is one call of `printf`, because each `||` in a chain copies all text before it. With `printf`, a list of 50
    takes 15 % less time.
    """

    type = sa.String()
    inherit_cache = True


@compiles(assembled)
def _written_as_pipes(element: assembled, compiler: SQLCompiler, **kw: Any) -> str:
    return _pipes(element, compiler, **kw)


@compiles(assembled, "sqlite")
def _printf(element: assembled, compiler: SQLCompiler, **kw: Any) -> str:
    form, values = "", []
    for clause in element.clauses:
        text = compiler.process(clause, **kw)
        if isinstance(clause, sa.ColumnClause) and clause.is_literal:
            form += text[1:-1].replace("%", "%%")
        else:
            form += "%s"
            values.append(text)
    if len(values) > SQLITE_ARGUMENTS:
        return _pipes(element, compiler, **kw)
    return f"printf('{form}', {', '.join(values)})"


class comma_joined(FunctionElement[str]):  # noqa: N801
    """Aggregate: the values of all rows joined by commas, in the order of the subquery; '' if there are no rows."""

    type = sa.String()
    inherit_cache = True


@compiles(comma_joined, "sqlite")
def _group_concat(element: comma_joined, compiler: SQLCompiler, **kw: Any) -> str:
    return f"coalesce(group_concat({compiler.process(element.clauses, **kw)}, ','), '')"


@compiles(comma_joined, "postgresql")
def _string_agg(element: comma_joined, compiler: SQLCompiler, **kw: Any) -> str:
    return f"coalesce(string_agg({compiler.process(element.clauses, **kw)}, ','), '')"


class separated(FunctionElement[Any]):  # noqa: N801
    """The values that `comma_joined` joined, as rows with a column `value`: `separated(text).table_valued("value")`.

    The values must not have characters that JSON escapes, and no commas.
    """

    type = sa.String()
    inherit_cache = True


@compiles(separated, "sqlite")
def _json_each(element: separated, compiler: SQLCompiler, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    return f"""json_each('["' || replace({text}, ',', '","') || '"]')"""


@compiles(separated, "postgresql")
def _json_array_elements(element: separated, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_array_elements_text(array_to_json(string_to_array({compiler.process(element.clauses, **kw)}, ',')))"


class matches_one_of(FunctionElement[Any]):  # noqa: N801
    """Whether a column equals one of several values. All values are ONE parameter, so the SQL does not depend on their number.

    The parameter is a JSON array on SQLite and an array on Postgres. Postgres uses its statistics of these values to decide
    whether to use an index. The type of this function is not Boolean: for a Boolean, SQLAlchemy would add `= 1` on
    SQLite, and SQLite cannot use an index for that form of the condition.
    """

    type = sa.Integer()
    inherit_cache = True


class is_one_of(matches_one_of):  # noqa: N801
    """Like `matches_one_of`, but for columns, such as ids, whose index is the best choice for all values.

    So Postgres plans the statement only once. Planning it for every list of values would take longer than reading a dozen
    records.
    """

    inherit_cache = True


@compiles(matches_one_of, "sqlite")
def _in_json_each(element: matches_one_of, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - compiled parts, no values


@compiles(matches_one_of, "postgresql")
def _any(element: matches_one_of, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return ONE_OF_ANY.format(column=column, values=values)


@compiles(is_one_of, "postgresql")
def _any_unnested(element: is_one_of, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return ONE_OF_FEW.format(column=column, values=values)


class unindexed(FunctionElement[Any]):  # noqa: N801
    """The column in a form for which SQLite uses no index of its table, so that its table is read before the other one.

    Postgres chooses the order of tables by its statistics.
    """

    inherit_cache = True

    def __init__(self, column: sa.ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(unindexed, "sqlite")
def _unary_plus(element: unindexed, compiler: SQLCompiler, **kw: Any) -> str:
    return f"+{compiler.process(element.clauses, **kw)}"


@compiles(unindexed, "postgresql")
def _as_it_is(element: unindexed, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


def in_index_order(statement: sa.Select[Any], table: sa.FromClause, index: sa.Index) -> sa.Select[Any]:
    """Make SQLite read an alias of a table in the order of an index that has all columns that the statement needs."""
    return statement.with_hint(table, f"INDEXED BY {index.name}", "sqlite")


class unindexed_on_postgres(FunctionElement[str]):  # noqa: N801
    """A column with text, in a form for which Postgres uses no index, so that it uses the index on another column."""

    type = Exact
    inherit_cache = True


@compiles(unindexed_on_postgres)
def _column(element: unindexed_on_postgres, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(unindexed_on_postgres, "postgresql")
def _expression(element: unindexed_on_postgres, compiler: SQLCompiler, **kw: Any) -> str:
    return NOT_BY_INDEX.format(column=compiler.process(element.clauses, **kw))


class rank_in(FunctionElement[int]):  # noqa: N801
    """The position of a column's value in the array that one bind parameter holds. Sorting by it gives the array's order."""

    type = sa.Integer()
    inherit_cache = True


@compiles(rank_in, "sqlite")
def _json_key(element: rank_in, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(SELECT key FROM json_each({values}) WHERE value = {column})"  # noqa: S608 - compiled parts, no values


@compiles(rank_in, "postgresql")
def _array_position(element: rank_in, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"array_position({values}, {column})"


def as_instant(parameter: str) -> sa.ColumnElement[Any]:
    """Return a bind parameter that holds an instant as text.

    The parameter is cast to the type of the columns that hold instants, so that it can be compared with them.
    """
    instant = sa.DateTime(timezone=True).with_variant(sa.String(), "sqlite")
    return sa.cast(sa.bindparam(parameter, type_=sa.String()), instant)


CHUNK = 1_000
"""Maximum number of values, or of rows to insert, that one execution of a statement receives."""


def chunks(values: Iterable[Item]) -> Iterator[list[Item]]:
    """Split the values into lists of at most CHUNK values."""
    several = list(values)
    return (several[start : start + CHUNK] for start in range(0, len(several), CHUNK))


def values_parameter(values: Collection[Any], encode: Encode) -> sa.BindParameter[Any]:
    """Return one bind parameter that holds all the values, encoded for the driver. Its name is unique."""
    return sa.bindparam(None, encode(list(values)), type_=sa.ARRAY(Exact), unique=True)


def among(column: sa.ColumnElement[Any], values: Collection[Any], encode: Encode) -> sa.ColumnElement[Any]:
    """Return the condition that the column equals one of the values."""
    return is_one_of(column, values_parameter(values, encode))


class Compiled(Protocol):
    """The attributes of a compiled statement that `run` and `execute` need."""

    sql: str
    constants: Mapping[str, Any]


def ids_parameter(of: Any = Exact) -> sa.BindParameter[Any]:
    """Return the bind parameter `ids`, which holds an array. With it, one statement serves any number of values."""
    return sa.bindparam("ids", type_=sa.ARRAY(of))


def run(connection: Connection, statement: Compiled, **given: Any) -> list[tuple[Any, ...]]:
    """Run a compiled statement on the driver directly and return all rows.

    This takes a tenth of the time that SQLAlchemy takes to build and execute a statement.
    """
    driver: Any = connection.connection
    with _errors(connection, driver):
        return _executed(driver, statement, given).fetchall()  # type: ignore[no-any-return]


def execute(connection: Connection, statement: Compiled, **given: Any) -> None:
    """Execute a compiled statement that returns no rows."""
    driver: Any = connection.connection
    with _errors(connection, driver):
        _executed(driver, statement, given)


def _executed(driver: Any, statement: Compiled, given: Mapping[str, Any]) -> Any:
    cursor = driver.cursor()
    cursor.execute(statement.sql, {**statement.constants, **given})
    return cursor


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """On Postgres, send the block's statements without waiting for each result. All results are awaited when the block ends.

    On SQLite, each statement runs immediately.
    """
    driver: Any = connection.connection
    with _errors(connection, driver), driver.pipeline() if hasattr(driver, "pipeline") else nullcontext():
        yield


@contextmanager
def _errors(connection: Connection, driver: Any) -> Iterator[None]:
    """Convert the driver's errors to SQLAlchemy's. If the connection was lost, make SQLAlchemy discard it."""
    base = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except base as error:
        lost = connection.dialect.is_disconnect(error, driver, None)
        if lost:
            connection.invalidate(error)
        raise DBAPIError.instance("", None, error, base, hide_parameters=True, connection_invalidated=lost) from error


INSERTS_KEPT = 1_000
"""Maximum number of cached INSERT statements. On SQLite, each set of columns that have values needs its own statement."""


class Insert(NamedTuple):
    """An INSERT statement, and the parameters of each of its executions.

    On SQLite, one execution inserts one row. On Postgres, one execution inserts several rows, which it receives as JSON.
    """

    sql: str
    rows: Sequence[Any]


class Rows:
    """Inserts and updates rows through the database driver, without SQLAlchemy's execution of statements.

    Each statement is compiled only once. Writing takes half of the time that it takes through SQLAlchemy. The values in rows
    are texts, numbers and booleans. Instants must be converted to texts by `instant`.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._insert = lru_cache(INSERTS_KEPT)(self._sqlite_insert if dialect.name == "sqlite" else self._postgres_insert)
        self._updates: dict[tuple[sa.Table, tuple[str, ...]], str] = {}

    def instant(self, value: datetime) -> Any:
        """Convert an instant to the text that rows hold."""
        return types.instant_text(value)

    def insert(self, connection: Connection, table: sa.TableClause, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows. Each row must have all columns except computed and autoincrement ones."""
        self.send(connection, self.inserts(table, rows))

    def inserts(self, table: sa.TableClause, rows: Sequence[dict[str, Any]]) -> list[Insert]:
        """Return the INSERT statements for the rows; `send` executes them. This method may be called in another process."""
        if self._dialect.name != "sqlite":
            return [Insert(self._insert(table, tuple(some[0])), [{"rows": to_json(some).decode()}]) for some in chunks(rows)]
        # Columns with None are left out, because sqlite3 looks for an adapter for each None, and this takes longer
        # than binding a text.
        shapes: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        for row in rows:
            given = {name: value for name, value in row.items() if value is not None}
            shapes.setdefault(tuple(given), []).append(tuple(given.values()))
        return [Insert(self._insert(table, shape), several) for shape, several in shapes.items()]

    def send(self, connection: Connection, inserts: Iterable[Insert]) -> None:
        """Execute the INSERT statements that `inserts` returned."""
        for sql, rows in inserts:
            self._send(connection, sql, rows)

    def _sqlite_insert(self, table: sa.TableClause, names: tuple[str, ...]) -> str:
        """Return an INSERT of one row. Its parameters are positional, because SQLite binds them faster than named ones."""
        columns = ", ".join(self._dialect.identifier_preparer.quote(name) for name in names)
        return f"INSERT INTO {table.name} ({columns}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - our own names

    def _postgres_insert(self, table: sa.TableClause, names: tuple[str, ...]) -> str:
        """Return an INSERT that inserts all rows, which it receives as one JSON parameter.

        Compared with single INSERTs, 16 rows take a third of the time, 1,000 rows a quarter.
        """
        given = sa.func.json_to_recordset(sa.cast(sa.bindparam("rows", type_=sa.Text()), sa.JSON()))
        read = given.table_valued(*(sa.column(name, table.c[name].type) for name in names)).render_derived(with_types=True)
        return str(table.insert().from_select(names, sa.select(read)).compile(dialect=self._dialect))

    def update(self, connection: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        """Update the rows of the table that have the `id`s in `rows`. All `rows` must have the same columns."""
        if not rows:
            return
        shape = table, tuple(rows[0])
        if shape not in self._updates:
            values: dict[str, Any] = {name: sa.bindparam(name) for name in rows[0] if name != "id"}
            if "updated_at" in values:
                now = sa.bindparam("updated_at", type_=table.c.created_at.type)
                # The clock may have been set back, but `updated_at` must not be earlier than `created_at`.
                values["updated_at"] = sa.case((table.c.created_at > now, table.c.created_at), else_=now)
            update = table.update().where(table.c.id == sa.bindparam("its_id")).values(values)
            self._updates[shape] = str(update.compile(dialect=self._dialect))
        given = [{**row, "its_id": row["id"]} for row in rows]
        self._send(connection, self._updates[shape], given)

    @staticmethod
    def _send(connection: Connection, sql: str, rows: Sequence[Any]) -> None:
        """Execute the statement for each row, without reading the results.

        Inside a `together` block, the statements are sent without waiting; the block waits for all results when it ends.
        """
        driver: Any = connection.connection
        with _errors(connection, driver):
            cursor = driver.cursor()
            if len(rows) == 1:
                cursor.execute(sql, rows[0])
            else:
                cursor.executemany(sql, rows)


def literal(text: str) -> sa.ColumnElement[str]:
    """Return one of our own constants as an SQL literal. A bind parameter would have to be sent with every execution."""
    quoted = text.replace("'", "''")
    return sa.literal_column(f"'{quoted}'", Exact)
