"""Read model to SELECT: the database itself writes each record's JSON, and the application sends it as it came.

A statement depends on the shape of a request only: which fields, includes and filters, one value or several, which
order, from the start or from a cursor. Shapes are compiled once (building one takes 1 to 4 ms) and kept.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.selectable import NamedFromClause

from app.db.drivers import Statement, compiled
from app.db.sql import (
    SQLITE_ARGUMENTS,
    as_instant,
    comma_joined,
    concatenated,
    ids_parameter,
    instant_text,
    is_one_of,
    json_string,
    literal,
    written,
)
from app.db.types import Exact, Instant
from app.declaration.completeness import require_complete
from app.declaration.filters import Narrowing
from app.declaration.model import AnyRef, Computed, OnDay, Part, Ref
from app.declaration.resource import INCLUDED_AT_MOST, Resource
from app.domain import edtf
from app.domain.vocabulary import Kind
from app.models.records import Record
from app.reading.names import name_in
from app.reading.shapes import FieldPlan, Shape, TableColumn, column_name, field_plans

records: sa.Table = Record.__table__

Segment = str | sa.ColumnElement[Any]
Referred = Mapping[str, sa.FromClause]
"""The records to which fields refer, by the field, where these are joined."""
_ASKED_FOR = records.alias("ref")
"""A record to which a field refers, where it is asked for in a subquery."""


class Compiler:
    """Compiles shapes to SQL statements for one database."""

    def __init__(self, resources: Iterable[Resource], dialect: Dialect) -> None:
        self.resources: Mapping[Kind, Resource] = {resource.kind: resource for resource in resources}
        require_complete(tuple(self.resources.values()))
        self.plans = {kind: field_plans(resource) for kind, resource in self.resources.items()}
        self.dialect = dialect
        self._is_sqlite = dialect.name == "sqlite"

    def compile(self, shape: Shape) -> Statement:
        """The statement of a shape."""
        builders = {
            "one": self._by_id,
            "some": self._by_id,
            "list": self._list,
            "table": self._list,
            "count": self._count,
            "exchange": self._exchange,
        }
        return self.compiled(builders[shape.purpose](shape, self.resources[shape.kind]))

    def any_kind(self, languages: int, *, many: bool) -> Statement:
        """Records of whatever kind: each kind's SELECT in a branch of one CASE, of which the database runs the one."""
        table = records.alias("any")
        branches, versions = [], []
        for kind, resource in self.resources.items():
            rows = resource.table.alias("t")
            shape = Shape(kind, languages=languages, purpose="one")
            is_kind, is_it = table.c.kind == literal(kind), rows.c.id == table.c.id
            branches.append((is_kind, self._objects(rows, shape).where(is_it).correlate(table).scalar_subquery()))
            versions.append((is_kind, sa.select(rows.c.version).where(is_it).correlate(table).scalar_subquery()))
        shown = [sa.case(*branches)] if many else [sa.case(*branches), sa.case(*versions)]
        return self.compiled(sa.select(*shown, table.c.id).where(self._asked_for(table.c.id, many=many)))

    def compiled(self, statement: sa.SelectBase) -> Statement:
        """Compile any SELECT for this database."""
        return compiled(statement, self.dialect)

    def _by_id(self, shape: Shape, resource: Resource) -> sa.Select[Any]:
        rows = resource.table.alias("t")
        asked_for = self._asked_for(rows.c.id, many=shape.purpose == "some")
        return self._objects(rows, shape).add_columns(rows.c.version, rows.c.id).where(asked_for)

    def _asked_for(self, ids: sa.ColumnElement[Any], *, many: bool) -> sa.ColumnElement[Any]:
        """Those asked for by their ids; SQLite's driver asks for one by itself, that of Postgres for several anyway."""
        return is_one_of(ids, ids_parameter()) if many or not self._is_sqlite else ids == sa.bindparam("id", type_=Exact)

    def _exchange(self, shape: Shape, resource: Resource) -> sa.Select[Any]:
        """Records in the exchange format, in the order of their ids: those given, or a page of all after an id."""
        rows = resource.table.alias("t")
        statement = sa.select(self._content(rows, resource), rows.c.id, rows.c.version).order_by(rows.c.id)
        if shape.after:
            return statement.where(rows.c.id > sa.bindparam("after", type_=Exact)).limit(sa.bindparam("limit"))
        return statement.where(is_one_of(rows.c.id, ids_parameter()))

    def _count(self, shape: Shape, resource: Resource) -> sa.Select[Any]:
        narrowing = self._narrowed(shape, resource)
        return sa.select(sa.func.count()).select_from(narrowing.source).where(*narrowing.conditions)

    def _list(self, shape: Shape, resource: Resource) -> sa.Select[Any]:
        narrowing = self._narrowed(shape, resource)
        rows = narrowing.table
        order = self._order(shape, resource, narrowing)
        key = [instant_text(column) if isinstance(column.type, Instant) else column for column, _ in order]
        referred = self._referred(rows, shape)
        shown = self._cells(rows, shape, referred) if shape.purpose == "table" else [self._object(rows, shape, referred)]
        source = _joined_with(referred, rows, narrowing.source)
        statement = sa.select(*shown, *key).select_from(source).where(*narrowing.conditions)
        if shape.after:
            statement = statement.where(_after(order))
        directed = [column.desc() if descending else column.asc() for column, descending in order]
        return statement.order_by(*directed).limit(sa.bindparam("limit", type_=sa.Integer))

    def _narrowed(self, shape: Shape, resource: Resource) -> Narrowing:
        rows = resource.table.alias("t")
        narrowing = Narrowing(rows, rows, resource.table, default_order=shape.sort == (resource.default_sort,))
        narrowing.from_cursor = shape.after
        if shape.sort:
            sort = resource.sorts[shape.sort[0].removeprefix("-")]
            narrowing.walked = (sort.descending if shape.sort[0].startswith("-") else sort.ascending).name
        for name, filter_shape in shape.filters:
            resource.filters[name].narrow(name, filter_shape, narrowing)
        return narrowing

    def _order(self, shape: Shape, resource: Resource, narrowing: Narrowing) -> list[tuple[sa.ColumnElement[Any], bool]]:
        """The columns to order by with whether they descend, tied by the id in the direction of the last."""
        order = []
        for key in shape.sort:
            descending = key.startswith("-")
            sort = resource.sorts[key.removeprefix("-")]
            order.append(((sort.descending if descending else sort.ascending).name, descending))
        order.append(("id", order[-1][1]))
        return [(narrowing.order.get(name, narrowing.table.c[name]), descending) for name, descending in order]

    # -- the columns of a table --------------------------------------------------------------------------------------

    def table(self, shape: Shape) -> list[TableColumn]:
        """The columns of the CSV form of this shape, in order."""
        found: list[TableColumn] = []
        table = self.resources[shape.kind].table
        for plan in self._in_table(shape):
            if plan.annotation in (Ref, AnyRef):
                parts = ("id", "kind", "name") if plan.annotation is AnyRef else ("id", "name")
                found += [TableColumn(f"{plan.name}.{part}") for part in parts]
            else:
                holds_list = plan.source is None and plan.name in table.c and "list" in table.c[plan.name].info
                found.append(TableColumn(plan.name, holds_list))
        return found

    def _in_table(self, shape: Shape) -> list[FieldPlan]:
        return [plan for plan in self.plans[shape.kind] if self._is_shown(plan, shape) and not isinstance(plan.source, Part)]

    def _cells(self, rows: sa.FromClause, shape: Shape, referred: Referred) -> Iterator[sa.ColumnElement[Any]]:
        """The values of these columns; null where there is none."""
        for plan in self._in_table(shape):
            if plan.annotation not in (Ref, AnyRef):
                yield self._native(plan, rows, shape)
                continue
            key, target = rows.c[column_name(plan)], referred.get(plan.name, _ASKED_FOR)
            name = name_in(key, target.c.name, shape.languages)
            kind = [rows.c[f"{plan.name}_kind"]] if plan.annotation is AnyRef else []
            yield from (key, *kind, _of(target, key, name))

    # -- the JSON of a record ------------------------------------------------------------------------------------

    def _referred(self, rows: NamedFromClause, shape: Shape) -> Referred:
        """The records to be joined to which the shown fields refer.

        On SQLite, where a list of 50 takes a seventh less with them than with a subquery for each reference. Postgres might
        choose to read all records through for a join, so that it has none.
        """
        if not self._is_sqlite:
            return {}
        return {
            plan.name: records.alias(f"{rows.name}_{plan.name}")
            for plan in self.plans[shape.kind]
            if plan.annotation in (Ref, AnyRef) and self._is_shown(plan, shape)
        }

    def _objects(self, rows: NamedFromClause, shape: Shape) -> sa.Select[Any]:
        """Records as their read model shows them."""
        referred = self._referred(rows, shape)
        item = self._object(rows, shape, referred).label("item")
        return sa.select(item).select_from(_joined_with(referred, rows, rows))

    def _object(self, rows: sa.FromClause, shape: Shape, referred: Referred) -> sa.ColumnElement[str]:
        """A record as its read model shows it."""
        resource = self.resources[shape.kind]
        shown = [plan for plan in self.plans[shape.kind] if self._is_shown(plan, shape)]
        is_flat = not shape.include and not any(isinstance(plan.source, Part) for plan in shown)
        if self._is_sqlite and is_flat and 2 * len(shown) <= SQLITE_ARGUMENTS:
            # What has no arrays is written by one call: a list of 50 takes three quarters of the time of joining texts.
            return _json_object({plan.name: self._member(plan, rows, shape, referred) for plan in shown})
        segments: list[Segment] = []
        for plan in shown:
            segments += [f'{"," if segments else "{"}"{plan.name}":', *self._value(plan, rows, shape, referred)]
        for name in resource.includes:
            if name in shape.include:
                segments += self._included(name, rows, shape, resource, comma="," if segments else "{")
        return _written([*segments, "}"])

    def _is_shown(self, plan: FieldPlan, shape: Shape) -> bool:
        if isinstance(plan.source, OnDay) and "valid_at" not in dict(shape.filters):
            return False
        if shape.fields is not None:
            return plan.name in shape.fields or plan.name == "id" or plan.name in shape.include
        return not isinstance(plan.source, Part) or shape.purpose in ("one", "some") or plan.name in shape.include

    def _value(self, plan: FieldPlan, rows: sa.FromClause, shape: Shape, referred: Referred) -> list[Segment]:
        match plan.source:
            case Part():
                return ["[", self._part(plan.source, _item_type(plan), rows, shape.languages), "]"]
            case Computed():
                return _text(plan.source.expression(rows), plain=plan.source.plain, nullable=plan.nullable)
            case OnDay():
                return _text(plan.source.expression(rows, sa.bindparam("valid_at", type_=Exact)), plain=True, nullable=False)
        if plan.name == "kind":
            return [f'"{shape.kind}"']
        column = rows.c[column_name(plan)]
        if plan.annotation in (Ref, AnyRef):
            reference = self._reference(column, plan.annotation, shape.languages, referred.get(plan.name, _ASKED_FOR))
            return [sa.case((column.is_(None), literal("null")), else_=reference) if plan.nullable else reference]
        if plan.name == "name":
            return _text(name_in(rows.c.id, column, shape.languages), plain=False, nullable=False)
        return _scalar(column, plan, self.resources[shape.kind].table.c[column.name])

    def _member(self, plan: FieldPlan, rows: sa.FromClause, shape: Shape, referred: Referred) -> sa.ColumnElement[Any]:
        """The SQL of a field that is not an array, as an argument of SQLite's `json_object`."""
        declared = self.resources[shape.kind].table.c.get(plan.name) if plan.source is None else None
        if plan.annotation in (Ref, AnyRef):
            column = rows.c[column_name(plan)]
            reference = self._reference(column, plan.annotation, shape.languages, referred[plan.name])
            return sa.case((column.is_not(None), reference)) if plan.nullable else reference
        if declared is not None and (declared.info.get("list") or isinstance(declared.type, sa.Boolean)):
            return sa.func.json(_joined(self._value(plan, rows, shape, referred)))
        return self._native(plan, rows, shape)

    def _native(self, plan: FieldPlan, rows: sa.FromClause, shape: Shape) -> sa.ColumnElement[Any]:
        """The text or number of a field that is no reference and no array, truth as a word; null where there is none."""
        match plan.source:
            case Computed():
                return plan.source.expression(rows)
            case OnDay():
                return plan.source.expression(rows, sa.bindparam("valid_at", type_=Exact))
        if plan.name == "kind":
            return literal(shape.kind)
        column, declared = rows.c[plan.name], self.resources[shape.kind].table.c[plan.name]
        if plan.name == "name":
            return name_in(rows.c.id, column, shape.languages)
        if declared.info.get("list"):
            return sa.func.coalesce(column, literal("[]"))
        if isinstance(declared.type, sa.Boolean):
            return sa.case((column, literal("true")), else_=literal("false"))
        if isinstance(declared.type, Instant):
            return instant_text(column)
        if plan.nullable and not declared.nullable:
            return sa.case((_says_no_day(column), sa.null()), else_=column)
        return column

    def _reference(
        self, key: sa.ColumnElement[Any], annotation: Any, languages: int, target: sa.FromClause
    ) -> sa.ColumnElement[str]:
        """A reference with the name of its `target`."""
        shown = {"id": key, "kind": target.c.kind, "name": name_in(key, target.c.name, languages)}
        if annotation is not AnyRef:
            del shown["kind"]
        if self._is_sqlite:
            text: sa.ColumnElement[str] = _json_object(shown)
        else:
            kind: list[Segment] = ['","kind":"', shown["kind"]] if "kind" in shown else []
            text = _written(['{"id":"', shown["id"], *kind, '","name":', json_string(shown["name"]), "}"])
        return _of(target, key, text)

    def _part(
        self, part: Part, item: Any, rows: sa.FromClause, languages: int, *, exchange: bool = False
    ) -> sa.ColumnElement[str]:
        """A record's own array, its items joined by commas."""
        own = part.table.alias("own")
        if item in (Ref, AnyRef):
            key = own.c[part.columns[0]]
            text = _joined(['"', key, '"']) if exchange else self._reference(key, item, languages, _ASKED_FOR)
        else:
            segments: list[Segment] = []
            for name in part.columns:
                plan = FieldPlan(name, str, nullable=False, source=None, written=True)
                segments += [f'{"," if segments else "{"}"{name}":', *_scalar(own.c[name], plan, part.table.c[name])]
            text = _joined([*segments, "}"])
        items = (
            sa.select(text.label("item"))
            .where(own.c[part.owner] == rows.c.id, *(own.c[name] == literal(value) for name, value in part.only))
            .order_by(*(own.c[name] for name in part.order))
            .correlate(rows)
            .subquery("items")
        )
        return sa.select(comma_joined(items.c.item)).correlate(rows).scalar_subquery()

    def _included(self, name: str, rows: sa.FromClause, shape: Shape, resource: Resource, *, comma: str) -> list[Segment]:
        """Up to 200 related records, and, if there are more, a link to the rest."""
        include = resource.includes[name]
        related = self.resources[include.kind]
        own = related.table.alias(f"r_{name}")
        key = own.c[f"{include.through}_id"]
        inner = Shape(include.kind, languages=shape.languages)
        items = (
            self._objects(own, inner)
            .where(key == rows.c.id)
            .order_by(*include.order(own))
            .limit(sa.literal_column(str(INCLUDED_AT_MOST)))
            .correlate(rows)
            .subquery(f"i_{name}")
        )
        one_more: sa.Select[Any] = sa.select(sa.literal_column("1")).where(key == rows.c.id).correlate(rows)
        rest = one_more.limit(sa.literal_column("1")).offset(sa.literal_column(str(INCLUDED_AT_MOST))).exists()
        where = _joined([f',"{name}_more":"{related.path}?{include.through}=', rows.c.id, '"'])
        are_few = sa.func.count() < sa.literal_column(str(INCLUDED_AT_MOST))
        more = sa.case((are_few, literal("")), (rest, where), else_=literal(""))
        whole = _joined([comma_joined(items.c.item), "]", more])
        return [f'{comma}"{name}":[', sa.select(whole).correlate(rows).scalar_subquery()]

    def _content(self, rows: sa.FromClause, resource: Resource) -> sa.ColumnElement[str]:
        """A record in the exchange format: writable fields only, references as ids, empty fields left out."""
        segments: list[Segment] = [f'{{"kind":"{resource.kind}","id":"', rows.c.id, '"']
        for plan in self.plans[resource.kind]:
            if not plan.written or plan.name in ("kind", "id"):
                continue
            key = f',"{plan.name}":'
            if isinstance(plan.source, Part):
                items = self._part(plan.source, _item_type(plan), rows, 0, exchange=True)
                value: list[Segment] = [f"{key}[", sa.func.nullif(items, literal("")), "]"]
            else:
                column = resource.table.c[column_name(plan)]
                stated = rows.c[column.name]
                if isinstance(column.type, sa.Boolean):
                    segments.append(sa.case((stated, literal(f"{key}true")), else_=literal("")))
                    continue
                value = [key, *_scalar(stated, replace(plan, nullable=False), column)]
                if column.nullable:
                    segments.append(sa.case((stated.is_not(None), _joined(value)), else_=literal("")))
                else:
                    segments += value
                continue
            segments.append(sa.func.coalesce(_joined(value), literal("")))
        return _written([*segments, "}"])


def _joined_with(referred: Referred, rows: sa.FromClause, source: sa.FromClause) -> sa.FromClause:
    """A source of rows with the records that these refer to."""
    for name, target in referred.items():
        source = source.outerjoin(target, target.c.id == rows.c[f"{name}_id"])
    return source


def _of(target: sa.FromClause, key: sa.ColumnElement[Any], text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """A column of the target: of the joined table, or by a subquery if it is not joined."""
    if target is not _ASKED_FOR:
        return text
    return sa.select(text).where(target.c.id == key).correlate_except(target).scalar_subquery()


def _item_type(plan: FieldPlan) -> Any:
    return get_args(plan.annotation)[0]


def _scalar(column: sa.ColumnElement[Any], plan: FieldPlan, declared: sa.Column[Any]) -> list[Segment]:
    """A column's value as JSON."""
    if declared.info.get("list"):
        return [sa.func.coalesce(column, literal("[]"))]
    if isinstance(declared.type, sa.Boolean):
        return [sa.case((column, literal("true")), else_=literal("false"))]
    if isinstance(declared.type, sa.Integer):
        number = sa.cast(column, sa.String)
        return [sa.func.coalesce(number, literal("null")) if plan.nullable else number]
    if isinstance(declared.type, Instant):
        return ['"', instant_text(column), '"']
    if plan.nullable and not declared.nullable:
        return [sa.case((_says_no_day(column), literal("null")), else_=_joined(['"', column, '"']))]
    return _text(column, plain=bool(declared.info.get("plain")), nullable=plan.nullable)


def _says_no_day(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return column.in_([sa.literal_column(f"'{edtf.NO_START}'"), sa.literal_column(f"'{edtf.NO_END}'")])


def _text(value: sa.ColumnElement[Any], *, plain: bool, nullable: bool) -> list[Segment]:
    """Text as a JSON string; plain text has nothing to escape."""
    if not nullable:
        return ['"', value, '"'] if plain else [json_string(value)]
    quoted = _joined(['"', value, '"']) if plain else json_string(value)
    return [sa.func.coalesce(quoted, literal("null"))]


def _after(order: Sequence[tuple[sa.ColumnElement[Any], bool]]) -> sa.ColumnElement[bool]:
    """The rows after the cursor's key, as a condition that both databases answer from an index."""
    keys = [_key_parameter(place, column) for place, (column, _) in enumerate(order)]
    if len({descending for _, descending in order}) == 1:
        left, right = sa.tuple_(*(column for column, _ in order)), sa.tuple_(*keys)
        return left < right if order[0][1] else left > right
    (column, descending), key = order[0], keys[0]
    return sa.and_(column <= key if descending else column >= key, _beyond(order, keys))


def _beyond(order: Sequence[tuple[sa.ColumnElement[Any], bool]], keys: Sequence[Any]) -> sa.ColumnElement[bool]:
    (column, descending), key = order[0], keys[0]
    beyond: sa.ColumnElement[bool] = column < key if descending else column > key
    if len(order) == 1:
        return beyond
    return sa.or_(beyond, sa.and_(column == key, _beyond(order[1:], keys[1:])))


def _key_parameter(place: int, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A part of the cursor's key, which is text, cast to the type of its column."""
    name = f"key_{place}"
    return as_instant(name) if isinstance(column.type, Instant) else sa.bindparam(name, type_=column.type)


def _json_object(values: Mapping[str, sa.ColumnElement[Any]]) -> sa.ColumnElement[str]:
    """SQLite's own: names and values."""
    return sa.func.json_object(*chain.from_iterable((literal(name), value) for name, value in values.items()))


def _written(segments: Iterable[Segment]) -> sa.ColumnElement[str]:
    """A whole record: constants and values of which none is null, end to end."""
    return written(*_merged(segments))


def _joined(segments: Iterable[Segment]) -> sa.ColumnElement[str]:
    """Constants and values end to end; null if one of them is."""
    return concatenated(*_merged(segments))


def _merged(segments: Iterable[Segment]) -> list[sa.ColumnElement[Any]]:
    """Segments as SQL, neighbouring constants made one."""
    merged: list[Segment] = []
    for segment in segments:
        if isinstance(segment, str) and merged and isinstance(merged[-1], str):
            merged[-1] += segment
        else:
            merged.append(segment)
    return [literal(segment) if isinstance(segment, str) else segment for segment in merged]
