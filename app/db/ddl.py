"""Functions with which migrations change tables on both databases.

SQLite's ALTER TABLE cannot change constraints or types, so on SQLite a table is rebuilt from a changed list of its
definitions. A definition is the text that defines one column or one constraint in the table's CREATE TABLE statement. The
columns come first, then the constraints. A definition that is not changed keeps its exact text, including checks, foreign keys
and computed columns.
"""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from app.db.types import as_comparisons
from app.errors import OperatorError

_HEAD = re.compile(r'\s*CREATE TABLE\s+("(?:[^"]|"")+"|\w+)\s*\(', re.IGNORECASE)
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[(),]""")
_NAME = re.compile(r'(?:CONSTRAINT )?(?:"((?:[^"]|"")+)"|(\w+))')
_CHECK = re.compile(r"CHECK (?P<condition>\(.*\))", re.DOTALL)
_NEW = "rapporteur_new_table"
LONGEST_NAME = 63
"""Maximum length of a name on Postgres, in characters. Postgres would cut a longer name without an error."""

NAMED = 10
"""The maximum number of records that a message of a refused migration names."""

Definitions = list[str]


@contextmanager
def changing(engine: Engine) -> Iterator[sa.Connection]:
    """Run the block in a transaction in which tables may be changed.

    On SQLite, foreign keys are checked only at the end of the transaction, because a table does not exist for a moment while it
    is rebuilt. Raises OperatorError if this check finds a row that refers to a row that does not exist.
    """
    with engine.connect() as connection:
        is_sqlite = engine.dialect.name == "sqlite"
        if is_sqlite:
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys = OFF")  # before the transaction, because the PRAGMA has no effect within one
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5) if is_sqlite else []
                if broken:
                    rows = ", ".join(f"{row[0]} to {row[2]}" for row in broken)
                    raise OperatorError(f"the change is refused, since rows refer to others that are not there: {rows}")
        finally:
            if is_sqlite:
                connection.invalidate()  # the pool must not hand out a connection that does not enforce foreign keys


def set_constraint(connection: sa.Connection, table: str, name: str, definition: str | None) -> None:
    """Add a constraint, or replace the table's constraint with the same name. If `definition` is None, only drop it.

    `definition` is SQL, such as `CHECK ("type" IN ('a', 'b'))` or `FOREIGN KEY(x_id) REFERENCES records (id) DEFERRABLE
    INITIALLY DEFERRED`. Raises OperatorError if it is a CHECK that rows violate; of any other constraint the database itself
    refuses that.
    """
    if definition is not None and (check := _CHECK.fullmatch(definition)):
        key = sa.inspect(connection).get_pk_constraint(table)["constrained_columns"][0]
        violating = f'SELECT "{key}" FROM "{table}" WHERE NOT {check["condition"]} ORDER BY 1'  # noqa: S608 - our own names
        require_none(connection, violating, f"these {table} have values that the rule {check['condition']} excludes")
    if connection.dialect.name != "sqlite":
        _on_postgres(connection, f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{name}"')
        if definition is not None:
            _on_postgres(connection, f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {definition}')
        return
    new = [f"CONSTRAINT {name} {as_comparisons(definition)}"] if definition is not None else []
    rebuild(connection, table, lambda definitions: [*(each for each in definitions if _named(each) != name), *new])


def drop_column(connection: sa.Connection, table: str, column: str) -> None:
    """Drop a column. The caller must drop its constraints and indexes first."""
    if connection.dialect.name == "sqlite":
        rebuild(connection, table, lambda definitions: [each for each in definitions if _named(each) != column])
    else:
        _on_postgres(connection, f'ALTER TABLE "{table}" DROP COLUMN "{column}"')


def add_columns(connection: sa.Connection, table: str, *columns: sa.Column[Any], values: Mapping[str, str]) -> None:
    """Add columns. `values`: for each column that is never null and not computed, the value of the rows that exist."""
    sa.Table(table, sa.MetaData(), *columns)  # a column can be written only as part of a table
    new = {each.name: str(sa.schema.CreateColumn(each).compile(dialect=connection.dialect)) for each in columns}
    on_sqlite = connection.dialect.name == "sqlite"
    for column in columns:
        if not (on_sqlite and column.computed is not None):
            default = f" DEFAULT '{values[column.name]}'" if column.name in values else ""
            _on_postgres(connection, f'ALTER TABLE "{table}" ADD COLUMN {new[column.name]}{default}')
        if not on_sqlite and column.name in values:
            _on_postgres(connection, f'ALTER TABLE "{table}" ALTER COLUMN "{column.name}" DROP DEFAULT')
        if column.comment:
            set_comment(connection, table, column.name, column.comment)
    if on_sqlite:

        def edit(definitions: Definitions) -> Definitions:
            stays = [each for each in definitions if _named(each) not in new]
            first = next(place for place, each in enumerate(stays) if each.startswith("CONSTRAINT"))
            return [*stays[:first], *new.values(), *stays[first:]]

        rebuild(connection, table, edit)


def set_nullable(connection: sa.Connection, table: str, column: str, *, nullable: bool) -> None:
    """Allow or forbid nulls in a column. The database refuses to forbid them if there are any."""
    if connection.dialect.name != "sqlite":
        _on_postgres(connection, f'ALTER TABLE "{table}" ALTER COLUMN "{column}" {"DROP" if nullable else "SET"} NOT NULL')
        return

    def edit(definitions: Definitions) -> Definitions:
        of_it = next(each for each in definitions if _named(each) == column)
        plain = of_it.replace(" NOT NULL", "")
        return [(plain if nullable else f"{plain} NOT NULL") if each is of_it else each for each in definitions]

    rebuild(connection, table, edit)


def check_now(connection: sa.Connection) -> None:
    """Check the constraints of the changed rows now, because Postgres refuses to change a table with checks that wait."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")


def empty_search_entries(connection: sa.Connection) -> None:
    """Remove all search entries. `rapporteur migrate` creates them again. On Postgres, TRUNCATE is much faster than DELETE."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO search_entries_index (search_entries_index) VALUES ('delete-all')")
        connection.exec_driver_sql("DELETE FROM search_entries")
    else:
        connection.exec_driver_sql("TRUNCATE search_entries")


def require_none(connection: sa.Connection, query: str, why: str) -> None:
    """Raise OperatorError if the query, whose rows begin with an id, finds records. The message names up to `NAMED` of them."""
    found = [str(row[0]) for row in connection.exec_driver_sql(query).fetchmany(NAMED + 1)]
    if found:
        more = " and more" if len(found) > NAMED else ""
        raise OperatorError(f"{why}: {', '.join(found[:NAMED])}{more}")


def rename_column(connection: sa.Connection, table: str, old: str, new: str) -> None:
    """Rename a column, and rename its CHECK, indexes and foreign keys accordingly. The values are kept.

    An index or constraint is renamed only if its name follows the convention `ix_TABLE_COLUMNS`, `fk_TABLE_COLUMNS` or
    `ck_TABLE_COLUMN`. Raises ValueError if a new name would be longer than LONGEST_NAME.
    """
    connection.exec_driver_sql(f'ALTER TABLE "{table}" RENAME COLUMN "{old}" TO "{new}"')
    inspector = sa.inspect(connection)
    indexes = _indexes(connection, table)
    constraints: dict[str, Sequence[str | None]] = {str(each["name"]): [] for each in inspector.get_check_constraints(table)}
    constraints |= {str(each["name"]): each["constrained_columns"] for each in inspector.get_foreign_keys(table)}

    def renamed(sort: str, standing: Mapping[str, Sequence[str | None]]) -> dict[str, str]:
        """Return a mapping from old to new names, for the indexes or foreign keys that are named after their columns."""
        now = {name: [column or "" for column in columns] for name, columns in standing.items() if new in columns}
        before = {name: [old if column == new else column for column in columns] for name, columns in now.items()}
        names = {name: f"{sort}_{table}_{'_'.join(now[name])}" for name in now}
        return {name: _checked(names[name]) for name in now if name == f"{sort}_{table}_{'_'.join(before[name])}"}

    check = f"ck_{table}_{old}"
    named = renamed("fk", constraints) | ({check: _checked(f"ck_{table}_{new}")} if check in constraints else {})
    _rename(connection, table, renamed("ix", indexes), named)


def rename_table(connection: sa.Connection, old: str, new: str) -> None:
    """Rename a table, and the constraints and indexes that are named after it. The rows are kept.

    Raises ValueError if a new name would be longer than LONGEST_NAME.
    """
    connection.exec_driver_sql(f'ALTER TABLE "{old}" RENAME TO "{new}"')

    def renamed(names: Iterable[str]) -> dict[str, str]:
        """Return a mapping from old to new names, for the indexes or constraints that are named after the table."""
        named_after = [name for name in names if re.match(f"((ix|uq|ck|fk|pk)_)?{old}(_|$)", name)]
        return {name: _checked(name.replace(old, new, 1)) for name in named_after}

    _rename(connection, new, renamed(_indexes(connection, new)), renamed(_constraints(connection, new)))


def _constraints(connection: sa.Connection, table: str) -> list[str]:
    """Return the names of a table's constraints. Since version 18 of Postgres, NOT NULL constraints have names, too."""
    if connection.dialect.name == "sqlite":
        (written,) = _schema(connection, "type = 'table' AND name", table)
        return [_named(each) for each in _parts(written)[1] if each.startswith("CONSTRAINT")]
    names = "SELECT conname FROM pg_constraint WHERE conrelid = CAST(%s AS regclass)"
    return [str(name) for name in connection.exec_driver_sql(names, (table,)).scalars()]


def _indexes(connection: sa.Connection, table: str) -> dict[str, Sequence[str | None]]:
    """Return a mapping from the name of each index of a table to its columns, without the indexes that constraints create."""
    with warnings.catch_warnings():
        # SQLAlchemy skips indexes on expressions, and warns about it. The warning can be ignored, because the callers look only
        # for indexes on plain columns.
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")
        found = sa.inspect(connection).get_indexes(table)
    return {str(each["name"]): each["column_names"] for each in found if "duplicates_constraint" not in each}


def _rename(connection: sa.Connection, table: str, indexes: Mapping[str, str], constraints: Mapping[str, str]) -> None:
    """Rename a table's indexes and constraints; both mappings are from old to new names."""
    if connection.dialect.name == "sqlite":
        for before, after in indexes.items():
            (written,) = _schema(connection, "type = 'index' AND name", before)
            connection.exec_driver_sql(f'DROP INDEX "{before}"')
            connection.exec_driver_sql(written.replace(before, after, 1))
        if constraints:
            rebuild(connection, table, lambda definitions: [_renamed(each, constraints) for each in definitions])
        return
    for before, after in indexes.items():
        _on_postgres(connection, f'ALTER INDEX "{before}" RENAME TO "{after}"')
    for before, after in constraints.items():
        _on_postgres(connection, f'ALTER TABLE "{table}" RENAME CONSTRAINT "{before}" TO "{after}"')


def _checked(name: str) -> str:
    if len(name) > LONGEST_NAME:
        raise ValueError(
            f"{name} would be longer than the {LONGEST_NAME} characters that Postgres keeps: choose a shorter name"
        )
    return name


def _renamed(definition: str, names: Mapping[str, str]) -> str:
    """Return the definition with the constraint's new name. If `names` has no new name, the definition is unchanged."""
    name = _named(definition)
    return definition.replace(name, names[name], 1) if definition.startswith("CONSTRAINT") and name in names else definition


def set_comment(connection: sa.Connection, table: str, column: str, comment: str) -> None:
    """Set a column's comment; does nothing on SQLite, which has no comments."""
    if connection.dialect.name != "sqlite":
        literal = comment.replace("'", "''")
        _on_postgres(connection, f'COMMENT ON COLUMN "{table}"."{column}" IS \'{literal}\'')


def set_table_comment(connection: sa.Connection, table: str, comment: str) -> None:
    """Set a table's comment; does nothing on SQLite, which has no comments."""
    if connection.dialect.name != "sqlite":
        literal = comment.replace("'", "''")
        _on_postgres(connection, f"COMMENT ON TABLE \"{table}\" IS '{literal}'")


def _on_postgres(connection: sa.Connection, statement: str) -> None:
    connection.exec_driver_sql(statement.replace("%", "%%"))  # an unescaped % would begin a parameter


def rebuild(connection: sa.Connection, table: str, edit: Callable[[Definitions], Definitions]) -> None:
    """Rebuild a table of SQLite. `edit` receives the present definitions and returns the new ones.

    Rows and indexes are kept, and also the foreign keys that refer to the table. The values of a column are copied if the old
    and the new table have a column with this name; computed columns are computed again. Raises RuntimeError if the connection
    enforces foreign keys, because the table does not exist for a moment, and references to its rows would then be invalid.
    """
    if connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise RuntimeError("a table cannot be made anew while SQLite enforces references")
    written = _schema(connection, "type = 'table' AND name", table)
    before, definitions, after = _parts(written[0])
    indexes = _schema(connection, "type = 'index' AND tbl_name", table)
    connection.exec_driver_sql(f"CREATE TABLE {_NEW} ({', '.join(edit(definitions))}) {after}")
    stored = _stored_columns(connection, _NEW)
    columns = ", ".join(f'"{column}"' for column in _stored_columns(connection, table) if column in stored)
    connection.exec_driver_sql(f"INSERT INTO {_NEW} ({columns}) SELECT {columns} FROM {before}")  # noqa: S608 - our own names
    connection.exec_driver_sql(f"DROP TABLE {before}")
    connection.exec_driver_sql(f"ALTER TABLE {_NEW} RENAME TO {before}")
    for index in indexes:
        connection.exec_driver_sql(index)


def key_first(definitions: Definitions) -> Definitions:
    """Return the definitions, reordered so that the columns of the primary key come first."""
    keys = next(each for each in definitions if each.startswith("CONSTRAINT pk_"))
    named = [_named(name) for name in re.split(r"\s*,\s*", keys[keys.rindex("(") + 1 : keys.rindex(")")])]
    first = [next(each for each in definitions if _named(each) == name) for name in named]
    return first + [each for each in definitions if each not in first]


def _schema(connection: sa.Connection, which: str, name: str) -> list[str]:
    query = f"SELECT sql FROM sqlite_schema WHERE {which} = ? AND sql IS NOT NULL ORDER BY name"  # noqa: S608 - our own name
    return [sql for (sql,) in connection.exec_driver_sql(query, (name,))]


def _stored_columns(connection: sa.Connection, table: str) -> list[str]:
    """Return the columns that can be written. Computed columns are left out: SQLite marks them with a `hidden` other than 0."""
    return [row.name for row in connection.exec_driver_sql(f"PRAGMA table_xinfo({table})") if row.hidden == 0]


def _named(definition: str) -> str:
    """Return the name of the column or constraint that a definition defines."""
    found = _NAME.match(definition)
    return (found[1] or found[2]) if found is not None else ""


def _parts(written: str) -> tuple[str, Definitions, str]:
    """Split a CREATE TABLE into the table's name as written, its definitions, and the text after them."""
    head = _HEAD.match(written)
    if head is None:
        raise ValueError(f"this is no CREATE TABLE: {written[:60]}")
    places = list(_top_level(written, head.end()))
    definitions = [written[start + 1 : end].strip() for start, end in zip([head.end() - 1, *places], places, strict=False)]
    return head[1], definitions, written[places[-1] + 1 :].strip()


def _top_level(written: str, start: int) -> Iterator[int]:
    """Yield the positions, from `start` on, of the commas between a table's definitions, and of the closing parenthesis.

    Commas within nested parentheses are skipped.
    """
    depth = 0
    for token in _TOKEN.finditer(written, start):
        if token[0] == "(":
            depth += 1
        elif token[0] == ")" and depth:
            depth -= 1
        elif not depth and token[0] in ",)":
            yield token.start()
            if token[0] == ")":
                return
