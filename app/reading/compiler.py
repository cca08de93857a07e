"""Compiles read models to SELECTs in which the database serializes each record as JSON. The application sends it unchanged.

A statement depends only on the shape of a request: its fields, includes and filters, whether a filter has one value or several,
the order, and whether it begins after a cursor. Compiling a shape takes 1 to 4 ms, so callers cache the statements by shape.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.selectable import NamedFromClause

from app.db.driver import Statement, to_statement
from app.db.record_sql import (
    Array,
    Node,
    Number,
    Object,
    Scalar,
    Segment,
    Stored,
    Text,
    Truth,
    Word,
    joined_text,
    native,
    record_sql_of,
    written_text,
)
from app.db.sql import as_instant, comma_joined, ids_parameter, instant_text, is_one_of, literal
from app.db.types import Exact, Instant
from app.declaration.completeness import require_complete
from app.declaration.filters import Narrowing
from app.declaration.model import AnyRef, Computed, OnDay, Part, Ref, Url
from app.declaration.resource import CITED, INCLUDED_AT_MOST, Include, ReferenceColumn, Resource
from app.domain import edtf
from app.domain.vocabulary import Kind
from app.files.tables import TableColumn
from app.models.records import Record
from app.reading import extra_columns
from app.reading.extra_columns import ExtraColumn
from app.reading.names import name_in
from app.reading.shapes import FieldPlan, Shape, column_name, field_plans, reference_type

records: sa.Table = Record.__table__

Referred = Mapping[str, sa.FromClause]
"""Maps the name of a reference field to the alias of `records` that is joined to read the target of the reference."""
ASKED_FOR = records.alias("ref")
"""The alias of `records` in a subquery that reads the target of a reference. It is used where the target is not joined."""
IDS = "ids"
"""In place of the name of a filter, in a shape that no client asks for: the records whose ids are in the parameter `ids`."""
LINK_PREFIX = "link_prefix"
"""The name of the parameter that stands before the paths of links: the path prefix of a proxy, or an empty text."""


class Compiler:
    """Compiles query shapes (`Shape`) to SQL statements for one kind of database, SQLite or Postgres."""

    def __init__(self, resources: Iterable[Resource], dialect: Dialect) -> None:
        self.resources: Mapping[Kind, Resource] = {resource.kind: resource for resource in resources}
        require_complete(tuple(self.resources.values()))
        self.plans = {kind: field_plans(resource) for kind, resource in self.resources.items()}
        self.dialect = dialect
        self._sql = record_sql_of(dialect)

    def compile(self, shape: Shape) -> Statement:
        """Compile the SELECT for a shape. Callers cache the statement, because compiling takes 1 to 4 ms."""
        builders = {
            "one": self._by_id,
            "some": self._by_id,
            "list": self._list,
            "table": self._list,
            "count": self._count,
            "undated": self._count,
            "exchange": self._exchange,
        }
        return self.to_statement(builders[shape.purpose](shape, self.resources[shape.kind]))

    def any_kind(self, languages: int, *, many: bool) -> Statement:
        """Compile a SELECT of records by id, for requests that do not say the kind of the records.

        The SELECT returns one record with its version or, if `many` is true, several records without their versions. For each
        kind, it contains a branch of one CASE, so the database runs only the branch of the record's kind.
        """
        table = records.alias("any")
        branches, versions = [], []
        for kind, resource in self.resources.items():
            rows = resource.table.alias("t")
            shape = Shape(kind, languages=languages, purpose="one")
            is_kind, is_it = table.c.kind == literal(kind), rows.c.id == table.c.id
            branches.append((is_kind, self.objects(rows, shape).where(is_it).correlate(table).scalar_subquery()))
            versions.append((is_kind, sa.select(rows.c.version).where(is_it).correlate(table).scalar_subquery()))
        shown = [sa.case(*branches)] if many else [sa.case(*branches), sa.case(*versions)]
        return self.to_statement(sa.select(*shown, table.c.id).where(self._asked_for(table.c.id, many=many)))

    def to_statement(self, statement: sa.SelectBase) -> Statement:
        """Compile the given SELECT for this database."""
        return to_statement(statement, self.dialect)

    def _by_id(self, shape: Shape, resource: Resource) -> sa.Select[Any]:
        rows = resource.table.alias("t")
        asked_for = self._asked_for(rows.c.id, many=shape.purpose == "some")
        return self.objects(rows, shape).add_columns(rows.c.version, rows.c.id).where(asked_for)

    def _asked_for(self, ids: sa.ColumnElement[Any], *, many: bool) -> sa.ColumnElement[Any]:
        """Return the condition that selects records by id.

        If `many` is true, it selects all records with the given ids. Otherwise, it selects the one record that the driver's
        method `by_id` reads.
        """
        return is_one_of(ids, ids_parameter()) if many else self._sql.has_id(ids)

    def _exchange(self, shape: Shape, resource: Resource) -> sa.Select[Any]:
        """Return a SELECT of records in the exchange format, sorted by id.

        If `shape.after` is true, it selects one page of all records, which begins after an id. Otherwise, it selects the
        records with the given ids.
        """
        rows = resource.table.alias("t")
        statement = sa.select(self._content(rows, resource), rows.c.id, rows.c.version).order_by(rows.c.id)
        if shape.after:
            return statement.where(rows.c.id > sa.bindparam("after", type_=Exact)).limit(sa.bindparam("limit"))
        return statement.where(is_one_of(rows.c.id, ids_parameter()))

    def _count(self, shape: Shape, resource: Resource) -> sa.Select[Any]:
        narrowing = self._narrowed(shape, resource)
        if shape.purpose == "undated":
            narrowing.conditions.append(narrowing.table.c.date_start == literal(edtf.NO_START))
        return sa.select(sa.func.count()).select_from(narrowing.source).where(*narrowing.conditions)

    def _list(self, shape: Shape, resource: Resource) -> sa.Select[Any]:
        narrowing = self._narrowed(shape, resource)
        rows = narrowing.table
        order = self._order(shape, resource, narrowing)
        key = [instant_text(column) if isinstance(column.type, Instant) else column for column, _ in order]
        referred = self._referred(rows, shape)
        shown = (
            self._cells(rows, shape, referred)
            if shape.purpose == "table"
            else [self._sql.json(self._object(rows, shape, referred))]
        )
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
            if name == IDS:
                narrowing.conditions.append(is_one_of(rows.c.id, ids_parameter()))
            else:
                resource.filters[name].narrow(name, filter_shape, narrowing)
        return narrowing

    def _order(self, shape: Shape, resource: Resource, narrowing: Narrowing) -> list[tuple[sa.ColumnElement[Any], bool]]:
        """Return the sort columns as (column, whether it is descending).

        The last column is the id, which orders records with equal values. It has the direction of the column before it.
        """
        order = []
        for key in shape.sort:
            descending = key.startswith("-")
            sort = resource.sorts[key.removeprefix("-")]
            order.append(((sort.descending if descending else sort.ascending).name, descending))
        order.append(("id", order[-1][1]))
        return [(narrowing.order.get(name, narrowing.table.c[name]), descending) for name, descending in order]

    # -- the values of a record ------------------------------------------------------------------------------------

    def table(self, shape: Shape, more: Iterable[ExtraColumn] = ()) -> list[TableColumn]:
        """Return the columns of this shape in a tabular format such as CSV, in order. `more`: those of `shape.columns`."""
        found: list[TableColumn] = []
        table = self.resources[shape.kind].table
        for plan in self._shown(shape):
            if plan.annotation in (Ref, AnyRef):
                found += [TableColumn(f"{plan.name}.{part}") for part in plan.annotation.model_fields]
            elif isinstance(plan.source, Part):
                item = _item_type(plan)
                found.append(TableColumn(plan.name, True, tuple(item.model_fields) if item in (Ref, AnyRef) else ()))
            else:
                holds_list = plan.source is None and plan.name in table.c and "list" in table.c[plan.name].info
                address = plan.name if plan.annotation == Url or plan.name == "link" else ""
                found.append(TableColumn(plan.name, holds_list, is_date=_is_date(plan.name, table), address=address))
        for name, include in self._included_in(shape).items():
            model = self.resources[include.kind].model
            parts: list[str] = []
            for field in include.columns:
                reference = reference_type(model.model_fields[field].annotation)
                parts += [field] if reference is None else [f"{field}.{part}" for part in reference.model_fields]
            found.append(TableColumn(name, True, tuple(parts), address="link" if "link" in parts else ""))
        return [*found, *(each.column for each in more)]

    def _cells(self, rows: sa.FromClause, shape: Shape, referred: Referred) -> Iterator[sa.ColumnElement[Any]]:
        """Yield the SQL values of the columns that `table` returns, in the same order. A missing value is null."""
        for plan in self._shown(shape):
            value = self._value(plan, rows, shape, referred)
            if isinstance(value, Array):
                yield written_text(value.segments)
                continue
            if not isinstance(value, Object):
                yield native(value)
                continue
            key, *others, name = (
                native(member) for member in value.members.values() if not isinstance(member, (Array, Object))
            )
            kind = [rows.c[f"{plan.name}_kind"]] if others else []
            yield from (key, *kind, value.within(name) if value.within is not None else name)
        for included, include in self._included_in(shape).items():
            own = self.resources[include.kind].table.alias(f"r_{included}")
            items = self._related(included, own, rows, shape, fields=frozenset(include.columns)).subquery(f"i_{included}")
            yield _array(sa.select(comma_joined(items.c.item)).correlate(rows).scalar_subquery())
        for place, holds in enumerate(shape.columns):
            if holds == extra_columns.NAME:
                yield extra_columns.name_column(place, rows)
            elif holds == extra_columns.IDENTIFIERS:
                part = self.resources[shape.kind].parts["identifiers"]
                yield _array(extra_columns.identifiers_column(place, rows, part))
            else:
                own = self.resources[Kind.CITATION].table.alias(f"x_{place}")
                first = self._related(CITED, own, rows, shape, fields=frozenset(extra_columns.CITED_FIELDS))
                items = first.limit(sa.literal_column("1")).subquery(f"y_{place}")
                yield _array(sa.select(comma_joined(items.c.item)).correlate(rows).scalar_subquery())

    def _included_in(self, shape: Shape) -> dict[str, Include]:
        """Return the includes of this shape, by name, in the order of their declaration."""
        return {name: each for name, each in self.resources[shape.kind].includes.items() if name in shape.include}

    def _shown(self, shape: Shape) -> list[FieldPlan]:
        return [plan for plan in self.plans[shape.kind] if is_shown(plan, shape)]

    def _referred(self, rows: NamedFromClause, shape: Shape) -> Referred:
        """Return the alias to join for each shown reference field.

        The mapping is empty if this database reads the targets of references by subqueries.
        """
        if not self._sql.joins_references:
            return {}
        references = (plan for plan in self._shown(shape) if plan.annotation in (Ref, AnyRef))
        return {plan.name: records.alias(f"{rows.name}_{plan.name}") for plan in references}

    def objects(self, rows: NamedFromClause, shape: Shape) -> sa.Select[Any]:
        """Return a SELECT in which the database serializes each record as JSON, with the fields of its read model."""
        referred = self._referred(rows, shape)
        item = self._sql.json(self._object(rows, shape, referred)).label("item")
        return sa.select(item).select_from(_joined_with(referred, rows, rows))

    def _object(self, rows: sa.FromClause, shape: Shape, referred: Referred) -> Object:
        """Return the tree of SQL expressions for a record's JSON object.

        The object has the fields of the read model that the shape shows, and the related records that the shape includes.
        """
        members: dict[str, Node] = {plan.name: self._value(plan, rows, shape, referred) for plan in self._shown(shape)}
        members |= {name: self._included(name, rows, shape) for name in self._included_in(shape)}
        return Object(members)

    def _value(self, plan: FieldPlan, rows: sa.FromClause, shape: Shape, referred: Referred) -> Node:
        """Return the tree of SQL expressions for the value of a field.

        If the field has a marker (`Part`, `Computed`, `OnDay`), the marker says how to get the value. Otherwise, the value is
        read from the field's column.
        """
        match plan.source:
            case Part():
                return Array(("[", self._items(plan.source, _item_type(plan), rows, shape.languages), "]"))
            case Computed():
                return Text(plan.source.expression(rows), plain=plan.source.plain, nullable=plan.nullable)
            case OnDay():
                return Text(plan.source.expression(rows, sa.bindparam("valid_at", type_=Exact)), plain=True)
        if plan.name == "kind":
            return Word(shape.kind)
        column = rows.c[column_name(plan)]
        if plan.annotation in (Ref, AnyRef):
            target = referred.get(plan.name, ASKED_FOR)
            return reference_to(column, plan.annotation, shape.languages, target, nullable=plan.nullable)
        if plan.name == self.resources[shape.kind].named_by:
            return Text(name_in(rows.c.id, column, shape.languages), nullable=plan.nullable)
        return _column(column, self.resources[shape.kind].table.c[column.name], nullable=plan.nullable)

    def _items(
        self, part: Part, item: Any, rows: sa.FromClause, languages: int, *, exchange: bool = False
    ) -> sa.ColumnElement[str]:
        """Return the SQL for the items of an array as JSON, joined by commas.

        In the exchange format, a reference is only an id.
        """
        own = part.table.alias("own")
        if item in (Ref, AnyRef):
            key = own.c[part.columns[0]]
            shown = Text(key, plain=True) if exchange else reference_to(key, item, languages, ASKED_FOR)
            text = joined_text(self._sql.text(shown))
        elif exchange:
            text = self._object_in_exchange(item, part, own)
        else:
            members: dict[str, Node] = {}
            for name, (column, reference) in _members(item, part):
                value, nullable = own.c[column.name], bool(column.nullable)
                members[name] = (
                    reference_to(value, reference, languages, ASKED_FOR, nullable=nullable)
                    if reference is not None
                    else _column(value, column, nullable=nullable)
                )
            text = joined_text(self._sql.text(Object(members)))
        items = (
            sa.select(text.label("item"))
            .where(own.c[part.owner] == rows.c.id, *(own.c[name] == literal(value) for name, value in part.only))
            .order_by(*(own.c[name] for name in part.order))
            .correlate(rows)
            .subquery("items")
        )
        return sa.select(comma_joined(items.c.item)).correlate(rows).scalar_subquery()

    def _object_in_exchange(self, item: Any, part: Part, own: sa.FromClause) -> sa.ColumnElement[str]:
        """Return the SQL for an item of an array in the exchange format: references are ids, and empty fields are left out."""
        segments: list[Segment] = []
        for name, (column, reference) in _members(item, part):
            value = own.c[column.name]
            text = self._sql.text(Text(value, plain=True) if reference is not None else _column(value, column))
            field = joined_text([f',"{name}":', *text])
            segments.append(sa.case((value.is_not(None), field), else_=literal("")) if column.nullable else field)
        begin = sa.func.substr(written_text(segments), sa.literal_column("2"))
        return joined_text(["{", begin, "}"])

    def _included(self, name: str, rows: sa.FromClause, shape: Shape) -> Array:
        """Return the array of an include, which has up to 200 related records.

        If there are more related records, a member `{name}_more` follows the array, with a link to the list of all of them.
        """
        include = self.resources[shape.kind].includes[name]
        related = self.resources[include.kind]
        own = related.table.alias(f"r_{name}")
        refers = _refers(related.reference(include.through), own, rows)
        items = self._related(name, own, rows, shape).limit(sa.literal_column(str(INCLUDED_AT_MOST))).subquery(f"i_{name}")
        one_more: sa.Select[Any] = sa.select(sa.literal_column("1")).where(refers).correlate(rows)
        rest = one_more.limit(sa.literal_column("1")).offset(sa.literal_column(str(INCLUDED_AT_MOST))).exists()
        prefix = sa.bindparam(LINK_PREFIX, type_=Exact)
        where = joined_text([f',"{name}_more":"', prefix, f"{related.path}?{include.found_by}=", rows.c.id, '"'])
        are_few = sa.func.count() < sa.literal_column(str(INCLUDED_AT_MOST))
        more = sa.case((are_few, literal("")), (rest, where), else_=literal(""))
        whole = joined_text([comma_joined(items.c.item), "]", more])
        return Array(("[", sa.select(whole).correlate(rows).scalar_subquery()))

    def _related(
        self, name: str, own: NamedFromClause, rows: sa.FromClause, shape: Shape, *, fields: frozenset[str] | None = None
    ) -> sa.Select[Any]:
        """Return a SELECT of the related records of an include as JSON, sorted. `own`: an alias of their table."""
        include = self.resources[shape.kind].includes[name]
        refers = _refers(self.resources[include.kind].reference(include.through), own, rows)
        cited = (CITED,) if f"{name}.{CITED}" in shape.include else ()
        inner = Shape(include.kind, fields=fields, include=cited, languages=shape.languages)
        return self.objects(own, inner).where(refers).order_by(*include.order(own)).correlate(rows)

    def _content(self, rows: sa.FromClause, resource: Resource) -> sa.ColumnElement[str]:
        """Return the SQL for a record in the exchange format.

        The format contains only writable fields. References are ids, and empty fields are left out.
        """
        segments: list[Segment] = [f'{{"kind":"{resource.kind}","id":"', rows.c.id, '"']
        for plan in self.plans[resource.kind]:
            if not plan.writable or plan.name in ("kind", "id"):
                continue
            key = f',"{plan.name}":'
            if isinstance(plan.source, Part):
                items = self._items(plan.source, _item_type(plan), rows, 0, exchange=True)
                field = joined_text([f"{key}[", sa.func.nullif(items, literal("")), "]"])
                segments.append(sa.func.coalesce(field, literal("")))
                continue
            column = resource.table.c[column_name(plan)]
            stated, value = rows.c[column.name], _column(rows.c[column.name], column)
            if isinstance(value, Truth) and not column.nullable:
                segments.append(sa.case((stated, literal(f"{key}true")), else_=literal("")))
            elif column.nullable:
                field = joined_text([key, *self._sql.text(value)])
                segments.append(sa.case((stated.is_not(None), field), else_=literal("")))
            else:
                segments += [key, *self._sql.text(value)]
        return written_text([*segments, "}"])


def is_shown(plan: FieldPlan, shape: Shape) -> bool:
    """Whether a response of this shape has the field."""
    if isinstance(plan.source, OnDay) and "valid_at" not in dict(shape.filters):
        return False
    if shape.fields is not None:
        return plan.name in shape.fields or plan.name == "id" or plan.name in shape.include
    if not isinstance(plan.source, Part) or plan.name in shape.include:
        return True
    return shape.purpose in ("one", "some") or (plan.source.in_lists and shape.purpose != "table")


def _joined_with(referred: Referred, rows: sa.FromClause, source: sa.FromClause) -> sa.FromClause:
    """Return the FROM clause `source`, outer-joined with the records to which the fields of `rows` refer."""
    for name, target in referred.items():
        source = source.outerjoin(target, target.c.id == rows.c[f"{name}_id"])
    return source


def _array(items: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """Return the SQL for a JSON array, of the texts of its items joined by commas."""
    return written_text(["[", items, "]"])


def _is_date(field: str, table: sa.Table) -> bool:
    """Whether a field is a date, or the first or the last day that a date can mean."""
    own, meant = table.c.get(field), table.c.get(field.removesuffix("_start").removesuffix("_end"))
    return any(column is not None and "edtf" in column.info for column in (own, meant))


def reference_to(
    key: sa.ColumnElement[Any],
    annotation: Any,
    languages: int,
    target: sa.FromClause = ASKED_FOR,
    *,
    nullable: bool = False,
) -> Object:
    """Return the tree of SQL expressions for a reference. It contains the id and the name of the target record.

    If `target` is `ASKED_FOR`, the name is read by a subquery. Otherwise, `target` is an alias that is already joined.
    """

    def within(sql: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.select(sql).where(target.c.id == key).correlate_except(target).scalar_subquery()

    members: dict[str, Node] = {"id": Text(key, plain=True)}
    if annotation is AnyRef:
        members["kind"] = Text(target.c.kind, plain=True)
    members["name"] = Text(name_in(key, target.c.name, languages))
    return Object(members, key.is_(None) if nullable else None, within if target is ASKED_FOR else None)


def _refers(reference: ReferenceColumn, own: sa.FromClause, to: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `own` refers to a row of `to`, itself or by an item of one of its arrays."""
    if reference.owner.name == "id":
        return own.c[reference.column.name] == to.c.id
    return own.c.id.in_(sa.select(reference.owner).where(reference.column == to.c.id).correlate(to))


def _members(item: Any, part: Part) -> Iterator[tuple[str, tuple[sa.Column[Any], Any]]]:
    """Yield the fields of an item of an array: (name, (column, `Ref` or `AnyRef`, or None if the field is no reference))."""
    for (name, info), column in zip(item.model_fields.items(), part.columns, strict=True):
        yield name, (part.table.c[column], reference_type(info.annotation))


def _item_type(plan: FieldPlan) -> Any:
    return get_args(plan.annotation)[0]


def _column(column: sa.ColumnElement[Any], declared: sa.Column[Any], *, nullable: bool = False) -> Scalar:
    """Return the node that serializes the value of `column`, whose type `declared` tells. It must not be a reference."""
    if declared.info.get("list"):
        return Stored(sa.func.coalesce(column, literal("[]")))
    if isinstance(declared.type, sa.Boolean):
        return Truth(column, nullable)
    if isinstance(declared.type, sa.Integer):
        return Number(column, nullable)
    if isinstance(declared.type, Instant):
        return Text(instant_text(column), plain=True)
    if nullable and not declared.nullable:
        no_day = column.in_([sa.literal_column(f"'{edtf.NO_START}'"), sa.literal_column(f"'{edtf.NO_END}'")])
        return Text(sa.case((no_day, sa.null()), else_=column), plain=True, nullable=True)
    return Text(column, plain=bool(declared.info.get("plain")), nullable=nullable)


def _after(order: Sequence[tuple[sa.ColumnElement[Any], bool]]) -> sa.ColumnElement[bool]:
    """Return the condition for rows after the cursor's key, in a form for which both databases use an index."""
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
    """Return the bind parameter for one part of the cursor's key.

    The part is text. If the column holds an instant, the text is cast to an instant.
    """
    name = f"key_{place}"
    return as_instant(name) if isinstance(column.type, Instant) else sa.bindparam(name, type_=column.type)
