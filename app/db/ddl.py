"""How SQLite's tables are changed, for migrations: what Postgres does with ALTER TABLE takes a new table there.

A table is described by its definitions: what stands between the parentheses of its CREATE TABLE, first the columns, then the
constraints, each as it is written there. So whatever is not changed stays to the letter: checks, references, derived columns.
"""

import re
from collections.abc import Callable, Iterator

import sqlalchemy as sa

_HEAD = re.compile(r'\s*CREATE TABLE\s+("(?:[^"]|"")+"|\w+)\s*\(', re.IGNORECASE)
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[(),]""")
_NAME = re.compile(r'"((?:[^"]|"")+)"|(\w+)')
_NEW = "rapporteur_new_table"

Definitions = list[str]


def rebuild(connection: sa.Connection, table: str, edit: Callable[[Definitions], Definitions]) -> None:
    """Make a table of SQLite anew with the definitions that `edit` makes of its own. Rows and indexes stay.

    Columns that are in both are copied by their names; those that are derived are derived again. References to the table stay,
    too; for that the connection must not enforce references, since the table is gone for a moment.
    """
    if connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise RuntimeError("a table cannot be made anew while SQLite enforces references")
    written = _schema(connection, "type = 'table' AND name", table)
    before, definitions, after = _parts(written[0])
    indexes = _schema(connection, "type = 'index' AND tbl_name", table)
    connection.exec_driver_sql(f"CREATE TABLE {_NEW} ({', '.join(edit(definitions))}) {after}")
    stored = _stored_columns(connection, _NEW)
    columns = ", ".join(f'"{column}"' for column in _stored_columns(connection, table) if column in stored)
    connection.exec_driver_sql(f"INSERT INTO {_NEW} ({columns}) SELECT {columns} FROM {before}")  # noqa: S608 - names of ours
    connection.exec_driver_sql(f"DROP TABLE {before}")
    connection.exec_driver_sql(f"ALTER TABLE {_NEW} RENAME TO {before}")
    for index in indexes:
        connection.exec_driver_sql(index)


def key_first(definitions: Definitions) -> Definitions:
    """The definitions with the columns of the primary key before the others."""
    keys = next(each for each in definitions if "PRIMARY KEY" in each and each.startswith("CONSTRAINT"))
    named = [_named(name) for name in re.split(r"\s*,\s*", keys[keys.rindex("(") + 1 : keys.rindex(")")])]
    first = [next(each for each in definitions if _named(each) == name) for name in named]
    return first + [each for each in definitions if each not in first]


def require_sound_references(connection: sa.Connection) -> None:
    """RuntimeError, if a row of SQLite refers to one that is not there."""
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
    if broken:
        raise RuntimeError(f"rows refer to others that are not there: {', '.join(f'{row[0]} to {row[2]}' for row in broken)}")


def _schema(connection: sa.Connection, which: str, name: str) -> list[str]:
    query = f"SELECT sql FROM sqlite_schema WHERE {which} = ? AND sql IS NOT NULL ORDER BY name"  # noqa: S608 - a name of ours
    return [sql for (sql,) in connection.exec_driver_sql(query, (name,))]


def _stored_columns(connection: sa.Connection, table: str) -> list[str]:
    """The columns that can be written: `hidden` is 0 for them."""
    return [row.name for row in connection.exec_driver_sql(f"PRAGMA table_xinfo({table})") if row.hidden == 0]


def _named(definition: str) -> str:
    found = _NAME.match(definition)
    return (found[1] or found[2]) if found is not None else ""


def _parts(written: str) -> tuple[str, Definitions, str]:
    """The table's name as it is written, its definitions, and what stands behind them."""
    head = _HEAD.match(written)
    if head is None:
        raise ValueError(f"this is no CREATE TABLE: {written[:60]}")
    places = list(_top_level(written, head.end()))
    definitions = [written[start + 1 : end].strip() for start, end in zip([head.end() - 1, *places], places, strict=False)]
    return head[1], definitions, written[places[-1] + 1 :].strip()


def _top_level(written: str, start: int) -> Iterator[int]:
    """Where the commas between definitions stand, and then the parenthesis that ends them."""
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
