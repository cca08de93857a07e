"""Records as trees of SQL values, and how each database writes such a tree as JSON: in the same bytes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Union

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from app.db.sql import assembled, concatenated, ids_parameter, is_one_of, json_string, literal
from app.db.types import Exact

Sql = sa.ColumnElement[Any]
Segment = str | Sql
"""A piece of JSON text: a constant, or SQL that is not null."""
ARGUMENTS = 100
"""Arguments that every build of SQLite allows for a function."""


@dataclass(frozen=True)
class Text:
    """Text. `plain` text has no character that JSON must escape."""

    sql: Sql
    plain: bool = False
    nullable: bool = False


@dataclass(frozen=True)
class Number:
    """A whole number."""

    sql: Sql
    nullable: bool = False


@dataclass(frozen=True)
class Truth:
    """True or false; false where it is null."""

    sql: Sql


@dataclass(frozen=True)
class Word:
    """A constant word of plain text."""

    text: str


@dataclass(frozen=True)
class Stored:
    """JSON text that a column holds; never null."""

    sql: Sql


@dataclass(frozen=True)
class Array:
    """An array that is written while it is read, as segments of text."""

    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Object:
    """An object; null where `absent` is true. `within` puts its SQL into the subquery that reads what its members need."""

    members: Mapping[str, "Node"]
    absent: Sql | None = None
    within: Callable[[Sql], Sql] | None = None


Scalar = Text | Number | Truth | Word | Stored
Node = Union[Scalar, Array, Object]  # noqa: UP007 - Object refers to it


class RecordSql:
    """What differs between the databases in the statements that read records. This is Postgres."""

    joins_references = False
    """Whether the records to which a list's fields refer are joined, or read by a subquery for each reference.

    On SQLite a list of 50 takes a seventh less with joins. Postgres might choose to read all records for a join."""

    def has_id(self, column: Sql) -> Sql:
        """The condition by which the driver's `by_id` reads a record: Postgres' driver asks for several at once."""
        return is_one_of(column, ids_parameter())

    def json(self, node: Object) -> Sql:
        """The object as JSON text."""
        segments: list[Segment] = []
        for name, member in node.members.items():
            segments += [f'{"," if segments else "{"}"{name}":', *self.text(member)]
        return written_text([*segments, "}"])

    def text(self, node: Node) -> list[Segment]:
        """A value as JSON text."""
        match node:
            case Text(sql, plain, nullable):
                quoted: list[Segment] = ['"', sql, '"'] if plain else [json_string(sql)]
                return [sa.func.coalesce(joined_text(quoted), literal("null"))] if nullable else quoted
            case Number(sql, nullable):
                number = sa.cast(sql, sa.String)
                return [sa.func.coalesce(number, literal("null")) if nullable else number]
            case Word(text):
                return [f'"{text}"']
            case Array(segments):
                return list(segments)
            case Object(_, absent, within):
                found = self.json(node)
                found = within(found) if within is not None else found
                return [sa.case((absent, literal("null")), else_=found) if absent is not None else found]
        return [native(node)]


class _SqliteSql(RecordSql):
    joins_references = True

    def has_id(self, column: Sql) -> Sql:
        """SQLite's driver reads records one by one."""
        return column == sa.bindparam("id", type_=Exact)

    def json(self, node: Object) -> Sql:
        """An object without arrays is written by one call: a list of 50 takes three quarters of the time of joining texts."""
        members = node.members
        if any(isinstance(member, Array) for member in members.values()) or 2 * len(members) > ARGUMENTS:
            return super().json(node)
        arguments: list[Sql] = []
        for name, member in members.items():
            arguments += [literal(name), self._argument(member)]
        return sa.func.json_object(*arguments)

    def _argument(self, node: Node) -> Sql:
        """A value as an argument of `json_object`."""
        match node:
            case Object(_, absent, within):
                found = self.json(node)
                found = within(found) if within is not None else found
                return sa.case((~absent, found)) if absent is not None else found
            case Truth() | Stored():
                return sa.func.json(native(node))
            case Array():
                raise TypeError("an array is no argument")
        return native(node)


def record_sql_of(dialect: Dialect) -> RecordSql:
    """The statements of this database."""
    return _SqliteSql() if dialect.name == "sqlite" else RecordSql()


def native(node: Scalar) -> Sql:
    """A scalar as the cell of a table: text or number, truth as a word, null where there is none."""
    match node:
        case Truth(sql):
            return sa.case((sql, literal("true")), else_=literal("false"))
        case Word(text):
            return literal(text)
    return node.sql


def written_text(segments: Iterable[Segment]) -> Sql:
    """Segments of which none is null, as one text."""
    return assembled(*_merged(segments))


def joined_text(segments: Iterable[Segment]) -> Sql:
    """Segments as one text; null if one of them is."""
    return concatenated(*_merged(segments))


def _merged(segments: Iterable[Segment]) -> list[Sql]:
    """Segments as SQL, neighbouring constants made one."""
    merged: list[Segment] = []
    for segment in segments:
        if isinstance(segment, str) and merged and isinstance(merged[-1], str):
            merged[-1] += segment
        else:
            merged.append(segment)
    return [literal(segment) if isinstance(segment, str) else segment for segment in merged]
