"""The network: actors and the records in which they are involved, or pairs of actors that are involved in the same records.

A pair's weight is the sum of 1/(n - 1) over the records of both, n being the number of actors of a record. So each record adds
n/2 in all, and a forum of a hundred adds less to a pair than talks of two.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from app.db.driver import Driver, Row, to_statement
from app.db.sql import comma_joined, ids_parameter, in_index_order, is_one_of, literal, separated, unindexed
from app.db.types import Exact
from app.domain import edtf
from app.domain.vocabulary import Kind
from app.views.selection import BY_RECORD, Counted, Queries, Selection, Shapes, involvements, narrowed, number, undated
from app.views.sides import wholes

ActorKind = Literal["countries", "organizations", "people"]
KINDS: Mapping[ActorKind, Kind] = {
    "countries": Kind.COUNTRY,
    "organizations": Kind.ORGANIZATION,
    "people": Kind.PERSON,
}
MAX_EDGES = 5_000
SAMPLED = 20_000
"""Pairs that are looked at to find out early that a network has too many edges. A network of no more pairs shows the ids."""
MOST_ACTORS = next(many for many in range(MAX_EDGES) if many * (many + 1) // 2 > MAX_EDGES)
"""The most actors of one record: one more would have more than MAX_EDGES pairs alone."""
MAX_IDS = 20
"""The most records of an edge whose ids the network shows."""
DIGITS = 6
"""The digits after the point of a weight. The sum of its parts is exact, and is rounded once."""
_DAY = len(edtf.NO_START)


class Edge(NamedTuple):
    """What joins an actor with a record, or with another actor."""

    source: str
    target: str
    weight: float
    records: int
    """The number of records that it stands for."""
    first_day: str | None
    """The first day of the earliest record; None if all are undated."""
    last_day: str | None
    """The last day of the newest record."""
    ids: Sequence[str] | None
    """The ids of the newest records, the newest first; None if the network has too many to show them."""


class Wanted(NamedTuple):
    """What is asked of a network."""

    counted: Counted
    actors: ActorKind
    selection: Selection
    project: bool

    @property
    def asked(self) -> tuple[Any, ...]:
        """All on which the network depends."""
        return "network", self.counted.plural, self.actors, self.selection, self.project


class Network(NamedTuple):
    """A network, without names. `edges` is None if there are more than MAX_EDGES."""

    records: int
    undated: int
    edges: Sequence[Edge] | None

    @classmethod
    def read(cls, stored: Sequence[Any]) -> "Network":
        """Return the network that was stored as JSON."""
        records, without_date, edges = stored
        return cls(records, without_date, None if edges is None else [Edge(*each) for each in edges])

    def degrees(self) -> dict[str, int]:
        """Return the number of edges of each node, in the order of the ids."""
        degrees = Counter(node for edge in self.edges or () for node in (edge.source, edge.target))
        return dict(sorted(degrees.items()))


class Networks:
    """Counts networks in one database."""

    def __init__(self, driver: Driver, kinds: Mapping[str, Counted]) -> None:
        self._driver = driver
        queries = Queries(driver, kinds)
        self._number = queries.of(number)
        self._undated = queries.of(undated)
        self._involved = queries.of(_involved)
        self._sampled = queries.of(_sampled)
        self._projected = queries.of(_projected)
        self._pairs = queries.of(_ids_of_pairs)
        self._dated = queries.of(_dated)
        self._wholes = to_statement(wholes(), driver.dialect)

    async def count(self, wanted: Wanted) -> Network:
        """Count a network."""
        plural, shapes = wanted.counted.plural, wanted.selection.shapes(wanted.counted)
        given = wanted.selection.parameters(wanted.counted, self._driver.encode)
        ((records,),) = await self._driver.fetch(self._number(plural, shapes), given)
        ((without_date,),) = await self._driver.fetch(self._undated(plural, shapes), given)
        edges = await (self._between_actors if wanted.project else self._to_records)(wanted, shapes, given)
        return Network(records, without_date, edges)

    async def _to_records(self, wanted: Wanted, shapes: Shapes, given: Mapping[str, Any]) -> list[Edge] | None:
        """Return the edges between actors and records."""
        plural, kind = wanted.counted.plural, KINDS[wanted.actors]
        rows = await self._driver.fetch(self._involved(plural, kind, shapes), given)
        if len(rows) > MAX_EDGES:
            return None
        days = await self._days(plural, {record for _, record in rows})
        pairs = sorted(map(tuple, rows))
        return [Edge(actor, record, 1, 1, *days[record], [record]) for actor, record in pairs]

    async def _between_actors(self, wanted: Wanted, shapes: Shapes, given: Mapping[str, Any]) -> list[Edge] | None:
        """Return the edges between actors. Too many are noticed by a few pairs, or by one record with many actors."""
        plural, kind = wanted.counted.plural, KINDS[wanted.actors]
        ((sampled,),) = await self._driver.fetch(self._sampled(plural, kind, shapes), given)
        if sampled > MAX_EDGES:
            return None
        (summary, *rows) = await self._driver.fetch(self._projected(plural, kind, shapes), given)
        if summary[3] > MOST_ACTORS or len(rows) > MAX_EDGES:
            return None
        ids: dict[tuple[str, str], list[str]] = {}
        if sum(row[3] for row in rows) <= SAMPLED:
            found = await self._driver.fetch(self._pairs(plural, kind, shapes), given)
            ids = {(one, other): _newest(text) for one, other, text in found}
        if kind is Kind.ORGANIZATION:
            rows = await self._without_parts(rows)
        ends = {row[place][_DAY:] for row in rows for place in (4, 5) if row[place]}
        days = await self._days(plural, ends)
        return await asyncio.to_thread(_edges, rows, ids, days)

    async def _without_parts(self, rows: Sequence[Row]) -> list[Row]:
        """Return the pairs of organizations without those of an organization and a part of it, which is no encounter."""
        ids = sorted({each for row in rows for each in row[:2]})
        found = await self._driver.fetch(self._wholes, {"ids": self._driver.encode(ids)}) if ids else []
        of_one = {frozenset(pair) for pair in found}
        return [row for row in rows if frozenset(row[:2]) not in of_one]

    async def _days(self, plural: str, ids: set[str]) -> dict[str, tuple[str | None, str | None]]:
        """Return the first and the last day of each record; None for those of records without a date."""
        rows = await self._driver.fetch(self._dated(plural), {"ids": self._driver.encode(sorted(ids))}) if ids else []
        days = {record: (first, last) if first > edtf.NO_START else (None, None) for record, first, last in rows}
        return {record: days.get(record, (None, None)) for record in ids}


def _edges(
    rows: Iterable[Row], ids: Mapping[tuple[str, str], Sequence[str]], days: Mapping[str, tuple[str | None, str | None]]
) -> list[Edge]:
    """Return the edges between actors, from the rows of `_projected`."""
    edges = []
    for one, other, sizes, records, first, last in sorted(rows, key=lambda row: row[:2]):
        first_day = days[first[_DAY:]][0] if first else None
        last_day = days[last[_DAY:]][1] if first else None
        edges.append(Edge(one, other, _weight(sizes), records, first_day, last_day, ids.get((one, other))))
    return edges


def _weight(sizes: str) -> float:
    """Return the weight of a pair. `sizes`: `n:records`, joined by commas, for each number n of actors of its records."""
    total = Fraction(0)
    for size in sizes.split(","):
        actors, records = map(int, size.split(":"))
        total += Fraction(records, actors - 1)
    return float(round(total, DIGITS))


def _newest(text: str) -> list[str]:
    """Return the ids of the newest records. `text`: their first days, each followed by the id, joined by commas."""
    return [each[_DAY:] for each in sorted(text.split(","), reverse=True)[:MAX_IDS]]


# -- the queries -----------------------------------------------------------------------------------------------------------

_ZERO: sa.ColumnElement[int] = sa.literal_column("0")
_ONE: sa.ColumnElement[int] = sa.literal_column("1")


def _limit(most: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(most))


def _actors(
    counted: Counted, kind: Kind, shapes: Shapes, *, pairs: bool = False
) -> tuple[sa.FromClause, sa.FromClause | None, sa.Select[Any]]:
    """Return the involvements of actors of a kind in the selected records, or all pairs of two, each once, as a SELECT.

    The SELECT has no columns yet. The first two parts of the result are the tables of the actors.
    """
    chosen = narrowed(counted, shapes)
    one, other = involvements.alias("one"), involvements.alias("other")
    conditions = [*chosen.conditions, one.c.actor_kind == literal(kind), one.c.record_kind == literal(counted.kind)]
    source: sa.FromClause = one
    if shapes:
        source = chosen.source.join(one, one.c.record_id == unindexed(chosen.table.c.id))
    if pairs:
        together = other.c.record_id == unindexed(one.c.record_id)
        source = source.join(other, sa.and_(together, other.c.actor_id > one.c.actor_id))
        conditions.append(other.c.actor_kind == literal(kind))
    statement = sa.select().select_from(source).where(*conditions)
    return one, other if pairs else None, statement if shapes else in_index_order(statement, one, BY_RECORD)


def _involved(counted: Counted, kind: Kind, shapes: Shapes) -> sa.Select[Any]:
    """Return the query for pairs of an actor and a record, one more than a network may have at the most."""
    one, _, statement = _actors(counted, kind, shapes)
    return statement.add_columns(one.c.actor_id, one.c.record_id).limit(_limit(MAX_EDGES + 1))


def _sampled(counted: Counted, kind: Kind, shapes: Shapes) -> sa.Select[Any]:
    """Return the query for the number of different pairs among the first SAMPLED ones, up to one more than MAX_EDGES.

    The database stops as soon as it has enough, so that neither a forum of thousands nor a million meetings takes long.
    """
    one, other, statement = _actors(counted, kind, shapes, pairs=True)
    assert other is not None
    some = statement.add_columns(one.c.actor_id, other.c.actor_id.label("other_id")).limit(_limit(SAMPLED)).subquery("some")
    different = sa.select(some.c.actor_id, some.c.other_id).distinct().limit(_limit(MAX_EDGES + 1)).subquery("different")
    return sa.select(sa.func.count()).select_from(different)


def _projected(counted: Counted, kind: Kind, shapes: Shapes) -> sa.SelectBase:
    """Return the query for all pairs of actors, as far as a network may have them.

    Rows: (actor, other actor, `n:records` for each number n of actors of a record, records, first day and id of the earliest
    record with a date, first day and id of the newest one). The first row is about none: its fourth column is the number of
    actors of the largest record. If that is more than MOST_ACTORS, no pairs follow.

    Records with the same actors are grouped first. Then a million meetings of 60 countries are 100,000 groups, and their pairs
    are made of these.
    """
    one, _, statement = _actors(counted, kind, shapes)
    of_record = statement.add_columns(one.c.record_id, one.c.actor_id, one.c.date_start).subquery("of_record").c
    size = sa.func.count()
    few = sa.case((size > _limit(MOST_ACTORS), literal("")), else_=comma_joined(of_record.actor_id))
    day = sa.func.min(of_record.date_start)
    records = sa.select(of_record.record_id, few.label("actors"), size.label("size"), day.label("day"))
    met = records.group_by(of_record.record_id).having(size > _ONE).subquery("met").c
    when = met.day.concat(met.record_id)
    first = sa.func.min(sa.case((met.day > literal(edtf.NO_START), when)))
    groups = sa.select(met.actors, met.size, sa.func.count().label("records"), first.label("first"))
    groups = groups.add_columns(sa.func.max(when).label("last")).group_by(met.actors, met.size)
    alike = groups.cte("alike")
    largest = sa.select(sa.func.coalesce(sa.func.max(alike.c.size), _ZERO)).scalar_subquery()
    left, right = (separated(alike.c.actors).table_valued("value", name=name) for name in ("left_actor", "right_actor"))
    actor, other = (sa.type_coerce(each.c.value, Exact) for each in (left, right))
    each_size = sa.select(
        actor.label("actor_id"),
        other.label("other_id"),
        alike.c.size,
        sa.func.sum(alike.c.records).label("records"),
        sa.func.min(alike.c.first).label("first"),
        sa.func.max(alike.c.last).label("last"),
    )
    each_size = each_size.select_from(alike, left, right).where(actor < other, largest <= _limit(MOST_ACTORS))
    by_size = each_size.group_by(actor, other, alike.c.size).subquery("by_size").c
    sizes = sa.cast(by_size.size, sa.String).concat(literal(":")).concat(sa.cast(by_size.records, sa.String))
    pairs = sa.select(
        by_size.actor_id,
        by_size.other_id,
        comma_joined(sizes).label("sizes"),
        sa.cast(sa.func.sum(by_size.records), sa.BigInteger).label("records"),
        sa.func.min(by_size.first).label("first"),
        sa.func.max(by_size.last).label("last"),
    )
    found = pairs.group_by(by_size.actor_id, by_size.other_id).limit(_limit(MAX_EDGES + 1)).subquery("pairs")
    nothing = sa.cast(sa.null(), Exact)
    summary = sa.select(literal("").label("actor_id"), literal(""), literal(""), largest, nothing, nothing)
    return sa.union_all(summary, sa.select(*found.c))


def _ids_of_pairs(counted: Counted, kind: Kind, shapes: Shapes) -> sa.Select[Any]:
    """Return the query for the first days and the ids of the records of each pair of actors."""
    one, other, statement = _actors(counted, kind, shapes, pairs=True)
    assert other is not None
    each = statement.add_columns(
        one.c.actor_id, other.c.actor_id.label("other_id"), one.c.date_start.concat(one.c.record_id).label("record")
    ).subquery("each")
    pairs = sa.select(each.c.actor_id, each.c.other_id, comma_joined(each.c.record))
    return pairs.group_by(each.c.actor_id, each.c.other_id)


def _dated(counted: Counted) -> sa.Select[Any]:
    """Return the query for the days of the records with the ids in a parameter."""
    rows = counted.resource.table.c
    return sa.select(rows.id, rows.date_start, rows.date_end).where(is_one_of(rows.id, ids_parameter()))
