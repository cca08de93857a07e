"""The queries of matrices: how many records have each value of a dimension, or each pair of values of two."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from app.db.sql import in_index_order, literal, matches_one_of, unindexed
from app.db.types import Exact
from app.domain import edtf
from app.domain.vocabulary import Kind
from app.models.actors import Country, Organization
from app.models.evidence import Topic
from app.models.records import RecordTopic
from app.views.selection import BY_RECORD, Counted, Shapes, involvements, narrowed

Dimension = Literal["country", "organization", "topic", "type", "year"]
Dimensions = Sequence[tuple[str, Dimension]]
"""One or two dimensions, each with the name of its axis."""
ACTORS: dict[Dimension, sa.Table] = {"country": Country.__table__, "organization": Organization.__table__}
ROWS, COLUMNS = "rows", "columns"
"""The names of the axes, and of the parameters with the values that they show."""
record_topics: sa.Table = RecordTopic.__table__
topics: sa.Table = Topic.__table__

_ONE: sa.ColumnElement[int] = sa.literal_column("1")
_FOUR: sa.ColumnElement[int] = sa.literal_column("4")
_NOTHING: sa.ColumnElement[int] = sa.literal_column("0")


class _Values(NamedTuple):
    """Where the values of a dimension are read: in the table of the records if `source` is None, otherwise in another one."""

    source: sa.FromClause | None
    columns: Sequence[sa.ColumnElement[Any]]
    """The value; of years the first and the last one."""
    conditions: Sequence[Any]


def _values(dimension: Dimension, counted: Counted, rows: sa.FromClause, alias: str) -> _Values:
    """Return the values of a dimension. `rows`: the table of the records. Of topics only those that a record itself has.

    No condition leaves out records without a type or a date, because SQLite would then read most records of a large table by an
    index for the condition, each in another place, or would read the table twice.
    """
    match dimension:
        case "topic":
            own = record_topics.alias(alias)
            return _Values(own, [own.c.topic_id], [])
        case "type":
            return _Values(None, [rows.c.type], [])
        case "year":
            return _Values(None, [_year(rows.c.date_start), _year(rows.c.date_end)], [])
    part = involvements.alias(alias)
    is_kind = part.c.record_kind == literal(counted.kind)
    return _Values(part, [part.c.actor_id], [is_kind, part.c.actor_kind == literal(Kind(dimension))])


def _year(day: sa.ColumnElement[str]) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.substr(day, _ONE, _FOUR), sa.Integer)


def grouped(counted: Counted, dimensions: Dimensions, shapes: Shapes, *, limited: Sequence[str] = ()) -> sa.Select[Any]:
    """Return the query for the number of records of each combination of values of one or two dimensions.

    Rows: (value, other value, records), but a year is two columns, the first and the last year in which the records may have
    been going on. If both dimensions are the same, each pair of values is counted once, and no value with itself.
    `limited`: the axes of which only the values in the parameter with the axis's
    name are read. Records without a type count for null, and those without a date for the years 1 to 9999.

    The table of the records is left out if the tables of the values say enough, because it is the largest. SQLite reads
    it first if filters leave few of its records, otherwise the involvements.
    """
    chosen = narrowed(counted, shapes)
    values = [_values(each, counted, chosen.table, name) for name, each in dimensions]
    tables = [each.source for each in values if each.source is not None]
    tables.sort(key=lambda table: "actor_id" not in table.c)
    if shapes or len(tables) < len(values) or "actor_id" not in tables[0].c:
        beside_actors = not shapes and tables and "actor_id" in tables[0].c
        tables.insert(1 if beside_actors else 0, chosen.source)
    first, *others = tables
    source = first
    key = chosen.table.c.id if first is chosen.source else first.c.record_id
    for table in others:
        record_id = chosen.table.c.id if table is chosen.source else table.c.record_id
        source = source.join(table, record_id == unindexed(key))
    shown = [column for each in values for column in each.columns]
    labels = ["value", "other", "last"]
    statement = sa.select(*(column.label(label) for column, label in zip(shown, labels, strict=False)))
    statement = statement.add_columns(sa.func.count().label("records")).select_from(source)
    statement = statement.where(*chosen.conditions, *(condition for each in values for condition in each.conditions))
    if "actor_id" in first.c:
        statement = in_index_order(statement, first, BY_RECORD)
    for (name, _), each in zip(dimensions, values, strict=True):
        if name in limited:
            statement = statement.where(_is_among(each.columns[0], name))
    if len(dimensions) > len({each for _, each in dimensions}):
        statement = statement.where(values[0].columns[0] < values[1].columns[0])
    return statement.group_by(*shown)


def _is_among(column: sa.ColumnElement[Any], parameter: str) -> sa.ColumnElement[Any]:
    return matches_one_of(column, sa.bindparam(parameter, type_=sa.ARRAY(Exact)))


def best(counted: Counted, dimension: Dimension, shapes: Shapes) -> sa.SelectBase:
    """Return the query for the values of actors or types with the most records, as many as the parameter `limit` says.

    Rows: (value, records, 0). The last one is (null, the number of all values, the sum of their records).
    """
    if dimension in ACTORS and not shapes:
        # One range of the primary key for each actor, which is ten times as fast as grouping millions of rows.
        actors, part = ACTORS[dimension].alias("a"), involvements.alias("part")
        of_it = sa.select(sa.func.count()).where(part.c.actor_id == actors.c.id, part.c.record_kind == literal(counted.kind))
        each = sa.select(actors.c.id.label("value"), of_it.correlate(actors).scalar_subquery().label("records"))
    else:
        each = grouped(counted, [(ROWS, dimension)], shapes)
    totals = each.cte("totals")
    has_any = sa.and_(totals.c.records > _NOTHING, totals.c.value.is_not(None))
    best = sa.select(totals.c.value, totals.c.records).where(has_any)
    best = best.order_by(totals.c.records.desc(), totals.c.value).limit(sa.bindparam("limit", type_=sa.Integer))
    shown = best.subquery("best")
    of_all = sa.cast(sa.func.coalesce(sa.func.sum(totals.c.records), _NOTHING), sa.BigInteger)
    summary = sa.select(sa.cast(sa.null(), Exact).label("value"), sa.func.count(), of_all).where(has_any)
    return sa.union_all(sa.select(shown.c.value, shown.c.records, _NOTHING), summary)


def begun(counted: Counted, dimensions: Dimensions, *, limited: Sequence[str] = ()) -> sa.SelectBase:
    """Return the query for the number of all records by year, or by an actor or a type and by year.

    The rows are those of `grouped`, but a record that may have been going on in several years stands for the first of them in
    one row and for the later ones in another. So the records that began in a year are counted by an index, without reading the
    large table of the records: a million meetings by country and year take 0.2 s in place of 5 s. Of two dimensions, the first
    has only the values in the parameter with the name of its axis.
    """
    del limited
    axis, dimension = dimensions[0]
    years = _years_begun(counted.resource.table)
    of, value, began = _began(counted, dimension, years)
    year = sa.cast(years.c.year, sa.Integer)
    each = years if of is None else sa.join(of, years, sa.true())
    number = began.correlate(*([years] if of is None else [years, of])).scalar_subquery()
    first = sa.select(*([] if value is None else [value]), year.label("first"), year.label("last"), number.label("records"))
    first = first.select_from(each).where(years.c.year.is_not(None))

    lasting = counted.resource.table.alias("lasting")
    its = _values(dimension, counted, lasting, "part")
    source: sa.FromClause = lasting
    if its.source is not None:
        source = lasting.join(its.source, its.source.c.record_id == unindexed(lasting.c.id))
    shown = [*([] if value is None else its.columns), _year(lasting.c.date_start) + _ONE, _year(lasting.c.date_end)]
    later = (
        sa.select(*shown, sa.func.count()).select_from(source).where(*its.conditions, lasting.c.date_end < literal(edtf.NO_END))
    )
    later = later.where(_year(lasting.c.date_start) < _year(lasting.c.date_end)).group_by(*shown)
    if value is not None:
        # Of the later years, all values are read, because an index for the values would be slower than all records in order.
        first = first.where(_is_among(value, axis))
    return sa.union_all(first, later)


class _Began(NamedTuple):
    """Where the values of a dimension are, and the query for the number of records with a value that began in a year."""

    values: sa.FromClause | None
    value: sa.ColumnElement[Any] | None
    records: sa.Select[Any]


def _began(counted: Counted, dimension: Dimension, years: sa.CTE) -> _Began:
    every, dated = sa.select(sa.func.count()), counted.resource.table.alias("dated")
    if dimension in ACTORS:
        actors, part = ACTORS[dimension].alias("a"), involvements.alias("its")
        of_it = part.c.actor_id == actors.c.id, part.c.record_kind == literal(counted.kind)
        return _Began(actors, actors.c.id, every.where(*of_it, *_within(part, years)))
    if dimension == "type":
        words = sa.union_all(*(sa.select(literal(word).label("word")) for word in counted.words("type"))).subquery("words")
        return _Began(words, words.c.word, every.where(dated.c.type == words.c.word, *_within(dated, years)))
    return _Began(None, None, every.where(*_within(dated, years)))


def _within(rows: sa.FromClause, years: sa.CTE) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that a record began in the year."""
    first, last = (years.c.year.concat(literal(day)) for day in ("-01-01", "-12-31"))
    return rows.c.date_start >= first, rows.c.date_start <= last


def _years_begun(table: sa.Table) -> sa.CTE:
    """Return the query for the years in which a record began; the last row is null. It reads one record of each year."""
    dated = table.alias("next")

    def after(day: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        found = sa.select(sa.func.substr(dated.c.date_start, _ONE, _FOUR)).where(dated.c.date_start > day)
        return found.order_by(dated.c.date_start).limit(_ONE).scalar_subquery()

    years = sa.select(after(literal(edtf.NO_START)).label("year")).cte("years", recursive=True)
    following = after(years.c.year.concat(literal("-12-31")))
    return years.union_all(sa.select(following).where(years.c.year.is_not(None)))


def again(counted: Counted, dimensions: Dimensions, shapes: Shapes, *, limited: Sequence[str] = ()) -> sa.SelectBase:
    """Return the query for how often `grouped` counts a record too often for a wider topic, because it has several below it.

    The rows are those of `grouped`, with the wider topic in place of the topic.
    """
    chosen = narrowed(counted, shapes)
    twice = _twice(counted.kind)
    values = [
        _Values(None, [twice.c.wider_id], []) if each == "topic" else _values(each, counted, chosen.table, name)
        for name, each in dimensions
    ]
    source: sa.FromClause = twice
    if shapes or all(each.source is None for each in values):
        source = source.join(chosen.source, chosen.table.c.id == unindexed(twice.c.record_id))
    for each in values:
        if each.source is not None:
            of_record = each.source.c.record_id == unindexed(twice.c.record_id)
            # Compared with a column: for a constant, SQLite would read all involvements to see which records it needs at all.
            source = source.join(each.source, sa.and_(of_record, each.source.c.record_kind == twice.c.record_kind))
    shown = [column for each in values for column in each.columns]
    statement = sa.select(*shown, sa.func.count()).select_from(source).where(*chosen.conditions)
    for (name, dimension), each in zip(dimensions, values, strict=True):
        statement = statement.where(*each.conditions[1:])
        if name in limited and dimension != "topic":
            statement = statement.where(_is_among(each.columns[0], name))
    return statement.group_by(*shown)


def _twice(kind: Kind) -> sa.Subquery:
    """Return the query for records that have a topic below a wider one after another topic below it: (record, wider topic).

    Records of other kinds are among them, too.
    """
    up = sa.select(topics.c.id.label("topic_id"), topics.c.id.label("wider_id")).cte("up", recursive=True)
    wider = sa.select(up.c.topic_id, topics.c.broader_id).join(topics, topics.c.id == up.c.wider_id)
    up = up.union(wider.where(topics.c.broader_id.is_not(None)))
    one, other = up.alias("one"), up.alias("other")
    both = sa.select(one.c.topic_id, other.c.topic_id.label("other_id"), one.c.wider_id)
    both = both.join(other, other.c.wider_id == one.c.wider_id).where(other.c.topic_id != one.c.topic_id)
    shared = both.cte("shared")
    first, own = record_topics.alias("first"), record_topics.alias("own")
    before = sa.and_(first.c.record_id == unindexed(own.c.record_id), first.c.place < unindexed(own.c.place))
    of_both = sa.and_(shared.c.topic_id == unindexed(first.c.topic_id), shared.c.other_id == unindexed(own.c.topic_id))
    found = sa.select(own.c.record_id, own.c.place, shared.c.wider_id, literal(kind).label("record_kind")).select_from(
        own.join(first, before).join(shared, of_both)
    )
    return found.where(own.c.place > _NOTHING).distinct().subquery("twice")
